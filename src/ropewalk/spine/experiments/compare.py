"""Two reports on the same cases, side by side: what differs, by how much, and whether that may be chance.

The first metric has pairs and so an interval and a p-value; the others are shown as they are, without either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ropewalk.errors import DataError
from ropewalk.methods.html import amount, plain
from ropewalk.methods.stats.bootstrap import Interval, pairs_interval
from ropewalk.types import Metric, Report

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of both. `difference` is first - second; the interval is there for the first metric only."""

    metric: str
    unit: str
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Comparison:
    names: tuple[str, str]
    rows: tuple[Row, ...]
    interval: Interval  # of one pair, first - second

    def frame(self) -> pl.DataFrame:
        """The rows as a table."""
        import polars as pl

        return pl.DataFrame([{name: getattr(row, name) for name in Row.__slots__} for row in self.rows])


def compare(
    first: Report, second: Report, *, names: tuple[str, str] = ("first", "second"), seed: int, level: float = 0.95
) -> Comparison:
    """Both reports have to be about the same cases: pairs are joined on unit and block. DataError where they are not."""
    problems = [
        f"the report of {n} has no pairs" for n, r in zip(names, (first, second), strict=True) if r.pairs is None
    ]
    if problems or first.pairs is None or second.pairs is None:
        raise DataError(problems)
    both = first.pairs.select("unit", "block", first="model").join(
        second.pairs.select("unit", "block", second="model"), on=["unit", "block"]
    )
    if both.height != first.pairs.height or both.height != second.pairs.height:
        raise DataError([
            f"{names[0]} has {first.pairs.height:,} pairs, {names[1]} {second.pairs.height:,}, and {both.height:,} are the "
            "same: evaluate both on one dataset, then compare"
        ])  # fmt: skip
    both = both.sort("unit", "block")
    found = pairs_interval(
        both["unit"].to_numpy(), both["block"].to_numpy(), both["first"].cast(float).to_numpy(),
        both["second"].cast(float).to_numpy(), seed=seed, level=level,
    )  # fmt: skip
    others = {m.name: m for m in second.metrics}
    shared = [(m, others[m.name]) for m in first.metrics if m.name in others]
    rows = [_row(a, b, names, found if i == 0 else None) for i, (a, b) in enumerate(shared)]
    return Comparison(names, tuple(rows), found)


def _row(a: Metric, b: Metric, names: tuple[str, str], found: Interval | None) -> Row:
    difference = a.value - b.value
    low = high = p = None
    if found is not None and found.difference:
        # The pairs may be parts of a total or of a mean: their interval is brought to the metric's own unit.
        scale = difference / found.difference
        low, high, p = *sorted((found.low * scale, found.high * scale)), found.p_value
    elif found is not None:
        low, high, p = 0.0, 0.0, 1.0
    return Row(
        a.name, a.unit, a.value, b.value, difference, low, high, p, _sentence(a, b, names, difference, low, high)
    )


def _sentence(
    a: Metric, b: Metric, names: tuple[str, str], difference: float, low: float | None, high: float | None
) -> str:
    values = f"{plain(amount(a.value, a.unit))} against {plain(amount(b.value, b.unit))}"
    if difference == 0:
        return f"{a.name}: the same for both, {plain(amount(a.value, a.unit))}."
    better = (difference > 0) == (a.better == "higher")
    who, whom = names if better else names[::-1]
    if low is None or high is None:
        return f"{a.name}: {who} is better in this sample, {values}; whether by chance is not known."
    span = f"{plain(amount(low, a.unit, sign=True))} to {plain(amount(high, a.unit, sign=True))}"
    if low <= 0 <= high:
        return f"{a.name}: no clear difference, {values} ({names[0]} - {names[1]}: {span})."
    return f"{a.name}: {who} is better than {whom}, {values} ({names[0]} - {names[1]}: {span})."
