"""live: a whole life, from data to a monitored decision, each stage only if its inputs changed."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ropewalk import config as configs
from ropewalk.errors import CorruptError, MissingError, RopewalkError
from ropewalk.lifecycle import answers, records, releases, stages
from ropewalk.lifecycle.lane import Lane, code_version, digest, keep, remember, stage, workspace
from ropewalk.lifecycle.upkeep import keep_up
from ropewalk.store import Record
from ropewalk.types import Dataset, Finding, Outcome, Release, Report, Run, System
from ropewalk.whole import write_whole

if TYPE_CHECKING:
    import polars as pl

CHUNK = 50  # rows of one request
SINGLES = 20  # rows sent one by one, as a caller would


@dataclass(frozen=True)
class Life:
    """What a life came to."""

    dataset: Dataset
    run: Run
    report: Report
    release: Release | None
    verdict: str
    folder: Path
    files: tuple[Path, ...]
    served: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0


def live(system: System[Any], config: Any, lane: Lane, *, out: str | Path | None = None) -> Life:
    """data, train, evaluate, register, promote, outputs, serve with the held-out rows, truths, monitor, upkeep."""
    begun = time.monotonic()
    folder = Path(out) if out is not None else Path("out") / system.name
    dataset = stages.data(system, config, lane)
    run = stages.train(system, config, dataset, lane)
    release, verdict = release_of(system, config, run, lane)
    report = stages.evaluate(system, config, run, dataset, lane)
    files = write_outputs(system, config, lane, dataset, run, report, release, verdict, folder)
    served: Mapping[str, Any] = {}
    findings: tuple[Finding, ...] = ()
    if release is not None:
        served = rehearse(system, config, dataset, release, lane)
        page = folder / "monitor.html"
        findings = watch(system, config, lane, release, page)
        lane.console.say(f"monitor: {len(findings)} findings, {page}")
        keep_up(system, lane, release)
        files = (*files, page)
    seconds = time.monotonic() - begun
    lane.console.say(f"live: the whole life took {seconds:.1f} s")
    return Life(dataset, run, report, release, verdict, folder, files, served, findings, seconds)


def release_of(system: System[Any], config: Any, run: Run, lane: Lane) -> tuple[Release | None, str]:
    """The release that serves after this run, and the gate's sentence.

    The model, if it passed; if not, what is live already; if nothing is, or nothing that this version of ropewalk can run, the baseline
    that the model brought along.
    What was decided about this report in an earlier life stands: the same life twice says the same.
    """
    live_now = releases.current(system, lane, "live")
    report, _ = releases.report_of(system, config, run, lane)
    if live_now is not None and (live_now.run, live_now.report) == (run.id, report.id):
        verdict = live_now.verdict
        lane.console.say(f"gate: {verdict}")
        if lane.store.name(f"{system.name}@candidate") == live_now.id:  # killed in the middle of its promotion
            releases.promote(system, lane, live_now.version)
        return live_now, verdict if live_now.choice == "model" else _instead(report, live_now)
    _, judged = releases.judge(system, config, run, lane)
    lane.console.say(f"gate: {judged.sentence}")
    if judged.passed:
        releases.register(system, run, lane, config=config)
        return releases.promote(system, lane), judged.sentence
    compared = len(judged.against) != 1 or (live_now is not None and live_now.model == run.model)
    if live_now is not None and compared:
        return live_now, f"{judged.sentence} v{live_now.version} stays live."
    if run.baseline_model is None:
        return live_now, judged.sentence
    releases.register(system, run, lane, choice="baseline", config=config)
    released = releases.promote(system, lane)
    return released, _instead(report, released)


def _instead(report: Record, released: Release) -> str:
    name = report.body["baseline"]
    return f"{released.verdict} The baseline ({name}) is registered instead, as v{released.version}."


# -- outputs --


def write_outputs(
    system: System[Any],
    config: Any,
    lane: Lane,
    dataset: Dataset,
    run: Run,
    report: Report,
    release: Release | None,
    verdict: str,
    folder: Path,
) -> tuple[Path, ...]:
    """The files for people, kept in the store and laid out whole in `folder`."""
    if system.outputs is None:
        return ()
    record = _outputs_record(system, config, lane, dataset, run, report, release, verdict)
    found = []
    for name, blob in sorted(lane.store.tree(record.body["tree"]).items()):
        target = folder / name
        write_whole(target, lane.store.get(blob.hash))
        found.append(target)
    return tuple(found)


def _outputs_record(
    system: System[Any], config: Any, lane: Lane, dataset: Dataset, run: Run, report: Report,
    release: Release | None, verdict: str,
) -> Record:  # fmt: skip
    assert system.outputs is not None
    inputs = {
        "config": configs.part(config, "serve"),
        "dataset": dataset.hash,
        "run": run.id,
        "release": release.id if release else None,
        "verdict": verdict,
    }
    key, made = remember(lane, system, "outputs", inputs)
    if made is not None:
        return made
    with stage(lane, system, "outputs", key) as job, workspace(lane) as scratch:
        fresh, previous = scratch / "outputs", scratch / "previous"
        fresh.mkdir()
        before = next(iter(lane.store.records("outputs", system.name, limit=1)), None)
        if before is not None:
            lane.store.get_tree(before.body["tree"], previous)
        model = stages.load_model(system, lane, release.model if release else run.model)
        system.outputs(
            Outcome(config, model, dataset, report, run, release, verdict, previous if before else None, fresh, job)
        )
        tree = lane.store.put_tree(fresh)
        parents: list[tuple[str, str]] = [("dataset", f"dataset-{dataset.hash[:16]}"), ("run", run.id)]
        if release is not None:
            parents += [("release", release.id), ("report", release.report)]
        made = Record(
            f"outputs-{key}", "outputs", system.name, time.time(),
            {"tree": tree, "files": sorted(lane.store.tree(tree)), "config": config.model_dump(mode="json")},
            tuple(parents), stages.model_blobs(lane, tree),
        )  # fmt: skip
        made = keep(lane, system, "outputs", key, made)
        job.forget()
    lane.console.say(f"outputs: {', '.join(made.body['files'])}")
    return made


# -- the service, rehearsed --


def rehearse(system: System[Any], config: Any, dataset: Dataset, release: Release, lane: Lane) -> Mapping[str, Any]:
    """Start the service, send the held-out rows as requests, join what came true, stop. Once a release and dataset."""
    key, made = remember(lane, system, "rehearse", {"release": release.id, "dataset": dataset.hash})
    if made is not None:
        return made.body
    with stage(lane, system, "rehearse", key) as job:
        held = system.requests(config, dataset, stages.load_model(system, lane, release.model))
        begun = time.monotonic()
        with service(system, lane) as url:
            ids, latencies = ask(url, held.requests, lane)
        truths = held.truths.insert_column(0, _ids(ids))
        joined = answers.truths(system, lane, truths)
        body = {
            "rows": len(ids),
            "requests": len(latencies),
            "seconds": round(time.monotonic() - begun, 3),
            "one_row_p50_ms": round(1e3 * sorted(latencies[:SINGLES])[min(SINGLES, len(latencies)) // 2], 3)
            if ids
            else None,
            "truths": dict(joined.counts),
        }
        record = Record(f"rehearsal-{key}", "rehearsal", system.name, time.time(), body, (("release", release.id),), ())
        body = dict(keep(lane, system, "rehearse", key, record).body)
        job.forget()
    lane.console.say(f"serve: {body['rows']:,} held-out rows answered in {body['requests']:,} requests")
    return body


def _ids(ids: list[str]) -> pl.Series:
    import polars as pl

    return pl.Series("id", ids, dtype=pl.String)


@contextmanager
def service(system: System[Any], lane: Lane) -> Iterator[str]:
    """The service of the live release on a free port of this machine, in a thread; stopped gracefully at the end."""
    ready, stop = threading.Event(), threading.Event()
    said: dict[str, Any] = {}

    def answering(url: str) -> None:
        said["url"] = url
        ready.set()

    def run() -> None:
        try:
            answers.serve(system, lane, port=0, on_ready=answering, stop=stop, poll_s=0.05)
        except BaseException as error:
            said["error"] = error
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="ropewalk-service", daemon=True)
    thread.start()
    try:
        ready.wait(120)
        if "error" in said:
            raise said["error"]
        if "url" not in said:
            raise RopewalkError(f"the service of {system.name!r} was not ready after 120 s")
        yield said["url"]
    finally:
        stop.set()
        thread.join(60)
    if "error" in said:
        raise said["error"]


def ask(url: str, requests: pl.DataFrame, lane: Lane) -> tuple[list[str], list[float]]:
    """Send the rows, a few one by one and the rest in chunks; event ids in the order of the rows, seconds a request."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    ids: list[str] = []
    latencies: list[float] = []
    at = 0
    try:
        while at < requests.height:
            size = 1 if at < SINGLES else CHUNK
            rows = requests[at : at + size]
            begun = time.perf_counter()
            connection.request("POST", "/predict", rows.write_json().encode(), {"content-type": "application/json"})
            response = connection.getresponse()
            body = response.read()
            latencies.append(time.perf_counter() - begun)
            if response.status != 200:
                raise RopewalkError(f"the service answered {response.status} to held-out rows: {body[:400].decode()}")
            ids += [answer["event_id"] for answer in json.loads(body)]
            at += rows.height
            lane.console.progress("serve", at, requests.height, "rows")
    finally:
        connection.close()
    return ids, latencies


# -- what is found --


def watch(system: System[Any], config: Any, lane: Lane, release: Release, page: Path) -> tuple[Finding, ...]:
    """What monitoring finds, and its page. What it found today is told again where nothing was answered or came true since:
    of all that it looks at only the time has changed, and what is due is due in days."""
    heard = _heard(system, lane, release)
    looked = lane.store.records("monitor", system.name, limit=100)
    made = next((r for r in looked if r.body.get("heard") == heard and r.body.get("page")), None)
    if made is not None:
        with suppress(MissingError, CorruptError):  # a page that is gone is made anew
            write_whole(page, lane.store.get(made.body["page"]))
            return tuple(Finding(**found) for found in made.body["findings"])
    return tuple(answers.monitor(system, config, lane, page=page, release=release.id, heard=heard))


def _heard(system: System[Any], lane: Lane, release: Release) -> str:
    """A name for all that monitoring looks at, and for the day."""
    kept = [
        r.id for kind in ("events", "truths", "counts") for r in lane.store.records(kind, system.name, limit=1_000_000)
    ]
    return digest(code_version(system), lane.seed, release.id, sorted(kept), records.now().date())
