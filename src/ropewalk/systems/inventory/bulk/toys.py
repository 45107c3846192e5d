"""Tables of items, for tests: made from a seed, of every kind that a shop has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ropewalk.systems.inventory.bulk import files

WEEKS = 52


def made(rows: int, seed: int = 0, weeks: int = WEEKS) -> pl.DataFrame:
    """Slow and fast movers, lumps, items never sold, under cost, with packs and without."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(0.3, 1.7, rows))
    demand = rng.poisson(rng.gamma(1.0, 1.0, (rows, weeks)) * rate[:, None])
    lumpy = rng.random(rows) < 0.15
    demand[lumpy] = rng.binomial(1, 0.12, (int(lumpy.sum()), weeks)) * rng.integers(5, 60, (int(lumpy.sum()), 1))
    demand[rng.random(rows) < 0.04] = 0
    price = np.exp(rng.normal(1.5, 0.8, rows)).round(2)
    pack = rng.choice([1, 1, 6, 24], rows)
    return pl.DataFrame(
        {
            "item": [f"{seed}-{n:05}" for n in range(rows)],
            "site": rng.choice(["north", "south"], rows).tolist(),
            "demand_history": pl.Series(demand.astype(np.float32)).arr.to_list(),
            "on_hand": rng.poisson(rate * 2).astype(float),
            "on_order": pl.Series(rng.poisson(rate[:, None] * (rng.random((rows, 3)) < 0.4))).arr.to_list(),
            "lead_time_periods": rng.integers(0, 9, rows),
            "review_every_periods": rng.choice([1, 1, 4], rows),
            "price_usd": price,
            "unit_cost_usd": (price * rng.uniform(0.4, 1.05, rows)).round(2),
            "holding_usd": (price * rng.choice([0.003, 0.05, 0.5], rows)).round(4),
            "lost_sale_usd": rng.choice([0.0, 0.0, 1.5], rows),
            "order_cost_usd": rng.choice([0.0, 0.25, 5.0], rows),
            "pack_size": pack,
            "min_order": pack * rng.choice([0, 0, 3], rows),
        }
    )


def spread(table: pl.DataFrame) -> pl.DataFrame:
    """The same with a column for each period in place of lists."""
    history = [pl.col("demand_history").list.get(-k).alias(f"demand_ago_{k}") for k in range(1, WEEKS + 1)]
    due = [pl.col("on_order").list.get(k).alias(f"on_order_{k + 1}") for k in range(3)]
    return table.with_columns(*history, *due).drop("demand_history", "on_order")


ASSUMED = {
    "lead_time_periods": 2.0, "review_every_periods": 1.0, "unit_cost_usd": 0.7, "holding_usd": 0.005, "lost_sale_usd": 0.0,
    "order_cost_usd": 0.0, "pack_size": 1.0, "min_order": 0.0,
}  # fmt: skip


def planned(
    table: pl.DataFrame, name: str = "items.parquet", out: str = "orders.parquet", rows: int = 700, **options: Any
) -> tuple[pl.DataFrame, files.Summary]:
    """The plan of a table that is written here, in row groups of `rows`."""
    table.write_parquet(name, row_group_size=rows)
    done = files.plan_files([name], Path(out), ASSUMED, word="week", **options)
    return pl.read_parquet(out), done
