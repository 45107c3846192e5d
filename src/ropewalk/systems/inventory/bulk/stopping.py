"""SIGTERM and Ctrl-C end a plan at once, with what it began swept up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM, as clusters and timeouts send it, is KeyboardInterrupt in here. Only the main thread of a program gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def stoppable(work: Callable[[], Any], stop: Callable[[], None]) -> None:
    """Do the work, or what an interrupt asks for: `stop`, and wait until the work has ended. In a thread of its own, as no signal gets
    through to Python while Polars works."""
    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(work)
        try:
            doing.result()
        except BaseException:
            stop()
            raise
