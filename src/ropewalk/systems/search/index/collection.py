"""A collection: immutable segments in a store, and a chain of manifests that say which of them count.

    collection = Collection(store, "shop")
    collection.create(Layout((Field("text", "text"),)))
    collection.write([{"id": "1", "text": "hemp rope"}], deletes=["0"])
    with collection.open() as snapshot: ...

A writer puts segments, then the next manifest where nothing was. Whoever finds it taken reads it and works out its own again on
top of it. So there is nothing to lock, and a writer that dies leaves a segment that nobody names.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.errors import ConflictError, DataError, MissingError
from ropewalk.store import Store
from ropewalk.systems.search.index import manifest as files
from ropewalk.systems.search.index.ids import keys_of
from ropewalk.systems.search.index.layout import Layout, analyzers, check_analyzers
from ropewalk.systems.search.index.local import Local
from ropewalk.systems.search.index.manifest import Manifest, SegmentInfo
from ropewalk.systems.search.index.segment import build_segment

if TYPE_CHECKING:
    from ropewalk.systems.search.index.snapshot import Snapshot

LARGEST = 128 << 20  # bytes of text in a segment that `write` makes: building takes some six times that in memory
TRIES = 50  # commits that others may win before ours


class Collection:
    """Objects `collections/<name>/...` of a store, and local files made from them."""

    def __init__(self, store: Store, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise DataError([f"{name!r} cannot name a collection: use up to 100 letters, digits, '.', '_' and '-'."])
        self.store, self.name = store, name
        self.local = Local(store, name)
        self._manifests: dict[int, Manifest] = {}

    def __repr__(self) -> str:
        return f"Collection({self.store!r}, {self.name!r})"

    # --- manifests -----------------------------------------------------------------------------------------------

    def create(self, layout: Layout) -> Manifest:
        """The first manifest, empty. Again with the same layout: nothing happens; with another: ConflictError."""
        first = Manifest(1, None, time.time(), layout, analyzers(layout))
        numbers = self.numbers()
        if not numbers and self.store.put_object(self._manifest_key(1), first.dump(), if_absent=True):
            return first
        there = self.manifest()
        if there.layout != layout:
            raise ConflictError(
                f"the collection {self.name!r} exists with another layout. Use another name, or rebuild it: "
                f"ropewalk search reindex {self.name}."
            )
        return there

    def numbers(self) -> list[int]:
        """The manifests that are kept, oldest first."""
        keys = self.store.list_objects(f"{self.local.root}/manifests/")
        return sorted(int(key[-17:-5]) for key in keys)

    def exists(self) -> bool:
        return bool(self.numbers())

    def latest(self) -> int:
        """The number of the newest manifest. MissingError where there is no such collection."""
        numbers = self.numbers()
        if not numbers:
            raise MissingError("collection", self.name, names(self.store))
        return numbers[-1]

    def manifest(self, number: int | None = None) -> Manifest:
        number = self.latest() if number is None else number
        if number not in self._manifests:
            key = self._manifest_key(number)
            data = self.store.get_object(key)
            if data is None:
                raise MissingError(
                    f"manifest of the collection {self.name!r} with the number", str(number), map(str, self.numbers())
                )
            if len(self._manifests) > 100:
                self._manifests.clear()
            self._manifests[number] = files.load(data, key)
        return self._manifests[number]

    def layout(self) -> Layout:
        return self.manifest().layout

    def open(self, number: int | None = None) -> Snapshot:
        """The collection as of a manifest (the newest one), to be searched; it never changes. It is kept while it is open."""
        from ropewalk.systems.search.index.snapshot import open_snapshot

        return open_snapshot(self, number)

    def check_kept(self, number: int) -> None:
        """MissingError when a manifest is not in the store any more."""
        if self.store.object_time(self._manifest_key(number)) is None:
            self._manifests.pop(number, None)
            self.manifest(number)

    def forget(self, number: int) -> None:
        """Remove a manifest. Its segments go with the next collection of garbage."""
        self.store.delete_object(self._manifest_key(number))
        self._manifests.pop(number, None)

    def _manifest_key(self, number: int) -> str:
        return f"{self.local.root}/manifests/{number:012d}.json"

    # --- writing -------------------------------------------------------------------------------------------------

    def write(
        self, documents: Sequence[Mapping[str, Any]], deletes: Iterable[str] = (), vectors: Any | None = None
    ) -> Manifest:
        """Add documents, in place of those with the same ids, and delete ids, in one commit."""
        manifest = self.manifest()
        check_analyzers(manifest.layout, manifest.analyzers, self.name)
        documents, vectors = last_of_equal(documents, vectors)
        parts = [
            self.put_built(manifest.layout, documents[a:b], None if vectors is None else vectors[a:b])
            for a, b in pairwise(_cuts(documents))
        ]
        return self.commit(parts, deletes)

    def put_segment(self, documents: Sequence[Mapping[str, Any]], vectors: Any | None = None) -> SegmentInfo:
        """Build one segment and keep it; nobody sees it before a commit. Of equal ids the last counts."""
        manifest = self.manifest()
        check_analyzers(manifest.layout, manifest.analyzers, self.name)
        return self.put_built(manifest.layout, *last_of_equal(documents, vectors))

    def put_built(self, layout: Layout, documents: Sequence[Mapping[str, Any]], vectors: Any | None) -> SegmentInfo:
        with self.store.scratch() as place:
            built = build_segment(layout, documents, vectors, place)
            self.store.put_object(self.local.segment_key(built.hash), built.path)
        return SegmentInfo(built.hash, built.documents, built.bytes, built.text_bytes)

    def commit(self, add: Sequence[SegmentInfo] = (), delete: Iterable[str] = (), base: int | None = None) -> Manifest:
        """Make segments count and ids go away: older rows of an added id go, too.

        When somebody else is faster, it is worked out again on top of theirs. `base`: only if that is still the newest
        manifest, else ConflictError.
        """
        gone = [id.encode() for id in dict.fromkeys(delete)]

        def change(now: Manifest) -> tuple[SegmentInfo, ...]:
            return self._without(now.segments, gone, keys_of(gone), add)

        return self.swap(change, base)

    def swap(self, change: Any, base: int | None = None) -> Manifest:
        """Commit `change(newest manifest) -> segments` (None: leave it) until nobody else was faster."""
        for attempt in range(TRIES):
            now = self.manifest()
            if base is not None and now.number != base:
                raise ConflictError(
                    f"the collection {self.name!r} is at manifest {now.number}, no longer at {base}: somebody else wrote. "
                    f"Read it again and repeat what you did."
                )
            segments = change(now)
            if segments is None or segments == now.segments:
                return now
            new = now.next(segments, time.time())
            if self.store.put_object(self._manifest_key(new.number), new.dump(), if_absent=True):
                self._manifests[new.number] = new
                return new
            time.sleep(random.uniform(0, 0.01 * min(attempt, 20)))
        raise ConflictError(
            f"{TRIES} times somebody else wrote to the collection {self.name!r} first. Nothing of this commit was kept; try "
            f"again when there are fewer writers, or let one writer commit for all."
        )

    def _without(
        self, old: Sequence[SegmentInfo], gone: list[bytes], keys: np.ndarray, add: Sequence[SegmentInfo]
    ) -> tuple[SegmentInfo, ...]:
        """Segments after deleting ids and adding segments; a later segment wins over an earlier."""
        fresh = {info.hash for info in add}
        segments = [self._killed(info, gone, keys) for info in old if info.hash not in fresh]
        for info in dict.fromkeys(replace(info, deletes=None, deleted=0) for info in add):
            ids = self.local.ids(info)
            mine = [ids.raw(row) for row in ids.rows.tolist()]
            segments = [self._killed(other, mine, ids.keys) for other in segments]
            segments.append(info)
        return tuple(info for info in segments if info.live or info.hash in fresh)

    def _killed(self, info: SegmentInfo, gone: list[bytes], keys: np.ndarray) -> SegmentInfo:
        rows = self.local.ids(info).rows_of(gone, keys) if gone else np.empty(0, np.int64)
        return self.with_dead(info, rows)

    def with_dead(self, info: SegmentInfo, rows: np.ndarray) -> SegmentInfo:
        """The segment with some more rows deleted."""
        dead = self.local.dead(info)
        if not len(rows) or dead[rows].all():
            return info
        dead = dead.copy()
        dead[rows] = True
        name, data = files.pack_deletes(dead)
        self.store.put_object(self.local.deletes_key(name), data)
        return replace(info, deletes=name, deleted=int(dead.sum()))


def names(store: Store) -> list[str]:
    """The collections of a store."""
    return sorted({key.split("/")[1] for key in store.list_objects("collections/") if "/manifests/" in key})


def last_of_equal(
    documents: Sequence[Mapping[str, Any]], vectors: Any | None
) -> tuple[Sequence[Mapping[str, Any]], Any | None]:
    """Without those that a later one of the same id replaces."""
    last = {document.get("id"): row for row, document in enumerate(documents)}
    if len(last) == len(documents):
        return documents, vectors
    rows = sorted(last.values())
    return [documents[row] for row in rows], None if vectors is None else np.asarray(vectors)[rows]


def _cuts(documents: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where to cut documents into segments: the first row of each, and the end."""
    cuts, size = [0], 0
    for row, document in enumerate(documents):
        size += sum(len(value) for value in document.values() if isinstance(value, str))
        if size > LARGEST and row > cuts[-1]:
            cuts.append(row)
            size = 0
    return [*cuts, len(documents)] if documents else []
