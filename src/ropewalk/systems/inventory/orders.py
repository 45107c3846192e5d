"""The order plan: what to order now, for every item, and the same for a spreadsheet.

`orders.parquet` has the figures as computed; the CSV beside it is rounded, and no cell of it is a formula.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ropewalk.systems.inventory.requests import columns

if TYPE_CHECKING:
    from ropewalk.types import Dataset, Model

COLUMNS = (
    "item", "site", "name", "order_now", "expected_arrival", "order_up_to", "p_stock_out", "p_stock_out_covered",
    "expected_profit_usd", "on_hand", "on_order", "expected_demand", "order_value_usd", "supplier", "status", "stock_source",
    "assumed", "reason",
)  # fmt: skip
LIKELY = 0.5  # from this chance on an item counts as likely to run out
FORMULA = r"^[=+\-@\t\r\n]"  # what a spreadsheet takes for the beginning of a formula
DISCONTINUED = "No order: discontinued. {have} left."


def orders(dataset: Dataset, model: Model, requests: pl.DataFrame) -> pl.DataFrame:
    """[items x sites] the plan in the order of COLUMNS, the most profitable line first.

    `requests`: as `requests_now` makes them. Items that are not ordered stay in the plan, with their reason.
    """
    answers = {name: _series(name, values) for name, values in model.predict(columns(requests)).items()}
    guessed = [pl.when(~pl.col(f"{n}_known")).then(pl.lit(n.replace("_", " "))) for n in ("price", "unit_cost")]
    assumed = pl.concat_str(guessed, separator=", ", ignore_nulls=True).alias("assumed")
    terms = dataset.table("items").select("item", "site", "name", "supplier", assumed).collect()
    gone = pl.col("status") == "discontinued"
    have = pl.format(DISCONTINUED.replace("{have}", "{} on hand"), pl.col("on_hand").round(0).cast(pl.Int64))
    return (
        requests.with_columns(list(answers.values()))
        .join(terms, on=["item", "site"], how="left", maintain_order="left")
        .with_columns(
            pl.col("on_order").list.sum(),
            order_now=pl.when(gone).then(0.0).otherwise("order_now"),
            reason=pl.when(gone).then(have).otherwise("reason"),
            name=pl.coalesce("name", "item"),
            supplier=pl.col("supplier").fill_null(""),
        )
        .with_columns(
            order_value_usd=pl.col("order_now") * pl.col("unit_cost_usd"),
            expected_profit_usd=pl.when(gone).then(0.0).otherwise("expected_profit_usd"),
        )
        .select(COLUMNS)
        .sort("expected_profit_usd", "item", "site", descending=[True, False, False])
    )


def _series(name: str, values: Any) -> pl.Series:
    return pl.Series(name, values.tolist() if values.dtype == object else values)


def totals(plan: pl.DataFrame) -> dict[str, Any]:
    """What the plan comes to."""
    placed = plan.filter(pl.col("order_now") > 0)
    return {
        "items": plan.height,
        "lines": placed.height,
        "units": float(placed["order_now"].sum()),
        "order_value_usd": float(placed["order_value_usd"].sum()),
        "expected_profit_usd": float(placed["expected_profit_usd"].sum()),
        "likely_to_run_out": int((plan["p_stock_out"] >= LIKELY).sum()),
        "expected_to_run_out": float(plan["p_stock_out"].sum()),
        "likely_to_run_out_before_the_next_arrival": int((plan["p_stock_out_covered"] >= LIKELY).sum()),
    }


# -- for a spreadsheet --


def write(table: pl.DataFrame, folder: Path, name: str) -> None:
    """`name`.parquet and `name`.csv."""
    table.write_parquet(folder / f"{name}.parquet")
    for_spreadsheet(table).write_csv(folder / f"{name}.csv")


def for_spreadsheet(table: pl.DataFrame) -> pl.DataFrame:
    """Rounded, and text that would begin a formula opened by an apostrophe: a spreadsheet then shows it as it is."""
    return table.with_columns(_plain(table[name]) for name in table.columns)


def _plain(series: pl.Series) -> pl.Series:
    if series.dtype == pl.String:
        danger = series.str.contains(FORMULA).fill_null(False)
        return pl.select(pl.when(danger).then("'" + series).otherwise(series).alias(series.name)).to_series()
    if series.dtype.is_float():
        if (series.round(0) == series).all():
            return series.cast(pl.Int64)
        return series.round(4 if series.name.startswith("p_") else 2)
    return series
