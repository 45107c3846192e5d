"""The verbs for Python: the same names and arguments as in the shell, nouns as results.

Every verb takes a system (its name, its file, or a `System`) and the same options:

    small      use the system's small configuration (offline, seconds)
    config     a YAML file of settings
    sets       strings `key=value`
    settings   settings by name, as a mapping; the last of these three wins
    store      folder or s3://bucket/prefix; default $ROPEWALK_STORE or .ropewalk
    index      postgresql://...; default $ROPEWALK_INDEX or SQLite beside the store
    workers    processes, or Ray: 4, "ray", "ray:8", "ray:auto", "ray://host:10001"
    seed, threads, quiet
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from ropewalk import catalogue
from ropewalk import config as configs
from ropewalk.errors import MissingError
from ropewalk.lifecycle import inspect
from ropewalk.lifecycle.lane import Console, Lane, doubting
from ropewalk.spine.compute.workers import release, workers_of
from ropewalk.store import GcReport, Store, is_new, open_store
from ropewalk.types import Bench, Dataset, Desk, Finding, Model, Plan, Release, Report, Run, System

if TYPE_CHECKING:
    from typing import Unpack

    import polars as pl

    from ropewalk.lifecycle.answers import Joined, Summary
    from ropewalk.lifecycle.life import Life


class Options(TypedDict, total=False):
    """What every verb understands; see the module's docstring."""

    small: bool
    config: str | Path | None
    sets: Sequence[str]
    settings: Mapping[str, Any]
    store: str | None
    index: str | None
    seed: int
    workers: int | str
    threads: int
    quiet: bool


@dataclass(frozen=True)
class Place:
    """A system with its configuration and a lane to run on."""

    system: System[Any]
    config: Any
    lane: Lane


@contextmanager
def place(system: str | System[Any], **options: Unpack[Options]) -> Iterator[Place]:
    """Resolve the options of a verb; the store is closed at the end."""
    workers_of(options.get("workers") or 1)  # refused before anything is made
    found = catalogue.find(system) if isinstance(system, str) else system
    config = configs.load(
        found.config,
        base=found.small() if options.get("small") else None,
        file=options.get("config"),
        values=options.get("settings"),
        sets=options.get("sets", ()),
    )
    store = open_store(options.get("store"), options.get("index"))
    bounds: dict[str, Any] = {k: options[k] for k in ("seed", "workers", "threads") if options.get(k) is not None}
    try:
        with doubting(store):
            yield Place(found, config, Lane(store, Console(options.get("quiet", True)), **bounds))
    finally:
        release()
        store.close()


@contextmanager
def desk(
    system: str | System[Any],
    show: Callable[..., None] = lambda *_: None,
    command: str = "command",
    **options: Unpack[Options],
) -> Iterator[Desk]:
    """A desk for a system's command. Its settings are those that the live release was trained with, changed by the options. It keeps nothing
    unless the command asks for the store, so where there is none yet, none is made.

    with desk("inventory") as d: system.commands["actuals"](d, sales="newer.csv")
    """
    from ropewalk.lifecycle import records, releases, stages

    found = catalogue.find(system) if isinstance(system, str) else system
    where: Any = {key: value for key, value in options.items() if key not in ("config", "sets", "settings")}
    if is_new(options.get("store"), options.get("index")):
        where["store"] = "memory://"
    with place(found, **where) as p:
        live = None if options.get("small") else releases.current(found, p.lane, "live")
        trained = records.need(p.lane.store, live.run, "run").body["config"] if live else None
        config = configs.load(
            found.config,
            base=stages.config_of(found, trained) if trained is not None else p.config,
            file=options.get("config"),
            values=options.get("settings"),
            sets=options.get("sets", ()),
        )
        with p.lane.job(command, "command") as job, ExitStack() as opened:

            def store() -> Store:
                if p.lane.store.url != "memory://":
                    return p.lane.store
                return opened.enter_context(open_store(options.get("store"), options.get("index")))

            def model() -> Model:
                return stages.load_model(found, p.lane, releases.find(found, p.lane, None).model)

            yield Desk(config, job, lambda: _events(found, p.lane), _write, show, store, model)


def bench(show: Callable[[Mapping[str, Any], str], None] = lambda *_: None, seed: int = 0, quiet: bool = True) -> Bench:
    """A bench for a system's command that needs no store."""
    return Bench(seed, Console(quiet).say, _write, show)


def _write(path: str | Path, data: bytes) -> None:
    from ropewalk.whole import write_whole

    write_whole(Path(path), data)


def _events(system: System[Any], lane: Lane) -> pl.DataFrame:
    from ropewalk.lifecycle import answers
    from ropewalk.spine.labels.truths import join

    events = answers.read_events(system, lane)
    if not events.height:
        hint = f"Nothing was answered yet: `ropewalk serve {system.name}`, or `predict`."
        raise MissingError("event", system.name, hint=hint)
    known = answers.read_truths_kept(system, lane)
    return events if known is None else join(events, known).frame


def data(system: str | System[Any], **options: Unpack[Options]) -> Dataset:
    """Freeze the tables that the configuration names into a Dataset."""
    from ropewalk.lifecycle import stages

    with place(system, **options) as p:
        return stages.data(p.system, p.config, p.lane)


def plan(system: str | System[Any], deadline_s: float | None = None, **options: Unpack[Options]) -> Plan:
    """How long training this configuration will take on this machine, and how sure that is."""
    from ropewalk.lifecycle import stages

    with place(system, **options) as p:
        return stages.plan(p.system, p.config, p.lane, deadline_s)


def train(system: str | System[Any], start: str | None = None, **options: Unpack[Options]) -> Run:
    """Train (after `data`, if that was not done); a killed training continues from its checkpoint."""
    from ropewalk.lifecycle import stages

    with place(system, **options) as p:
        return stages.train(p.system, p.config, stages.data(p.system, p.config, p.lane), p.lane, start)


def evaluate(system: str | System[Any], **options: Unpack[Options]) -> Report:
    """Report of the trained model against its baseline, on rows that it has not seen."""
    from ropewalk.lifecycle import stages

    with place(system, **options) as p:
        dataset = stages.data(p.system, p.config, p.lane)
        run = stages.train(p.system, p.config, dataset, p.lane)
        return stages.evaluate(p.system, p.config, run, dataset, p.lane)


def register(
    system: str | System[Any], run: str | None = None, choice: str = "model", **options: Unpack[Options]
) -> Release:
    """Make a run's model a candidate if the gate lets it pass; `choice='baseline'` takes the baseline instead."""
    from ropewalk.lifecycle import records, releases, stages

    with place(system, **options) as p:
        if run is not None:
            return releases.register(
                p.system, records.run(records.need(p.lane.store, run, "run")), p.lane, choice=choice
            )
        dataset = stages.data(p.system, p.config, p.lane)
        trained = stages.train(p.system, p.config, dataset, p.lane)
        return releases.register(p.system, trained, p.lane, choice=choice, config=p.config)


def promote(system: str | System[Any], version: int | None = None, **options: Unpack[Options]) -> Release:
    """Make the candidate live, or the release of this version."""
    from ropewalk.lifecycle import releases

    with place(system, **options) as p:
        return releases.promote(p.system, p.lane, version)


def rollback(system: str | System[Any], from_version: int | None = None, **options: Unpack[Options]) -> Release:
    """Make the release live that was live before; with `from_version` only if that one is live, so that it may be said twice."""
    from ropewalk.lifecycle import releases

    with place(system, **options) as p:
        return releases.rollback(p.system, p.lane, from_version)


def predict(
    system: str | System[Any],
    source: str | Path,
    target: str | Path,
    release: str | None = None,
    on_bad_rows: str = "stop",
    **options: Unpack[Options],
) -> Summary:
    """Answer every row of a file (CSV, Parquet, Arrow) with a release, in constant memory."""
    from ropewalk.lifecycle import answers

    with place(system, **options) as p:
        return answers.predict(p.system, p.lane, source, target, release=release, on_bad_rows=on_bad_rows)


def serve(
    system: str | System[Any],
    host: str = "127.0.0.1",
    port: int = 8000,
    api_key: str | None = None,
    ready_file: str | Path | None = None,
    on_ready: Callable[[str], None] | None = None,
    **options: Unpack[Options],
) -> int:
    """Serve the live release over HTTP until SIGTERM; a new live release is taken over without a failed request.

    `on_ready` is called with the address once requests are answered.
    """
    from ropewalk.lifecycle import answers

    with place(system, **options) as p:
        return answers.serve(
            p.system, p.lane, host=host, port=port, api_key=api_key, ready_file=ready_file, on_ready=on_ready
        )


def truths(system: str | System[Any], source: str | Path, **options: Unpack[Options]) -> Joined:
    """Join what came true (a file with the event's `id`) to the events of the past; counts, also by release (v1, v2)."""
    from ropewalk.lifecycle import answers

    with place(system, **options) as p:
        joined = answers.truths(p.system, p.lane, source)
        known = {id_: p.lane.store.record(id_) for id_ in joined.releases}
        names = {id_: f"v{record.body['version']}" if record else id_ for id_, record in known.items()}
        return replace(joined, releases={names[id_]: counts for id_, counts in joined.releases.items()})


def monitor(system: str | System[Any], page: str | Path | None = None, **options: Unpack[Options]) -> list[Finding]:
    """Check the events of the live release; `page` is where the HTML goes."""
    from ropewalk.lifecycle import answers

    with place(system, **options) as p:
        return answers.monitor(p.system, p.config, p.lane, page=page)


def live(system: str | System[Any], out: str | Path | None = None, **options: Unpack[Options]) -> Life:
    """A whole life: data, train, evaluate, register, promote, outputs, serve, truths, monitor."""
    from ropewalk.lifecycle import life

    with place(system, **options) as p:
        return life.live(p.system, p.config, p.lane, out=out)


def runs(
    system: str | None = None, limit: int = 20, store: str | None = None, index: str | None = None
) -> list[dict[str, Any]]:
    """Past runs, newest first, with their figures and releases."""
    opened = open_store(store, index)
    try:
        return inspect.runs(opened, system, limit)
    finally:
        opened.close()


def show(what: str, store: str | None = None, index: str | None = None) -> dict[str, Any]:
    """A record by id, name or file that a life wrote, and everything that stands behind it."""
    opened = open_store(store, index)
    try:
        return inspect.show(opened, what)
    finally:
        opened.close()


def gc(
    dry_run: bool = False, forget_days: float | None = None, store: str | None = None, index: str | None = None
) -> GcReport:
    """Remove what nothing refers to, and nothing else."""
    opened = open_store(store, index)
    try:
        return inspect.gc(opened, dry_run=dry_run, forget_days=forget_days)
    finally:
        opened.close()
