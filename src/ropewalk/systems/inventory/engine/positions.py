"""Backlogged demand without a pipeline: an item with any lead time as one number, its position.

Where unmet demand waits, what is ordered now decides the cost of the period of its arrival and of none before, and that cost
depends on the position after ordering alone: h E(y - D)+ + b E(D - y)+, D the demand of the lead time and the period of sale
(Karlin & Scarf, in Arrow, Karlin & Scarf, Studies in the Mathematical Theory of Inventory and Production, 1958, chapter 10). So
the item is an item without lead time whose cost is this one, and chains and optima that would have a pipeline of states have a
hundred of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ropewalk.systems.inventory.engine.exact import Array, Problem
from ropewalk.systems.inventory.engine.step import Flow


@dataclass(frozen=True, kw_only=True)
class Positions(Problem):
    """A problem without lead time: what is on hand less what is owed is the position. Its flow is what the stock and the backlog are
    expected to be in the period in which an order of now arrives."""

    lead_time: int  # periods, of the item itself
    waiting: Array  # P(demand of the lead time = 0, 1, ...)
    covered: Array  # P(demand of the lead time and the period of sale = 0, 1, ...)

    def flows(self, states: Array, orders: Array) -> tuple[Array, Flow]:
        after, flow = super().flows(states, orders)
        terms, position = self.terms, after[..., 0] - after[..., 1] + self.outcomes.period.demand
        left, owed = over(self.covered, position)
        change = _rate(terms.holding) * (left - flow.left) + _rate(terms.backlog) * (owed - flow.owed)
        return after, flow._replace(left=left, owed=owed, profit=flow.profit - change)

    def unmet(self, flow: Flow) -> Array:
        """What is owed at the end of a period beyond what was at its beginning, when the order had arrived."""
        position = flow.left - flow.owed + self.covered @ np.arange(len(self.covered))
        return flow.owed - over(self.waiting, position)[1]


def positions(problem: Problem) -> Positions | None:
    """The problem as positions, or None where it is not one: sales that are lost, goods that perish, two sources, shipments, capacity,
    and periods that differ in more than their demand and whether there is a review."""
    world, period = problem.world, problem.outcomes.period
    one = world.sources == 1 and world.shipments == (0,) and isinstance(world.lead, tuple) and not world.random_yield
    alike = period.price is None and period.elapsed is None and not world.capacity
    if not one or not alike or world.unmet != "backlog" or world.life:
        return None
    lead, law = (
        int(world.lead[0]),
        np.bincount(problem.outcomes.period.demand.astype(int), problem.outcomes.probability),
    )
    waiting = np.ones(1)
    for _ in range(lead):
        waiting = np.convolve(waiting, law)
    at_once, covered = replace(world, lead=(0,), longest=0), np.convolve(waiting, law)
    return Positions(at_once, problem.terms, problem.outcomes, lead_time=lead, waiting=waiting, covered=covered)


def as_positions(states: Array) -> Array:
    """States [N,W] of an item whose demand waits as states [N,2] of its position."""
    position = states.sum(1) - 2 * states[:, 1]
    return np.stack([np.maximum(position, 0), np.maximum(-position, 0)], axis=1)


def over(law: Array, position: Array) -> tuple[Array, Array]:
    """Expected units left of `position`, and expected units owed, when demand has this law; any shape."""
    demand = np.arange(len(law))
    at = np.clip(np.floor(position).astype(int), -1, len(law) - 1)
    served = np.r_[0.0, np.cumsum(law)][at + 1]  # P(demand <= position)
    units = np.r_[0.0, np.cumsum(law * demand)][at + 1]
    left = position * served - units
    return left, left - position + law @ demand


def _rate(value: Any) -> Any:
    return 0.0 if value is None else value
