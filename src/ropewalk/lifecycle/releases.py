"""register, promote, rollback: from a report to what is served."""

from __future__ import annotations

from typing import Any

from ropewalk.errors import GateError, MissingError, VersionError
from ropewalk.lifecycle import records
from ropewalk.lifecycle.lane import STATE, Lane, digest
from ropewalk.lifecycle.stages import config_of, evaluate_record, lost, model_blobs
from ropewalk.spine.registry.gate import Verdict, decide
from ropewalk.spine.registry.stages import live_stack
from ropewalk.store import Move, Record
from ropewalk.types import Release, Run, System


def judge(system: System[Any], config: Any, run: Run, lane: Lane) -> tuple[Record, Verdict]:
    """The run's report and the gate's verdict on it: against the baseline, and against the live release, both on the
    same dataset. A live release that this version cannot run any more says nothing."""
    report_record, data_record = report_of(system, config, run, lane)
    report = records.report(lane.store, report_record)
    live = current(system, lane, "live")
    live_report = None
    if live is not None and live.model != run.model:
        dataset = records.dataset(lane.store, data_record)
        try:
            measured = evaluate_record(system, config, live.model, dataset, lane, live.run)
            live_report = records.report(lane.store, measured)
        except VersionError as error:
            # Nobody could serve it either: it must not keep what can be served from going live.
            lane.console.say(f"v{live.version}, which is live, cannot be measured beside it: {error}")
    return report_record, decide(report, live_report, seed=lane.seed)


def report_of(system: System[Any], config: Any, run: Run, lane: Lane) -> tuple[Record, Record]:
    """The report on a run's model, made if need be, and the dataset that it is about."""
    data_record = records.need(lane.store, f"dataset-{run.dataset[:16]}", "dataset")
    dataset = records.dataset(lane.store, data_record)
    return evaluate_record(system, config, run.model, dataset, lane, run.id), data_record


def register(system: System[Any], run: Run, lane: Lane, *, choice: str = "model", config: Any = None) -> Release:
    """Make the run's model (or the baseline that it brought along) a candidate, if the gate lets it pass.

    Raises GateError with the verdict's sentence. The baseline needs no gate: it is what one has without learning.
    Registering the same model twice returns the release that there is.
    """
    config = config if config is not None else config_of(system, run.config)
    report_record, verdict = judge(system, config, run, lane)
    if choice == "model" and not verdict.passed:
        raise GateError(f"{run.id} was not registered: {verdict.sentence}")
    manifest = run.model if choice == "model" else run.baseline_model
    if manifest is None:
        raise MissingError("baseline", run.id, hint=f"The models of {system.name!r} bring no baseline along.")
    with lane.store.lease(f"register/{system.name}"), lane.store.session(f"register {system.name}"):
        id_ = f"release-{digest(system.name, manifest, report_record.id, choice)}"
        made = lane.store.record(id_)
        if made is None:
            release = Release(
                id=id_,
                system=system.name,
                version=1
                + max((r.body["version"] for r in lane.store.records("release", system.name, limit=10_000)), default=0),
                run=run.id,
                report=report_record.id,
                model=manifest,
                choice="model" if choice == "model" else "baseline",
                stage="candidate",
                verdict=verdict.sentence,
                created=records.now(),
            )
            made = records.release_record(
                release, (("run", run.id), ("report", report_record.id)), model_blobs(lane, manifest)
            )
            lane.store.commit(made)
        if lane.store.name(f"{system.name}@live") != id_:
            _move(lane, f"{system.name}@candidate", id_, "register")
    found = records.release(lane.store, made)
    lane.console.say(f"register: {system.name} v{found.version} ({found.choice}) is {found.stage}")
    return found


def promote(system: System[Any], lane: Lane, version: int | None = None) -> Release:
    """Make a release live: the candidate, or the one with this version number. The old live one is retired."""
    with lane.store.lease(f"register/{system.name}"):
        target = _by_version(system, lane, version) if version is not None else current(system, lane, "candidate")
        if target is None:
            live = current(system, lane, "live")
            if live is not None and version is None:
                return live
            raise MissingError(
                "release", f"{system.name}@candidate", hint=f"Make one with `ropewalk register {system.name}`."
            )
        if lane.store.name(f"{system.name}@live") != target.id:
            _check_state(system, lane, target)
            _move(lane, f"{system.name}@live", target.id, "promote")
        if lane.store.name(f"{system.name}@candidate") == target.id:
            _move(lane, f"{system.name}@candidate", None, "promoted")
        found = current(system, lane, "live")
        assert found is not None
    lane.console.say(f"promote: {system.name} v{found.version} is live")
    return found


def rollback(system: System[Any], lane: Lane, from_version: int | None = None) -> Release:
    """Make the release live that was live before this one.

    `from_version`: only if this version is live. When the last move was a rollback from it, all is done already: after a
    death the same words may be said again.
    """
    name = f"{system.name}@live"
    with lane.store.lease(f"register/{system.name}"):
        live, moves = current(system, lane, "live"), lane.store.history(name)
        stack = live_stack(moves)
        if from_version is not None and (live is None or live.version != from_version):
            return _taken_back(system, lane, live, moves, from_version)
        if len(stack) < 2:
            raise MissingError(
                "release",
                f"{system.name} before the live one",
                hint="Only one has been live: there is nothing to go back to.",
            )
        _check_state(system, lane, records.release(lane.store, records.need(lane.store, stack[-2], "release")))
        if live is not None:
            v = live.version
            lane.console.say(f"rollback: {system.name} v{v} goes (should this be cut off: repeat it with --from {v})")
        _move(lane, name, stack[-2], "rollback")
        found = current(system, lane, "live")
        assert found is not None
    lane.console.say(f"rollback: {system.name} v{found.version} is live again")
    return found


def _check_state(system: System[Any], lane: Lane, release: Release) -> None:
    """MissingError when what a release reads was removed for good since it was made."""
    if gone := lost(system, lane, release.model):
        raise MissingError(
            STATE, f"{system.name} v{release.version}",
            hint=f"It read {gone}, which was removed as garbage after nobody had used it for long. Nothing was moved; `ropewalk train "
            f"{system.name}` with its settings makes it again.",
        )  # fmt: skip


def _taken_back(system: System[Any], lane: Lane, live: Release | None, moves: list[Move], version: int) -> Release:
    """The live release, if the last thing that happened was a rollback from `version`; else MissingError."""
    left = _by_version(system, lane, version).id
    if live is None or not moves or moves[-1].why != "rollback" or moves[-1].before != left:
        other = f"v{live.version} is" if live is not None else "None is"
        raise MissingError(
            "live release",
            f"{system.name} v{version}",
            hint=f"{other} live: nothing was rolled back. `ropewalk runs {system.name}` lists what there is.",
        )
    lane.console.say(f"rollback: {system.name} v{live.version} is live again already")
    return live


def current(system: System[Any], lane: Lane, stage: str) -> Release | None:
    """The release that `<system>@<stage>` names now."""
    id_ = lane.store.name(f"{system.name}@{stage}")
    record = lane.store.record(id_) if id_ else None
    return records.release(lane.store, record) if record is not None else None


def find(system: System[Any], lane: Lane, which: str | None) -> Release:
    """A release by stage ('live'), version ('3', 'v3') or id; the live one by default, else the candidate."""
    if which in (None, ""):
        found = current(system, lane, "live") or current(system, lane, "candidate")
    elif which in ("live", "candidate"):
        found = current(system, lane, which)
    elif which.lstrip("v").isdigit():
        found = _by_version(system, lane, int(which.lstrip("v")))
    else:
        found = records.release(lane.store, records.need(lane.store, which or "", "release"))
    if found is None:
        raise MissingError(
            "release", f"{system.name}@{which or 'live'}",
            hint=f"`ropewalk live {system.name}` makes one; `ropewalk runs {system.name}` lists what there is.",
        )  # fmt: skip
    return found


def _by_version(system: System[Any], lane: Lane, version: int) -> Release:
    all_ = lane.store.records("release", system.name, limit=10_000)
    for record in all_:
        if record.body["version"] == version:
            return records.release(lane.store, record)
    raise MissingError("release", f"{system.name} v{version}", [f"v{r.body['version']}" for r in all_])


def _move(lane: Lane, name: str, target: str | None, why: str) -> None:
    lane.store.move(name, target, expected=lane.store.name(name), why=why)
