"""Parameters of a rule for two sources, where the chains of all its shapes would take minutes: a grid of them is simulated on the
same demand, a finer one around the best of it, and so on to whole units; from there exact costs lead downhill, as far as the chain
is short enough for that."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.classic import RULES
from ropewalk.systems.inventory.engine.classic_cost import (
    lead_times,
    newsvendor_level,
    policy_chain,
    setting_of,
    simulate,
)
from ropewalk.systems.inventory.engine.exact import Problem

Shape = tuple[
    float, ...
]  # the level, and what else a rule of two sources is told of: the gap to the other level, a quantity, a cap
SIDE = {2: 18, 3: 7}  # sets along a side of a grid, by their number of parameters
PATHS, PERIODS = 128, 160
MOVES = 2e6  # of a chain that is walked on


class Screened(NamedTuple):
    """What was found."""

    parameters: Shape
    tried: int
    exact: bool  # walked to its end by exact costs


def screened(problem: Problem, name: str, seed: int, tell: Callable[[int], object] = int) -> Screened:
    """`tell` hears how many sets of parameters were tried."""
    ends, tried = _ends(problem, name), 0
    near = ends
    while True:
        side = SIDE[len(ends)]
        axes = [np.unique(np.rint(np.linspace(low, high, side)).astype(int)) for low, high in near]
        shapes = [tuple(map(int, shape)) for shape in itertools.product(*axes)]
        cost = simulate(
            problem, name, [_parameters(name, s) for s in shapes], seed, PATHS, PERIODS + 10 * problem.world.columns
        )
        best = shapes[int(cost.mean(1).argmin())]
        tried += len(shapes)
        tell(tried)
        steps = [int(np.diff(axis).max(initial=1)) for axis in axes]
        if max(steps) == 1:
            return _walked(problem, name, best, tried, tell)
        near = [
            (max(at - math.ceil(1.5 * step), low), min(at + math.ceil(1.5 * step), high))
            for at, step, (low, high) in zip(best, steps, ends, strict=True)
        ]


def _walked(problem: Problem, name: str, best: tuple[int, ...], tried: int, tell: Callable[[int], object]) -> Screened:
    ways, costs = len(problem.outcomes.probability), dict[tuple[int, ...], float]()
    ends = _ends(problem, name)[1:]

    def cost(shape: tuple[int, ...]) -> float:
        if shape not in costs:
            found = policy_chain(problem, name, _parameters(name, shape), round(MOVES / ways))
            costs[shape] = found.average_cost(1e-5).middle
            tell(tried + len(costs))
        return costs[shape]

    try:
        while True:
            inside = (
                s for s in _beside(best) if all(low <= at <= high for at, (low, high) in zip(s[1:], ends, strict=True))
            )
            better = next((shape for shape in inside if cost(shape) < cost(best)), None)
            if better is None:
                return Screened(_parameters(name, best), tried + len(costs), exact=True)
            best = better
    except (ConfigError, RuntimeError):  # the chain is too long, or hardly ever leaves a part of itself
        return Screened(_parameters(name, best), tried + len(costs), exact=False)


def _beside(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """One unit away in one number, or in the level and, the other way, the next one: that keeps the sum of both."""
    moves = [tuple(sign * (i == j) for j in range(len(shape))) for i in range(len(shape)) for sign in (-1, 1)]
    moves += [(sign, -sign, *[0] * (len(shape) - 2)) for sign in (-1, 1)]
    return [tuple(a + b for a, b in zip(shape, move, strict=True)) for move in moves]


def _ends(problem: Problem, name: str) -> list[tuple[int, int]]:
    """Where each number is looked for."""
    law, regular = setting_of(problem).law, max(lead_times(problem))
    mean = float(law @ np.arange(len(law)))
    level = (0, newsvendor_level(problem, regular + 1, 0.999))
    gap = (0, newsvendor_level(problem, regular, 1.0 - 1e-6))
    if name == "tailored base-surge":
        return [level, (0, math.ceil(mean - 1e-9) - 1)]
    return [level, gap, (1, len(law) - 1)][: len(RULES[name].parameters)]


def _parameters(name: str, shape: tuple[int, ...]) -> Shape:
    if name == "tailored base-surge":
        return shape
    level, gap, *cap = shape
    return (level, level + gap, *cap)
