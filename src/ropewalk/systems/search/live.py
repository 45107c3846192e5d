"""The collection that a release reads: its newest manifest, looked for again now and then, and who may see what in it.

Looks at the store are made beside the queries, in a thread. A query waits for one only where its state would be older than a second,
and not for long: where the store does not answer, it is answered from the state that is open, whose name stands in the answer. Callers
are then those that were last read.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from ropewalk.errors import RopewalkError
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.snapshot import Snapshot
from ropewalk.systems.search.retrieve import callers

if TYPE_CHECKING:
    from ropewalk.store import Store

log = logging.getLogger("ropewalk.search")
# From one look to the next: twice that, what a state may be old before a query waits, is below a second.
REFRESH_S = 0.45
WAIT_S = 0.5  # that a query waits for a look
SLOW_S = 5.0  # after which a look that is not over is told
SURE_S = 60.0  # since the last look, after which a held manifest and list are not taken for granted
Held = tuple[Snapshot, callers.Listed]


class Live:
    """Opens the newest manifest, or always the one with `number`; its callers are in the folder `callers_at`. Old ones stay open for as long as a thread still reads them."""

    def __init__(
        self, store: Store, name: str, callers_at: str, number: int | None = None, refresh_s: float = REFRESH_S
    ) -> None:
        self.collection = Collection(store, name)
        self._store, self._callers_at, self._number, self._refresh_s = store, callers_at, number, refresh_s
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._looked = 0.0  # when the last look that went well began
        self._relisted = 0.0  # when all lists of callers were last looked for
        self._under_way: _Look | None = None
        self._failed: Exception | None = None  # of the last look

    def now(self) -> Held:
        """The snapshot to read from, and the callers that it is bound to."""
        held, age = self._held, time.monotonic() - self._looked
        if held is not None and age < self._refresh_s:
            return held
        look = self._look()
        if held is None:
            look.over.wait()
            if self._held is None:
                raise look.failed or RuntimeError("a look ended without a state")
        elif age >= 2 * self._refresh_s and self._failed is None:
            look.over.wait(max(0.0, look.begun + WAIT_S - time.monotonic()))
        found = self._held
        assert found is not None
        return found

    def trouble(self) -> str:
        """Why the state may be old, or nothing."""
        look, held = self._under_way, self._held
        silent = time.monotonic() - look.begun if look is not None else 0.0
        if held is None or (self._failed is None and silent < SLOW_S):
            return ""
        why = f"{type(self._failed).__name__}" if self._failed is not None else f"no answer for {silent:.0f} s"
        age = time.monotonic() - self._looked
        return f"the store cannot be read ({why}); answers come from {self.state(held[0])}, the newest {age:.0f} s ago."

    def state(self, snapshot: Snapshot) -> str:
        return f"{self.collection.name}@{snapshot.number}"

    # -- looks --

    def _look(self) -> _Look:
        """The look that is under way, or a new one."""
        with self._lock:
            if self._under_way is None or self._under_way.process != os.getpid():  # a fork takes no thread along
                self._under_way = look = _Look()
                threading.Thread(target=self._see, args=(look,), name="ropewalk-look", daemon=True).start()
            return self._under_way

    def _see(self, look: _Look) -> None:
        before = self._held  # let go after the queries that wait were told: closing it asks the store
        try:
            found = self._newest()
        except Exception as error:
            look.failed = error
            self._tell(error)
        else:
            self._tell(None)
            self._held, self._looked = found, look.begun
        finally:
            with self._lock:
                self._failed, self._under_way = look.failed, None
            look.over.set()
            del before

    def _newest(self) -> Held:
        held, number = self._held, self._number
        if number is None:
            sure = held is not None and time.monotonic() - self._looked < SURE_S
            number = self.collection.after(held[0].number) if held is not None and sure else self.collection.latest()
        if held is not None and held[0].number == number:
            snapshot = held[0]
        else:
            snapshot = self.collection.open(number)
            snapshot.make_ready()
        return snapshot, self._callers(held)

    def _callers(self, held: Held | None) -> callers.Listed:
        """What came after those that are held; all anew now and then, for a store may be put back to an older state."""
        now = time.monotonic()
        if held is not None and now - self._relisted < SURE_S:
            return callers.load(self._store, self._callers_at, held[1])
        found = callers.load(self._store, self._callers_at)
        self._relisted = now
        return found

    def _tell(self, error: Exception | None) -> None:
        """Once when it begins, once when it is over."""
        if self._held is None or (error is None) == (self._failed is None):
            return
        if error is None:
            log.warning("collection %s: the store is read again", self.collection.name)
        else:
            log.warning(
                "collection %s: the store cannot be read, answers go on from manifest %d: %s",
                *(self.collection.name, self._held[0].number, error),
                exc_info=None if isinstance(error, RopewalkError) else error,
            )


class _Look:
    """A look at the store: since when, how it ended."""

    def __init__(self) -> None:
        self.begun, self.over, self.process = time.monotonic(), threading.Event(), os.getpid()
        self.failed: Exception | None = None
