"""Lines become the history: a row for every item, site and period since the item first appeared."""

from __future__ import annotations

from typing import Any

import polars as pl

from ropewalk.systems.inventory import data_periods
from ropewalk.systems.inventory.config import Config

KEY = ["item", "site"]
HISTORY = ("item", "site", "period", "date", "units", "demand", "censored", "price", "promo", "ordered")
NO_PROMO = 0.05  # share of the site: a period under it is one without promotion


def by_period(lines: pl.DataFrame) -> pl.DataFrame:
    """Sums and means of the lines of each item, site and period. `demand` and `out` come from `censoring.uncensor`."""
    priced = pl.when(pl.col("price").is_not_null()).then(pl.col("units"))
    regular = pl.when(pl.col("regular_price").is_not_null()).then(pl.col("units"))
    return (
        lines.lazy()
        .group_by(*KEY, "period")
        .agg(
            units=pl.col("units").sum(),
            demand=pl.col("demand").sum(),
            censored=pl.col("out").any(),
            price=(pl.col("price") * priced).sum() / priced.sum(),
            regular_price=(pl.col("regular_price") * regular).sum() / regular.sum(),
            listed_price=pl.col("price").mean(),
            unit_cost=pl.col("unit_cost").mean(),
            promo=pl.col("promo").mean(),
            ordered=pl.when(pl.col("ordered").is_not_null().any()).then(pl.col("ordered").sum()),
        )
        .with_columns(price=pl.col("price").fill_nan(None).fill_null(pl.col("listed_price")))
        .with_columns(regular_price=pl.col("regular_price").fill_nan(None))
        .drop("listed_price")
        .sort(*KEY, "period")
        .collect()
    )


def dense(
    config: Config, sold: pl.DataFrame, calendar: pl.DataFrame, empty: list[int]
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A row for each period from an item's first; periods that nothing at all was sold in have none.

    A row that the source lacks is zero sales, or left out where `missing_rows` is unknown.
    """
    real = calendar.filter(~pl.col("period").is_in(empty)).select("period", "date")
    if config.missing_rows == "unknown":
        table, filled = sold.join(real, on="period"), 0
    else:
        starts = sold.group_by(KEY).agg(first=pl.col("period").min())
        grid = starts.join(real, how="cross").filter(pl.col("period") >= pl.col("first")).drop("first")
        table = grid.join(sold, on=[*KEY, "period"], how="left")
        filled = table["units"].null_count()
    table = table.with_columns(
        pl.col("units", "demand").fill_null(0.0), pl.col("censored").fill_null(False), pl.col("promo").clip(0.0, 1.0)
    ).sort(*KEY, "period")
    return table, {"rows_filled_with_zero": filled}


def with_promotions(config: Config, table: pl.DataFrame, promotions: pl.DataFrame | None) -> pl.DataFrame:
    """Promotions and prices of a plan table laid over the history where the sales themselves say nothing."""
    if promotions is not None:
        planned = promotions.group_by(*KEY, "period").agg(planned=pl.col("promo").max(), listed=pl.col("price").mean())
        table = table.join(planned, on=[*KEY, "period"], how="left", maintain_order="left").with_columns(
            pl.col("promo").fill_null(pl.col("planned")), pl.col("price").fill_null(pl.col("listed"))
        )
    return table.with_columns(pl.col("promo").fill_null(0.0).clip(0.0, 1.0))


def with_orders(config: Config, table: pl.DataFrame, orders: pl.DataFrame | None) -> pl.DataFrame:
    """`ordered` from the table of orders; it adds to what the sales table says of the same period."""
    if orders is None:
        return table
    placed = (
        orders.with_columns(data_periods.number(config)).group_by(*KEY, "period").agg(placed=pl.col("ordered").sum())
    )
    table = table.join(placed, on=[*KEY, "period"], how="left", maintain_order="left")
    both = pl.sum_horizontal("ordered", "placed")
    return table.with_columns(ordered=pl.when(pl.any_horizontal(pl.col("ordered", "placed").is_not_null())).then(both))


def with_prices(table: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A period without a known price has the last known; before the first known, the first; an item without any, null."""
    filled = int(table["price"].null_count())
    last = pl.col("price").forward_fill().backward_fill().over(KEY)
    table = table.with_columns(last)
    return table, {
        "prices_filled": filled - int(table["price"].null_count()),
        "prices_unknown": int(table["price"].null_count()),
    }


def finished(table: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The history table, its columns in order; an item without any price has the one that is assumed for it."""
    table = table.join(items.select(*KEY, "price_usd"), on=KEY, how="left", maintain_order="left")
    assumed = pl.col("price").fill_null(pl.col("price_usd"))
    return table.with_columns(assumed, pl.col("ordered").cast(pl.Float64)).select(HISTORY)
