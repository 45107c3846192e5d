"""Calling a model without stopping the service.

A call of tens of microseconds costs less than handing it to a thread, so it runs in the event loop. A model whose calls
have lately been slow, or a request of many rows, runs in a thread with a deadline. The first calls of a release happen
when it is warmed, so how slow it is is known before a caller waits for it.

What it does not know: a call that was fast a thousand times and then hangs stops the loop; its successors go to
threads.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
INLINE_S = 0.005  # a call that is expected to take longer goes to a thread; others wait in the loop for as long
HANG_S = 0.1  # no busy machine holds a quick call up for so long
THREADS = 4


class Caller:
    """How long the calls of one release take, and the threads that slow ones may have."""

    def __init__(self) -> None:
        self.seconds = 0.0  # of a call of one row, lately
        self.row_seconds = 0.0  # of a row in a call of many, likewise
        self._free = asyncio.Semaphore(THREADS)

    async def call(self, function: Callable[[], Result], rows: int, deadline: float) -> Result:
        """function(), in the loop when that is quick. TimeoutError when `deadline` (perf_counter) passes."""
        if self.expected(rows) < INLINE_S:
            return self.timed(function, rows)
        async with asyncio.timeout(deadline - time.perf_counter()):
            await self._free.acquire()
            return await self._in_thread(lambda: self.timed(function, rows))

    def expected(self, rows: int) -> float:
        return self.seconds + rows * self.row_seconds

    def timed(self, function: Callable[[], Result], rows: int) -> Result:
        start = time.perf_counter()
        try:
            return function()
        finally:
            seconds = time.perf_counter() - start
            if rows == 1:
                self.seconds = _lately(self.seconds, seconds)
            else:
                self.row_seconds = _lately(self.row_seconds, max(0.0, seconds - self.seconds) / rows)

    def _in_thread(self, function: Callable[[], Result]) -> asyncio.Future[Result]:
        """A daemon thread, so that a model that hangs cannot keep the process from ending."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            self._free.release()
            if not future.done():
                future.set_result(result) if error is None else future.set_exception(error)

        def run() -> None:
            result, failure = None, None
            try:
                result = function()
            except BaseException as error:
                failure = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, failure)

        threading.Thread(target=run, daemon=True, name="ropewalk-model").start()
        return future


def _lately(before: float, now: float) -> float:
    """A mean that one call held up by a busy machine does not move over the limit, two in a row do, a hang at once."""
    return now if now > HANG_S else 0.8 * before + 0.2 * min(now, 4 * INLINE_S)
