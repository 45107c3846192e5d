"""Rows of an item at a site that stood in an earlier row already.

Keys of many rows do not fit into memory together, 64 bits of each do (8 bytes a row). Only the rows that share them with another one
are read again, so many at a time, and their keys are compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

Array = np.ndarray
ROW = "_ropewalk_row"
PART = 1_000_000  # keys that are compared at a time


class Twice(NamedTuple):
    """[D] each, in the order of rows, from 0."""

    row: Array
    first: Array  # where the same key stood first

    def among(self, rows: Array) -> tuple[Array, Array]:
        """Bool [N] of consecutive rows [N], and where those stood first."""
        begin, end = np.searchsorted(self.row, [rows[0], rows[-1] + 1]) if len(rows) else (0, 0)
        bad = np.zeros(len(rows), bool)
        bad[self.row[begin:end] - (rows[0] if len(rows) else 0)] = True
        return bad, self.first[begin:end]


NONE = Twice(np.empty(0, np.int64), np.empty(0, np.int64))


def twice(scan: pl.LazyFrame, keys: list[str]) -> Twice:
    """Of a table with the columns `keys`."""
    bits = _bits(keys)
    shared = _shared(scan.select(bits).collect(engine="streaming").to_series().to_numpy())
    found = [_compared(scan, keys, bits, shared[start : start + PART]) for start in range(0, len(shared), PART)]
    if not found:
        return NONE
    rows = pl.concat(found).sort("row")
    return Twice(rows["row"].to_numpy(), rows["first"].to_numpy())


def _bits(keys: list[str]) -> pl.Expr:
    each = [pl.col(name).hash(seed=number) for number, name in enumerate(keys)]
    return (each[0] if len(each) == 1 else each[0] ^ each[1]).alias("bits")


def _shared(bits: Array) -> Array:
    """Those that are there more than once, each once."""
    ordered = np.sort(bits)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _compared(scan: pl.LazyFrame, keys: list[str], bits: pl.Expr, shared: Array) -> pl.DataFrame:
    alike = scan.select(keys).with_row_index(ROW).filter(bits.is_in(pl.Series(shared).implode()))
    for name in keys:  # a key that lacks something is nobody's
        alike = alike.filter(pl.col(name).cast(pl.String).fill_null("") != "")
    rows = alike.with_columns(pl.col(ROW).cast(pl.Int64)).collect(engine="streaming")
    first = rows.with_columns(first=pl.col(ROW).min().over(keys))
    return first.filter(pl.col(ROW) > pl.col("first")).select(pl.col(ROW).alias("row"), "first")
