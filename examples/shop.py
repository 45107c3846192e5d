"""A made-up shop with a million items, as `ropewalk inventory orders` takes them: items.parquet."""

import numpy as np
import polars as pl

rng, items = np.random.default_rng(0), 1_000_000
rate = np.exp(rng.normal(0.3, 1.3, items))
weeks = {f"demand_ago_{k}": rng.poisson(rate).astype(np.uint16) for k in range(1, 53)}
due = rng.poisson(rate * (rng.random((2, items)) < 0.5)).astype(np.uint16)
table = pl.DataFrame(
    {
        "item": np.arange(items).astype(str),
        **weeks,
        "on_order_1": due[0],
        "on_order_2": due[1],
        "on_hand": rng.poisson(2.0 * rate),
        "lead_time_periods": rng.integers(1, 7, items),
        "price_usd": np.exp(rng.normal(1.5, 0.8, items)).round(2),
    }
)
table.write_parquet("items.parquet", row_group_size=100_000)
