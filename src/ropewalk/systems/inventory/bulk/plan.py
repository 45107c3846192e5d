"""Items in, order lines out: a pure function of columns.

Rows are taken in blocks that fit a cache. Nothing is summed over rows, so a row's answer has the same bits in whatever file or
chunk it comes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.bulk import reasons
from ropewalk.systems.inventory.bulk.demand import ahead, past
from ropewalk.systems.inventory.bulk.network import network
from ropewalk.systems.inventory.bulk.policy import Policy, Seen
from ropewalk.systems.inventory.bulk.stockout import risk
from ropewalk.systems.inventory.rules import round_order

Array = np.ndarray
BLOCK = 16_384  # rows


class Items(NamedTuple):
    """N items at sites. Units and USD as floats; on hand, pipeline and terms are not negative, and review is at least 1."""

    history: Array  # [N,T] or [T,N].T: units asked for, the period that just ended last; NaN before the item existed
    on_order: Array  # [K,N] units due in 1, 2, ... periods
    on_hand: Array  # [N] the rest too
    lead_time_periods: Array
    review_every_periods: Array
    price_usd: Array
    unit_cost_usd: Array
    holding_usd: Array
    lost_sale_usd: Array
    order_cost_usd: Array
    pack_size: Array
    min_order: Array


class Lines(NamedTuple):
    """N order lines."""

    order_units: Array  # whole packs
    stockout_probability: Array  # that stock runs out before the next order could arrive, with this order
    stockout_before_arrival: Array  # before this order arrives, which no order of now can change
    stockout_in_cover: Array  # from then on
    expected_units_short: Array  # sales lost before the next order could arrive
    expected_demand: Array  # units, until the next order could arrive
    order_up_to: Array  # units
    position: Array  # units on hand and due before the next order could arrive
    policy: Array  # int32, who decided: a number of policy.NAMES
    reason: Array  # int32, a number of reasons.sentence


def plan(items: Items, policy: Policy = network) -> Lines:
    """The lines of N items."""
    out = Lines(
        *(
            np.empty(len(items.on_hand), np.int32 if name in ("policy", "reason") else np.float64)
            for name in Lines._fields
        )
    )
    for start in range(0, len(items.on_hand), BLOCK):
        rows = slice(start, start + BLOCK)
        for column, values in zip(out, _block(_seen(items, rows), policy), strict=True):
            column[rows] = values
    return out


def _seen(items: Items, rows: slice) -> Seen:
    """A block as policies see it."""
    history = np.ascontiguousarray(items.history[rows].T, np.float32)
    on_order = items.on_order[:, rows].astype(np.float64)
    rest = [column[rows].astype(np.float64, copy=False) for column in items[2:]]
    on_hand, lead, review = rest[:3]
    periods = lead + review
    position = on_hand
    for k, units in enumerate(on_order, 1):
        position = position + units * (k < periods)
    seen = past(history)
    law, expected = ahead(seen, periods)
    return Seen(history, seen, law, expected, periods, lead, review, on_hand, on_order, position, *rest[3:])


def _block(seen: Seen, policy: Policy) -> Lines:
    levels, by = policy(seen)
    missing = np.minimum(levels.up_to - seen.position, levels.cap)
    wanted = np.where(seen.position <= levels.reorder, np.maximum(missing, 0.0), 0.0)
    units = round_order(wanted, seen.pack_size, seen.min_order)
    found = risk(seen.past, seen.on_hand, seen.on_order, units, seen.lead_time, seen.periods)
    told = reasons.codes(wanted, units, levels, by, seen)
    return Lines(units, *found, seen.expected, levels.up_to, seen.position, by, told)
