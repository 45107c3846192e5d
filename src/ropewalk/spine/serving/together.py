"""Requests that arrive together are answered by one call of the model.

A call has a cost of its own (numpy's hundred small steps), a row in it costs little. So a request waits for as many others
as came together lately, but never longer than a call takes (a millisecond, the loop's own resolution, where that is less):
the wait is won back in the queue. A lone caller is answered at once. That is sound because a model's answers do not depend
on how rows are batched; where they do (`contract.joint_by`), every request stays alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.calls import INLINE_S, Caller
from ropewalk.spine.serving.requests import Requests
from ropewalk.types import Model

MOST = 64  # rows of a shared call, and of a request that shares
WAIT_S = 0.001  # the event loop's own resolution
CROWD = 1.3  # requests together, lately, from which waiting pays
FORGET = 0.05  # of a larger crowd, at each call: fifteen calls to half of it
Rows = list[dict[str, Any]]


@dataclass(eq=False, slots=True)
class _Batch:
    model: Model
    caller: Caller
    deadline: float  # the last one's
    rows: list[Any] = field(default_factory=list)
    parts: list[tuple[int, int, asyncio.Future[Rows]]] = field(default_factory=list)
    begun: bool = False


class Together:
    """Gathers the requests of a turn. One for an application."""

    def __init__(self, requests: Requests, answers: Answers) -> None:
        self._requests, self._answers = requests, answers
        self._alone = bool(requests.contract.joint_by)
        self._open: _Batch | None = None
        self._crowd = 1.0  # requests that came together lately
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, model: Model, caller: Caller, rows: list[Any], deadline: float) -> Rows:
        """Answers of one request's rows, in order. TimeoutError when `deadline` (perf_counter) passes."""
        if self._alone or len(rows) > MOST:
            return await caller.call(lambda: self._predict(model, rows), len(rows), deadline)
        loop = asyncio.get_running_loop()
        batch = self._open
        if batch is None or batch.model is not model or len(batch.rows) + len(rows) > MOST:
            if batch is not None:
                loop.call_soon(self._run, batch)
            batch = self._open = _Batch(model, caller, deadline)
            if self._crowd >= CROWD and caller.seconds >= WAIT_S / 10:
                loop.call_later(max(WAIT_S, caller.seconds), self._give_up, batch)
            else:
                loop.call_soon(self._run, batch)
        future: asyncio.Future[Rows] = loop.create_future()
        batch.parts.append((len(batch.rows), len(batch.rows) + len(rows), future))
        batch.rows += rows
        batch.deadline = max(batch.deadline, deadline)
        if len(batch.parts) == round(self._crowd):
            loop.call_soon(self._run, batch)
        return await future

    def _give_up(self, batch: _Batch) -> None:
        """The time is over; what lies in the sockets by now comes along: the loop reads them before the second turn."""
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._run, batch)

    def _run(self, batch: _Batch) -> None:
        if batch.begun:
            return
        batch.begun = True
        if self._open is batch:
            self._open = None
        self._crowd = max(len(batch.parts), self._crowd - FORGET * (self._crowd - len(batch.parts)))
        if batch.caller.expected(len(batch.rows)) < INLINE_S:
            try:
                found = batch.caller.timed(lambda: self._predict(batch.model, batch.rows), len(batch.rows))
            except Exception as error:
                self._failed(batch, error)
            else:
                _settle(batch, found)
        else:
            task = asyncio.get_running_loop().create_task(self._in_thread(batch))
            self._running.add(task)  # the loop holds tasks weakly
            task.add_done_callback(self._running.discard)

    async def _in_thread(self, batch: _Batch) -> None:
        try:
            work = lambda: self._predict(batch.model, batch.rows)  # noqa: E731
            _settle(batch, await batch.caller.call(work, len(batch.rows), batch.deadline))
        except Exception as error:
            self._failed(batch, error)

    def _failed(self, batch: _Batch, error: Exception) -> None:
        """One request's row must not spoil the others': each is tried alone, unless it was alone or late."""
        for start, stop, future in batch.parts:
            if future.done():
                continue
            if len(batch.parts) == 1 or isinstance(error, TimeoutError):
                future.set_exception(error)
                continue
            try:
                future.set_result(self._predict(batch.model, batch.rows[start:stop]))
            except Exception as own:
                future.set_exception(own)

    def _predict(self, model: Model, rows: list[Any]) -> Rows:
        return self._answers.rows(model.predict(self._requests.columns(rows)), len(rows))


def _settle(batch: _Batch, found: Rows) -> None:
    for start, stop, future in batch.parts:
        if not future.done():  # its caller has gone away
            future.set_result(found[start:stop])
