"""What runs between searches: merges of segments, and collection of what no kept manifest names.

A merge rebuilds segments from their stored documents and quantised vectors, without the deleted rows: the same bytes as if those
documents had been written at once. It is committed like a write; rows that were deleted meanwhile are deleted in the merged
segment too, and a merge whose segments are gone or were revived meanwhile is dropped.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ropewalk.systems.search.index.collection import DAY, Collection
from ropewalk.systems.search.index.documents import Documents
from ropewalk.systems.search.index.layout import check_analyzers
from ropewalk.systems.search.index.manifest import Manifest, SegmentInfo
from ropewalk.systems.search.index.readers import held


@dataclass(frozen=True, slots=True)
class Policy:
    """When to merge. Every document is rewritten about log(all / smallest) / log(like) times in its life."""

    like: int = 8  # segments of like size that become one
    deleted: float = 0.05  # share of deleted rows from which on a segment is rewritten: below, scores are within 1 %
    smallest: int = 1_000  # live rows; smaller segments count as of like size
    largest: int = 128 << 20  # bytes of text in a merged segment: building takes some six times that in memory


@dataclass(frozen=True, slots=True)
class Merged:
    """What `merge` did: the number of the newest manifest, and how many segments became how many."""

    number: int
    merges: int
    before: int
    after: int
    dropped: int  # merges that came too late
    rows: int  # rows written


def merge(collection: Collection, policy: Policy = Policy()) -> Merged:
    """Merge as long as the policy finds something."""
    first = now = collection.manifest()
    merges = dropped = rows = 0
    while group := chosen(now, policy):
        done = merge_segments(collection, now, group)
        merges += done
        dropped += not done
        rows += sum(info.live for info in group) if done else 0
        now = collection.manifest()
        if dropped > 10:
            break
    return Merged(now.number, merges, len(first.segments), len(now.segments), dropped, rows)


def chosen(manifest: Manifest, policy: Policy) -> list[SegmentInfo]:
    """Segments to merge next, in the order of their rows; none when all is well."""
    stored = manifest.layout.stored
    levels: dict[int, list[SegmentInfo]] = {}
    for info in manifest.segments:
        if stored and _live_text(info) <= policy.largest / 2:  # larger ones stay as they are
            levels.setdefault(_level(info, policy), []).append(info)
    for level in sorted(levels):
        if len(levels[level]) >= policy.like:
            return _fitting(levels[level], policy.largest)
    for info in manifest.segments:
        if info.live == 0 or (stored and info.deleted > policy.deleted * info.documents):
            return [info]
    return []


def _level(info: SegmentInfo, policy: Policy) -> int:
    level, size = 0, policy.smallest
    while size < info.live:
        size *= policy.like
        level += 1
    return level


def _live_text(info: SegmentInfo) -> float:
    """Bytes of text of its live rows, about."""
    return info.text_bytes * info.live / max(1, info.documents)


def _fitting(group: Sequence[SegmentInfo], largest: int) -> list[SegmentInfo]:
    """The first ones that stay under the largest size together: two at least, as each is at most half of it."""
    fitting, size = [], 0.0
    for info in group:
        size += _live_text(info)
        if size > largest:
            break
        fitting.append(info)
    return fitting


def merge_segments(collection: Collection, base: Manifest, group: Sequence[SegmentInfo]) -> bool:
    """Make one segment of some of a manifest. False when others changed them in a way that it cannot follow."""
    check_analyzers(base.layout, base.analyzers, collection.name)
    local = collection.local
    dead = [local.dead(info) for info in group]
    documents = [document for info, gone in zip(group, dead, strict=True) for document in _live(collection, info, gone)]
    vectors = _vectors(collection, group, dead) if base.layout.dims else None
    new = collection.put_built(base, documents, vectors) if documents else None
    done: list[bool] = []

    def change(now: Manifest) -> Manifest | None:
        done.clear()
        there = {info.hash: info for info in now.segments}
        if any(info.hash not in there for info in group) or (new and new.hash in there):
            return None
        then = [local.dead(there[info.hash]) for info in group]
        if any((old & ~young).any() for old, young in zip(dead, then, strict=True)):
            return None
        done.append(True)
        merged = []
        if new:
            late = np.concatenate([young[~old] for old, young in zip(dead, then, strict=True)])
            merged = [collection.with_dead(new, np.flatnonzero(late))]
        return replace(now, segments=_replaced(now.segments, {info.hash for info in group}, merged))

    collection.swap(change)
    return bool(done)


def _replaced(segments: Iterable[SegmentInfo], old: set[str], merged: Sequence[SegmentInfo]) -> tuple[SegmentInfo, ...]:
    """The merged one in the place of the first of the old ones."""
    out: list[SegmentInfo] = []
    todo = list(merged)
    for info in segments:
        if info.hash not in old:
            out.append(info)
        elif todo:
            out.append(todo.pop())
    return tuple(out)


def _live(collection: Collection, info: SegmentInfo, dead: np.ndarray) -> Iterable[dict[str, Any]]:
    """The live documents of a segment as they were written."""
    import msgspec

    ids = collection.local.ids(info).all()
    stored = Documents(collection.local.pack(info))
    row = 0
    for number in range(stored.blocks):
        for line in stored.block(number):
            if not dead[row]:
                yield {"id": ids[row], **msgspec.json.decode(line)}
            row += 1


def _vectors(collection: Collection, group: Sequence[SegmentInfo], dead: Sequence[np.ndarray]) -> Any:
    from ropewalk.methods.text.vectors import Quantised

    packs = [collection.local.pack(info) for info in group]

    def part(name: str) -> np.ndarray:
        arrays = [pack.array(f"vectors/{name}")[~gone] for pack, gone in zip(packs, dead, strict=True)]
        return np.concatenate(arrays)

    return Quantised(part("codes"), part("scales"), part("rest"), part("rest_scales"))


# --- garbage -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Garbage:
    """What was removed, or would be when it was a dry run."""

    dry_run: bool
    manifests: tuple[int, ...]
    segments: tuple[str, ...]  # hashes
    deletes: tuple[str, ...]  # hashes
    readers: tuple[str, ...]  # keys that dead readers left
    local: int  # folders of the local cache
    bytes: int  # of the segments

    def __str__(self) -> str:
        verb = "would remove" if self.dry_run else "removed"
        return (
            f"{verb} {len(self.manifests)} manifests, {len(self.segments)} segments ({self.bytes / 1e6:.1f} MB), "
            f"{len(self.deletes)} bitmaps of deleted rows, {len(self.readers)} dead readers, {self.local} local folders"
        )


def collect_garbage(
    collection: Collection, older_than_s: float = 7 * DAY, dry_run: bool = False, grace_s: float = DAY
) -> Garbage:
    """Remove manifests that were replaced `older_than_s` ago and that nobody reads, and what only they named.

    What no manifest names stays for `grace_s` after it was put: a writer may be about to commit it.
    """
    store, root, now = collection.store, collection.local.root, time.time()
    numbers = collection.numbers()
    reading, dead = held(store, root, now)
    old = _replaced_before(collection, numbers, now - older_than_s, reading)
    kept = [collection.manifest(number) for number in numbers if number not in old]
    segments = {info.hash for manifest in kept for info in manifest.segments}
    deletes = {info.deletes for manifest in kept for info in manifest.segments if info.deletes}
    waste = _unnamed(collection, "segments", segments, now - grace_s)
    blots = _unnamed(collection, "deletes", deletes, now - grace_s)
    size = sum(store.object_size(key) or 0 for key in waste)
    if not dry_run:
        for number in sorted(old):
            collection.forget(number)
        for key in (*waste, *blots):
            if (put := store.object_time(key)) is not None and put < now - grace_s:  # put again meanwhile: wanted
                store.delete_object(key)
        for key in dead:
            store.delete_object(key)
    names = [tuple(key.rpartition("/")[2] for key in keys) for keys in (waste, blots)]
    local = trim(collection, kept, min(older_than_s, grace_s), dry_run)
    return Garbage(dry_run, tuple(sorted(old)), names[0], names[1], tuple(dead), local, size)


def _replaced_before(collection: Collection, numbers: Sequence[int], moment: float, reading: set[int]) -> set[int]:
    """The oldest manifests, up to the first that somebody reads or whose successor is younger; never the newest.

    No gap is left, so that `latest` finds the newest by counting on from any that it knows.
    """
    old = set()
    for number, successor in pairwise(numbers):
        if number in reading or collection.manifest(successor).time >= moment:
            break
        old.add(number)
    return old


def _unnamed(collection: Collection, kind: str, named: set[Any], moment: float) -> list[str]:
    """Keys that no kept manifest names, put before a moment."""
    store, prefix = collection.store, f"{collection.local.root}/{kind}/"
    keys = [key for key in store.list_objects(prefix) if key.removeprefix(prefix) not in named]
    return [key for key in keys if (put := store.object_time(key)) is not None and put < moment]


def trim(collection: Collection, kept: Sequence[Manifest], older_than_s: float, dry_run: bool = False) -> int:
    """Remove local folders that were made a while ago and belong to no kept manifest."""
    hashes = {info.hash for manifest in kept for info in manifest.segments}
    numbers = {str(manifest.number) for manifest in kept}
    count = 0
    for path in collection.local.folder.glob("*/*"):
        wanted = path.name in hashes or (path.parent.name == "open" and path.name.partition("-")[0] in numbers)
        with contextlib.suppress(FileNotFoundError):
            if not wanted and path.stat().st_mtime < time.time() - older_than_s:
                count += 1
                if not dry_run:
                    shutil.rmtree(path, ignore_errors=True)
                    if path.parent.name == "terms":
                        collection.store.forget_file(collection.local.segment_key(path.name))
    return count
