"""The default policy of a plan: the pre-trained network where it is at home, base-stock elsewhere.

It is at home where an order can be placed in every period and a line costs nothing, for laws, costs and lead times like those that it was
trained on (engine/pretrained.py). It is told the deviation that makes the demand until the next order could arrive as wide as the
law of the plan has it, which allows for how uncertain the mean is. Compared with base-stock on histories of 52 periods:
benchmarks/order_plan_choices.py.

Letters: N rows, K periods ahead.
"""

from __future__ import annotations

import numpy as np

from ropewalk.systems.inventory.bulk.policy import NETWORK, Decision, Seen, base_stock
from ropewalk.systems.inventory.engine.pretrained import LONGEST, Facts, Item, facts, item_of, load, order
from ropewalk.systems.inventory.rules import Levels

Array = np.ndarray
BLOCK = 1024  # rows, always: a product of another shape may be summed in another order, a larger one by several threads at once


def network(seen: Seen) -> Decision:
    """Levels of N rows: what there is and what the network wants, or those of base-stock."""
    (found, by), policy = base_stock(seen), load()
    item = items(seen)
    simple = (seen.review == 1.0) & (seen.order_cost <= 0.0) & ~seen.past.lumpy & (seen.holding > 0.0)
    rows = np.flatnonzero(simple & policy.ranges.hold(item))
    known, units = facts(Item(*(part[rows] for part in item))), _units(seen, rows)
    up_to = found.up_to.copy()
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        wanted = order(policy.weights, Facts(*(_full(column[part]) for column in known)), _full(units[part]))
        up_to[rows[part]] = seen.position[rows[part]] + wanted[: len(rows[part])]
    reorder, cap = found.reorder.copy(), found.cap
    reorder[rows], by[rows] = up_to[rows], NETWORK
    return Decision(Levels(reorder, up_to, cap), by)


def items(seen: Seen) -> Item:
    """[N] as the network takes them."""
    mean, periods = seen.past.mean, seen.periods
    variance = seen.past.variance * (1.0 + periods / seen.past.periods)
    penalty = np.maximum(seen.short, 0.0) / np.maximum(seen.holding, 1e-30)
    return item_of(np.maximum(mean, 1e-9), np.sqrt(variance), np.maximum(penalty, 1e-9), seen.lead_time)


def _units(seen: Seen, rows: Array) -> Array:
    """[n,K] on hand, and due before an order of now or with it."""
    units = np.zeros((len(rows), LONGEST), np.float32)
    units[:, 0] = seen.on_hand[rows]
    for k, due in enumerate(seen.on_order[:LONGEST, rows], 1):
        units[:, min(k, LONGEST - 1)] += due * (k < seen.periods[rows])
    return units


def _full(rows: Array) -> Array:
    """[BLOCK,...]: filled up with the last row."""
    short = BLOCK - len(rows)
    return rows if not short else np.concatenate([rows, np.repeat(rows[-1:], short, 0)])
