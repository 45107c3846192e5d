"""The nouns. Everything else in the package is a verb on these, and this module imports nothing of ours.

config -data-> Dataset -train-> Run -evaluate-> Report -register-> Release -predict/serve-> Event -monitor-> Finding

All are frozen records but `Model` and `Job`, which are protocols: a system inherits nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

Config = TypeVar("Config")
Columns = Mapping[str, "np.ndarray"]
"""Rows as columns: name -> array, all with the same first dimension. What a model is asked and what it answers.

A column of lists of length n is an array [rows, n]. Strings are arrays of dtype object. One row of a service and a
million rows of a file take the same shape, so there is one code path for an answer and no data frame on it.
"""

Kind = Literal["int", "float", "str", "bool", "date"]
Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract: what a value must be, in which unit, within which bounds."""

    name: str
    kind: Kind
    about: str
    unit: str = ""
    low: float | None = None  # inclusive
    high: float | None = None  # inclusive
    required: bool = True  # False: may be absent or null, then `default`
    default: Any = None
    length: int | None = None  # None: one value; n: a list of exactly n values
    choices: tuple[str, ...] = ()
    secret: bool = False  # a text that only the model sees (a caller's token): an event keeps a short hash of it


@dataclass(frozen=True, slots=True)
class Contract:
    """The columns of a table, or of a request. `joint_by`: rows equal in these columns are answered together."""

    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()  # no two rows may agree in all of these
    time: str | None = None  # the column that orders the rows of a key, if there is one
    joint_by: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in the store, named by what they are."""

    hash: str  # sha256, hexadecimal
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a system's `data` hands to the spine, which freezes it into a Dataset."""

    as_of: datetime  # nothing later is inside
    tables: Mapping[str, pl.DataFrame]
    notes: Mapping[str, Any] = field(
        default_factory=dict
    )  # what was set aside and why, what the data is; JSON types only


@dataclass(frozen=True, slots=True)
class Table:
    """A named table of a dataset: Parquet in the store, read lazily."""

    blob: Blob
    rows: int
    columns: Mapping[str, str]  # name -> type, as Polars prints it


@dataclass(frozen=True, slots=True)
class Dataset:
    """An immutable snapshot of named tables. Its hash covers every table, the notes and `as_of`."""

    name: str
    hash: str
    as_of: datetime
    tables: Mapping[str, Table]
    notes: Mapping[str, Any] = field(default_factory=dict)
    open: Callable[[Blob], pl.LazyFrame] | None = field(default=None, compare=False, repr=False)

    def table(self, name: str) -> pl.LazyFrame:
        """The table `name`, read when collected. KeyError names the tables that there are."""
        if name not in self.tables:
            raise KeyError(f"dataset {self.name!r} has no table {name!r}; it has {', '.join(self.tables)}")
        if self.open is None:
            raise ValueError(f"dataset {self.name!r} is a record without a store; read it with lifecycle.dataset(hash)")
        return self.open(self.tables[name].blob)


@runtime_checkable
class Model(Protocol):
    """Something that answers. A row's answer does not depend on the other rows, except within `contract.joint_by`.

    It may also have `baseline()`, what to serve when it does not win, and `attach(store)`: weights and code of a release are frozen,
    but live state that it names (an index, today's stock) advances by itself, in the store. Such a model answers a column `state` too,
    which says what state a row's answer comes from; it stands in the event. With `trouble()` it says why that state may be old (its
    store is away), or ""; a service tells it and goes on. With `lost()` it names what of its state was removed for good, or "": such a
    release is not promoted, and its training is repeated.
    """

    def predict(self, requests: Columns) -> Columns:
        """[n] requests -> [n] answers, a row each, in the same order."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `load(folder)` needs, the same bytes every time."""
        ...


class Job(Protocol):
    """What the spine lends a stage. Timing and goodput are its business: no system holds a timer."""

    seed: int
    rank: int
    size: int
    threads: int
    folder: Path  # scratch that lives as long as the stage
    store: (
        Any  # where live state lies (a collection of texts); what a stage makes it returns, and the lifecycle keeps it
    )

    def map(self, function: Callable[[Any, int], Any], items: Iterable[Any]) -> list[Any]:
        """[function(item, seed_i)] in order; function at module level, items picklable, seed_i = hash(seed, i)."""
        ...

    def report(self, step: int, **metrics: float) -> None:
        """Metrics of one step; when this returns their bytes have reached the kernel."""
        ...

    def progress(self, what: str, done: float, total: float, unit: str = "") -> None:
        """Tell a person how far the stage is."""
        ...

    def note(self, sentence: str) -> None:
        """Tell a person one sentence that should stay readable after the progress is gone."""
        ...

    def checkpoint(self, step: int, state: bytes) -> None:
        """Keep `state` durably; the last one kept is what `resume` returns."""
        ...

    def resume(self) -> tuple[int, bytes] | None:
        """The last checkpoint of this very stage (same inputs, same code), or None."""
        ...


@dataclass(frozen=True, slots=True)
class Metric:
    """A number with its unit, its 95 % interval, and the same number for the baseline."""

    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    better: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True, slots=True)
class Report:
    """What `evaluate` found. The first metric gates a release.

    `pairs` are the first metric's parts for the model and the baseline on the same cases: a table of
    `unit` (what is drawn again: an item), `block` (a week), `model`, `baseline`. The gate's paired test reads them.
    `tables` are for people and for `outputs`.
    """

    metrics: tuple[Metric, ...]
    baseline: str  # what the numbers are compared with
    pairs: pl.DataFrame | None = None
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""  # the report as a person reads it in a terminal


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows that the model has not seen, as a caller would send them, and what came true, row by row.

    `truths` [len(requests)] has only columns that were unknown when the request was made. `reference` are requests of
    the training period: what drift is measured against.
    """

    requests: pl.DataFrame
    truths: pl.DataFrame
    reference: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to watch once live. `kind` names a function of spine/monitoring; `options` are its arguments."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What monitoring saw, how bad it is, and what to do."""

    check: str
    severity: Severity
    sentence: str
    suggestion: str
    value: float | None = None
    limit: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A machine for a training, what it will cost, and what was rejected and why."""

    machine: str
    seconds: float
    low_seconds: float
    high_seconds: float
    usd: float | None
    p_in_time: float | None  # probability of meeting the deadline; None without one
    work: float
    unit: str
    rejected: tuple[tuple[str, str], ...] = ()  # (machine, reason)


@dataclass(frozen=True, slots=True)
class Run:
    """One training: everything that is behind the model."""

    id: str
    system: str
    config: Mapping[str, Any]
    dataset: str  # hash
    code: str  # version of the system's code
    model: str  # hash of the model's manifest
    seconds: float
    cpu_seconds: float
    goodput: float  # share of the time that made preserved progress
    created: datetime
    versions: Mapping[str, str] = field(default_factory=dict)
    baseline_model: str | None = None  # hash of the baseline's manifest, when the model brought one along
    resumed_from: int | None = None  # step of the checkpoint that it continued from
    plan: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """A run whose report passed the gate, under a name that can be served (`inventory@live`)."""

    id: str
    system: str
    version: int
    run: str
    report: str
    model: str  # hash of the manifest that is served
    choice: Literal["model", "baseline"]
    stage: Literal["candidate", "live", "retired"]
    verdict: str  # the gate's sentence
    created: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One answered request."""

    id: str
    at: datetime
    release: str
    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    latency_s: float
    state: str = ""  # the live state that was read, if the release has one
    done: Mapping[str, Any] | None = None  # what was done instead of the answer, when known
    truth_due: datetime | None = None
    truth: Mapping[str, Any] | None = None
    schema: int = 1


@dataclass(frozen=True, slots=True)
class System(Generic[Config]):
    """A solution: plain functions in one record. `ropewalk.systems.<name>.system` is one."""

    name: str
    about: str  # one sentence: what it decides
    config: type[Config]
    small: Callable[[], Config]  # a whole life in <= 15 CPU-seconds, offline
    data: Callable[[Config, Job], Snapshot]
    train: Callable[[Config, Dataset, Job, Model | None], Model]
    evaluate: Callable[[Config, Model, Dataset, Job], Report]
    load: Callable[[Path], Model]
    requests: Callable[[Config, Dataset, Model], HeldOut]
    contract: Contract
    answers: Contract
    outputs: Callable[[Outcome[Config]], None] | None = None
    work: Callable[[Config], float] = lambda _config: 1.0
    unit: str = "runs"  # the unit of `work`
    checks: Callable[[Config, Dataset], Sequence[Check]] = lambda _config, _dataset: ()
    commands: Mapping[str, Callable[..., int]] = field(default_factory=dict)
    routes: Callable[[], Sequence[Any]] = (
        tuple  # Starlette's; `request.app.state.service` lends them what /predict does
    )
    upkeep: Mapping[str, Callable[..., Mapping[str, Any]]] = field(
        default_factory=dict
    )  # name -> (model, store, job): what it did
    extras: tuple[str, ...] = ()  # the extras of the package that this system needs


@dataclass(frozen=True, slots=True)
class Bench:
    """What a command of a system is lent that needs no store: a seed, who is told, and where results go."""

    seed: int
    note: Callable[[str], None]  # tell a person one sentence, on the way
    write: Callable[[str | Path, bytes], None]  # a file, the whole of it or nothing
    show: Callable[[Mapping[str, Any], str], None]  # the result: for programs, and as a text for people


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command of a system is lent beside its own options: settings, a job, and what the lane knows and does."""

    config: Any
    job: Job
    events: Callable[[], pl.DataFrame]  # all that was answered, oldest first, with `truth` and `done` as far as known
    write: Callable[[str | Path, bytes], None]  # a file, the whole of it or nothing
    show: Callable[..., None]  # the result: figures by name, and how a person reads them if that is not a list of them
    store: Callable[[], Any]  # for a command that keeps something: the store, made where there is none yet
    model: Callable[[], Model]  # of the live release


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Config]):
    """What `outputs` may use: the end of a life. It writes files for people into `folder`."""

    config: Config
    model: Model
    dataset: Dataset
    report: Report
    run: Run
    release: Release | None
    verdict: str  # the gate's sentence, also when it refused
    previous: Path | None  # folder of the last life's outputs, None the first time
    folder: Path
    job: Job
