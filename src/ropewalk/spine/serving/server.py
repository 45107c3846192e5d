"""A release as a web service: one process, until SIGTERM or SIGINT.

It listens at once, is ready when the model is loaded and warm, looks for a new live release every `poll_s` and takes it
over without a failed request, and when told to stop finishes what is in work and hands its events to the store.
"""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ropewalk.errors import ConfigError, RequestError, StageError, StoreError
from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.app import App, Limits, Served
from ropewalk.spine.serving.calls import HANG_S, Caller
from ropewalk.spine.serving.journal import Journal
from ropewalk.spine.serving.openapi import docs_page, example_row, openapi
from ropewalk.spine.serving.requests import Requests
from ropewalk.types import Contract
from ropewalk.whole import write_whole

log = logging.getLogger("ropewalk.serving")
KEY = "ROPEWALK_API_KEY"
COUNT_S = 60.0  # between two hand-overs of counts


def serve(
    current: Callable[[], Served],
    append: Callable[[Sequence[Mapping[str, Any]]], None],
    *,
    contract: Contract,
    answers: Contract,
    name: str,
    journal: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    api_key: str | None = None,
    max_body_bytes: int = 1_000_000,
    max_rows: int = 1_000,
    timeout_s: float = 10.0,
    poll_s: float = 1.0,
    seal_s: float = 1.0,
    routes: Sequence[Any] = (),
    on_ready: Callable[[str], None] | None = None,
    ready_file: Path | None = None,
    stop: threading.Event | None = None,
    count: Callable[[str, Mapping[str, int]], None] | None = None,
) -> int:
    """Serve what `current()` names until a signal, or `stop`, says so; 0 when every event is stored or kept.

    `current` is called again and again: it should return the same record while nothing changed. `append` gets batches
    of events and may raise: they are kept in `journal` and handed over again, so it has to count an event id once.
    `count` gets a release's id with its requests and errors (5xx) since the last time: every minute, at a take-over and at
    the end.
    """
    api_key = api_key or os.environ.get(KEY) or None
    _check_exposed(host, api_key)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)  # one that was killed left its address there
    listening = _listen(host, port)
    from ropewalk.spine.serving.pages import pages

    limits = Limits(max_body_bytes, max_rows, timeout_s)
    app = App(Requests(contract), Answers(answers), Journal(journal, append, seal_s=seal_s), limits, api_key)
    app.pages = pages(app, openapi(name, contract, answers), docs_page(name, contract, answers), routes)
    url = "http://{}:{}".format(*listening.getsockname()[:2])

    def ready() -> None:
        if ready_file is not None:
            write_whole(ready_file, json.dumps({"url": url, "pid": os.getpid()}).encode())
        if on_ready is not None:
            on_ready(url)

    try:
        tally = _Tally(app, count)
        _run(app, listening, stop or threading.Event(), lambda over: _follow(app, current, poll_s, over, ready, tally))
        tally.hand_over()
    finally:
        listening.close()
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
        if not app.journal.close():
            log.warning("the storage is away: %d events wait in %s for the next start", app.journal.pending, journal)
    return 0


class _Tally:
    """Hands the counts of requests over now and then; a storage that is away loses a count, never an answer."""

    def __init__(self, app: App, count: Callable[[str, Mapping[str, int]], None] | None) -> None:
        self._app, self._count, self._last = app, count, time.monotonic()

    def hand_over(self, after_s: float = 0.0) -> None:
        now = time.monotonic()
        if self._count is None or self._app.served is None or now - self._last < after_s:
            return
        self._last = now
        taken = self._app.metrics.take_counts()
        try:
            if taken["requests"]:
                self._count(self._app.served[0].release_id, taken)
        except Exception as error:
            log.warning("the counts %s could not be kept: %s", taken, error)


def _run(app: App, listening: socket.socket, stop: threading.Event, follow: Callable[[threading.Event], None]) -> None:
    """Run the server and, in a thread, `follow`, until `stop` is set. Raises what `follow` raised."""
    import uvicorn

    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http="httptools",
        loop="uvloop",
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(app.limits.seconds) + 1,
        backlog=1024,
    )
    server = uvicorn.Server(settings)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # ours: theirs ends by a signal
    failed: list[BaseException] = []

    def end(*_: Any) -> None:
        app.stopping = server.should_exit = True
        stop.set()

    def run() -> None:
        try:
            follow(stop)
        except BaseException as error:
            failed.append(error)
        end()

    with _on_signals(end):
        thread = threading.Thread(target=run, daemon=True, name="ropewalk-releases")
        thread.start()
        server.run(sockets=[listening])
        end()
    if failed:
        raise failed[0]


def _follow(
    app: App,
    current: Callable[[], Served],
    poll_s: float,
    stop: threading.Event,
    ready: Callable[[], None],
    tally: _Tally,
) -> None:
    """Load the live release, say ready, and then take over each new one beside the old."""
    served = current()
    app.take(served, _warm(app, served))
    gc.collect()
    gc.freeze()  # what is loaded stays: the collector need not walk it during a request
    ready()
    refused: Served | None = None
    while not stop.wait(poll_s):
        tally.hand_over(COUNT_S)
        try:
            found = current()
            if found is refused or (found.release_id, found.state) == (served.release_id, served.state):
                continue
            refused = found  # until it has shown that it answers
            caller = _warm(app, found)
            tally.hand_over()
            app.take(found, caller)
            served = found
            app.metrics.take_overs.inc()
        except Exception as error:
            if isinstance(error, StoreError):
                refused = None  # the store's bad moment says nothing of the release: it is tried again
            app.metrics.poll_failures.inc()
            log.warning("release %s goes on answering: %s", served.release_id, error)


def _warm(app: App, served: Served) -> Caller:
    """A caller that knows how long the model takes. StageError when it cannot answer a row that the contract allows."""
    rows = app.last_rows[:1] or [app.requests.lines.decode(msgspec.json.encode(example_row(app.requests.contract)))]
    caller = Caller()

    def call(count: int) -> None:
        app.answers.rows(served.model.predict(app.requests.columns(rows * count)), count)

    try:
        call(1)  # what is compiled at the first call is not what a call takes
        caller.timed(lambda: call(1), 1)
        if caller.expected(1) < HANG_S:
            call(64)
            for count in (1, 1, 64):
                caller.timed(lambda count=count: call(count), count)  # type: ignore[misc]
    except RequestError as error:
        log.info("release %s refuses the row that it was tried on (%s)", served.release_id, error)
    except StoreError:
        raise
    except Exception as error:
        raise StageError(f"release {served.release_id} cannot answer a row of its contract: {error!r}") from error
    return caller


@contextlib.contextmanager
def _on_signals(end: Callable[..., None]) -> Any:
    """SIGTERM and SIGINT call `end`, where that can be arranged: only the main thread of a program gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.signal(s, end) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_exposed(host: str, key: str | None) -> None:
    with contextlib.suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return
    if not key:
        raise ConfigError(
            [f"{host} can be reached from other machines, and there is no key: set {KEY}, or bind to 127.0.0.1"], "host"
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        why = error.strerror or str(error)
        sentence = f"{host}:{port} cannot be listened on ({why}); choose another port, or 0 for any"
        raise ConfigError([sentence], "port") from None
