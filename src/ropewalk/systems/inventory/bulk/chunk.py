"""A chunk of the table as arrays, its bad rows apart: each with the column, the value and what is wrong with it.

Letters: T periods of history, K periods ahead, N rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from ropewalk.systems.inventory.bulk.plan import Items
from ropewalk.systems.inventory.bulk.table import KEY, LISTS, NUMBERS, Layout
from ropewalk.types import Column

Array = np.ndarray
ROW = "_ropewalk_row"
FURTHEST = 104  # periods: what is due later arrives after the next order, whatever the terms
REJECTED = {
    "row": pl.Int64,  # from 0
    "item": pl.String,
    "site": pl.String,
    "column": pl.String,
    "value": pl.String,
    "reason": pl.String,
}


class Chunk(NamedTuple):
    """Rows of a table: those that can be planned, and what is wrong with the others."""

    key: pl.DataFrame  # item, site of the N rows
    items: Items
    rejected: pl.DataFrame  # REJECTED, a line for each bad value


class Sieve:
    """Keeps which rows are good, and a line for each bad value."""

    def __init__(self, frame: pl.DataFrame, lines: Sequence[pl.DataFrame] = ()) -> None:
        self.frame, self.lines = frame, [pl.DataFrame(schema=REJECTED), *lines]
        self.good = np.ones(frame.height, bool)

    def note(self, bad: Array, column: str | list[str], value: Sequence[str | None], reason: str | list[str]) -> None:
        """`bad` [N] bool; the rest for the bad rows alone, or the same for all."""
        self.good &= ~bad
        told = {"column": column, "value": value, "reason": reason}
        given = [pl.Series(n, v if isinstance(v, list) else [v] * len(value), pl.String) for n, v in told.items()]
        key = [pl.col(c.name).cast(pl.String) if c.name in self.frame.columns else pl.lit(c.default).alias(c.name) for c in KEY]  # fmt: skip
        rows = self.frame.filter(bad).select(pl.col(ROW).cast(pl.Int64).alias("row"), *key)
        self.lines.append(rows.with_columns(given))

    def rejected(self) -> pl.DataFrame:
        return pl.concat(self.lines).sort("row", maintain_order=True)


def chunk(frame: pl.DataFrame, found: Layout, assumed: Mapping[str, float]) -> Chunk:
    """The rows of `frame`, which has the columns of the layout and ROW; `assumed`: as table.defaults makes it."""
    sieve = Sieve(frame)
    _lengths(sieve, found)
    if not sieve.good.all():
        frame = frame.filter(sieve.good)
        sieve = Sieve(frame, sieve.lines)
    for column in KEY:
        if column.name in found.others and (bad := frame[column.name].is_null().to_numpy()).any():
            sieve.note(bad, column.name, [None] * int(bad.sum()), "is missing")
    numbers = {c.name: _checked(sieve, c, frame[c.name]) for c in NUMBERS if c.name in found.others}
    history, on_order = _grid(frame, found.history), _grid(frame, found.on_order)
    for column, grid, names in zip(LISTS, (history, on_order), (found.history, found.on_order), strict=True):
        _check_grid(sieve, column, grid, names)
    terms = _filled(numbers, assumed, frame.height)
    _check_holding(sieve, numbers, terms["holding_usd"])
    items = Items(history.T, on_order, **terms)
    key = frame.select("item", "site" if "site" in found.others else pl.lit(KEY[1].default).alias("site"))
    if not sieve.good.all():
        keep = sieve.good
        items, key = Items(items.history[keep], on_order[:, keep], *(c[keep] for c in items[2:])), key.filter(keep)
    return Chunk(key, items, sieve.rejected())


def _filled(numbers: dict[str, Array], assumed: Mapping[str, float], size: int) -> dict[str, Array]:
    """Every number of Items [N]: of the table, or assumed."""
    made = {name: np.broadcast_to(np.float64(value), size) for name, value in assumed.items() if name not in numbers}
    filled = {**numbers, **made}
    for name, share_of in (("unit_cost_usd", "price_usd"), ("holding_usd", "unit_cost_usd")):
        if name in made:
            filled[name] = filled[name] * filled[share_of]
    return filled


def _check_holding(sieve: Sieve, numbers: Mapping[str, Array], holding: Array) -> None:
    """Set aside what costs nothing to hold: no stock of it would be too much. Such a nought is a gap in the data more often than a gift."""
    bad = holding == 0.0
    if bad.any():
        told = next(name for name in ("holding_usd", "unit_cost_usd", "price_usd") if name in numbers)
        more = "" if told == "holding_usd" else ", or holding_usd"
        reason = f"is 0, so holding costs nothing and no stock is too much; give what it costs{more}"
        sieve.note(bad, told, ["0"] * int(bad.sum()), reason)


def _lengths(sieve: Sieve, found: Layout) -> None:
    """Set aside rows whose list is missing, or whose history has not T values."""
    for column, names in zip(LISTS, (found.history, found.on_order), strict=True):
        if len(names) != 1 or not sieve.frame[names[0]].dtype.is_nested():
            continue
        lists = sieve.frame[names[0]]
        missing = lists.is_null().to_numpy()
        if missing.any():
            sieve.note(missing, column.name, [None] * int(missing.sum()), "is missing")
        if column.required and isinstance(lists.dtype, pl.List):
            sizes = lists.list.len().fill_null(found.periods).to_numpy()
            other = sizes != found.periods
            if other.any():
                told = [f"{n} values" for n in sizes[other].tolist()]
                sieve.note(other, column.name, told, f"has not {found.periods} values")


def _grid(frame: pl.DataFrame, names: tuple[str, ...]) -> Array:
    """[T,N] or [K,N]: a column each, or one of lists, of which the short ones end in noughts and the long ones at FURTHEST."""
    if len(names) == 1 and frame[names[0]].dtype.is_nested():
        lists = frame[names[0]]
        if isinstance(lists.dtype, pl.List):
            sizes = lists.list.len()
            length = min(int(sizes.max() or 0), FURTHEST)  # type: ignore[arg-type]
            if sizes.min() != length or sizes.max() != length:
                return _grid(_padded(lists, length), tuple(map(str, range(length))))
            lists = lists.list.to_array(length)
        return _plain(lists.arr.explode()).reshape(len(lists), lists.dtype.shape[0]).T  # type: ignore[attr-defined]
    out = np.empty((len(names), frame.height), np.float32)
    for row, name in zip(out, names, strict=True):
        row[:] = _plain(frame[name])
    return out


def _padded(lists: pl.Series, length: int) -> pl.DataFrame:
    """A column for each place in the lists; 0 past the end of a list."""
    at = [pl.when(pl.col(lists.name).list.len() > k).then(pl.col(lists.name).list.get(k, null_on_oob=True)) for k in range(length)]  # fmt: skip
    return lists.to_frame().select(value.otherwise(0).alias(str(k)) for k, value in enumerate(at))


def _plain(series: pl.Series) -> Array:
    """[N]; a null is NaN."""
    if series.null_count() or series.dtype.is_decimal():
        series = series.cast(pl.Float64).fill_null(float("nan"))
    return series.to_numpy()


def _checked(sieve: Sieve, column: Column, series: pl.Series) -> Array:
    """[N] float64, its bad values noted."""
    values = _plain(series).astype(np.float64, copy=False)
    bad = _outside(values, column)
    if column.kind == "int":
        bad |= values != np.floor(values)
    if bad.any():
        sieve.note(bad, column.name, _told(values[bad]), _why(values[bad], column))
    return values


def _check_grid(sieve: Sieve, column: Column, grid: Array, names: tuple[str, ...]) -> None:
    """Rows with a bad value among many: the first of them is noted."""
    if not grid.size or not _outside(np.array([grid.min(), grid.max()]), column).any():
        return
    bad = _outside(grid.min(0), column) | _outside(grid.max(0), column)
    some = grid[:, bad]
    first = np.argmax(_outside(some, column), axis=0)
    values = some[first, np.arange(some.shape[1])].astype(np.float64)
    told = [names[k] if len(names) > 1 else f"{column.name}, value {k + 1}" for k in first.tolist()]
    sieve.note(bad, told, _told(values), _why(values, column))


def _outside(values: Array, column: Column) -> Array:
    """Bool: missing, or outside of the column's bounds."""
    return ~((values >= float(column.low or 0.0)) & (values <= float(column.high or 0.0)))


def _told(values: Array) -> list[str | None]:
    return [None if v != v else f"{v:.12g}" for v in values.tolist()]


def _why(values: Array, column: Column) -> list[str]:
    low, high = f"is below {column.low:g}", f"is above {column.high:g}"
    return [
        "is missing" if v != v else low if v < column.low else high if v > column.high else "is not a whole number"
        for v in values.tolist()
    ]
