"""What a policy sees of many items at once, and the one that plans any of them: base-stock at the critical ratio, or (s, S) where a line costs.

Too little costs the margin and the goodwill of a lost sale, once; too much is held until the next order, so h (H + w L), with
H the periods between orders (the review, or what Harris's quantity lasts) and L the lead time. w = 0 is the newsvendor of
backlogged demand; where sales are lost, demand does not wait out the lead time, and that is too much stock. w =
(h (H + L) / (p + h (H + L)))^(1/3) was found by simulation: over 110 random instances the cost is 1.3 % above that of the best level in
the mean, where w = 0 is 14 % above it and w = 1 is 2.0 % (benchmarks/order_plan_choices.py).
The orders that a fixed cost asks for: Harris 1913 and Hadley & Whitin, Analysis of Inventory Systems, 1963, section 4-3; never for
more than LONGEST periods, and none where such an order earns less than its line and its stock cost.

Letters: T periods of history, K periods ahead, N rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.bulk.demand import Past
from ropewalk.systems.inventory.bulk.law import Law, quantile
from ropewalk.systems.inventory.rules import NO_CAP, Levels

Array = np.ndarray
LEVEL, LINE, NETWORK, OWN = range(4)  # who decides
NAMES = ("level", "(s, S)", "network", "own")
LONGEST = 104.0  # periods: nobody knows what is sold after two years
SUREST = 0.9999  # a unit that costs nothing to hold is not stocked without end


class Seen(NamedTuple):
    """Rows as a policy sees them. All but `history` are float64; money is in USD."""

    history: Array  # [T,N] float32 units, the oldest period first; NaN before the item existed
    past: Past
    law: Law  # of the demand until the next order could arrive
    expected: Array  # [N] units: its mean
    periods: Array  # [N] lead time + review: until the next order could arrive
    lead_time: Array  # [N] periods
    review: Array  # [N] periods
    on_hand: Array  # [N] units
    on_order: Array  # [K,N] units due in 1, 2, ... periods
    position: Array  # [N] units on hand and due before the next order could arrive
    price: Array  # [N] a unit
    unit_cost: Array  # [N] a unit
    holding: Array  # [N] a unit and period
    lost_sale: Array  # [N] a unit, beyond its margin
    order_cost: Array  # [N] an order line
    pack_size: Array  # [N] units
    min_order: Array  # [N] units

    @property
    def short(self) -> Array:
        """[N] USD that a unit short costs."""
        return self.price - self.unit_cost + self.lost_sale


class Decision(NamedTuple):
    """Levels of N rows, not rounded (plan.py rounds), and who decided."""

    levels: Levels
    by: Array  # [N] a number of NAMES


Policy = Callable[[Seen], Decision]
"""A row's answer must not depend on the other rows."""


def base_stock(seen: Seen) -> Decision:
    """Of every row; network.py plans those that it knows better."""
    rate = np.maximum(seen.past.mean, 1e-9)
    quantity = np.sqrt(2.0 * seen.order_cost * rate / np.maximum(seen.holding, 1e-9))
    quantity = np.minimum(quantity, LONGEST * rate)
    between = np.maximum(seen.review, quantity / rate)
    ratio = lost_sales_ratio(seen.short, seen.holding, between, seen.lead_time)
    costs = (seen.order_cost > 0.0) & (rate * between * (seen.short - 0.5 * seen.holding * between) < seen.order_cost)
    level = np.where((seen.expected > 0.0) & ~costs, quantile(seen.law, ratio), 0.0)
    more = np.maximum(quantity - seen.review * rate, 0.0)
    up_to = np.where(level > 0.0, level + np.floor(more + 0.5), 0.0)
    by = np.where(costs | (up_to > level), LINE, LEVEL)
    return Decision(Levels(level - 0.5, up_to, np.full_like(level, NO_CAP)), by)


def lost_sales_ratio(short: Array, holding: Array, between: Array, lead_time: Array) -> Array:
    """[N] the chance that the level is to cover. `short`: USD a unit; `holding`: USD a unit and period; `between`: periods
    between orders."""
    short, held = np.maximum(short, 0.0), holding * (between + lead_time)
    w = np.cbrt(held / np.maximum(short + held, 1e-30))
    over = holding * (between + w * lead_time)
    return np.minimum(short / np.maximum(short + over, 1e-30), SUREST)


def of_units(wanted: Callable[[Seen], Array]) -> Policy:
    """The policy of a function that says units [N], such as a network's."""

    def decide(seen: Seen) -> Decision:
        up_to = seen.position + np.maximum(wanted(seen), 0.0)
        return Decision(Levels(up_to, up_to, np.full_like(up_to, NO_CAP)), np.full(len(up_to), OWN))

    return decide
