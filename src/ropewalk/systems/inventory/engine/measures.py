"""What a policy does in the long run besides its cost: service, stock, orders; exactly over its chain, or simulated.

Letters: N states, O outcomes, G paths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ropewalk.systems.inventory.engine.exact import Chain, Problem
from ropewalk.systems.inventory.engine.step import Flow, Period, Policy, objective, start, step

Array = Any  # a number, or an array of them


class Measures(NamedTuple):
    """Means a period: numbers, or [G] of each path."""

    cost: Array  # USD
    demand: Array  # units
    unmet: Array  # units of demand that the shelf did not serve at once
    stock: Array  # units on the shelf at the end
    owed: Array  # units that wait at the end
    wasted: Array  # units
    orders: Array  # orders placed, of all sources
    ordered: Array  # units

    @property
    def fill_rate(self) -> Array:
        """Share of the demand that is served at once."""
        return 1.0 - self.unmet / self.demand


def exactly(problem: Problem, found: Chain, part: int = 4_000_000) -> Measures:
    """Over the chain of a policy, each state with its share of the time."""
    share = found.share()
    seen = share > 0.0
    states, orders, share = found.states[seen], found.orders[seen], share[seen]
    rows = max(1, part // (len(problem.outcomes.probability) * states.shape[1]))
    total = np.zeros(len(Measures._fields))
    for at in range(0, len(states), rows):
        flow = problem.flows(states[at : at + rows], orders[at : at + rows])[1]
        weights = share[at : at + rows, None] * problem.outcomes.probability
        total += [float((weights * column).sum()) for column in _columns(problem, flow)]
    return Measures(*total)


def simulated(problem: Problem, policy: Policy, paths: int, seed: int = 0, periods: int = 1_000) -> Measures:
    """[G] of each path: from an empty shelf, the first periods, a tenth and two lead times, not counted. The same seed, paths and
    periods are the same demand, which pairs policies."""
    world, law = problem.world, problem.outcomes
    draws = np.random.default_rng(seed).choice(len(law.probability), (periods, paths), p=law.probability)
    first = periods // 10 + 2 * world.columns
    state, total = start(world, (paths,), np), [np.zeros(paths) for _ in Measures._fields]
    for t, draw in enumerate(draws):
        period = Period(*(None if field is None else np.asarray(field)[draw] for field in law.period))
        state, flow = step(world, policy, problem.terms, state, period, np)
        if t >= first:
            for sums, column in zip(total, _columns(problem, flow, period.demand), strict=True):
                sums += column
    return Measures(*(sums / (periods - first) for sums in total))


def _columns(problem: Problem, flow: Flow, demand: Array | None = None) -> list[Array]:
    """One array a measure."""
    units = problem.outcomes.period.demand if demand is None else demand
    unmet = problem.unmet(flow) if demand is None else np.minimum(flow.owed + flow.lost, demand)
    each = [
        -objective(problem.world, flow),
        units,
        unmet,
        flow.left,
        flow.owed,
        flow.wasted,
        (flow.ordered > 0.0).sum(-1),
        flow.ordered.sum(-1),
    ]
    return [column + 0.0 * unmet for column in each]
