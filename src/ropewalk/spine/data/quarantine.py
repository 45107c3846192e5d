"""Bad rows set aside in files that people and programs can read, with the reason beside each."""

from __future__ import annotations

from pathlib import Path

import polars as pl


def write(bad: pl.DataFrame, folder: Path, name: str) -> list[Path]:
    """`name`.parquet and `name`.csv in `folder`, replacing those of an earlier run; the columns row and reason come first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.parquet", folder / f"{name}.csv"]
    bad.write_parquet(paths[0])
    lists = [c for c, kind in bad.schema.items() if isinstance(kind, (pl.List, pl.Array))]
    bad.with_columns(pl.col(c).cast(pl.List(pl.String)).list.join(" ") for c in lists).write_csv(paths[1])
    return paths
