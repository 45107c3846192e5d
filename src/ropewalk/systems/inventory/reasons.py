"""Why an order is what it is, in a sentence that a buyer understands."""

from __future__ import annotations

import numpy as np

from ropewalk.types import Columns

Array = np.ndarray
PROMOTED = 0.2  # share of the site from which a planned promotion is worth a word


def reasons(
    requests: Columns, units: Array, reorder: Array, demand: Array, p_stock_out: Array, period_days: int
) -> Array:
    """[N] one sentence a row. `demand`: expected until the next order could arrive; `p_stock_out`: over the same time."""
    word = {1: "day", 7: "week"}.get(period_days, "period")
    cover = requests["lead_time_periods"] + requests["next_order_periods"]
    plan = requests["promo_plan"] * requests["promo_planned"]
    columns = zip(
        units.tolist(), requests["may_order"].tolist(), requests["on_hand"].tolist(), requests["on_order"].sum(1).tolist(),
        reorder.tolist(), demand.tolist(), p_stock_out.tolist(), cover.tolist(), requests["pack_size"].tolist(),
        requests["min_order"].tolist(), (plan >= PROMOTED).argmax(1).tolist(), (plan.max(1) >= PROMOTED).tolist(), strict=True,
    )  # fmt: skip
    out = np.empty(len(units), object)
    for row, values in enumerate(columns):
        out[row] = _reason(word, *values)
    return out


def _reason(
    word: str, units: float, may: bool, on_hand: float, due: float, reorder: float, demand: float, chance: float,
    cover: int, pack: float, least: float, promo_in: int, promoted: bool,
) -> str:  # fmt: skip
    have = f"{_n(on_hand)} on hand" + (f" and {_n(due)} on order" if due > 0 else "")
    ahead = f"about {_n(demand)} expected in the {_count(cover, word)} until the next order could arrive"
    promo = f"; a promotion is planned {'now' if promo_in == 0 else 'in ' + _count(promo_in, word)}" if promoted else ""
    if not may:
        return f"No order: not an order day. {have}, {ahead}{promo}."
    if units <= 0 and reorder <= 0 and on_hand + due < demand:
        return f"No order: at this price and cost a sale does not earn what ordering and holding cost. {have}, {ahead}{promo}."
    if units <= 0:
        if on_hand + due > reorder:
            return f"No order: {have} is above the reorder level of {_n(max(reorder, 0))}, {ahead}{promo}."
        return f"No order: {have} is near the level to order up to, {ahead}{promo}."
    rounding = f"; rounded to packs of {_n(pack)}" if pack != 1 else ""
    rounding += f"; raised to the minimum order of {_n(least)}" if least and units <= least else ""
    return f"Order {_n(units)}: {have}, {ahead}{promo}; {round(100 * chance)} % chance to run out even so{rounding}."


def _n(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
