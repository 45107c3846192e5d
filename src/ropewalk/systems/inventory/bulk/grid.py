"""Many numbers of an item as arrays: a column each, or one column of lists, which need not be equally long.

Letters: T periods of history, K periods ahead, M either of them, N rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

Array = np.ndarray
HISTORY = "demand_history"  # the numbers that end now; the others begin now


class Grid(NamedTuple):
    """Numbers [M,N], and which of the first ones are from before the item existed: `begin` [N] of them, which are 0 here."""

    values: Array  # of any type; a gap is NaN
    begin: Array | None  # None: none of any row


def history(frame: pl.DataFrame, names: tuple[str, ...]) -> Grid:
    """The oldest period first. Lists end with the period that just ended, so short ones begin late; so do those that begin with nulls."""
    if is_lists(frame, names):
        return _lists(frame[names[0]], late=True)
    values = np.empty((len(names), frame.height), np.float32)
    for row, name in zip(values, names, strict=True):
        row[:] = plain(frame[name])
    begin = _late(frame, names)
    return Grid(values, None) if begin is None else Grid(_emptied(values, begin), begin)


def marked(values: Array, begin: Array) -> Array:
    """[T,N] float32, NaN before an item existed, as a plan takes it."""
    return np.where(np.arange(len(values))[:, None] < begin, np.float32("nan"), values.astype(np.float32))


def ahead(frame: pl.DataFrame, names: tuple[str, ...], longest: int) -> Array:
    """[K,N] the next period first; short lists end in noughts, and long ones at `longest`."""
    if is_lists(frame, names):
        lists = frame[names[0]]
        cut = lists.list.head(longest) if isinstance(lists.dtype, pl.List) else lists
        return _lists(cut, late=False).values
    values = np.empty((len(names), frame.height), np.float32)
    for row, name in zip(values, names, strict=True):
        row[:] = plain(frame[name])
    return values


def is_lists(frame: pl.DataFrame, names: tuple[str, ...]) -> bool:
    return len(names) == 1 and frame[names[0]].dtype.is_nested()


def plain(series: pl.Series) -> Array:
    """[N]; a null is NaN."""
    if series.null_count() or series.dtype.is_decimal():
        series = series.cast(pl.Float64).fill_null(float("nan"))
    return series.to_numpy()


def in_source(
    frame: pl.DataFrame, name: str, names: tuple[str, ...], place: Array, width: int
) -> tuple[list[str], list[Any]]:
    """[N] what the table calls a place [N] of a grid of M = `width`, and the number that stands there, as it is."""
    if not is_lists(frame, names):
        columns = {k: frame[names[k]] for k in set(place.tolist())}
        return [names[k] for k in place.tolist()], [columns[k][row] for row, k in enumerate(place.tolist())]
    lists = frame[names[0]]
    lists = lists.arr.to_list() if isinstance(lists.dtype, pl.Array) else lists
    at = place - (width - lists.list.len().to_numpy() if name == HISTORY else 0)
    values = pl.DataFrame({"lists": lists, "at": at}).select(pl.col("lists").list.get(pl.col("at"), null_on_oob=True))
    return [f"{name}, value {k + 1}" for k in at.tolist()], values.to_series().to_list()


def _lists(lists: pl.Series, late: bool) -> Grid:
    if not len(lists):
        return Grid(np.zeros((0, 0), np.float32), None)
    if isinstance(lists.dtype, pl.List):
        sizes = lists.list.len()
        width = int(sizes.max() or 0)  # type: ignore[arg-type]
        if sizes.min() != width:
            return _ragged(lists, sizes.to_numpy().astype(np.int64), width, late)
        lists = lists.list.to_array(width)
    flat, shape = lists.arr.explode(), (len(lists), lists.dtype.shape[0])  # type: ignore[attr-defined]
    values = plain(flat).reshape(shape).T
    if not (late and flat.null_count()):
        return Grid(values, None)
    begin = _leading(flat.is_null().to_numpy().reshape(shape))
    return Grid(_emptied(values.copy(), begin), begin)


def _ragged(lists: pl.Series, sizes: Array, width: int, late: bool) -> Grid:
    """Lists of several lengths, moved to the end (`late`) or the beginning of a row."""
    place = np.arange(width)
    there = place >= (width - sizes)[:, None] if late else place < sizes[:, None]
    flat = lists.filter(sizes > 0).explode()
    values = np.zeros(there.shape, np.float64 if flat.null_count() else plain(flat[:1]).dtype)
    values[there] = plain(flat)
    if not late:
        return Grid(values.T, None)
    missing = ~there
    missing[there] = flat.is_null().to_numpy()
    begin = _leading(missing)
    return Grid(_emptied(values.T, begin), begin)


def _late(frame: pl.DataFrame, names: tuple[str, ...]) -> Array | None:
    """[N] nulls of a row before its first number; no column is looked at once no row is left that has only nulls so far."""
    begin, still = np.zeros(frame.height, np.int64), np.ones(frame.height, bool)
    for name in names:
        if not frame[name].null_count():
            break
        still &= frame[name].is_null().to_numpy()
        begin += still
    return begin if begin.any() else None


def _leading(missing: Array) -> Array:
    """[N] how many are missing in [N,M] before the first that is not."""
    return np.where(missing.all(1), missing.shape[1], np.argmin(missing, axis=1))


def _emptied(values: Array, begin: Array) -> Array:
    values[np.arange(len(values))[:, None] < begin] = 0.0
    return values
