"""What takes longer than a moment says so while it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST, EVERY = 2.0, 5.0  # seconds


@contextmanager
def telling(note: Callable[[str], object], what: Callable[[], str], first: float = FIRST) -> Iterator[None]:
    """Tells a person `what` goes on, after a moment and then every few seconds, until it is done."""
    done, begun = threading.Event(), time.monotonic()

    def tell() -> None:
        wait = first
        while not done.wait(wait):
            note(f"{what()}, {time.monotonic() - begun:.0f} s so far")
            wait = EVERY

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
