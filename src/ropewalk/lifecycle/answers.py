"""predict, serve, truths, monitor: what happens with a release once somebody asks it."""

from __future__ import annotations

import gzip
import hashlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ropewalk.errors import MissingError
from ropewalk.lifecycle import records, releases
from ropewalk.lifecycle.lane import Lane, digest
from ropewalk.lifecycle.stages import config_of, load_model
from ropewalk.spine.serving.app import Served
from ropewalk.store import Record
from ropewalk.types import Finding, Release, System
from ropewalk.whole import write_whole

if TYPE_CHECKING:
    import threading

    import polars as pl

    from ropewalk.spine.labels.truths import Joined
    from ropewalk.spine.serving.batch import Summary

__all__ = ["predict", "serve", "truths", "monitor", "Joined", "Summary"]


def predict(
    system: System[Any],
    lane: Lane,
    source: str | Path,
    target: str | Path,
    *,
    release: str | None = None,
    on_bad_rows: str = "stop",
) -> Summary:
    """Answer every row of a file with a release, through the code that the service answers with."""
    from ropewalk.spine.serving.batch import predict_file

    found = releases.find(system, lane, release)
    return predict_file(
        load_model(system, lane, found.model),
        system.contract,
        system.answers,
        source,
        Path(target),
        on_bad_rows=on_bad_rows,  # type: ignore[arg-type]
        events=lambda batch: append_events(system, lane, batch),
        release_id=found.id,
        progress=lambda done, total: lane.console.progress("predict", done, total, "rows"),
    )


def serve(
    system: System[Any],
    lane: Lane,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    api_key: str | None = None,
    ready_file: str | Path | None = None,
    on_ready: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
    poll_s: float = 1.0,
) -> int:
    """Serve the live release until SIGTERM (or `stop`); a new live release is taken over without a failed request."""
    from ropewalk.spine.serving.server import serve as run

    def ready(url: str) -> None:
        lane.console.say(f"serve: {system.name} answers on {url}  (try {url}/docs)")
        if on_ready is not None:
            on_ready(url)

    return run(
        current_release(system, lane),
        lambda batch: append_events(system, lane, batch),
        contract=system.contract,
        answers=system.answers,
        name=system.name,
        journal=lane.store.local / "journal" / system.name,
        host=host,
        port=port,
        api_key=api_key,
        poll_s=poll_s,
        routes=system.routes(),
        on_ready=ready,
        ready_file=Path(ready_file) if ready_file is not None else None,
        stop=stop,
        count=lambda release, counts: keep_counts(system, lane, release, counts),
    )


def current_release(system: System[Any], lane: Lane) -> Callable[[], Served]:
    """The live release with its model loaded; the same object for as long as the same release is live."""
    held: list[Served] = []
    releases.find(system, lane, None)  # a sentence now rather than from the service's thread

    def current() -> Served:
        release = releases.find(system, lane, None)
        if not held or held[0].release_id != release.id:
            held[:] = [Served(release.id, load_model(system, lane, release.model))]
        return held[0]

    return current


# -- events --


def append_events(system: System[Any], lane: Lane, batch: Sequence[Mapping[str, Any]]) -> None:
    """A batch of events as one blob and one record. The same batch twice is kept once."""
    if not batch:
        return
    lines = b"".join(msgspec.json.encode(event) + b"\n" for event in batch)
    ids = hashlib.sha256("\n".join(str(event["id"]) for event in batch).encode()).hexdigest()[:24]
    with lane.store.session(f"events {system.name}"):
        blob = lane.store.put(gzip.compress(lines, compresslevel=1, mtime=0), durable=True)
        lane.store.commit(
            Record(
                id=f"events-{ids}",
                kind="events",
                system=system.name,
                created=time.time(),
                body={
                    "count": len(batch),
                    "first": str(batch[0]["at"]),
                    "last": str(batch[-1]["at"]),
                    "blob": blob.hash,
                },
                parents=tuple(("release", r) for r in sorted({str(event["release"]) for event in batch})),
                blobs=(blob.hash,),
            )
        )


def keep_counts(system: System[Any], lane: Lane, release: str, counts: Mapping[str, int]) -> None:
    """Requests and failures of a stretch of serving: what an answered event cannot tell."""
    lane.store.commit(
        Record(
            f"counts-{uuid.uuid4().hex[:24]}", "counts", system.name, time.time(), dict(counts), (("release", release),)
        )
    )


def read_counts(system: System[Any], lane: Lane, release: str) -> dict[str, int]:
    """All requests of a release and how many failed."""
    total = {"requests": 0, "errors": 0}
    for record in lane.store.records("counts", system.name, limit=1_000_000):
        if ("release", release) in record.parents:
            total = {key: value + int(record.body[key]) for key, value in total.items()}
    return total


def read_events(system: System[Any], lane: Lane, release: str | None = None) -> pl.DataFrame:
    """Every event once, oldest first, with nested `request` and `answer`; of one release, if asked."""
    from ropewalk.spine.labels.truths import events_frame

    seen: dict[str, dict[str, Any]] = {}
    for record in lane.store.records("events", system.name, limit=1_000_000, newest_first=False):
        if release is not None and ("release", release) not in record.parents:
            continue
        for line in _lines_of(lane, record):
            event = msgspec.json.decode(line)
            if release is None or event["release"] == release:
                seen.setdefault(event["id"], event)
    return events_frame(list(seen.values()), system.contract, system.answers)


def _lines_of(lane: Lane, record: Record) -> list[bytes]:
    """The events of a batch. No stage can make a batch again, so one that is gone is told and done without."""
    try:
        return gzip.decompress(lane.store.get(record.body["blob"])).splitlines()
    except MissingError as error:
        lane.console.say(f"  {record.body['count']:,} events of {record.body['first']} are lost: {error}")
        return []


# -- truths --


def truths(system: System[Any], lane: Lane, source: str | Path | pl.DataFrame) -> Joined:
    """Keep what came true, joined to the events that it belongs to. The same file twice is kept once."""
    from ropewalk.spine.labels.truths import join, read_truths

    frame = read_truths(source)
    events = read_events(system, lane)
    if events.height == 0:
        raise MissingError(
            "event", system.name, hint=f"Nothing was answered yet: `ropewalk serve {system.name}`, or `predict`."
        )
    joined = join(events, frame, known=read_truths_kept(system, lane))
    with lane.store.session(f"truths {system.name}"):
        table = records.put_frame(lane.store, frame, durable=True)
        id_ = f"truths-{table.blob.hash[:24]}"
        body = {"rows": table.rows, "blob": table.blob.hash, "counts": dict(joined.counts)}
        lane.store.commit(Record(id_, "truths", system.name, time.time(), body, (), (table.blob.hash,)))
    counts = ", ".join(f"{value:,} {key.replace('_', ' ')}" for key, value in joined.counts.items() if value)
    lane.console.say(f"truths: {counts}")
    return joined


def read_truths_kept(system: System[Any], lane: Lane) -> pl.DataFrame | None:
    """All truths that were handed in before, oldest first; a later one for the same event is the better one."""
    import polars as pl

    from ropewalk.types import Blob

    kept = lane.store.records("truths", system.name, limit=1_000_000, newest_first=False)
    frames = [records.open_frame(lane.store, Blob(r.body["blob"], 0)).collect() for r in kept]
    return pl.concat(frames, how="diagonal_relaxed") if frames else None


# -- monitor --


def monitor(
    system: System[Any], config: Any, lane: Lane, *, page: str | Path | None = None, release: str | None = None,
    heard: str = "",
) -> list[Finding]:  # fmt: skip
    """Check the events of a release (the live one) against its training and its promises. `heard`: a name for all that was
    looked at, kept with what was found."""
    from ropewalk.spine.labels.truths import join
    from ropewalk.spine.monitoring.checks import run_checks
    from ropewalk.spine.monitoring.page import render

    found = releases.find(system, lane, release)
    run = records.run(records.need(lane.store, found.run, "run"))
    dataset = records.dataset(lane.store, records.need(lane.store, f"dataset-{run.dataset[:16]}", "dataset"))
    trained = config_of(system, run.config)
    events = read_events(system, lane, found.id)
    kept = read_truths_kept(system, lane)
    if kept is not None and events.height:
        events = join(events, kept).frame
    held = system.requests(trained, dataset, load_model(system, lane, found.model))
    findings = run_checks(
        system.checks(trained, dataset),
        events,
        held.reference,
        system.contract,
        system.answers,
        seed=lane.seed,
        now=records.now(),
        counters=read_counts(system, lane, found.id),
    )
    shown = render(system.name, found, findings, events).encode() if page is not None else None
    if page is not None and shown is not None:
        write_whole(Path(page), shown)
    _keep_findings(system, lane, found, findings, heard, shown)
    return findings


def _keep_findings(
    system: System[Any], lane: Lane, release: Release, findings: Sequence[Finding], heard: str, page: bytes | None
) -> None:
    from dataclasses import asdict

    body: dict[str, Any] = {"findings": [asdict(f) for f in findings], "at": records.now().isoformat(), "heard": heard}
    with lane.store.session(f"monitor {system.name}"):
        blobs = (lane.store.put(page).hash,) if page is not None else ()
        body["page"] = blobs[0] if blobs else None
        id_ = f"monitor-{digest(release.id, body)}"
        lane.store.commit(Record(id_, "monitor", system.name, time.time(), body, (("release", release.id),), blobs))
