"""What came true, joined to the answers that it belongs to, by the event's id.

A table of truths has a column `id` and, beside it, what came true: one column each (`units_sold`, `profit_usd`). A
column named `done.<answer>` says what was done instead of the answer (`done.order_now`: the order that the buyer
placed). `known_at` is optional: when the truth was learned.

The same id may come again, in the same table or in a later one. Where it says the same, nothing happens. Where it says
something else, the later one is a correction and wins, column by column: later by `known_at`, else by position, else by
table. An empty cell never takes away what is known, so that sales and orders may come in two tables. Corrections are
counted, never silent.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ropewalk.errors import DataError
from ropewalk.types import Column, Contract

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Mapping[str, Any] = {"int": pl.Int64, "float": pl.Float64, "str": pl.String, "bool": pl.Boolean, "date": pl.Date}
TIME = pl.Datetime("us", "UTC")
DONE = "done."


@dataclass(frozen=True, slots=True)
class Joined:
    """Events with `truth` and `done` (structs, null where nothing is known) and `followed` (whether what was done is
    what was answered, null where it is not known), and how the join went.

    counts: matched (events that the new table tells something about), unknown_ids (rows for no event),
    repeated (said again), corrected (said otherwise, and replaced), already_known (nothing new),
    followed / done_differently (of events with `done`), waiting (events without a truth), overdue (of those, due before
    the newest event).

    releases: the same counts of each release of which the new table tells something, the oldest first.
    """

    frame: pl.DataFrame
    counts: Mapping[str, int]
    releases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def events_frame(events: Sequence[Mapping[str, Any]], contract: Contract, answers: Contract) -> pl.DataFrame:
    """Events as kept, in a table of fixed types: columns that an older contract did not have are null."""
    return pl.DataFrame(
        [
            pl.Series("id", [str(e["id"]) for e in events], pl.String),
            pl.Series("at", [_time(e.get("at")) for e in events], TIME),
            pl.Series("release", [str(e.get("release", "")) for e in events], pl.String),
            _structs("request", [e.get("request") or {} for e in events], contract),
            _structs("answer", [e.get("answer") or {} for e in events], answers),
            pl.Series("latency_s", [e.get("latency_s") for e in events], pl.Float64, strict=False),
            pl.Series("state", [str(e.get("state") or "") for e in events], pl.String),
            pl.Series("truth_due", [_time(e.get("truth_due")) for e in events], TIME),
            pl.Series("schema", [e.get("schema", 1) for e in events], pl.Int64, strict=False),
        ]
    ).sort("at", "id")


def _structs(name: str, rows: Sequence[Mapping[str, Any]], contract: Contract) -> pl.Series:
    columns = [_column(column, [row.get(column.name) for row in rows]) for column in contract.columns]
    if not columns:
        return pl.Series(name, [{}] * len(rows), pl.Struct({}))
    return pl.DataFrame(columns).to_struct(name)


def _column(column: Column, values: list[Any]) -> pl.Series:
    kind = pl.String if column.kind == "date" else KINDS[column.kind]
    if column.kind == "float" and column.length is not None:
        grid = _grid(column, values)
        if grid is not None:
            return grid
    if column.kind == "date":
        values = [v if v is None or isinstance(v, list) else str(v) for v in values]
    dtype = pl.List(kind) if column.length is not None else kind
    made = pl.Series(column.name, values, dtype, strict=False)
    if column.kind != "date":
        return made
    day = pl.element().str.head(10).str.to_date(strict=False) if column.length is not None else None
    if day is not None:
        return made.list.eval(day)
    return made.str.head(10).str.to_date(strict=False)


def _grid(column: Column, values: list[Any]) -> pl.Series | None:
    """Lists of numbers that are all there and of one length, by NumPy (26,000 events are read in 1.9 s instead of 3.0); else
    None."""
    try:
        found = np.array(values, np.float64)
    except (TypeError, ValueError):
        return None
    if found.ndim != 2 or np.isnan(found).any():
        return None
    return pl.Series(column.name, found).cast(pl.List(pl.Float64))


def _time(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


# -- reading --

READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": lambda p: pl.read_csv(p, infer_schema_length=10_000, try_parse_dates=True, schema_overrides={"id": pl.String}),
    ".parquet": pl.read_parquet,
    ".arrow": pl.read_ipc,
    ".feather": pl.read_ipc,
    ".jsonl": pl.read_ndjson,
    ".ndjson": pl.read_ndjson,
}  # fmt: skip


def read_truths(source: str | Path | pl.DataFrame) -> pl.DataFrame:
    """A table of truths, checked: DataError says what is wrong with the table, where, and the way out."""
    if isinstance(source, pl.DataFrame):
        return check_truths(source, "the truths")
    path = Path(source)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            [f"{path}: truths are read from {', '.join(READERS)}; this is {path.suffix or 'without a suffix'}"]
        )
    try:
        frame = reader(path)
    except FileNotFoundError:
        raise DataError([f"{path}: there is no such file"]) from None
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        first = (str(error).strip().splitlines() or ["unreadable"])[0]
        raise DataError([f"{path}: cannot be read as {path.suffix[1:]}: {first}"]) from None
    return check_truths(frame, str(path))


def check_truths(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The table with `id` as text and `known_at` as a time, or DataError with all of its problems.

    `event_id`, as answers call it, is taken for `id`.
    """
    if "id" not in frame.columns and "event_id" in frame.columns:
        frame = frame.rename({"event_id": "id"})
    if "id" not in frame.columns:
        close = [c for c in frame.columns if c.lower() in ("event", "eventid", "request_id", "id")]
        close = close or difflib.get_close_matches("id", frame.columns, n=1, cutoff=0.5)
        hint = f"rename {close[0]!r} to 'id'" if close else "each answer carries its id; keep it with the row"
        raise DataError([f"{name}: column 'id' is missing (there is: {', '.join(frame.columns) or 'nothing'}); {hint}"])
    problems = []
    if frame.height == 0:
        problems.append(f"{name}: holds no rows")
    if not [c for c in frame.columns if c not in ("id", "known_at")]:
        problems.append(f"{name}: has no column beside 'id': what came true is missing")
    frame = frame.with_columns(pl.col("id").cast(pl.String))
    empty = frame["id"].is_null() | (frame["id"].str.strip_chars() == "")
    if empty.any():
        first = empty.arg_true()[0]
        problems.append(
            f"{name}: column 'id': {empty.sum():,} of {frame.height:,} rows are empty, the first is row {first + 1}; "
            "drop them or fill in the ids of the answers"
        )
    nested = [c for c, t in frame.schema.items() if t.is_nested()]
    if nested:
        problems.append(f"{name}: column {nested[0]!r} is nested ({frame.schema[nested[0]]}); give each value a column")
    if "known_at" in frame.columns:
        times = _times(frame["known_at"])
        wrong = times.is_null() & frame["known_at"].is_not_null()
        if wrong.any():
            first = wrong.arg_true()[0]
            problems.append(
                f"{name}: column 'known_at': {wrong.sum():,} of {frame.height:,} rows are no time, the first is row "
                f"{first + 1}: {frame['known_at'][first]!r}; write 2024-03-31 or 2024-03-31T18:00:00Z"
            )
        frame = frame.with_columns(times.alias("known_at"))
    if problems:
        raise DataError(problems)
    return frame.rename({c: c.removeprefix("truth.") for c in frame.columns if c.startswith("truth.")})


def _times(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        short = values.str.len_chars() == 10
        whole = pl.DataFrame({"v": values, "s": short}).select(
            pl.when("s").then(pl.col("v") + "T00:00:00Z").otherwise(pl.col("v").str.replace("Z$", "+00:00"))
        )
        return whole.to_series().map_elements(_lenient, return_dtype=TIME, skip_nulls=True)
    if values.dtype.is_numeric():
        return pl.Series("known_at", [None] * len(values), TIME)
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
        return values.dt.convert_time_zone("UTC").cast(TIME)
    return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _lenient(text: str) -> datetime | None:
    try:
        return _time(text)
    except ValueError:
        return None


# -- joining --


def join(events: pl.DataFrame, truths: pl.DataFrame, known: pl.DataFrame | None = None) -> Joined:
    """Events with what is known about them: from `known` (handed in before) and from `truths`, which comes later."""
    truths = check_truths(truths, "the truths")
    before = _merge(check_truths(known, "the truths handed in before")) if known is not None and known.height else None
    merged = _merge(truths if known is None or before is None else _stack(known, truths))
    facts = [c for c in merged.columns if c not in ("id", "known_at") and not c.startswith(DONE)]
    acts = [c for c in merged.columns if c.startswith(DONE)]
    packed = merged.select("id", _pack("truth", facts), _pack("done", acts, DONE))
    frame = events.drop("truth", "done", "followed", strict=False).join(packed, on="id", how="left").sort("at", "id")
    frame = frame.with_columns(followed(frame))
    return Joined(frame, {**_counts(events, truths, before), **_standing(frame)}, _by_release(frame, truths, before))


def _by_release(frame: pl.DataFrame, truths: pl.DataFrame, before: pl.DataFrame | None) -> dict[str, dict[str, int]]:
    touched = frame.join(truths, on="id", how="semi")["release"].unique(maintain_order=True)
    found = {}
    for release in touched:
        events = frame.filter(pl.col("release") == release)
        theirs = truths.join(events, on="id", how="semi")
        found[release] = {**_counts(events, theirs, before), **_standing(events)}
        del found[release]["unknown_ids"]  # of no release
    return found


def _pack(name: str, columns: list[str], prefix: str = "") -> pl.Expr:
    """Columns as one struct, null where all of them are."""
    if not columns:
        return pl.lit(None).alias(name)
    packed = pl.struct(pl.col(c).alias(c.removeprefix(prefix)) for c in columns)
    return pl.when(pl.any_horizontal(pl.col(c).is_not_null() for c in columns)).then(packed).alias(name)


def _stack(known: pl.DataFrame, truths: pl.DataFrame) -> pl.DataFrame:
    known = check_truths(known, "the truths handed in before")
    mixed = [
        f"the truths: column {c!r} is {truths.schema[c]} now and was {known.schema[c]} before; write it as before"
        for c in truths.columns
        if c in known.columns and _family(truths.schema[c]) != _family(known.schema[c])
        and pl.Null not in (truths.schema[c], known.schema[c])
    ]  # fmt: skip
    if mixed:
        raise DataError(mixed)
    return pl.concat([known, truths], how="diagonal_relaxed")


def _family(dtype: pl.DataType) -> str:
    return "number" if dtype.is_numeric() or dtype == pl.Boolean else "time" if dtype.is_temporal() else str(dtype)


def _merge(truths: pl.DataFrame) -> pl.DataFrame:
    """A row for each id: in every column the last value that is not empty."""
    if "known_at" in truths.columns:
        truths = truths.sort("known_at", nulls_last=False, maintain_order=True)
    if not truths["id"].is_duplicated().any():
        return truths
    return truths.group_by("id", maintain_order=True).agg(pl.all().drop_nulls().last())


def _counts(events: pl.DataFrame, truths: pl.DataFrame, before: pl.DataFrame | None) -> dict[str, int]:
    values = [c for c in truths.columns if c not in ("id", "known_at")]
    there = truths["id"].is_in(events["id"].implode())
    ours = truths.filter(there).select("id", *values)
    distinct = ours.unique()
    ids = ours["id"].n_unique()
    clashing = ours.group_by("id").agg(pl.col(values).drop_nulls().n_unique())
    corrected, already = clashing.filter(pl.any_horizontal(pl.col(values) > 1)).height, 0
    if before is not None:
        olds = [pl.col(c).alias(f"old {c}") if c in before.columns else pl.lit(None).alias(f"old {c}") for c in values]
        both = _merge(ours).join(before.select("id", *olds), on="id", how="inner")
        news = [pl.col(c).is_not_null() & ~pl.col(c).eq_missing(pl.col(f"old {c}")) for c in values]
        clash = [n & pl.col(f"old {c}").is_not_null() for n, c in zip(news, values, strict=True)]
        already = both.filter(~pl.any_horizontal(news)).height if news else both.height
        corrected += both.filter(pl.any_horizontal(clash)).height if clash else 0
    return {
        "matched": ids,
        "unknown_ids": int((~there).sum()),
        "repeated": ours.height - distinct.height,
        "corrected": corrected,
        "already_known": already,
    }


def _standing(frame: pl.DataFrame) -> dict[str, int]:
    """What was done of what was advised, and what is not known yet."""
    same = frame["followed"]
    found = {"followed": int(same.sum()), "done_differently": int((~same).sum())}
    waiting = frame["truth"].is_null()
    overdue = 0
    if "truth_due" in frame.columns and frame.height:
        overdue = int((waiting & (frame["truth_due"] < frame["at"].max()).fill_null(False)).sum())
    return {**found, "waiting": int(waiting.sum()), "overdue": overdue}


def followed(frame: pl.DataFrame) -> pl.Series:
    """For each event: was it done as answered? Null where nothing was handed in about it."""
    done, answer = frame.schema.get("done"), frame.schema["answer"]
    kinds = {f.name: f.dtype for f in answer.fields} if isinstance(answer, pl.Struct) else {}
    shared = [f.name for f in done.fields if f.name in kinds] if isinstance(done, pl.Struct) else []
    same = []
    for name in shared:
        acted, said = pl.col("done").struct.field(name), pl.col("answer").struct.field(name)
        if kinds[name].is_numeric():
            said = said.cast(pl.Float64)
            same.append((acted.cast(pl.Float64) - said).abs() <= 1e-9 * (1 + said.abs()))
        else:
            same.append(acted.cast(pl.String) == said.cast(pl.String))
    if not same:
        return pl.Series("followed", [None] * frame.height, dtype=pl.Boolean)
    return frame.select(pl.all_horizontal(same).alias("followed"))["followed"]
