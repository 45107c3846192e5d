"""The collection that a release reads: its newest manifest, looked for again now and then, and who may see what in it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.snapshot import Snapshot
from ropewalk.systems.search.retrieve import callers

if TYPE_CHECKING:
    from ropewalk.store import Store

REFRESH_S = 0.5  # so that what is committed can be found within a second


class Live:
    """Opens the newest manifest, or always the one with `number`. Old ones stay open for as long as a thread still reads them."""

    def __init__(
        self, store: Store, name: str, bound: str, number: int | None = None, refresh_s: float = REFRESH_S
    ) -> None:
        self.collection = Collection(store, name)
        self._store, self._bound, self._number, self._refresh_s = store, bound, number, refresh_s
        self._lock = threading.Lock()
        self._held: tuple[Snapshot, callers.Callers | None] | None = None
        self._looked = 0.0

    def now(self) -> tuple[Snapshot, callers.Callers | None]:
        """The snapshot to read from, and the callers that it is bound to."""
        held = self._held
        if held is not None and time.monotonic() - self._looked < self._refresh_s:
            return held
        with self._lock:
            return self._look()

    def _look(self) -> tuple[Snapshot, callers.Callers | None]:
        held = self._held
        if held is None or time.monotonic() - self._looked >= self._refresh_s:
            newest = self.collection.latest() if self._number is None else self._number
            snapshot = held[0] if held is not None and held[0].number == newest else self.collection.open(newest)
            held = self._held = (snapshot, callers.load(self._store, self._bound))
            self._looked = time.monotonic()
        return held

    def state(self, snapshot: Snapshot) -> str:
        return f"{self.collection.name}@{snapshot.number}"
