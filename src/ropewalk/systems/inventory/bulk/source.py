"""The Parquet files of a table of items: found, alike, and what is wrong with them in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ropewalk.errors import DataError
from ropewalk.spine.data import sources
from ropewalk.systems.inventory.bulk.table import FEWEST, Layout, layout


@dataclass(frozen=True)
class Source:
    """Files that hold one table."""

    names: tuple[str, ...]
    heights: tuple[int, ...]  # rows of each
    scan: pl.LazyFrame
    layout: Layout

    @property
    def rows(self) -> int:
        return sum(self.heights)

    @property
    def starts(self) -> list[int]:
        """The row, from 0, with which each file begins."""
        return np.cumsum([0, *self.heights[:-1]]).tolist()

    def place(self, row: int) -> str:
        """A row, from 0, as a person finds it."""
        file = int(np.searchsorted(self.starts, row, side="right")) - 1
        return f"row {row - self.starts[file] + 1} of {self.names[file]}"


def opened(names: Sequence[str], where: str, assumed: Mapping[str, float]) -> Source:
    """The table in these files, which has at least a row. `where`: what sentences call it."""
    with explained(where):
        _alike(names)
        scan = pl.scan_parquet(list(names))
        heights = [int(pl.scan_parquet(name).select(pl.len()).collect().item()) for name in names]
        if not sum(heights):
            raise DataError([f"{where}: the table has the columns but no row."])
        found = layout(scan.collect_schema(), where, lambda name: _longest(scan, name))
    if "holding_usd" not in found.others and assumed["holding_usd"] <= 0.0:
        raise DataError(
            [f"{where}: no column holding_usd, and holding_per_year is 0: no stock would be too much. Give one of them"]
        )
    return Source(tuple(names), tuple(heights), scan, found)


def parquet_files(address: str, target: Path) -> list[str]:
    """The Parquet files of a file or folder. DataError where there is something else, or the plan would be among them."""
    found = sources.files(address)
    other = next((name for name in found if not name.lower().endswith(".parquet")), None)
    if other is not None:
        raise DataError([f"{other}: the items must be Parquet; polars.read_csv(...).write_parquet(...) makes it"])
    if any(Path(name).resolve().parent == target.resolve().parent for name in found) and Path(address).is_dir():
        raise DataError(
            [f"{target}: lies in the folder {address}, where it would be read as items; choose another place"]
        )
    if any(Path(name).resolve() == target.resolve() for name in found):
        raise DataError([f"{target}: holds the items; give the plan another name"])
    return found


def _alike(source: Sequence[str]) -> None:
    """DataError for a file whose columns are not those of the first one."""
    first = dict(pl.scan_parquet(source[0]).collect_schema())
    for name in source[1:]:
        other = dict(pl.scan_parquet(name).collect_schema())
        if other != first:
            column = next(c for c in (*first, *other) if first.get(c) != other.get(c))
            here, there = (str(s.get(column, "not there")) for s in (other, first))
            raise DataError([f"{name}: column {column} is {here}, but {there} in {source[0]}; write them alike"])


def _longest(scan: pl.LazyFrame, name: str) -> int:
    """Of the lists in a column: of the first thousand, or of all where those are too short to plan with."""
    longest = 0
    for rows in (scan.head(1000), scan):
        longest = max(longest, int(rows.select(pl.col(name).list.len().max()).collect().item() or 0))
        if longest >= FEWEST:
            break
    return longest


@contextmanager
def explained(where: str, failed: Callable[[], BaseException | None] = lambda: None) -> Iterator[None]:
    """Errors of reading as sentences; those that have `failed` a worker as they were."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        if (own := failed()) is not None:
            raise own from None
        if isinstance(error, OSError) and error.errno is not None:
            raise
        said = str(error).strip().split("\n")[0].rstrip(".")
        raise DataError([f"{where}: it can not be read: {said}. Was it written to the end?"]) from None
