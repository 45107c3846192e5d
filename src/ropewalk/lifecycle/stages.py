"""data, plan, train, evaluate: the stages that make something. Each is run once for the same inputs."""

from __future__ import annotations

import functools
import gzip
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from ropewalk import config as configs
from ropewalk.errors import MissingError
from ropewalk.lifecycle import records
from ropewalk.lifecycle.lane import Lane, code_files, code_version, is_doubted, keep, remember, stage, workspace
from ropewalk.spine.compute.job import StageJob
from ropewalk.spine.compute.plan import predict_seconds
from ropewalk.store import Record
from ropewalk.types import Dataset, Model, Plan, Report, Run, System


def data(system: System[Any], config: Any, lane: Lane) -> Dataset:
    """Freeze the tables that `config` names into a Dataset. Unchanged sources are not read again."""
    return records.dataset(lane.store, data_record(system, config, lane))


def data_record(system: System[Any], config: Any, lane: Lane) -> Record:
    sources = {name: _fingerprint(address) for name, address in configs.sources(config).items()}
    inputs = {"config": configs.part(config, "data"), "sources": sources}
    key, made = remember(lane, system, "data", inputs)
    if made is not None:
        return made
    with stage(lane, system, "data", key) as job:
        key, made = remember(lane, system, "data", inputs)  # somebody may have made it while we waited
        if made is None:
            snapshot = system.data(config, job)
            made = records.put_dataset(lane.store, system.name, snapshot, sources)
            made = keep(lane, system, "data", key, made)
        job.forget()
    rows = sum(t["rows"] for t in made.body["tables"].values())
    lane.console.say(f"data: {made.id}, {len(made.body['tables'])} tables, {rows:,} rows")
    return made


def _fingerprint(address: str) -> str:
    from ropewalk.spine.data.sources import fingerprint

    return fingerprint(address)


def train(system: System[Any], config: Any, dataset: Dataset, lane: Lane, start: str | None = None) -> Run:
    """Train, save to the store, and load back before anyone uses it. A killed training goes on from its checkpoint.

    `start`: id of a run whose model the training begins with.
    """
    return records.run(train_record(system, config, dataset, lane, start))


def train_record(system: System[Any], config: Any, dataset: Dataset, lane: Lane, start: str | None = None) -> Record:
    begin = records.need(lane.store, start, "run") if start else None
    start = begin.id if begin is not None else None
    inputs = {"config": configs.part(config, "train"), "dataset": dataset.hash, "start": start}
    key, made = remember(lane, system, "train", inputs)
    again = made is not None and is_doubted(lane.store) and bool(lost(system, lane, made.body["model"]))
    if made is not None and not again:
        return made
    with stage(lane, system, "train", key) as job:
        key, made = remember(lane, system, "train", inputs)
        if made is None or again:
            first = load_model(system, lane, begin.body["model"]) if begin is not None else None
            model = system.train(config, dataset, job, first)
            made = _keep_run(system, config, dataset, lane, job, key, model, start)
        job.forget()
    body = made.body
    lane.console.say(f"train: {made.id}, {body['seconds']:.1f} s, goodput {100 * body['goodput']:.0f} %")
    return made


def _keep_run(
    system: System[Any],
    config: Any,
    dataset: Dataset,
    lane: Lane,
    job: StageJob,
    key: str,
    model: Model,
    start: str | None,
) -> Record:
    store = lane.store
    manifest = save_model(lane, model)
    load_model(system, lane, manifest)
    baseline = model.baseline() if hasattr(model, "baseline") else None
    baseline_manifest = save_model(lane, baseline) if baseline is not None else None
    metrics = store.put(_jsonl(job.metrics()))
    code, code_blobs = _keep_code(system, lane)
    times = job.times()
    run = Run(
        id=f"run-{key}",
        system=system.name,
        config=config.model_dump(mode="json"),
        dataset=dataset.hash,
        code=code_version(system),
        model=manifest,
        baseline_model=baseline_manifest,
        seconds=times.total,
        cpu_seconds=job.cpu_seconds,
        goodput=times.goodput,
        created=records.now(),
        versions=dict(_versions()),
        resumed_from=job.resumed_from,
        plan={
            "work": system.work(config),
            "unit": system.unit,
            "seed": lane.seed,
            "startup_seconds": times.startup,
            "attempts": times.attempts,
            "lost_seconds": times.lost,
            "machine": machine(),
            "metrics": metrics.hash,
        },
    )
    parents = (("dataset", f"dataset-{dataset.hash[:16]}"), ("code", code.id), *((("start", start),) if start else ()))
    blobs = {
        metrics.hash,
        *model_blobs(lane, manifest),
        *(model_blobs(lane, baseline_manifest) if baseline_manifest else ()),
    }
    record = records.run_record(run, parents, tuple(sorted(blobs)))
    return keep(lane, system, "train", key, record, replace(code, blobs=code_blobs))


def _jsonl(lines: list[dict[str, float]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _keep_code(system: System[Any], lane: Lane) -> tuple[Record, tuple[str, ...]]:
    """The sources themselves, so that a release can be read years later: one blob, gzipped JSON of name -> text.

    One, because each file of its own would wait for the disk (30 of the 60 ms that an empty life took).
    """
    id_ = f"code-{code_version(system)}"
    found = lane.store.record(id_)
    if found is not None:
        return found, found.blobs
    texts = {}
    for file in code_files(system):
        parts = file.parts
        name = "/".join(parts[parts.index("ropewalk") :]) if "ropewalk" in parts else file.name
        texts[name] = file.read_text(encoding="utf-8")
    packed = gzip.compress(json.dumps(texts, sort_keys=True).encode(), compresslevel=1, mtime=0)
    blob = lane.store.put(packed).hash
    record = Record(id_, "code", system.name, time.time(), {"files": sorted(texts), "blob": blob}, (), (blob,))
    return record, record.blobs


def save_model(lane: Lane, model: Model) -> str:
    """Hash of the manifest of what the model saved."""
    with workspace(lane) as scratch:
        folder = scratch / "model"
        folder.mkdir()
        model.save(folder)
        return lane.store.put_tree(folder)


def load_model(system: System[Any], lane: Lane, manifest: str) -> Model:
    """The model behind a manifest, read from the store by the system's own `load`."""
    with workspace(lane) as scratch:
        folder = scratch / "model"
        lane.store.get_tree(manifest, folder)
        return opened(system, lane, folder)


def opened(system: System[Any], lane: Lane, folder: Path) -> Model:
    """What a model saved, loaded; a model with live state (`attach`) is handed the store in which that lies."""
    model = system.load(folder)
    if hasattr(model, "attach"):
        model.attach(lane.store)
    return model


def lost(system: System[Any], lane: Lane, manifest: str) -> str:
    """What of a model's live state was removed for good, or nothing."""
    if not system.upkeep:  # it has none
        return ""
    model = load_model(system, lane, manifest)
    return str(model.lost()) if hasattr(model, "lost") else ""


def model_blobs(lane: Lane, manifest: str) -> tuple[str, ...]:
    return (manifest, *(blob.hash for blob in lane.store.tree(manifest).values()))


@functools.cache  # reading them takes longer than all the rest of a small stage
def _versions() -> Mapping[str, str]:
    found = {"python": platform.python_version()}
    for package in ("ropewalk", "numpy", "polars", "jax", "optax"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> str:
    import os

    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def evaluate(system: System[Any], config: Any, run: Run, dataset: Dataset, lane: Lane) -> Report:
    """Report of the run's model on the held-out part of the dataset."""
    record = evaluate_record(system, config, run.model, dataset, lane, run.id)
    return records.report(lane.store, record)


def evaluate_record(system: System[Any], config: Any, model: str, dataset: Dataset, lane: Lane, run_id: str) -> Record:
    inputs = {"config": configs.part(config, "evaluate"), "dataset": dataset.hash, "model": model}
    key, made = remember(lane, system, "evaluate", inputs)
    if made is not None:
        return made
    with stage(lane, system, "evaluate", key) as job:
        key, made = remember(lane, system, "evaluate", inputs)
        if made is None:
            report = system.evaluate(config, load_model(system, lane, model), dataset, job)
            if not report.metrics:
                raise MissingError("metric", "report.metrics", (), f"evaluate of {system.name!r} returned none.")
            parents = (("run", run_id), ("dataset", f"dataset-{dataset.hash[:16]}"))
            made = records.put_report(lane.store, system.name, key, report, parents)
            made = keep(lane, system, "evaluate", key, made)
        speed = pace(job.metrics())
        job.forget()
    lane.console.say(f"evaluate: {made.id}{speed}")
    return made


def pace(lines: Sequence[Mapping[str, float]]) -> str:
    """What a stage got through in a second, of each metric that it reported as a running total, from nought. For people:
    the report itself is the same bytes on every machine."""
    if len(lines) < 2 or lines[-1]["t"] <= lines[0]["t"]:
        return ""
    seconds = lines[-1]["t"] - lines[0]["t"]
    totals = {name: n for name, n in lines[-1].items() if name not in ("step", "t") and lines[0].get(name) == 0}
    return "".join(f", {n / seconds:,.0f} {name.replace('_', '-')} a second" for name, n in totals.items())


def plan(system: System[Any], config: Any, lane: Lane, deadline_s: float | None = None) -> Plan:
    """Seconds that training `config` takes on this machine, from past runs here or a probe of the small config."""
    past = [
        (float(r.body["plan"]["work"]), float(r.body["seconds"]), float(r.body["plan"]["startup_seconds"]))
        for r in lane.store.records("run", system.name, limit=200)
        if r.body["plan"].get("machine") == machine() and r.body["resumed_from"] is None
        and r.body["code"] == code_version(system)
    ]  # fmt: skip
    work = float(system.work(config))
    if not past:
        small = system.small()
        lane.console.say("plan: no run of this code on this machine yet; training the small config as a probe")
        run = train(system, small, data(system, small, lane), lane)
        past = [(float(system.work(small)), run.seconds, float(run.plan["startup_seconds"]))]
    return predict_seconds(past, work, system.unit, machine(), deadline_s)


def config_of(system: System[Any], body: Mapping[str, Any]) -> Any:
    """The configuration that a run was made with; a setting that an older version had and this one has not is left out."""
    return system.config.model_validate({k: v for k, v in body.items() if k in system.config.model_fields})
