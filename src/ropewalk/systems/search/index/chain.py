"""Numbered objects in a folder of a store: the newest counts, and the next one is put where nothing was.

So there is nothing to lock: of two writers at once the second finds the number taken, and works its change out again on the first one's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

from ropewalk.errors import ConflictError

TRIES = 50  # changes that others may make before one is given up


def key(folder: str, number: int) -> str:
    """Keys sort as their numbers do."""
    return f"{folder}/{number:012d}.json"


def numbers(keys: Iterable[str]) -> list[int]:
    """Of the objects of one folder, lowest first."""
    return sorted(int(key.rpartition("/")[2].removesuffix(".json")) for key in keys)


class Race:
    """One change, tried until nobody else is faster. `what` others did, and a `hint` for who loses again and again."""

    def __init__(self, what: str, hint: str) -> None:
        self._what, self._hint, self._losses = what, hint, 0

    def lost(self) -> None:
        """A pause before the next try. ConflictError after TRIES."""
        self._losses += 1
        if self._losses == TRIES:
            raise ConflictError(
                f"{TRIES} times somebody else {self._what} first. Nothing of this was kept; {self._hint}."
            )
        time.sleep(random.uniform(0, 0.01 * min(self._losses - 1, 20)))
