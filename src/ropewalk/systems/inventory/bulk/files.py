"""Parquet to Parquet: read, planned and written in chunks on all threads of Polars, so that memory does not grow with the file.

The plan is written beside its target and renamed when it is whole: killed or failed, nothing half-written is visible. Rows
that cannot be planned, and those whose item and site stood in an earlier row, are set aside in a file of their own beside it.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import polars as pl

from ropewalk.errors import DataError
from ropewalk.systems.inventory.bulk import reasons
from ropewalk.systems.inventory.bulk.chunk import REJECTED, chunk
from ropewalk.systems.inventory.bulk.network import network
from ropewalk.systems.inventory.bulk.plan import Lines, plan
from ropewalk.systems.inventory.bulk.policy import NAMES, Policy
from ropewalk.systems.inventory.bulk.source import Source, explained, opened
from ropewalk.systems.inventory.bulk.stopping import stoppable
from ropewalk.systems.inventory.bulk.twice import ROW, Twice, twice
from ropewalk.whole import hidden, whole_file

ORDERS = {  # the columns of a plan, after item and site
    "order_units": pl.Int64,
    "order_value_usd": pl.Float64,
    "stockout_probability": pl.Float32,
    "stockout_before_arrival": pl.Float32,
    "stockout_in_cover": pl.Float32,
    "expected_units_short": pl.Float32,
    "expected_demand": pl.Float32,
    "order_up_to": pl.Float64,
    "position": pl.Float64,
    "policy": pl.String,
    "reason": pl.String,
}
PART_ROWS = 250_000  # rows of a row group of the plan


@dataclass(frozen=True)
class Summary:
    """What became of a table of items."""

    rows: int
    planned: int
    set_aside: int  # rows
    lines: int  # with an order
    policies: Mapping[str, int]  # rows that each policy decided
    units: float
    order_value_usd: float
    expected_to_run_out: float  # items: the sum of the probabilities
    target: Path
    rejected: Path | None
    assumed: tuple[str, ...]  # columns that the table has not

    @property
    def figures(self) -> dict[str, Any]:
        """For people and programs."""
        rejected = None if self.rejected is None else str(self.rejected)
        policies = ", ".join(f"{name} {rows:,}" for name, rows in self.policies.items())
        more = {
            "policies": policies,
            "target": str(self.target),
            "rejected": rejected,
            "assumed": ", ".join(self.assumed),
        }
        return {**asdict(self), **more}


def plan_files(
    source: Sequence[str],
    target: Path,
    assumed: Mapping[str, float],
    *,
    policy: Policy = network,
    word: str = "period",
    where: str = "",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Summary:
    """Plan every row of Parquet files with the same columns. `assumed`: as table.defaults makes it; `where`: what sentences
    call the files."""
    where = where or source[0]
    table = opened(source, where, assumed)
    schema = table.scan.collect_schema()
    keys = {name: schema.get(name, pl.String()) for name in ("item", "site")}
    with _aside(target) as aside, whole_file(target) as part:
        with explained(where):
            again = twice(table.scan, [name for name in keys if name in schema])
        worker = _Worker(table, assumed, policy, word, aside, again, progress)
        rows = table.scan.with_row_index(ROW).select(ROW, *table.layout.columns)

        def write() -> None:
            rows.map_batches(worker, schema={**keys, **ORDERS}, streamable=True).sink_parquet(
                part, compression="zstd", compression_level=1, row_group_size=PART_ROWS, maintain_order=True
            )

        with explained(where, lambda: worker.failed):
            stoppable(write, worker.stop)
        rejected = _rejected(aside, target, table)
        if rejected is not None and not worker.planned:
            first = pl.scan_parquet(rejected).head(1).collect().row(0, named=True)
            raise DataError([_nothing_left(where, rejected, first)])
    return worker.summary(target, rejected)


class _Worker:
    """A chunk of the table in, its lines out; called from several threads."""

    def __init__(
        self,
        table: Source,
        assumed: Mapping[str, float],
        policy: Policy,
        word: str,
        aside: Path,
        again: Twice,
        progress: Callable[[int, int], None],
    ) -> None:
        self.table, self.assumed, self.policy, self.word, self.aside = table, assumed, policy, word, aside
        self.again, self.progress = again, progress
        self.done = self.planned = self.lines = 0
        self.policies = np.zeros(len(NAMES), int)
        self.sums: list[tuple[float, float, float]] = []
        self.failed: BaseException | None = None
        self._lock = Lock()

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        try:
            if self.failed is not None:
                raise self.failed
            return self._planned(frame)
        except BaseException as error:  # Polars would tell a traceback
            self.failed = self.failed or error
            raise

    def stop(self) -> None:
        """No further chunk."""
        self.failed = self.failed or RuntimeError("stopped")

    def _planned(self, frame: pl.DataFrame) -> pl.DataFrame:
        key, items, rejected = chunk(frame, self.table.layout, self.assumed, self._twice(frame))
        lines = plan(items, self.policy)
        value = lines.order_units * items.unit_cost_usd
        if rejected.height:
            rejected.write_parquet(self.aside / f"{rejected['row'][0]:015}.parquet")
        with self._lock:
            self.done += frame.height
            self.planned += key.height
            self.lines += int((lines.order_units > 0.0).sum())
            self.policies += np.bincount(lines.policy, minlength=len(NAMES))
            self.sums.append(tuple(float(np.sum(x)) for x in (lines.order_units, value, lines.stockout_probability)))  # type: ignore[arg-type]
            self.progress(self.done, self.table.rows)
        return key.with_columns(self._columns(lines, value))

    def _twice(self, frame: pl.DataFrame) -> tuple[np.ndarray, list[str]]:
        """Bool [N] rows that were there before, and where each of those was."""
        bad, first = self.again.among(frame[ROW].to_numpy())
        return bad, [self.table.place(row) for row in first.tolist()]

    def _columns(self, lines: Lines, value: np.ndarray) -> list[pl.Series]:
        made: dict[str, np.ndarray | pl.Series] = {**lines._asdict(), "order_value_usd": value}
        made["policy"] = pl.Series(NAMES, dtype=pl.String).gather(lines.policy)
        made["reason"] = reasons.texts(lines.reason, self.word)
        return [pl.Series(name, made[name]).cast(kind) for name, kind in ORDERS.items()]

    def summary(self, target: Path, rejected: Path | None) -> Summary:
        units, value, out = (math.fsum(column) for column in zip(*self.sums, strict=True))
        rows, columns = self.table.rows, self.table.layout.others
        aside, missing = rows - self.planned, tuple(n for n in self.assumed if n not in columns)
        policies = {name: count for name, count in zip(NAMES, self.policies.tolist(), strict=True) if count}
        return Summary(rows, self.planned, aside, self.lines, policies, units, value, out, target, rejected, missing)


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target, gone at the end."""
    aside = hidden(target, "parts")
    aside.mkdir()
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _rejected(aside: Path, target: Path, table: Source) -> Path | None:
    """The file of what was set aside, with file and row as a person finds them; none, and none of an earlier plan."""
    path = target.with_name(target.stem + ".rejected.parquet")
    parts = sorted(aside.glob("*.parquet"))
    if not parts:
        path.unlink(missing_ok=True)
        return None
    schema = {"start": pl.Int64, "file": pl.String}
    files = pl.DataFrame({"start": table.starts, "file": list(table.names)}, schema=schema).lazy()
    lines = pl.scan_parquet(parts).set_sorted("row").join_asof(files, left_on="row", right_on="start")
    whole = aside / "all"
    told = pl.col("row") - pl.col("start") + 1
    lines.select("file", told.alias("row"), *[n for n in REJECTED if n != "row"]).sink_parquet(whole)
    whole.replace(path)
    return path


def _nothing_left(where: str, rejected: Path, first: Mapping[str, object]) -> str:
    return (
        f"{where}: no row can be planned; all are in {rejected}. The first: {first['file']}, row {first['row']}: "
        f"{first['column']} {first['value'] if first['value'] is not None else ''} {first['reason']}"
    )
