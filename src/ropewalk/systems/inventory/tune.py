"""Classic rules tuned on the training weeks: every point of a grid replayed, refined twice around the best.

A rule's parameters are shared by all items, or chosen for each group of items, or for each item; which of the three (and
which rule) is kept is for the caller to choose on later weeks, where the many choices of "each item" pay for their noise.
Letters: G grid points, D parameters of the rule, I items, T periods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.systems.inventory.engine.step import Period, Policy, State, Terms
from ropewalk.systems.inventory.panel import Panel
from ropewalk.systems.inventory.panel_replay import Replay, periods_of, replay, start_of, terms_of, total_profit
from ropewalk.systems.inventory.rules import Known, policy_of

Array = np.ndarray

# Bounds of each parameter, and points between them: z from hardly any stock, for margins that are thin, to far out; a cap of 1/2 to 8
# periods of demand; an order quantity of nothing to three times Harris's.
GRIDS: dict[str, tuple[tuple[float, float, int], ...]] = {
    "base-stock": ((-4.0, 5.0, 37),),
    "capped base-stock": ((-4.0, 5.0, 13), (0.5, 8.0, 9)),
    "(s, S)": ((-3.5, 4.0, 13), (0.0, 3.0, 9)),
    "newsvendor": ((-4.0, 5.0, 37),),
    "(s, S) on forecast": ((-3.5, 4.0, 13), (0.0, 3.0, 9)),
}
REFINEMENTS = 2
FINER = {1: 25, 2: 9}  # points along each axis of a refinement, by the number of axes
FIRST = 4  # periods: before that an item's own history says nothing about it


@dataclass(frozen=True)
class Tuned:
    """A rule and its parameters."""

    rule: str
    scope: str  # shared, group, item
    parameters: Array  # [I,D]; equal rows where shared

    @property
    def name(self) -> str:
        """As the tables print it."""
        return self.rule if self.scope == "shared" else f"{self.rule}, per {self.scope}"

    def policy(self, xp: ModuleType = np) -> Policy:
        """As the engine takes it."""
        return policy_of(self.rule, self.parameters, xp)


@partial(jax.jit, static_argnames="rule")
def _profits(rule: str, grid: Array, terms: Terms, state: State, periods: Period) -> jax.Array:
    """[G,I] USD: each item's profit at each point of a grid [G,1,D] or [G,I,D]."""
    return jax.lax.map(lambda point: total_profit(policy_of(rule, point, jnp), terms, state, periods), grid)


def axes(low: Array, high: Array, points: Sequence[int]) -> Array:
    """[G,D] all points of a regular grid, so many along each axis."""
    ticks = [np.linspace(*each) for each in zip(low, high, points, strict=True)]
    return np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, len(low))


def groups(known: Known, count: int = 4) -> Array:
    """[I] group of each item: `count` classes of demand times `count` of unit cost, by quantiles of the last period."""
    demand, cost = np.asarray(known.mean[-1]), np.asarray(known.unit_cost[-1])

    def classes(values: Array) -> Array:
        return np.searchsorted(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]), values)

    return classes(demand) * count + classes(cost)


def tune(rule: str, records: Panel, known: Known, scopes: tuple[str, ...] = ("shared", "group", "item")) -> list[Tuned]:
    """The rule with its best parameters of each scope. `records` and `known` [T,I,...] hold the training weeks only."""
    replayed = _inputs(records, known)
    low, high, along = (np.array(bound) for bound in zip(*GRIDS[rule], strict=True))
    points, finer = axes(low, high, along.tolist()), FINER[len(low)]
    size = records.shape[0]
    every = np.repeat(points[:, None, :], size, axis=1)  # of one shape with what follows, so that JAX compiles once
    profits = _each(rule, every, replayed)
    member = {"shared": np.zeros(size, int), "group": groups(known), "item": np.arange(size)}
    best = {scope: points[_best(profits, member[scope])] for scope in scopes}
    width = (high - low) / (along - 1)
    for _ in range(REFINEMENTS):
        for scope in scopes:
            near = np.maximum(axes(-width, width, [finer] * len(low))[:, None, :] + best[scope], low)
            chosen = _best(_each(rule, near, replayed), member[scope])
            best[scope] = near[chosen, np.arange(size)]
        width = width * 2.0 / (finer - 1)
    return [Tuned(rule, scope, best[scope].astype(np.float32)) for scope in scopes]


def _inputs(records: Panel, known: Known) -> tuple:
    start = min(FIRST, records.shape[1] - 1)
    periods = periods_of(records, known, np.float32)
    periods = jax.tree.map(lambda a: jnp.asarray(a[start:]), periods)
    return terms_of(records, np.float32), start_of(records, np.float32), periods


def _each(rule: str, grid: Array, replayed: tuple) -> Array:
    return np.asarray(_profits(rule, jnp.asarray(grid, jnp.float32), *replayed), np.float64)


def _best(profits: Array, member: Array) -> Array:
    """[I] index of the point with the highest profit summed over the members of each item's group."""
    total = np.zeros((profits.shape[0], member.max() + 1))
    for at, row in enumerate(profits):
        total[at] = np.bincount(member, row, minlength=total.shape[1])
    return total.argmax(0)[member]


def choose(candidates: list[Tuned], records: Panel, known: Known) -> list[tuple[Tuned, Replay]]:
    """The candidates replayed on the weeks kept for choosing, the most profitable first."""
    replays = [(tuned, replay(records, tuned.policy(), known)) for tuned in candidates]
    return sorted(replays, key=lambda pair: -pair[1].profit.sum())
