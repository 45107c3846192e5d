"""Records, the edges between them, and the names that point to them. Every function works inside one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ropewalk.errors import ConflictError, MissingError, StoreError
from ropewalk.store.index import Sql

FORGETTABLE = ("dataset", "run", "report")
MEMO = "stage"  # kind of the record that remembers what a stage made, which is its only parent
FIELDS = "r.id, r.kind, r.system, r.created, r.body"
BATCH = 500  # values in one query


@dataclass(frozen=True, slots=True)
class Record:
    """A fact about one noun, immutable. `parents` are what it was made from, `blobs` what it keeps from collection."""

    id: str
    kind: str  # dataset, run, report, release, ...
    system: str
    created: float  # seconds since 1970, UTC
    body: Mapping[str, Any]  # JSON types only
    parents: tuple[tuple[str, str], ...] = ()  # (role, id of a record)
    blobs: tuple[str, ...] = ()  # hashes; a manifest keeps the files of its tree, too


@dataclass(frozen=True, slots=True)
class Move:
    """A name that was pointed elsewhere. None: it pointed nowhere."""

    at: float
    before: str | None
    after: str | None
    why: str


def dump(record: Record) -> str:
    try:
        return json.dumps(record.body, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise StoreError(f"the {record.kind} record {record.id} cannot be kept: {error}. Use JSON types.") from None


def insert(sql: Sql, records: Sequence[Record]) -> None:
    """Add the records that are not there yet. Their parents must be among them or there already."""
    new = [
        record
        for record in records
        if sql.do(
            "INSERT INTO records (id, kind, system, created, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            *(record.id, record.kind, record.system, record.created, dump(record)),
        )
    ]
    for record in new:
        for _, parent in record.parents:
            must_exist(sql, parent)
    edges = [(r.id, i, role, parent) for r in new for i, (role, parent) in enumerate(r.parents)]
    blobs = [(r.id, i, blob) for r in new for i, blob in enumerate(r.blobs)]
    if edges:
        sql.many("INSERT INTO edges (child, pos, role, parent) VALUES (?, ?, ?, ?)", edges)
    if blobs:
        sql.many("INSERT INTO record_blobs (record, pos, hash) VALUES (?, ?, ?)", blobs)


def must_exist(sql: Sql, id: str) -> None:
    if not sql.all("SELECT 1 FROM records WHERE id = ?", id):
        raise MissingError("record", id, hint="A parent, or what a name points to, must be kept before it.")


def fetch(sql: Sql, rows: Iterable[Sequence[Any]]) -> list[Record]:
    """Records of rows of FIELDS, with their edges and blobs."""
    rows = list(rows)
    parents: dict[str, list[tuple[str, str]]] = {row[0]: [] for row in rows}
    blobs: dict[str, list[str]] = {row[0]: [] for row in rows}
    ids = list(parents)
    for i in range(0, len(ids), BATCH):
        some = ids[i : i + BATCH]
        marks = ",".join("?" * len(some))
        query = f"SELECT child, role, parent FROM edges WHERE child IN ({marks}) ORDER BY child, pos"
        for child, role, parent in sql.all(query, *some):
            parents[child].append((role, parent))
        query = f"SELECT record, hash FROM record_blobs WHERE record IN ({marks}) ORDER BY record, pos"
        for record, blob in sql.all(query, *some):
            blobs[record].append(blob)
    return [
        Record(id, kind, system, created, json.loads(body), tuple(parents[id]), tuple(blobs[id]))
        for id, kind, system, created, body in rows
    ]


def one(sql: Sql, id: str) -> Record | None:
    found = fetch(sql, sql.all(f"SELECT {FIELDS} FROM records r WHERE r.id = ?", id))
    return found[0] if found else None


def select(sql: Sql, kind: str | None, system: str | None, limit: int, newest_first: bool) -> list[Record]:
    conditions = [("r.kind = ?", kind), ("r.system = ?", system)]
    used = [(text, value) for text, value in conditions if value is not None]
    where = f"WHERE {' AND '.join(text for text, _ in used)}" if used else ""
    order = "DESC" if newest_first else "ASC"
    query = f"SELECT {FIELDS} FROM records r {where} ORDER BY r.created {order}, r.seq {order} LIMIT ?"
    return fetch(sql, sql.all(query, *(value for _, value in used), limit))


def lineage(sql: Sql, id: str, up: bool) -> list[tuple[int, str, Record]]:
    """(steps away, role of the nearest edge, record), nearest first: what `id` was made from (`up`), or gave."""
    here, there = ("child", "parent") if up else ("parent", "child")
    rows = sql.all(
        f"WITH RECURSIVE way(depth, role, id) AS ("
        f"  SELECT 1, role, {there} FROM edges WHERE {here} = ?"
        f"  UNION SELECT way.depth + 1, e.role, e.{there} FROM way JOIN edges e ON e.{here} = way.id"
        f"  WHERE way.depth < 10000"
        f") SELECT way.depth, way.role, {FIELDS} FROM way JOIN records r ON r.id = way.id ORDER BY way.depth, r.seq",
        id,
    )
    nearest: dict[tuple[str, str], tuple[Any, ...]] = {}
    for row in rows:
        nearest.setdefault((row[1], row[2]), row)
    known = {record.id: record for record in fetch(sql, {row[2]: row[2:] for row in nearest.values()}.values())}
    return [(row[0], row[1], known[row[2]]) for row in nearest.values()]


def keepers(sql: Sql, hash: str) -> list[Record]:
    """Records that keep a blob, by itself or as a file of a tree, oldest first."""
    rows = sql.all(
        f"SELECT DISTINCT {FIELDS}, r.seq FROM records r JOIN record_blobs b ON b.record = r.id WHERE b.hash = ? "
        f"OR b.hash IN (SELECT manifest FROM trees WHERE hash = ?) ORDER BY r.created, r.seq",
        *(hash, hash),
    )
    return fetch(sql, [row[:5] for row in rows])


def target(sql: Sql, name: str) -> str | None:
    rows = sql.all("SELECT target FROM names WHERE name = ?", name)
    return str(rows[0][0]) if rows else None


def point(sql: Sql, name: str, after: str | None, why: str, token: str) -> None:
    """Point a name to a record, or nowhere, and log it. Nothing happens when it points there already."""
    before = target(sql, name)
    if before == after:
        return
    if after is None:
        sql.do("DELETE FROM names WHERE name = ?", name)
    else:
        must_exist(sql, after)
        sql.do(
            "INSERT INTO names (name, target) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET target = excluded.target",
            *(name, after),
        )
    sql.do(
        "INSERT INTO moves (name, at, before, after, why, token) VALUES (?, ?, ?, ?, ?, ?)",
        *(name, sql.now(), before, after, why, token),
    )


def swap(sql: Sql, name: str, after: str | None, expected: str | None, why: str, token: str) -> None:
    """Compare and swap. `token` tells a repetition whose first attempt did succeed from somebody else's move."""
    if sql.all("SELECT 1 FROM moves WHERE token = ?", token):
        return
    before = target(sql, name)
    if before != expected:
        raise ConflictError(
            f"{name!r} points to {before or 'nothing'}, not to {expected or 'nothing'}: somebody else moved it. "
            f"Look at it again (`ropewalk show {name}`) and repeat the command if it is still right."
        )
    point(sql, name, after, why, token)


def history(sql: Sql, name: str) -> list[Move]:
    rows = sql.all("SELECT at, before, after, why FROM moves WHERE name = ? ORDER BY seq", name)
    return [Move(*row) for row in rows]
