"""Made events of a small shop, with faults on request: for tests, and to see what monitoring would say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from ropewalk.types import Column, Contract

CONTRACT = Contract(
    (
        Column("item", "str", "item"),
        Column("date", "date", "first day of the week"),
        Column("history", "float", "units sold in the last weeks", length=6),
        Column("price", "float", "price paid", "USD"),
        Column("promo", "bool", "promoted this week"),
        Column("department", "str", "where it stands", required=False, default="grocery"),
    ),
    keys=("item", "date"),
)
ANSWERS = Contract(
    (
        Column("order_now", "float", "units to order"),
        Column("p_stock_out", "float", "chance of running out"),
        Column("expected_profit_usd", "float", "profit of the line", "USD"),
    )
)
MONDAY = date(2024, 1, 1)


def requests(seed: int, items: int, weeks: int, first: int, prices: float = 1.0) -> pl.DataFrame:
    """Requests of the same items in the weeks from `first` on; the items are the same for every call with one seed."""
    own, rng = np.random.default_rng(seed), np.random.default_rng([seed, first])
    level, price = 5 * np.exp(own.normal(size=items)), np.exp(1 + own.normal(size=items))
    department = np.array(["grocery", "produce", "meat"])[own.integers(0, 3, items)]
    item = np.tile(np.arange(items), weeks)
    return pl.DataFrame(
        {
            "item": [f"item {i}" for i in item],
            "date": [MONDAY + timedelta(weeks=int(first + w)) for w in np.repeat(np.arange(weeks), items)],
            "history": rng.poisson(level[item][:, None], (len(item), 6)).astype(float).tolist(),
            "price": prices * price[item] * np.exp(0.05 * rng.normal(size=len(item))),
            "promo": rng.random(len(item)) < 0.15,
            "department": department[item],
        }
    )


def events(
    seed: int, items: int = 60, weeks: int = 6, *, prices: float = 1.0, profits: float = 1.0, stock_outs: float = 1.0,
    slow: float = 0.0, truths: float = 1.0, done: float = 0.9,
) -> pl.DataFrame:  # fmt: skip
    """Events as labels joins them. Faults: factors on prices, on realised profit and on the chance of a stock-out;
    `slow`: share of answers of 50 ms; `truths`: share of answers with a truth; `done`: share of advice followed."""
    asked, rng = requests(seed, items, weeks, 30, prices), np.random.default_rng([seed, 1])
    n = asked.height
    p, promised, order = rng.beta(1, 6, n), rng.gamma(2, 5, n), rng.integers(0, 5, n).astype(float)
    same = rng.random(n) < done
    known = pl.Series(np.arange(n) < truths * n)
    truth = pl.DataFrame(
        {
            "profit_usd": profits * promised + rng.normal(0, 3, n),
            "stocked_out": rng.random(n) < np.minimum(1, stock_outs * p),
        }
    ).to_struct("truth")
    at = [
        datetime(d.year, d.month, d.day, 9, tzinfo=UTC) + timedelta(seconds=i % 999)
        for i, d in enumerate(asked["date"])
    ]
    return pl.DataFrame(
        {
            "id": [f"e{i}" for i in range(n)],
            "at": pl.Series(at, dtype=pl.Datetime("us", "UTC")),
            "release": ["r"] * n,
            "request": asked.to_struct(),
            "answer": pl.DataFrame({"order_now": order, "p_stock_out": p, "expected_profit_usd": promised}).to_struct(),
            "latency_s": np.where(rng.random(n) < slow, 0.05, np.exp(rng.normal(-8, 0.4, n))),
            "truth": truth,
            "followed": same,
        }
    ).with_columns(
        pl.when(known).then("truth").alias("truth"), pl.when(known).then("followed").alias("followed")
    ).sort("at", "id")  # fmt: skip
