"""Collection: what nothing refers to is removed, and nothing else.

Kept is every blob that a record names, every file of a tree that a record names, and whatever a living session pins
(with the files of a pinned tree). Everything else in the store's blob space goes, in small batches; see sessions.py for
why a writer cannot lose what it just put. A process may be killed anywhere in here: the next collection goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ropewalk.errors import StoreError
from ropewalk.store import records
from ropewalk.store.blobs import DAY, Place
from ropewalk.store.contents import Contents
from ropewalk.store.index import Index, Sql, index_id
from ropewalk.store.sessions import Session, Sessions, reap

BATCH = 100  # blobs doomed at a time: a writer that needs one of them waits for so many deletes
CHECKPOINTS = "objects/checkpoints/"

LIVE = """
SELECT hash FROM record_blobs
UNION SELECT hash FROM pins
UNION SELECT t.hash FROM trees t JOIN record_blobs b ON b.hash = t.manifest
UNION SELECT t.hash FROM trees t JOIN pins p ON p.hash = t.manifest
"""


@dataclass(frozen=True, slots=True)
class GcReport:
    """What a collection removed, or would remove when it was a dry run."""

    dry_run: bool
    kept: int  # blobs
    blobs: tuple[str, ...] = ()  # hashes
    bytes: int = 0
    records: tuple[str, ...] = ()  # ids of datasets, runs and reports that were forgotten for their age
    objects: tuple[str, ...] = ()  # keys of checkpoints whose stage has finished
    temporary: tuple[str, ...] = ()  # half-written files of dead writers
    unfinished: tuple[str, ...] = ()  # keys of stages that were killed long ago: checkpoint and scratch
    sessions: int = 0
    leases: int = 0

    def __str__(self) -> str:
        parts = [
            f"{len(self.blobs)} blobs ({self.bytes / 1e6:.1f} MB)",
            f"{len(self.objects)} checkpoints of finished stages",
            f"{len(self.temporary)} half-written files",
            f"{self.sessions} dead sessions",
            f"{self.leases} dead leases",
        ]
        if self.records:
            parts.append(f"{len(self.records)} old records")
        if self.unfinished:
            parts.append(f"{len(self.unfinished)} unfinished stages")
        return f"{'would remove' if self.dry_run else 'removed'} {', '.join(parts)}; kept {self.kept} blobs"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the index says before anything is deleted."""

    live: frozenset[str]
    forgotten: tuple[str, ...]
    sessions: int
    leases: int


def collect(
    index: Index,
    place: Place,
    sessions: Sessions,
    contents: Contents,
    dry_run: bool,
    forget_days: float | None,
) -> GcReport:
    guard(index, place)
    found = {Path(key).name: (key, size) for key, size in place.keys("blobs/")}
    plan = index.run(lambda sql: prepare(sql, forget_days), "alone", durable=True, undo=dry_run)
    removed = [(hash, *found[hash]) for hash in sorted(found.keys() - plan.live)]
    files = contents.leftovers()
    checkpoints = finished_checkpoints(index, place)
    if not dry_run:
        with sessions.session("gc") as mine:
            removed = list(remove(index, place, mine, removed, contents.forget))
        import shutil

        for file in files:
            shutil.rmtree(file, ignore_errors=True) if file.is_dir() else file.unlink(missing_ok=True)
        if checkpoints:
            place.delete(*checkpoints)
    return GcReport(
        dry_run=dry_run,
        kept=len(found) - len(removed),
        blobs=tuple(hash for hash, _, _ in removed),
        bytes=sum(size for _, _, size in removed),
        records=plan.forgotten,
        objects=tuple(key.removeprefix("objects/") for key in checkpoints),
        temporary=tuple(map(str, files)),
        sessions=plan.sessions,
        leases=plan.leases,
    )


def prepare(sql: Sql, forget_days: float | None) -> Plan:
    """Forget the dead, and old records if that is wanted; then say what is live."""
    dead, leases = reap(sql)
    forgotten = forget(sql, sql.now() - forget_days * DAY) if forget_days is not None else ()
    return Plan(frozenset(row[0] for row in sql.all(LIVE)), forgotten, dead, leases)


def forget(sql: Sql, before: float) -> tuple[str, ...]:
    """Drop datasets, runs and reports older than `before`, except those that something kept was made from.

    Kept are all other kinds (releases and events among them), what a name points to, what a living session has pinned.
    What remembers that a stage made a record goes with that record.
    """
    rows = sql.all("SELECT id, kind, created FROM records")
    held = {row[0] for row in sql.all("SELECT target FROM names")}
    held |= {row[0] for row in sql.all("SELECT b.record FROM record_blobs b JOIN pins p ON p.hash = b.hash")}
    memos = {id for id, kind, _ in rows if kind == records.MEMO}
    young = {id for id, kind, at in rows if kind not in records.FORGETTABLE or at >= before}
    kept = (young - memos) | held
    parents: dict[str, list[str]] = {}
    for child, parent in sql.all("SELECT child, parent FROM edges"):
        parents.setdefault(child, []).append(parent)
    todo = list(kept)
    while todo:
        for parent in parents.get(todo.pop(), ()):
            if parent not in kept:
                kept.add(parent)
                todo.append(parent)
    kept |= {memo for memo in memos if all(made in kept for made in parents.get(memo, ()))}
    old = tuple(id for id, _, _ in rows if id not in kept)
    for table, column in (("record_blobs", "record"), ("edges", "child"), ("records", "id")):
        sql.many(f"DELETE FROM {table} WHERE {column} = ?", [(id,) for id in old])
    return old


def finished_checkpoints(index: Index, place: Place) -> list[str]:
    """Keys `checkpoints/<stage>[/...]` of stages that are done: the record `<stage>` or `stage-<stage>` is kept."""
    keys = {key: key.removeprefix(CHECKPOINTS).partition("/")[0] for key, _ in place.keys(CHECKPOINTS)}
    done = index.run(lambda sql: finished(sql, set(keys.values())))
    return [key for key, stage in keys.items() if stage in done]


def finished(sql: Sql, stages: set[str]) -> set[str]:
    query = "SELECT 1 FROM records WHERE id IN (?, ?)"
    return {stage for stage in stages if sql.all(query, stage, f"{records.MEMO}-{stage}")}


def guard(index: Index, place: Place) -> None:
    """Refuse when another index keeps records about the same bytes: its blobs would look unused from here."""
    mine = f"indexes/{index_id(index)}"
    others = [key for key, _ in place.keys("indexes/") if key != mine]
    if others:
        raise StoreError(
            f"another index keeps records about {place.where('blobs')}, too, and its blobs would look unused from "
            f"{index.url}: nothing was removed. Share one index (ROPEWALK_INDEX=postgresql://...); if the other one is "
            f"gone for good, delete {', '.join(place.where(key) for key in others)} and collect again."
        )


def remove(
    index: Index,
    place: Place,
    mine: Session,
    candidates: list[tuple[str, str, int]],
    drop_cached: Callable[[str], None],
) -> Iterator[tuple[str, str, int]]:
    """Doom a batch, delete it, take the doom away. Yields what is gone."""
    for start in range(0, len(candidates), BATCH):
        batch = {hash: (hash, key, size) for hash, key, size in candidates[start : start + BATCH]}
        doomed = index.run(lambda sql, some=tuple(batch): doom(sql, mine, some), "alone", durable=True)  # type: ignore[misc]
        if doomed:
            place.delete(*(batch[hash][1] for hash in doomed))
        for hash in doomed:
            drop_cached(hash)
            yield batch[hash]
        index.run(lambda sql, some=doomed: spare(sql, mine, some), "alone")  # type: ignore[misc]


def doom(sql: Sql, mine: Session, hashes: tuple[str, ...]) -> list[str]:
    """Mark those of `hashes` that are still unused; nobody else writes meanwhile."""
    marks = ",".join("?" * len(hashes))
    used = {row[0] for row in sql.all(f"SELECT hash FROM ({LIVE}) live WHERE hash IN ({marks})", *hashes)}
    used |= {row[0] for row in sql.all(f"SELECT hash FROM doomed WHERE hash IN ({marks})", *hashes)}
    free = [hash for hash in hashes if hash not in used]
    if not sql.all("SELECT 1 FROM sessions WHERE id = ?", mine.id):
        raise StoreError("this collection was taken for dead by another one, which goes on in its place.")
    sql.many("INSERT INTO doomed (hash, session) VALUES (?, ?)", [(hash, mine.id) for hash in free])
    return free


def spare(sql: Sql, mine: Session, hashes: list[str]) -> None:
    """Take the dooms away. Until here no writer could pin a doomed manifest, so its row is still about the old blob."""
    sql.many("DELETE FROM trees WHERE manifest = ?", [(hash,) for hash in hashes])
    sql.many("DELETE FROM doomed WHERE session = ? AND hash = ?", [(mine.id, hash) for hash in hashes])
