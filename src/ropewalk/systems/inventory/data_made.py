"""Made sales: seeded, offline, small, with the troubles of real ones (returns, promotions, days out of stock)."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import polars as pl

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.data_read import LINE, Raw

START = date(2024, 1, 1)  # a Monday


def read_made(address: str, seed: int, step_days: int) -> Raw:
    """`made:40x40` is 40 items over 40 periods; demand is gamma-Poisson, promotions double it, seasons move it."""
    sized = re.fullmatch(r"made:(\d+)x(\d+)", address)
    if sized is None or not (0 < int(sized[1]) <= 1_000_000 and 0 < int(sized[2]) <= 10_000):
        raise ConfigError([f"sales: {address!r} is no made source. Write made:40x40 for 40 items over 40 periods."])
    count, periods = int(sized[1]), int(sized[2])
    rng = np.random.default_rng(seed)
    mean = rng.lognormal(2.0, 0.8, count) + 1.0
    price = np.round(rng.lognormal(1.0, 0.5, count) + 0.5, 2)
    promo = (rng.random((count, periods)) < 0.12) * rng.choice([0.4, 0.8, 1.0], (count, periods))
    season = 1 + 0.3 * np.sin(2 * np.pi * (np.arange(periods) / 52 + rng.random((count, 1))))
    rate = mean[:, None] * season * (1 + promo) * rng.gamma(6, 1 / 6, (count, periods))
    paid = np.round(price[:, None] * (1 - 0.2 * promo), 2)
    units = rng.poisson(rate).astype(float)
    column = pl.int_range(0, periods, eager=True)
    table = pl.DataFrame(
        {
            "item": [f"made-{i:04d}" for i in range(count) for _ in range(periods)],
            "t": pl.concat([column] * count),
            "units": units.ravel(),
            "price": paid.ravel(),
            "promo": promo.ravel(),
            "regular_price": np.repeat(price, periods),
        }
    ).with_columns(date=pl.lit(START) + pl.duration(days=step_days * pl.col("t")), site=pl.lit("main"))
    back = table.filter(pl.int_range(pl.len()) % 97 == 5).with_columns(units=pl.lit(-1.0))
    table = pl.concat([table, back]).with_columns(usd=pl.col("units") * pl.col("price"))
    table = table.with_columns(pl.lit(None, k).alias(n) for n, k in LINE.items() if n not in table.columns)
    about = f"Made sales of {count} items over {periods} periods: no shop ever sold them."
    return Raw(table.select(pl.col(n).cast(k) for n, k in LINE.items()), about)
