"""`ropewalk inventory orders`: it stands apart from the other commands, whose libraries take longer to load than to plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ropewalk.errors import DataError
from ropewalk.systems.inventory.bulk import files, source, table
from ropewalk.systems.inventory.bulk.stopping import terminable


def write_orders(desk: Any, items: str, out: str) -> int:
    """Plan a table of items as it is; what the table does not say is taken from the settings, and told."""
    target, assumed = Path(out), table.defaults(desk.config)
    if target.suffix.lower() != ".parquet":
        raise DataError([f"{out}: the name must end in .parquet"])
    names = source.parquet_files(items, target)
    with terminable():
        found = files.plan_files(
            names, target, assumed, word=desk.config.period, where=items,
            progress=lambda done, rows: desk.job.progress("rows planned", done, rows),
        )  # fmt: skip
    told = table.said(assumed, found.assumed, desk.config.period, desk.config.currency)
    if told:
        desk.job.note(f"not in the table, so the same for all items: {told}")
    if found.rejected:
        desk.job.note(f"{found.set_aside:,} rows could not be planned; why is in {found.rejected}")
    desk.job.note(f"{found.planned:,} lines are in {out}")
    desk.show(found.figures)
    return 0
