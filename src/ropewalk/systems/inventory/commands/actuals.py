"""What users of inventory need beyond the verbs: `ropewalk inventory COMMAND`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ropewalk.errors import DataError
from ropewalk.systems.inventory.actuals import actuals
from ropewalk.systems.inventory.data import read

WRITERS: Mapping[str, Callable[[pl.DataFrame, io.BytesIO], Any]] = {
    ".parquet": pl.DataFrame.write_parquet,
    ".csv": pl.DataFrame.write_csv,
    ".arrow": pl.DataFrame.write_ipc,
}


def write_actuals(desk: Any, sales: str | None, orders: str | None, out: str, again: bool) -> int:
    """Write the table of what came true; without a cover that is over there is none, and no file."""
    writer = WRITERS.get(Path(out).suffix.lower())
    if writer is None:
        raise DataError([f"{out}: the name must end in one of {', '.join(WRITERS)}"])
    newer = {"sales": sales or desk.config.sales, "orders": orders or desk.config.orders}
    config = desk.config.model_copy(update=newer | {"items": None, "stock": None, "plan": None})
    table, counts = actuals(config, read(config, desk.job), desk.events(), desk.job, again)
    if table.height:
        buffer = io.BytesIO()
        writer(table, buffer)
        desk.write(out, buffer.getvalue())
        desk.job.note(f"{table.height:,} truths are in {out}; next: ropewalk truths inventory {out}")
    else:
        desk.job.note(f"no truth is new: {out} was not written")
    desk.show(counts)
    return 0
