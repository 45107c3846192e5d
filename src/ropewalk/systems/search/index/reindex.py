"""Another layout for a collection: built beside what is searched, looked at, put in its place by one commit, taken back by one.

A manifest names its layout, so the next one may name another. What others wrote while the new segments were built is carried over
before the commit; so is what they wrote after it, when it is taken back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ropewalk.errors import ConflictError, MissingError
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.ids import keys_of
from ropewalk.systems.search.index.layout import Layout, analyzers
from ropewalk.systems.search.index.manifest import Manifest, SegmentInfo
from ropewalk.systems.search.index.snapshot import Snapshot, open_manifest

BATCH = 50_000  # documents of a segment
TRIES = 20  # times that others may write while ours is carried over
Encode = Callable[[Sequence[dict[str, Any]]], "np.ndarray | None"]  # documents -> vectors of the new layout


@dataclass(frozen=True, slots=True)
class Beside:
    """Segments in another layout that hold what the collection held at `base`. Nobody sees them yet."""

    base: Manifest
    layout: Layout
    segments: tuple[SegmentInfo, ...]


def build(
    collection: Collection, layout: Layout, encode: Encode, progress: Callable[[int, int], None] = lambda *_: None
) -> Beside:
    """The newest manifest's documents in another layout."""
    base, segments = collection.manifest(), []
    with held(collection, base) as snapshot:
        rows = np.flatnonzero(snapshot.alive)
        for start, stop in pairwise([*range(0, len(rows), BATCH), len(rows)]):
            segments.append(_put(collection, layout, snapshot.documents(rows[start:stop]), encode))
            progress(stop, len(rows))
    return Beside(base, layout, tuple(segments))


def held(collection: Collection, manifest: Manifest) -> Snapshot:
    """A committed manifest, for its documents: also one whose words other analyzers made."""
    return open_manifest(collection, manifest, manifest.number)


def _put(collection: Collection, layout: Layout, documents: list[dict[str, Any]], encode: Encode) -> SegmentInfo:
    return collection.put_segment(documents, encode(documents) if layout.dims else None, layout)


def preview(collection: Collection, made: Beside) -> Snapshot:
    """What a swap would bring, open for searching."""
    fields: dict[str, Any] = {"layout": made.layout, "analyzers": analyzers(made.layout), "segments": made.segments}
    return open_manifest(collection, replace(made.base, time=time.time(), **fields), made.base.number)


def swap(collection: Collection, made: Beside, encode: Encode) -> Manifest:
    """Commit what `build` made, with what was written since."""
    for _ in range(TRIES):
        now = collection.manifest()
        if now.number != made.base.number:
            made = _carried(collection, made, now, encode)
        try:
            return collection.reset(made.layout, made.segments, made.base.number)
        except ConflictError:  # somebody wrote meanwhile
            continue
    raise ConflictError(
        f"{TRIES} times somebody else wrote to the collection {collection.name!r} while its new layout was carried over. Nothing was "
        "swapped; run the same command when there are fewer writers: what was encoded is kept."
    )


def _carried(collection: Collection, made: Beside, now: Manifest, encode: Encode) -> Beside:
    """The same on a newer manifest: with the documents that were written since, without those that were deleted."""
    old = {info.hash for info in made.base.segments}
    with held(collection, made.base) as before, held(collection, now) as after:
        rows = [
            np.flatnonzero(after.alive[start : start + info.documents]) + start
            for start, info in zip(after.starts.tolist(), now.segments, strict=False)
            if info.hash not in old
        ]
        written = after.documents(np.concatenate(rows)) if rows else []
        deleted = sorted(set(before.live_ids()) - set(after.live_ids()))
    add = [_put(collection, made.layout, written, encode)] if written else []
    gone = [id.encode() for id in deleted]
    return Beside(now, made.layout, collection.without(made.segments, gone, keys_of(gone), add))


def before(collection: Collection) -> tuple[Manifest, Manifest]:
    """The newest manifest with another layout than today's, and the first with today's after it: what a rollback goes back over."""
    numbers = collection.numbers()
    now = collection.manifest(numbers[-1])
    for old, new in reversed(list(pairwise(numbers))):
        if collection.manifest(old).built != now.built:
            return collection.manifest(old), collection.manifest(new)
    raise MissingError(
        "earlier layout of the collection",
        collection.name,
        hint="It was never reindexed, or that is collected already.",
    )


def rollback(collection: Collection, encode: Encode) -> Manifest:
    """Make the layout before the last reindex count again, with what was written since, by one commit."""
    old, first = before(collection)
    with held(collection, old), held(collection, first):  # so that nobody collects them meanwhile
        return swap(collection, Beside(first, old.layout, old.segments), encode)
