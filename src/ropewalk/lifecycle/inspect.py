"""runs, show, gc: what there is, what stands behind it, and what may go."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ropewalk.errors import MissingError
from ropewalk.lifecycle import leftovers, records
from ropewalk.store import GcReport, Record, Store
from ropewalk.store.blobs import DAY


def runs(store: Store, system: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """Newest first: each run with its figures and its release, if it has one."""
    releases = {r.body["run"]: r for r in reversed(store.records("release", system, limit=10_000))}
    return [_run_row(store, record, releases) for record in store.records("run", system, limit=limit)]


def _run_row(store: Store, record: Record, releases: dict[str, Record]) -> dict[str, Any]:
    body = record.body
    reports = [r for _, _, r in store.descendants(record.id) if r.kind == "report"]
    metric = reports[0].body["metrics"][0] if reports else None
    release = releases.get(record.id)
    return {
        "run": record.id,
        "system": record.system,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created)) + " UTC",
        "seconds": round(body["seconds"], 2),
        "goodput": round(body["goodput"], 3),
        "metric": f"{metric['name']} {metric['value']:,.6g} {metric['unit']}" if metric else "",
        "release": f"v{release.body['version']} {records.release(store, release).stage}" if release else "",
    }


def show(store: Store, what: str) -> dict[str, Any]:
    """A record by id, name (`inventory@live`) or file that a life wrote, with everything that stands behind it."""
    record = _resolve(store, what)
    body = dict(record.body)
    if record.kind == "release":
        body["stage"] = records.release(store, record).stage  # the names say it; the record says what it was born as
    return {
        "id": record.id,
        "kind": record.kind,
        "system": record.system,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created)) + " UTC",
        "body": body,
        "behind": [
            {"depth": depth, "role": role, "id": r.id, "kind": r.kind} for depth, role, r in store.ancestors(record.id)
        ],
        "made_from_it": [{"role": role, "id": r.id, "kind": r.kind} for _, role, r in store.descendants(record.id)],
    }


def _resolve(store: Store, what: str) -> Record:
    if Path(what).is_file():
        hash_ = hashlib.sha256(Path(what).read_bytes()).hexdigest()
        keepers = store.keepers(hash_)
        if not keepers:
            raise MissingError(
                "record", what, hint="No life of this store wrote a file with these bytes: was it edited?"
            )
        return keepers[0]
    target = store.name(what) if "@" in what else None
    if "@" in what and target is None:
        raise MissingError("name", what, hint="Names are <system>@live and <system>@candidate.")
    return records.need(store, target or what)


def gc(store: Store, *, dry_run: bool = False, forget_days: float | None = None) -> GcReport:
    """Remove what nothing refers to, and nothing else: blobs, and what killed processes left behind."""
    report = store.gc(dry_run=dry_run, forget_days=forget_days)
    scratch = leftovers.finished_scratch(store)
    before = time.time() - forget_days * DAY if forget_days is not None else None
    unfinished = leftovers.give_up(store, before, dry_run) if before is not None else ()
    if not dry_run:
        for folder in scratch:
            shutil.rmtree(folder, ignore_errors=True)
    return replace(report, temporary=(*report.temporary, *map(str, scratch)), unfinished=unfinished)
