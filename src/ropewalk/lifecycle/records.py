"""The nouns as records of the index, and back."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ropewalk.errors import MissingError
from ropewalk.store import Record, Store
from ropewalk.types import Blob, Dataset, Metric, Release, Report, Run, Snapshot, Table

if TYPE_CHECKING:
    import polars as pl


def put_frame(store: Store, frame: pl.DataFrame, *, durable: bool = False) -> Table:
    """A frame as Parquet in the store: the same frame gives the same bytes."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    blob = store.put(buffer.getvalue(), durable=durable)
    return Table(blob, frame.height, {name: str(kind) for name, kind in frame.schema.items()})


def open_frame(store: Store, blob: Blob) -> pl.LazyFrame:
    import polars as pl

    return pl.scan_parquet(store.path(blob.hash))


def _table_body(table: Table) -> dict[str, Any]:
    return {"hash": table.blob.hash, "size": table.blob.size, "rows": table.rows, "columns": dict(table.columns)}


def _table(body: Mapping[str, Any]) -> Table:
    return Table(Blob(body["hash"], body["size"]), body["rows"], body["columns"])


# -- Dataset --


def put_dataset(store: Store, name: str, snapshot: Snapshot, sources: Mapping[str, Any]) -> Record:
    tables = {key: _table_body(put_frame(store, frame)) for key, frame in snapshot.tables.items()}
    body = {"name": name, "as_of": snapshot.as_of.isoformat(), "tables": tables, "notes": dict(snapshot.notes)}
    hash_ = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
    return Record(
        id=f"dataset-{hash_[:16]}",
        kind="dataset",
        system=name,
        created=time.time(),
        body={**body, "hash": hash_, "sources": dict(sources)},
        parents=(),
        blobs=tuple(t["hash"] for t in tables.values()),
    )


def dataset(store: Store, record: Record) -> Dataset:
    body = record.body
    return Dataset(
        name=body["name"],
        hash=body["hash"],
        as_of=datetime.fromisoformat(body["as_of"]),
        tables={key: _table(t) for key, t in body["tables"].items()},
        notes=body["notes"],
        open=lambda blob: open_frame(store, blob),
    )


# -- Run --


def run_record(run: Run, parents: tuple[tuple[str, str], ...], blobs: tuple[str, ...]) -> Record:
    body = asdict(run)
    body["created"] = run.created.isoformat()
    return Record(run.id, "run", run.system, run.created.timestamp(), body, parents, blobs)


def run(record: Record) -> Run:
    return Run(**{**record.body, "created": datetime.fromisoformat(record.body["created"])})


# -- Report --


def put_report(store: Store, system: str, key: str, report: Report, parents: tuple[tuple[str, str], ...]) -> Record:
    tables = {name: _table_body(put_frame(store, frame)) for name, frame in report.tables.items()}
    pairs = _table_body(put_frame(store, report.pairs)) if report.pairs is not None else None
    return Record(
        id=f"report-{key}",
        kind="report",
        system=system,
        created=time.time(),
        body={
            "metrics": [asdict(m) for m in report.metrics],
            "baseline": report.baseline,
            "tables": tables,
            "pairs": pairs,
            "notes": dict(report.notes),
            "text": report.text,
        },
        parents=parents,
        blobs=tuple(t["hash"] for t in [*tables.values(), *([pairs] if pairs else [])]),
    )


def report(store: Store, record: Record) -> Report:
    body = record.body
    return Report(
        metrics=tuple(Metric(**m) for m in body["metrics"]),
        baseline=body["baseline"],
        pairs=open_frame(store, _table(body["pairs"]).blob).collect() if body["pairs"] else None,
        tables={name: open_frame(store, _table(t).blob).collect() for name, t in body["tables"].items()},
        notes=body["notes"],
        text=body["text"],
    )


# -- Release --


def release_record(release: Release, parents: tuple[tuple[str, str], ...], blobs: tuple[str, ...]) -> Record:
    body = asdict(release)
    body["created"] = release.created.isoformat()
    return Record(release.id, "release", release.system, release.created.timestamp(), body, parents, blobs)


def release(store: Store, record: Record) -> Release:
    """A release with the stage that it is in now: the names say that, not the record."""
    stage = "retired"
    for name in ("candidate", "live"):
        if store.name(f"{record.system}@{name}") == record.id:
            stage = name
    body = {**record.body, "created": datetime.fromisoformat(record.body["created"]), "stage": stage}
    return Release(**body)


def need(store: Store, id: str, kind: str | None = None) -> Record:
    """The record `id` (a unique beginning will do), or MissingError with what there is."""
    found = store.record(id)
    if found is None:
        known = store.records(kind, limit=500)
        matches = [r for r in known if r.id.startswith(id)]
        if len(matches) != 1:
            raise MissingError(kind or "record", id, [r.id for r in known], "`ropewalk runs` lists what there is.")
        found = matches[0]
    return found


def now() -> datetime:
    return datetime.now(UTC)
