"""What checks look at: the events of a release beside the requests of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from ropewalk.errors import MissingError
from ropewalk.types import Column, Contract, Finding


@dataclass(frozen=True, slots=True)
class Watched:
    """`alpha` is this check's share of the call's false-alarm rate."""

    events: pl.DataFrame
    reference: pl.DataFrame
    contract: Contract
    answers: Contract
    seed: int
    alpha: float
    now: datetime | None = None
    counters: Mapping[str, float] | None = None

    def field(self, part: str, name: str) -> pl.Series | None:
        """A column of request, answer, truth or done; None where nothing of the sort was ever kept."""
        kind = self.events.schema.get(part)
        if isinstance(kind, pl.Struct) and name in {f.name for f in kind.fields}:
            return self.events[part].struct.field(name)
        return None

    def answer(self, name: str) -> pl.Series:
        found = self.field("answer", name)
        if found is None:
            raise MissingError("answer", name, self.answers.names)
        return found

    def requests(self) -> pl.DataFrame:
        """Live requests as a flat table, defaults filled in."""
        return _filled(self.events["request"].struct.unnest(), self.contract)

    def trained(self) -> pl.DataFrame:
        return _filled(self.reference, self.contract)

    def cluster(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns that say which rows belong together: as named, or the contract's keys without its times."""
        known = self.contract.names
        for name in names:
            if name not in known:
                raise MissingError("column", name, known)
        timed = {c.name for c in self.contract.columns if c.kind == "date"} | {self.contract.time}
        return tuple(names) or tuple(k for k in self.contract.keys if k not in timed)

    def keys(self, frame: pl.DataFrame, names: Sequence[str], prefix: str) -> np.ndarray:
        """[rows] a text that says which rows belong together; without names every row is its own."""
        there = [n for n in names if n in frame.columns]
        if not there:
            return np.array([f"{prefix}{i}" for i in range(frame.height)], object)
        joined = frame.select(pl.concat_str([pl.col(n).cast(pl.String).fill_null("") for n in there], separator="\x1f"))
        return joined.to_series().to_numpy().astype(object)

    def live_keys(self, names: Sequence[str]) -> np.ndarray:
        return self.keys(self.requests(), self.cluster(names), "live ")


def _filled(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Absent and null values of columns with a default are that default: so did the model see them."""
    fill = []
    for column in contract.columns:
        if column.default is not None and column.name in frame.columns:
            default = pl.lit(pl.Series("", [column.default], dtype=frame.schema[column.name])).first()
            fill.append(pl.col(column.name).fill_null(default))
    return frame.with_columns(fill)


def summaries(column: Column, series: pl.Series) -> dict[str, np.ndarray]:
    """A column as arrays that can be compared: numbers with NaN, text with None; lists by what they say in short."""
    if column.length is not None:
        if column.kind not in ("int", "float", "bool"):
            return {}
        values = series.cast(pl.List(pl.Float64))
        parts = {"last": values.list.last(), "mean": values.list.mean()}
        if column.length > 2:
            zeros = values.list.eval((pl.element() == 0).cast(pl.Float64)).list.mean()
            parts = {**parts, "share of zeros": zeros}
        return {f"{column.name}: {name}": _numbers(part) for name, part in parts.items()}
    if column.kind == "str":
        return {column.name: series.cast(pl.String).to_numpy().astype(object)}
    if column.kind == "date":
        return {}
    return {column.name: _numbers(series)}


def _numbers(series: pl.Series) -> np.ndarray:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def too_few(check: str, what: str, there: int, needed: int) -> Finding:
    """Not enough data is a finding of its own: it says how much is missing."""
    return Finding(
        check, "info", f"{check}: {there:,} {what} are too few to tell; {needed - there:,} more are needed.",
        "Wait for more, or hand in truths with `ropewalk truths`.", float(there), float(needed),
    )  # fmt: skip
