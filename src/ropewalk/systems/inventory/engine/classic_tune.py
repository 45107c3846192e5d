"""The best parameters of each classic policy: exactly by its Markov chain (`tune`), or, where the pipeline is too long for that
(more than 4 periods of lost sales) or the states are not whole or not all that there is (random lead times, yields, partial backlog), by
paired simulation (`tune_simulated`).

A policy is a level and a shape (the cap, the gap to a second level, ...; base-stock has none). For a given shape the level is
found by walking downhill from a start, at last one whole unit at a time; around that, every shape of a box is tried, or the walk goes
over the shapes too. `SEARCHES` says for each policy which, and why that suffices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.classic import RULES
from ropewalk.systems.inventory.engine.classic_cost import (
    average_cost,
    critical_ratio,
    greatest_break,
    lead_times,
    newsvendor_level,
    number,
    setting_of,
    simulate,
)
from ropewalk.systems.inventory.engine.exact import Bounds, Problem

Cost = Callable[[tuple[float, ...]], float]
MANY = 300  # shapes
FEW = 100  # parameters that are screened at once
STRIDE = 40  # a walk from beyond twice this number begins with strides


@dataclass(frozen=True)
class Tuned:
    """A policy with its best parameters, and what it costs a period."""

    policy: str
    parameters: tuple[float, ...]  # as RULES names them
    cost: Bounds  # bounds; simulated: both are the mean
    error: float = 0.0  # standard error of the cost where it was simulated
    tried: int = 1  # sets of parameters


def tune(problem: Problem, policy: str, tolerance: float = 1e-5) -> Tuned:
    """By exact average costs; the search starts where a short simulation is best."""
    _refuse(problem, policy)
    bounds = cache(lambda parameters: average_cost(problem, policy, parameters, tolerance))
    best = _search(problem, policy, lambda parameters: bounds(parameters).middle)
    return Tuned(policy, best, bounds(best), tried=bounds.cache_info().currsize)


def tune_simulated(
    problem: Problem, policy: str, seed: int = 0, paths: int = 250, periods: int = 1_000, final: int = 2_000
) -> Tuned:
    """By paired simulation: the same demand for all parameters. The cost of those chosen is that of `final` other paths."""
    _refuse(problem, policy)
    cost = cache(lambda parameters: float(simulate(problem, policy, [parameters], seed, paths, periods).mean()))
    best = _search(problem, policy, cost)
    fresh = simulate(problem, policy, [best], seed + 1, final, periods)[0]
    mean, error = float(fresh.mean()), float(fresh.std(ddof=1) / math.sqrt(final))
    return Tuned(policy, best, Bounds((mean, mean)), error, cost.cache_info().currsize)


class Search(NamedTuple):
    """Where the best parameters are looked for."""

    level: int  # to start from
    shapes: Sequence[tuple[float, ...]]
    parameters: Callable[[int, tuple[float, ...]], tuple[float, ...]]
    start: int | None = None  # the shape that the walk over shapes starts from; None: every shape is tried
    look: int = 1  # steps ahead at which a better level is looked for


def _base_stock(problem: Problem) -> Search:
    """All levels, downhill. The cost is convex in the level where demand is backlogged, and where it is lost (Janakiraman & Roundy,
    Operations Research 52(5), 2004); where goods perish it need not be, so that there the walk looks two steps ahead."""
    most = newsvendor_level(problem, lead_times(problem)[0] + 1 + problem.world.life, 0.999)
    level = _screened(problem, "base-stock", [(level,) for level in range(most + 1)])
    return Search(level, [()], lambda level, shape: (level,), look=2 if problem.world.life else 1)


def _capped(problem: Problem) -> Search:
    """Caps downhill, and for each cap levels downhill, from the best of a simulated cross. That there is one valley is not proven;
    on the 32 instances of Zipkin the walk ends at the published parameters or, exactly, below their cost."""
    level = _base_stock(problem).level
    caps = [(cap,) for cap in range(1, max(newsvendor_level(problem, 1, 0.99), 1) + 1)]
    best = _screened(problem, "capped base-stock", [(level + 2, *cap) for cap in caps])
    level += _screened(problem, "capped base-stock", [(level + more, *caps[best]) for more in range(8)])
    return Search(level, caps, lambda level, shape: (level, *shape), start=best)


def _reorder_up_to(problem: Problem) -> Search:
    """Every S - s up to `_most_at_once`, or downhill from half of it where those are more than `MANY`. For each the cost with backlog is convex in s,
    since the law of the distance to S does not depend on s (Zheng & Federgruen 1991)."""
    gaps = [(gap,) for gap in range(1, _most_at_once(problem) + 1)]
    start = len(gaps) // 2 if len(gaps) > MANY else None
    return Search(_cover(problem), gaps, lambda level, shape: (level, level + shape[0]), start)


def _reorder_quantity(problem: Problem) -> Search:
    """Every Q up to `_most_at_once`, or downhill from half of it where those are more than `MANY`. For each the cost with backlog is convex in R: the position
    is uniform on R + 1 to R + Q (Hadley & Whitin 1963; Federgruen & Zheng 1992)."""
    quantities = [(quantity,) for quantity in range(1, _most_at_once(problem) + 1)]
    start = len(quantities) // 2 if len(quantities) > MANY else None
    return Search(_cover(problem), quantities, lambda level, shape: (level, *shape), start)


def _myopic(problem: Problem) -> Search:
    """Nothing: the ratio follows from the costs."""
    ratio = critical_ratio(problem)
    return Search(0, [()], lambda level, shape: (ratio,))


def _projected(problem: Problem) -> Search:
    """Levels in steps of an eighth of a unit, downhill from the best that a short simulation finds up to the level with backlog,
    looking two steps ahead: whole orders make the cost a staircase."""
    mean = setting_of(problem).law @ np.arange(len(setting_of(problem).law))
    most = newsvendor_level(problem, lead_times(problem)[0] + 1) - mean * lead_times(problem)[0] + 1
    tried = range(4, max(int(8 * most), 4) + 1, 4)
    level = tried[_screened(problem, "projected", [(eighths / 8,) for eighths in tried])]
    return Search(level, [()], lambda level, shape: (level / 8,), look=2)


def _single_index(problem: Problem) -> Search:
    """Every gap between the levels up to the demand that the lead time of the regular source can bring. For each the cost with
    backlog is convex in the level: the overshoot does not depend on it (Scheller-Wolf et al. 2007)."""
    return Search(_cover(problem), _gaps(problem), lambda level, shape: (level, level + shape[0]))


def _capped_dual_index(problem: Problem) -> Search:
    """Every gap as for the dual index, with every cap up to the greatest demand of a period (Sun & Van Mieghem 2019). Where those are
    more than `MANY`: gaps from a little under that of the best dual index on, and caps up to what nine demands of ten stay under."""
    gaps, caps = _gaps(problem), list(range(1, len(setting_of(problem).law)))
    if len(gaps) * len(caps) > MANY:
        expedited, regular = tune(problem, "dual index").parameters
        near = int(regular - expedited)
        gaps = [gap for gap in gaps if near - 2 <= gap[0] <= near + 6 or gap == gaps[-1]]
        caps = [*range(1, newsvendor_level(problem, 1, 0.9) + 1), caps[-1]]
    shapes = [(*gap, cap) for gap in gaps for cap in caps]
    return Search(_cover(problem), shapes, lambda level, shape: (level, level + shape[0], shape[1]))


def _tailored_base_surge(problem: Problem) -> Search:
    """Every whole quantity below the mean demand; for each the expedited level downhill (Allon & Van Mieghem 2010)."""
    law = setting_of(problem).law
    quantities = [(q,) for q in range(math.ceil(law @ np.arange(len(law)) - 1e-9))]
    return Search(_cover(problem), quantities, lambda level, shape: (level, *shape))


SEARCHES: dict[str, Callable[[Problem], Search]] = {
    "base-stock": _base_stock,
    "capped base-stock": _capped,
    "(s, S)": _reorder_up_to,
    "(R, Q)": _reorder_quantity,
    "myopic": _myopic,
    "projected": _projected,
    "single index": _single_index,
    "dual index": _single_index,
    "capped dual index": _capped_dual_index,
    "tailored base-surge": _tailored_base_surge,
}


def _search(problem: Problem, policy: str, cost: Cost) -> tuple[float, ...]:
    least = 0 if problem.world.unmet == "lost" else -(1 << 30)  # what waits can be worth waiting for an order
    level, shapes, parameters, begin, look = SEARCHES[policy](problem)
    levels: dict[int, int] = {}  # the best of each shape so far

    def best(index: int) -> tuple[float, ...]:
        near = min(levels, key=lambda other: abs(other - index), default=None)
        first, shape = level if near is None else levels[near], shapes[index]
        levels[index] = _downhill(lambda level: cost(parameters(level, shape)), first, look, least)
        return parameters(levels[index], shape)

    if begin is None:
        return min((best(index) for index in range(len(shapes))), key=cost)
    return best(_downhill(lambda index: cost(best(index)), begin, most=len(shapes) - 1))


def _downhill(cost: Callable[[int], float], at: int, look: int = 1, least: int = 0, most: int = 1 << 30) -> int:
    """The whole number from `least` to `most` at which the cost is least, going from `at` to what is better at most `look` away. From
    far out by strides first, which end where single steps do if the cost has one valley."""
    stride = 1 << max(abs(at) // STRIDE, 1).bit_length() - 1
    while True:
        steps = [sign * far * stride for far in range(1, look + 1) for sign in (-1, 1)]
        here = cost(at)
        better = next((at + s for s in steps if least <= at + s <= most and cost(at + s) < here), None)
        if better is None and stride == 1:
            return at
        at, stride = (at, stride // 2) if better is None else (better, stride)


def _screened(problem: Problem, policy: str, parameters: list[tuple[float, ...]]) -> int:
    """Which of a row of them a short paired simulation finds best; of a long row every so manieth first, then those around it."""
    periods = max(160, 8 * problem.world.columns)  # the first two lead times are not counted
    every = len(parameters) // FEW + 1
    best = every * int(simulate(problem, policy, parameters[::every], periods=periods).mean(1).argmin())
    if every == 1:
        return best
    first = max(best - every + 1, 0)
    return first + _screened(problem, policy, parameters[first : best + every])


def _cover(problem: Problem) -> int:
    """The newsvendor level over the shortest lead time and the period of sale."""
    return newsvendor_level(problem, min(lead_times(problem)) + 1)


def _gaps(problem: Problem) -> list[tuple[int]]:
    return [(gap,) for gap in range(newsvendor_level(problem, max(lead_times(problem)), 1.0 - 1e-6) + 1)]


def _most_at_once(problem: Problem) -> int:
    """Twice Harris's quantity with backlog and a period's demand, or with discounts the last break and a period's demand; of what perishes
    no more than can be sold."""
    law = setting_of(problem).law
    mean, order, holding = law @ np.arange(len(law)), number(problem.terms.order_cost), number(problem.terms.holding)
    rate = max(holding * critical_ratio(problem), 1e-9)
    most = math.ceil(max(2.0 * math.sqrt(2.0 * order * mean / rate), greatest_break(problem)) + mean)
    life = problem.world.life
    return min(most, max(newsvendor_level(problem, life, 1.0 - 1e-6), 1)) if life else most


def _refuse(problem: Problem, policy: str) -> None:
    world = problem.world
    sources = 2 if "index" in policy or policy == "tailored base-surge" else 1
    ahead = policy in ("myopic", "projected")
    kind = ahead and (world.unmet != "lost" or world.life > 0)
    random = world.lead == "random" and (ahead or world.sources > 1)
    wrong = [
        (policy not in RULES, f"policy: {policy!r}; there are {', '.join(map(repr, RULES))}"),
        (world.sources != sources, f"policy: {policy!r} is for {sources} source(s), the problem has {world.sources}"),
        (kind, f"policy: {policy!r} is for lost sales of goods that keep"),
        (
            random,
            f"policy: {policy!r} looks at when orders come, and lead times are random here; base-stock, (s, S) and (R, Q) do not",
        ),
    ]
    if any(is_wrong for is_wrong, _ in wrong):
        raise ConfigError([sentence for is_wrong, sentence in wrong if is_wrong], "the policy")
