"""A collection: immutable segments in a store, and a chain of manifests that say which of them count.

    collection = Collection(store, "shop")
    collection.create(Layout((Field("text", "text"),)))
    collection.write([{"id": "1", "text": "hemp rope"}], deletes=["0"])
    with collection.open() as snapshot: ...

A writer puts segments, then the next manifest where nothing was. Whoever finds it taken reads it and works out its own again on
top of it. So there is nothing to lock, and a writer that dies leaves a segment that nobody names.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.errors import ConflictError, DataError, MissingError
from ropewalk.store import Store
from ropewalk.systems.search.index import chain
from ropewalk.systems.search.index import manifest as files
from ropewalk.systems.search.index.ids import keys_of
from ropewalk.systems.search.index.layout import Layout, analyzers, check_analyzers
from ropewalk.systems.search.index.local import Local
from ropewalk.systems.search.index.manifest import Manifest, SegmentInfo
from ropewalk.systems.search.index.segment import build_segment

if TYPE_CHECKING:
    from ropewalk.systems.search.index.snapshot import Snapshot

LARGEST = 128 << 20  # bytes of text in a segment that `write` makes: building takes some six times that in memory
SMALL = 2 << 20  # bytes of text whose index fits anywhere
DAY = 86_400.0  # seconds
FEWER = "try again when there are fewer writers, or let one writer commit for all"


class Collection:
    """Objects `collections/<name>/...` of a store, and local files made from them."""

    def __init__(self, store: Store, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise DataError([f"{name!r} cannot name a collection: use up to 100 letters, digits, '.', '_' and '-'."])
        self.store, self.name = store, name
        self.local = Local(store, name)
        self._manifests_folder = f"{self.local.root}/manifests"
        self._manifests: dict[int, Manifest] = {}
        self._newest = 0  # as far as was seen

    def __repr__(self) -> str:
        return f"Collection({self.store!r}, {self.name!r})"

    # --- manifests -----------------------------------------------------------------------------------------------

    def create(self, layout: Layout, trained: bool = False) -> Manifest:
        """The first manifest, empty. Again with the same layout: nothing happens; with another: ConflictError."""
        first = Manifest(1, None, time.time(), layout, analyzers(layout), trained=trained)
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
        return chain.numbers(self.store.list_objects(f"{self._manifests_folder}/"))

    def exists(self) -> bool:
        return bool(self.numbers())

    def latest(self) -> int:
        """The number of the newest manifest. MissingError where there is no such collection.

        Manifests are collected oldest first, so after one that is still there comes the next, or it is the newest.
        """
        number = self._newest
        while number and self._is_kept(number + 1):
            number += 1
        if not number or not self._is_kept(number):
            number = (self.numbers() or [0])[-1]
        if not number:
            raise MissingError("collection", self.name, names(self.store))
        self._newest = number
        return number

    def after(self, number: int) -> int:
        """The newest manifest, by one that is kept for sure, as one that a reader holds is: one request where nothing is newer."""
        while self._is_kept(number + 1):
            number += 1
        self._newest = max(self._newest, number)
        return number

    def _is_kept(self, number: int) -> bool:
        return self.store.object_size(self._manifest_key(number)) is not None

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
        if not self._is_kept(number):
            self._manifests.pop(number, None)
            self.manifest(number)

    def forget(self, number: int) -> None:
        """Remove a manifest. Its segments go with the next collection of garbage."""
        self.store.delete_object(self._manifest_key(number))
        self._manifests.pop(number, None)

    def _manifest_key(self, number: int) -> str:
        return chain.key(self._manifests_folder, number)

    # --- writing -------------------------------------------------------------------------------------------------

    def write(
        self, documents: Sequence[Mapping[str, Any]], deletes: Iterable[str] = (), vectors: Any | None = None
    ) -> Manifest:
        """Add documents, in place of those with the same ids, and delete ids, in one commit."""
        now = self._writable()
        documents, vectors = last_of_equal(documents, vectors)
        parts = [
            self.put_built(now, documents[a:b], None if vectors is None else vectors[a:b])
            for a, b in pairwise(_cuts(documents))
        ]
        return self.commit(parts, deletes)

    def put_segment(
        self, documents: Sequence[Mapping[str, Any]], vectors: Any | None = None, layout: Layout | None = None
    ) -> SegmentInfo:
        """Build one segment and keep it; nobody sees it before a commit. Of equal ids the last counts.

        `layout`: another than the collection's, for `reset`.
        """
        now = self._writable() if layout is None else Manifest(0, None, 0.0, layout, analyzers(layout))
        return self.put_built(now, *last_of_equal(documents, vectors))

    def put_built(self, now: Manifest, documents: Sequence[Mapping[str, Any]], vectors: Any | None) -> SegmentInfo:
        """Build with a manifest's layout and keep the segment. Put again when it is there: that makes it young."""
        with self.store.scratch(small=_size(documents) < SMALL) as place:
            built = build_segment(now.layout, documents, vectors, place)
            self.store.put_object(self.local.segment_key(built.hash), built.path)
        return SegmentInfo(built.hash, built.documents, built.bytes, built.text_bytes, now.built)

    def _writable(self) -> Manifest:
        now = (
            self._manifests.get(self._newest) or self.manifest()
        )  # any tells the layout; a commit looks for the newest
        check_analyzers(now.layout, now.analyzers, self.name)
        return now

    def commit(
        self,
        add: Sequence[SegmentInfo] = (),
        delete: Iterable[str] = (),
        base: int | None = None,
        trained: bool = False,
    ) -> Manifest:
        """Make segments count and ids go away: older rows of an added id go, too.

        When somebody else is faster, it is worked out again on top of theirs. `base`: only if that is still the newest
        manifest, else ConflictError. `trained`: it is a training that writes.
        """
        gone = [id.encode() for id in dict.fromkeys(delete)]

        def change(now: Manifest) -> Manifest:
            self._check_built(now, add)
            segments = self.without(now.segments, gone, keys_of(gone), add)
            return replace(now, segments=segments, trained=now.trained and (trained or segments == now.segments))

        return self.swap(change, base)

    def renew(self) -> Manifest:
        """The same contents in a young manifest, where the newest is old: somebody wants them again."""
        old = time.time() - DAY
        return self.swap(lambda now: replace(now, time=time.time()) if now.time < old else None)

    def reset(self, layout: Layout, segments: Sequence[SegmentInfo], base: int | None = None) -> Manifest:
        """Let other segments take the place of all, also of another layout: after a rebuild beside, or back to an older manifest."""

        def change(now: Manifest) -> Manifest:
            new = replace(now, layout=layout, analyzers=analyzers(layout), segments=tuple(segments), trained=False)
            self._check_built(new, segments)
            return new

        return self.swap(change, base)

    def _check_built(self, now: Manifest, segments: Sequence[SegmentInfo]) -> None:
        for info in segments:
            if info.layout != now.built:
                raise ConflictError(
                    f"the segment {info.hash[:16]}... was built for another layout than that of manifest {now.number} of the "
                    f"collection {self.name!r}: it was rebuilt meanwhile. Put the documents again."
                )
            if self.store.object_size(self.local.segment_key(info.hash)) is None:
                raise MissingError(
                    "segment", info.hash, hint="It was put long ago and collected. Put the documents again."
                )

    def swap(self, change: Callable[[Manifest], Manifest | None], base: int | None = None) -> Manifest:
        """Commit what `change` makes of the newest manifest, until nobody else was faster; None leaves it."""
        race = chain.Race(f"wrote to the collection {self.name!r}", FEWER)
        while True:
            now = self.manifest()
            if base is not None and now.number != base:
                raise ConflictError(
                    f"the collection {self.name!r} is at manifest {now.number}, no longer at {base}: somebody else wrote. "
                    f"Read it again and repeat what you did."
                )
            made = change(now)
            if made is None or made == now:
                return now
            new = replace(made, number=now.number + 1, parent=now.number, time=time.time())
            if self._put_manifest(new):
                return new
            race.lost()

    def _put_manifest(self, new: Manifest) -> bool:
        """Put it where nothing is. False: somebody else was faster.

        A writer that slept until its parent was collected finds a gap where a manifest once was, and takes its own away.
        """
        if not self.store.put_object(self._manifest_key(new.number), new.dump(), if_absent=True):
            return False
        if not self._is_kept(new.number - 1) and self.numbers()[-1] != new.number:
            self.forget(new.number)
            return False
        self._manifests[new.number], self._newest = new, new.number
        return True

    def without(
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
    if vectors is not None and len(vectors) != len(documents):
        raise DataError(
            [f"vectors: {len(documents)} documents came with {len(vectors)} vectors; each has one, in the same order."]
        )
    last = {document.get("id"): row for row, document in enumerate(documents)}
    if len(last) == len(documents):
        return documents, vectors
    rows = sorted(last.values())
    return [documents[row] for row in rows], None if vectors is None else np.asarray(vectors)[rows]


def _cuts(documents: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where to cut documents into segments: the first row of each, and the end."""
    cuts, size = [0], 0
    for row in range(len(documents)):
        size += _size(documents[row : row + 1])
        if size > LARGEST and row > cuts[-1]:
            cuts.append(row)
            size = 0
    return [*cuts, len(documents)] if documents else []


def _size(documents: Sequence[Mapping[str, Any]]) -> int:
    """Characters of text."""
    return sum(len(value) for document in documents for value in document.values() if isinstance(value, str))
