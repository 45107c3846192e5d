"""A chunk of the table as arrays, its bad rows apart: each with the column, the value and what is wrong with it.

Letters: T periods of history, K periods ahead, M either of them, N rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from ropewalk.systems.inventory.bulk import grid
from ropewalk.systems.inventory.bulk.plan import Items
from ropewalk.systems.inventory.bulk.table import FEWEST, KEY, LISTS, LONGEST, NUMBERS, Layout
from ropewalk.systems.inventory.bulk.twice import ROW
from ropewalk.types import Column

Array = np.ndarray
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


def chunk(
    frame: pl.DataFrame, found: Layout, assumed: Mapping[str, float], again: tuple[Array, list[str]] | None = None
) -> Chunk:
    """The rows of `frame`, which has the columns of the layout and ROW; `assumed`: as table.defaults makes it; `again`: which rows
    were there before, bool [N], and where each of those was."""
    sieve = Sieve(frame)
    if again is not None and len(again[1]):
        reasons = [f"is there already, with this site: {place}" for place in again[1]]
        sieve.note(again[0], "item", frame["item"].filter(again[0]).cast(pl.String).to_list(), reasons)
    _lengths(sieve, found)
    if not sieve.good.all():
        frame = frame.filter(sieve.good)
        sieve = Sieve(frame, sieve.lines)
    for column in KEY:
        if column.name in found.others:
            _check_key(sieve, column, frame[column.name])
    numbers = {c.name: _checked(sieve, c, frame[c.name]) for c in NUMBERS if c.name in found.others}
    history, begin = grid.history(frame, found.history)
    on_order = grid.ahead(frame, found.on_order, FURTHEST)
    for column, values, names in zip(LISTS, (history, on_order), (found.history, found.on_order), strict=True):
        _check_grid(sieve, column, values, names)
    if begin is not None:
        _check_begin(sieve, len(history) - begin)
        history = grid.marked(history, begin)
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
    """Set aside rows whose list is missing, or whose history is too long."""
    for column, names in zip(LISTS, (found.history, found.on_order), strict=True):
        if not grid.is_lists(sieve.frame, names):
            continue
        lists = sieve.frame[names[0]]
        missing = lists.is_null().to_numpy()
        if missing.any():
            sieve.note(missing, column.name, [None] * int(missing.sum()), "is missing")
        if column.name == grid.HISTORY and isinstance(lists.dtype, pl.List):
            sizes = lists.list.len().fill_null(FEWEST).to_numpy()
            _note_sizes(sieve, sizes, (sizes < FEWEST) | (sizes > LONGEST))


def _check_begin(sieve: Sieve, periods: Array) -> None:
    """Set aside rows that begin too late."""
    _note_sizes(sieve, periods, sieve.good & (periods < FEWEST))


def _note_sizes(sieve: Sieve, sizes: Array, bad: Array) -> None:
    if bad.any():
        told = [f"{n} values" for n in sizes[bad].tolist()]
        sieve.note(bad, grid.HISTORY, told, f"must be {FEWEST} to {LONGEST} values")


def _check_key(sieve: Sieve, column: Column, key: pl.Series) -> None:
    bad = key.is_null().to_numpy()
    if key.dtype == pl.String:
        bad = bad | (key == "").fill_null(False).to_numpy()
    if bad.any():
        given = key.filter(bad).to_list()
        sieve.note(bad, column.name, given, ["is missing" if value is None else "is empty" for value in given])


def _checked(sieve: Sieve, column: Column, series: pl.Series) -> Array:
    """[N] float64, its bad values noted."""
    values = grid.plain(series).astype(np.float64, copy=False)
    bad = _outside(values, column)
    if column.kind == "int":
        bad |= values != np.floor(values)
    if bad.any():
        given = series.filter(bad).to_list()
        sieve.note(bad, column.name, _told(given), _why(given, column))
    return values


def _check_grid(sieve: Sieve, column: Column, values: Array, names: tuple[str, ...]) -> None:
    """Rows with a bad value among many [M,N]: the first of them is noted."""
    if not values.size or not _outside(np.array([values.min(), values.max()]), column).any():
        return
    bad = _outside(values.min(0), column) | _outside(values.max(0), column)
    first = np.argmax(_outside(values[:, bad], column), axis=0)
    places, given = grid.in_source(sieve.frame.filter(bad), column.name, names, first, len(values))
    sieve.note(bad, places, _told(given), _why(given, column))


def _outside(values: Array, column: Column) -> Array:
    """Bool: missing, or outside of the column's bounds."""
    return ~((values >= float(column.low or 0.0)) & (values <= float(column.high or 0.0)))


def _told(given: list[Any]) -> list[str | None]:
    """Values as they are in the table."""
    return [None if v is None else "NaN" if v != v else f"{v:.12g}" if isinstance(v, float) else str(v) for v in given]


def _why(given: list[Any], column: Column) -> list[str]:
    low, high = f"is below {column.low:g}", f"is above {column.high:g}"
    return [
        "is missing" if v is None else "is not a number" if v != v
        else low if v < column.low else high if v > column.high else "is not a whole number"
        for v in given
    ]  # fmt: skip
