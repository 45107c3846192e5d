"""What changed since the last plan, and why: the difference of a line, split into the effects of what changed.

The old line is asked again with one part renewed after the other, in the order of PARTS: the policy, the terms of supply,
the money, the promotion plan, the demand, the stock. Each step's change of the order is that part's effect, so the effects
add up to the difference. (Another order would split what two parts do together differently; the sum would be the same.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ropewalk.systems.inventory.orders_why import facts_between, sentence
from ropewalk.systems.inventory.requests import columns

if TYPE_CHECKING:
    from ropewalk.systems.inventory.model import InventoryModel
    from ropewalk.types import Columns

SCHEMA = {
    "item": pl.String, "site": pl.String, "name": pl.String, "order_before": pl.Float64, "order_now": pl.Float64,
    "difference": pl.Float64, "difference_usd": pl.Float64, "why": pl.String,
}  # fmt: skip
PARTS = {
    "policy": (),
    "terms": ("lead_time_periods", "next_order_periods", "may_order", "pack_size", "min_order"),
    "money": ("price_history", "unit_cost_usd", "holding_usd", "lost_sale_usd", "order_cost_usd"),
    "promotion": ("promo_plan", "promo_planned", "promo_history"),
    "demand": ("demand_history", "known_history", "date"),
    "stock": ("on_hand", "on_order"),
}
KEY = ["item", "site"]
FIRST = "This is the first plan: there is none to compare it with."


@dataclass(frozen=True)
class Plan:
    """A plan with what it was made from."""

    orders: pl.DataFrame
    requests: pl.DataFrame | None
    release: str


def last(folder: Path | None, release: str) -> Plan | None:
    """The plan in a folder of earlier outputs; None where there is none."""
    if folder is None or not (folder / "orders.parquet").exists():
        return None
    asked = folder / "requests.parquet"
    return Plan(pl.read_parquet(folder / "orders.parquet"), pl.read_parquet(asked) if asked.exists() else None, release)


def changes(
    now: Plan, before: Plan | None, model: InventoryModel, word: str, currency: str = "USD"
) -> tuple[pl.DataFrame, str]:
    """The lines that differ, the largest in money first, and one sentence about all. `word`: week or day."""
    if before is None:
        return pl.DataFrame(schema=SCHEMA), FIRST
    both = _joined(now.orders, before.orders)
    differ = both.filter(
        (pl.col("order_now") != pl.col("order_before")) | pl.col("is_new") | pl.col("is_dropped")
    ).with_row_index("row")
    cost = _costs(now, before)
    why = differ.join(pl.concat(_reasons(differ, now, before, model, word)), on="row", how="left")
    table = (
        why.join(cost, on=KEY, how="left", maintain_order="left")
        .with_columns(difference=pl.col("order_now") - pl.col("order_before"))
        .with_columns(difference_usd=pl.col("difference") * pl.col("cost").fill_null(0.0))
        .sort(pl.col("difference_usd").abs(), pl.col("item"), descending=[True, False])
        .select(pl.col(n).cast(k) for n, k in SCHEMA.items())
    )
    return table, _summary(table, both, currency)


def _joined(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    names = ("order_now", "expected_demand", "on_hand", "on_order", "order_up_to", "name")
    old = before.select(*KEY, *(pl.col(n).alias(f"{n}_old") for n in names if n in before.columns))
    both = now.select(*KEY, *names).join(old, on=KEY, how="full", coalesce=True)
    return both.with_columns(
        is_new=pl.col("order_now_old").is_null(),
        is_dropped=pl.col("order_now").is_null(),
        order_before=pl.col("order_now_old").fill_null(0.0),
        order_now=pl.col("order_now").fill_null(0.0),
        name=pl.coalesce("name", "name_old") if "name_old" in both.columns else pl.col("name"),
    ).sort(KEY)


def _costs(now: Plan, before: Plan) -> pl.DataFrame:
    known = [p.requests.select(*KEY, cost="unit_cost_usd") for p in (now, before) if p.requests is not None]
    return pl.concat(known).unique(KEY, keep="first", maintain_order=True) if known else pl.DataFrame(
        schema={"item": pl.String, "site": pl.String, "cost": pl.Float64}
    )  # fmt: skip


def _reasons(differ: pl.DataFrame, now: Plan, before: Plan, model: InventoryModel, word: str) -> list[pl.DataFrame]:
    """Frames of `row`, `why`: new lines, dropped lines, and those in both plans."""
    new = differ.filter("is_new").select("row", why=pl.lit("New in the plan."))
    dropped = differ.filter("is_dropped").select("row", why=pl.lit("No longer in the plan."))
    kept = differ.filter(~pl.col("is_new") & ~pl.col("is_dropped"))
    if kept.is_empty():
        return [new, dropped]
    effects = _effects(kept, now, before, model)
    old, fresh = (None, None) if effects is None else _requests(kept, now, before)
    told = [
        sentence(row, effects[i] if effects else None, facts_between(old[i], fresh[i], word) if old and fresh else {},
                 (before.release, now.release))
        for i, row in enumerate(kept.iter_rows(named=True))
    ]  # fmt: skip
    return [new, dropped, pl.DataFrame({"row": kept["row"], "why": told}, schema={"row": pl.UInt32, "why": pl.String})]


def _requests(kept: pl.DataFrame, now: Plan, before: Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    assert now.requests is not None
    assert before.requests is not None
    return _asked(kept, before.requests).to_dicts(), _asked(kept, now.requests).to_dicts()


def _asked(kept: pl.DataFrame, requests: pl.DataFrame) -> pl.DataFrame:
    return kept.select(KEY).join(requests, on=KEY, how="left", maintain_order="left")


def _effects(kept: pl.DataFrame, now: Plan, before: Plan, model: InventoryModel) -> list[dict[str, float]] | None:
    """The effect of each part on each line; None where the old requests are not to be had, or not in today's form."""
    if now.requests is None or before.requests is None:
        return None
    try:
        old, fresh = columns(_asked(kept, before.requests)), columns(_asked(kept, now.requests))
        if any(old[n].shape != fresh[n].shape or old[n].dtype != fresh[n].dtype for n in fresh):
            return None
        return _walk(kept, dict(old), fresh, model)
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        return None  # written by a version whose requests had another form


def _walk(
    kept: pl.DataFrame, asked: dict[str, np.ndarray], fresh: Columns, model: InventoryModel
) -> list[dict[str, float]]:
    at, found = kept["order_before"].to_numpy(), {}
    for part, names in PARTS.items():
        moved = not names or any(not np.array_equal(asked[n], fresh[n]) for n in names)
        asked |= {name: fresh[name] for name in names}
        after = np.asarray(model.order(asked).units, float) if moved else at
        found[part] = after - at
        at = after
    found["status"] = kept["order_now"].to_numpy() - at  # a discontinued item: the plan overrules the model
    return [{part: float(values[i]) for part, values in found.items()} for i in range(kept.height)]


def _summary(table: pl.DataFrame, both: pl.DataFrame, currency: str) -> str:
    if table.is_empty():
        return f"Nothing changed since the last plan: the same {both.height:,} lines."
    up, down = (
        table.filter(sign)["difference_usd"].sum() for sign in (pl.col("difference") > 0, pl.col("difference") < 0)
    )
    same = both.height - table.height
    return (
        f"{table.height:,} of {both.height:,} lines differ from the last plan, {same:,} do not: "
        f"orders for {up:,.0f} {currency} more on some, for {-down:,.0f} {currency} less on others."
    )
