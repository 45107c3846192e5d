"""Stock: what lies and what is on its way now, and what every policy of a replay starts from."""

from __future__ import annotations

from typing import Any

import polars as pl

from ropewalk.systems.inventory.data_history import KEY

RULE = "made up: on hand the mean training demand of a review period, on order the mean of a period for each of the lead time"


def start_stock(history: pl.DataFrame, items: pl.DataFrame, train: tuple[int, int]) -> pl.DataFrame:
    """The stock that every replay starts from, by RULE, from the training periods alone: on_hand, on_order_1, ..."""
    inside = pl.col("period").is_between(*train)
    means = history.group_by(KEY).agg(
        mean=pl.coalesce(pl.col("demand").filter(inside).mean(), pl.col("demand").mean()).fill_null(0.0)
    )
    table = items.join(means, on=KEY, how="left", maintain_order="left")
    due = {
        f"on_order_{k}": pl.when(pl.col("lead_time_periods") >= k).then(pl.col("mean").round()).otherwise(0.0)
        for k in range(1, longest(items) + 1)
    }
    return table.select(*KEY, on_hand=(pl.col("mean") * pl.col("review_every_periods")).round(), **due)


def longest(items: pl.DataFrame) -> int:
    """The longest lead time in periods, at least 1."""
    return max(1, int(items["lead_time_periods"].max() or 0))  # type: ignore[arg-type]


def stock_now(
    made_up: pl.DataFrame, given: pl.DataFrame | None, seen: pl.DataFrame | None
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The stock now: from the stock table, else the last on_hand of the sales table, else as `made_up`.

    Columns item, site, on_hand, on_order_1, ..., source (table, sales, made up). An item that the stock table lacks has none.
    """
    if given is not None:
        aligned = made_up.select(KEY).join(given, on=KEY, how="left", maintain_order="left")
        names = sorted((c for c in given.columns if c.startswith("on_order_")), key=lambda c: int(c.rsplit("_", 1)[1]))
        lacking = aligned["on_hand"].null_count()
        table = aligned.select(*KEY, pl.col("on_hand", *names).fill_null(0.0), source=pl.lit("table"))
        return table, {"stock": "from the stock table", "stock_missing": int(lacking)}
    if seen is not None and seen.height:
        due = [c for c in made_up.columns if c.startswith("on_order_")]
        table = made_up.join(seen.rename({"on_hand": "_seen"}), on=KEY, how="left", maintain_order="left").select(
            *KEY,
            pl.coalesce("_seen", "on_hand").alias("on_hand"),
            *[pl.when(pl.col("_seen").is_null()).then(c).otherwise(0.0).alias(c) for c in due],
            source=pl.when(pl.col("_seen").is_null()).then(pl.lit("made up")).otherwise(pl.lit("sales")),
        )
        return table, {
            "stock": "last on_hand of the sales table, nothing on order",
            "stock_missing": int((table["source"] == "made up").sum()),
        }
    return made_up.with_columns(source=pl.lit("made up")), {"stock": RULE, "stock_missing": made_up.height}
