"""The optimum of an instance, with the range of orders and positions that has to be searched, and what that would take before it
is begun.

Where sales are lost, goods keep and costs are proportional, the range is Morton's: nothing above the newsvendor quantile of the
lead time's and the period's demand, and no order above that of one period's (Morton, SIAM Review 11(4), 1969; Zipkin, Old
and new methods for lost-sales inventory systems, Operations Research 56(5), 2008). Elsewhere it is a guess that is widened until
the optimum, in the long run and in the states that were asked for, touches no end of it: none of its orders is the largest, goes up to
the greatest position, or is placed because the position was below the least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.classic_cost import (
    critical_ratio,
    folded,
    greatest_break,
    lead_times,
    newsvendor_level,
    number,
    setting_of,
)
from ropewalk.systems.inventory.engine.exact import Array, Chain, Problem, Solution, chain, refuse, solve
from ropewalk.systems.inventory.engine.positions import Positions, as_positions, positions

BYTES, BESIDE = (
    32,
    150e6,
)  # of memory at the peak: what one outcome of one order in one state takes (measured), and all else


class Range(NamedTuple):
    """Where the best orders are looked for."""

    most: tuple[int, ...]  # [S] units: the largest order of each source
    position: tuple[int, int]  # units on hand and due, less what is owed, after an order
    proven: bool  # nothing better lies outside


@dataclass(frozen=True)
class Optimum:
    """The best there is, and what it was found in."""

    problem: Problem | Positions  # of its states: positions where demand waits
    solution: Solution
    chain: Chain  # of the optimal policy, from an empty shelf
    range: Range
    tried: int  # ranges


def optimum(
    problem: Problem, memory: float = 4e9, tolerance: float = 1e-5, begin: Array | None = None, longest: int = 12
) -> Optimum:
    """ConfigError where it would take more than `memory` bytes. `begin` [N,W]: states that it must hold besides those that
    follow from an empty shelf."""
    refuse(problem)
    if endless(problem):
        raise ConfigError(
            [
                "with a largest order, what customers wait for has no upper bound: there is no exact solution; simulate it (tune, compare)"
            ],
            "the instance",
        )
    reduced = positions(problem)
    if reduced is not None and begin is not None:
        begin = as_positions(begin)
    problem = problem if reduced is None else reduced
    found = first_range(problem)
    for tried in range(1, longest + 1):
        _refuse(problem, found, memory)
        small = _folded(problem, found, begin)
        try:
            solution = solve(small, orders_of(problem, found), found.position, tolerance, begin=begin)
        except RuntimeError as error:
            raise ConfigError([f"value iteration does not settle: {error}"], "the problem") from None
        best = chain(small, solution.decide)
        wider = _wider(problem, found, best, solution, begin)
        if found.proven or wider == found:
            return Optimum(small, solution, best, found, tried)
        found = wider
    low, high = found.position
    raise ConfigError(
        [f"the optimum still touches an end of the range: orders of {found.most}, positions {low} to {high}"],
        "the problem",
    )


def endless(problem: Problem) -> bool:
    """Whether a run of great demands can leave more and more owed, since orders are too small to keep up with each."""
    if problem.world.unmet == "lost" or problem.terms.max_order is None:
        return False
    return float(np.sum(problem.terms.max_order)) < problem.outcomes.period.demand.max()


def size(problem: Problem, found: Range) -> tuple[int, int]:
    """At most so many states, and orders in them: counted, not made. What is owed is bounded by the demand of all periods until an
    order can arrive; beside it on the shelf is at most what came just now."""
    world, (low, high) = problem.world, found.position
    leads, total = [lead + world.shipments[-1] for lead in lead_times(problem)], sum(found.most)
    demand = int(problem.outcomes.period.demand.max())
    owed = (max(leads) + 1) * demand - low if world.unmet != "lost" else 0
    sums = np.ones(1)  # ways to come to 0, 1, 2, ... units above -owed
    for _ in range(world.lives):
        sums = np.convolve(sums, np.ones((total if world.life else high) + 1))
    sums = np.r_[np.zeros(owed), sums]
    came = total if max(leads) > 0 else 0
    for units in range(1, owed + 1):
        sums[owed - units : owed - units + came + 1] += 1.0
    for k in range(1, world.columns):
        sums = np.convolve(sums, np.ones(sum(m for m, lead in zip(found.most, leads, strict=True) if lead > k) + 1))
    states = sums[: owed + high + 1]
    orders = np.convolve(states, _ways(found.most, _pack(problem)))[: owed + high + 1]
    return int(states.sum()), int(orders.sum())


def memory_of(problem: Problem, found: Range) -> float:
    """Bytes at the peak of value iteration."""
    outcomes = _folded(problem, found).outcomes
    return BESIDE + float(BYTES) * size(problem, found)[1] * len(outcomes.probability)


def _folded(problem: Problem, found: Range, begin: Array | None = None) -> Problem:
    """Where sales are lost, demands that empty any shelf are one."""
    if problem.world.unmet != "lost" or problem.world.life:
        return problem
    most = max(found.position[1], 0 if begin is None else int(begin.sum(1).max()))
    return replace(problem, outcomes=folded(problem.outcomes, most))


def orders_of(problem: Problem, found: Range) -> Array:
    """[A,S] whole packs, from the least order that is placed on."""
    least, pack = int(number(problem.terms.min_order)), _pack(problem)
    each = [[n for n in range(0, most + 1, pack) if n == 0 or n >= least] for most in found.most]
    return np.stack([column.ravel() for column in np.meshgrid(*each, indexing="ij")], axis=1)


def first_range(problem: Problem) -> Range:
    """Morton's where it is proven, else a guess to begin with."""
    world, terms, ratio = problem.world, problem.terms, critical_ratio(problem)
    lead = max(lead_times(problem))
    most = [int(np.max(terms.max_order))] if terms.max_order is not None else []
    if _plain(problem):
        largest = max(newsvendor_level(problem, 1, ratio), 1)
        proven = (min([largest, *most]),), (0, max(newsvendor_level(problem, lead + 1, ratio), 1))
        return Range(*proven, proven=True)
    law = setting_of(problem).law
    mean, holding = law @ np.arange(len(law)), max(number(terms.holding), 1e-9)
    harris = math.ceil(2.0 * math.sqrt(2.0 * number(terms.order_cost) * mean / holding))
    batch = max(min(harris, 20 * len(law)), int(number(terms.min_order)), _pack(problem) - 1, greatest_break(problem))
    if isinstance(problem, Positions):
        high = int(np.searchsorted(np.cumsum(problem.covered), ratio)) + batch
    else:
        high = newsvendor_level(problem, lead + 1, max(ratio, 0.95)) + batch
    largest = newsvendor_level(problem, 1, max(ratio, 0.95)) + batch
    each = [largest] * world.sources
    if world.unmet != "lost":  # from far below the orders have to keep up with any demand
        each[-1] = max(largest, len(law) - 1 + _pack(problem))
    return Range(tuple(min([units, *most]) for units in each), (0, high), proven=False)


def _plain(problem: Problem) -> bool:
    """Whether Morton's range holds: sales lost, goods that keep, orders of any size at a price a unit that come at once and whole, and
    periods that differ in their demand alone."""
    world, terms, period = problem.world, problem.terms, problem.outcomes.period
    each = number(terms.order_cost) == 0.0 and number(terms.min_order) == 0.0 and _pack(problem) == 1
    orders = each and world.sources == 1 and world.shipments == (0,) and not world.random_yield and not world.discounts
    alike = not world.review and not world.capacity and period.elapsed is None
    alike = alike and (period.price is None or np.ptp(np.asarray(period.price)) == 0.0)
    return orders and alike and world.unmet == "lost" and not world.life


def _wider(problem: Problem, found: Range, best: Chain, solution: Solution, begin: Array | None) -> Range:
    """The range, wider where the optimum touches its ends."""
    (low, high), comes = found.position, best.share() > 1e-12
    states, orders = best.states[comes], best.orders[comes]
    if begin is not None:
        states, orders = np.r_[states, begin], np.r_[orders, solution.decide(begin)]
    before = states.sum(1) - 2 * states[:, problem.world.lives]
    placed = orders.sum(1) > 0
    pack, largest = _pack(problem), orders_of(problem, found).max(0)
    cap = math.inf if problem.terms.max_order is None else float(np.max(problem.terms.max_order))
    step = lambda end: max(pack, 2, abs(end) // 4)  # noqa: E731
    if (placed & (before + orders.sum(1) + pack > high)).any():
        high += step(high)
    low = min(low, int(before.min()))
    most = tuple(
        min(m + step(m), cap) if m < cap and (orders[:, s] >= largest[s]).any() else m for s, m in enumerate(found.most)
    )
    return Range(tuple(int(m) for m in most), (low, high), proven=False)


def _refuse(problem: Problem, found: Range, memory: float) -> None:
    need = memory_of(problem, found)
    if need > memory:
        states, orders = size(problem, found)
        raise ConfigError(
            [
                f"an exact solution would look at up to {states:,} states with {orders:,} orders and {len(problem.outcomes.probability)} "
                f"demands each, about {need / 1e9:,.{0 if need > 1e11 else 1}f} GB; {memory / 1e9:g} GB are allowed (--memory-gb). `tune` and `compare` simulate what is "
                "too large; or count in larger units (cases, not pieces), or shorten the lead time"
            ],
            "the instance",
        )


def _pack(problem: Problem) -> int:
    return max(int(number(problem.terms.pack)), 1)


def _ways(most: tuple[int, ...], pack: int) -> Array:
    """Ways to order 0, 1, 2, ... units."""
    ways = np.ones(1)
    for largest in most:
        ways = np.convolve(ways, 1.0 * (np.arange(largest + 1) % pack == 0))
    return ways
