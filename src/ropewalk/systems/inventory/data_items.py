"""The items: terms of supply and costs, from the table of items where it says so and from the config elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.data_history import KEY

ITEMS = {
    "item": pl.String,
    "site": pl.String,
    "name": pl.String,
    "category": pl.String,
    "supplier": pl.String,
    "status": pl.String,  # active, new, discontinued
    "unit_cost_usd": pl.Float64,
    "unit_cost_known": pl.Boolean,  # False: the margin rule
    "price_usd": pl.Float64,  # median price paid in the training periods
    "price_known": pl.Boolean,  # False: what the cost and the margin say, or PRICE_IF_UNKNOWN
    "lead_time_periods": pl.Int64,
    "review_every_periods": pl.Int64,
    "order_days": pl.String,  # as in mon,thu; null: every review
    "pack_size": pl.Int64,
    "min_order": pl.Int64,
    "order_cost_usd": pl.Float64,  # a line
    "holding_usd": pl.Float64,  # a unit and period
    "lost_sale_usd": pl.Float64,  # a unit, beyond its margin
}
PRICE_IF_UNKNOWN = 1.0  # neither price nor cost: money then counts units
TERMS = ("lead_time_periods", "review_every_periods", "pack_size", "min_order")


def items(
    config: Config,
    history: pl.DataFrame,
    train: tuple[int, int],
    given: pl.DataFrame | None,
    names: pl.DataFrame | None,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A row an item and site of `history` (with regular_price and unit_cost), and what had to be assumed."""
    table = _learned(history, train)
    if names is not None:
        table = table.join(
            names.rename({"name": "_name", "category": "_category"}), on="item", how="left", maintain_order="left"
        )
    if given is not None:
        table = _with_given(table, given)
    have = set(table.columns)

    def first(*columns: str, kind: Any = pl.String) -> pl.Expr:
        known = [pl.col(c) for c in columns if c in have]
        return (pl.coalesce(known) if known else pl.lit(None)).cast(kind)

    cost = first("unit_cost", "_unit_cost", kind=pl.Float64)
    keep = 1 - config.gross_margin
    table = table.with_columns(
        price_known=pl.col("price_usd").is_not_null(), unit_cost_known=cost.is_not_null(), _cost=cost
    )
    table = table.with_columns(price_usd=pl.coalesce("price_usd", pl.col("_cost") / keep, pl.lit(PRICE_IF_UNKNOWN)))
    table = table.with_columns(unit_cost_usd=pl.coalesce("_cost", pl.col("price_usd") * keep))
    terms = {t: first(t, kind=pl.Int64).fill_null(getattr(config, t)) for t in TERMS}
    table = table.select(
        *KEY,
        name=first("name", "_name").fill_null(pl.col("item")),
        category=first("category", "_category").fill_null(""),
        supplier=first("supplier").fill_null(""),
        status=first("status").fill_null("active"),
        unit_cost_usd=pl.col("unit_cost_usd"),
        unit_cost_known=pl.col("unit_cost_known"),
        price_usd=pl.col("price_usd"),
        price_known=pl.col("price_known"),
        order_days=first("order_days"),
        order_cost_usd=first("order_cost_usd", kind=pl.Float64).fill_null(config.order_cost_usd),
        holding_usd=pl.col("unit_cost_usd") * (config.holding_per_year / config.periods_per_year),
        lost_sale_usd=first("lost_sale_usd", kind=pl.Float64).fill_null(config.lost_sale_usd),
        **terms,
    )
    table = table.select(pl.col(n).cast(k) for n, k in ITEMS.items()).sort(KEY)
    return table, {
        "items": table.height,
        "items_new": int((table["status"] == "new").sum()),
        "items_discontinued": int((table["status"] == "discontinued").sum()),
        "unit_cost_assumed": int((~table["unit_cost_known"]).sum()),
        "unit_cost_rule": f"(1 - {config.gross_margin:g}) x median price paid in training",
        "unit_cost_zero": int((table["unit_cost_usd"] <= 0).sum()),
        "unit_cost_above_price": int((table["unit_cost_usd"] > table["price_usd"]).sum()),
        "price_assumed": int((~table["price_known"]).sum()),
        "price_rule": f"unit cost / (1 - {config.gross_margin:g}), or {PRICE_IF_UNKNOWN:g} where neither is known",
        "money_unknown": int((~table["price_known"] & ~table["unit_cost_known"]).sum()),
    }


def said(found: Mapping[str, Any], currency: str) -> list[str]:
    """Sentences that say of how many items the money is assumed, and how. `found`: the notes of `items`."""
    names = ("items", "unit_cost_assumed", "price_assumed", "money_unknown")
    size, cost, price, both = (found.get(name, 0) for name in names)
    told = []
    if cost > both:
        told.append(f"The unit cost of {_of(cost - both, size)} is assumed: {found['unit_cost_rule']}.")
    if price > both:
        told.append(f"The price of {_of(price - both, size)} is assumed: {found['price_rule'].partition(',')[0]}.")
    if both:
        told.append(
            f"Neither price nor unit cost of {_of(both, size)} is known: a price of {PRICE_IF_UNKNOWN:g} {currency} is assumed, so "
            "that their profit counts units. Bring price or unit_cost."
        )
    return told


def _of(some: int, size: int) -> str:
    return ("the only item" if size == 1 else f"all {size:,} items") if some == size else f"{some:,} of {size:,} items"


def _learned(history: pl.DataFrame, train: tuple[int, int]) -> pl.DataFrame:
    """What the training periods say of each item: median price paid, median unit cost.

    The price paid, not the regular one: the margins that grocers publish are shares of what customers paid, and where most
    sales are on promotion the regular price would put the cost above it. An item without a training period (a new one) is
    judged by what there is of it.
    """
    inside = pl.col("period").is_between(*train)
    return history.group_by(KEY).agg(
        price_usd=pl.coalesce(
            pl.col("price").filter(inside & (pl.col("units") > 0)).median(),
            pl.col("price").filter(inside).median(),
            pl.col("regular_price").filter(inside).median(),
            pl.col("price").median(),
            pl.col("regular_price").median(),
        ),
        _unit_cost=pl.coalesce(pl.col("unit_cost").filter(inside).median(), pl.col("unit_cost").median()),
    )


def _with_given(table: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """The table of items joined by item and site; a row of it without a site holds for every site."""
    named = given.filter(pl.col("site").is_not_null())
    general = given.filter(pl.col("site").is_null()).drop("site")
    rest = [c for c in general.columns if c != "item"]
    table = table.join(named, on=KEY, how="left", maintain_order="left").join(
        general, on="item", how="left", suffix="_any", maintain_order="left"
    )
    return table.with_columns(pl.coalesce(c, c + "_any").alias(c) for c in rest).drop(c + "_any" for c in rest)
