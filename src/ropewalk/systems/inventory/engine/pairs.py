"""Pairs of paths with the same demand, one with a change in its first order, until they meet: what the change costs, without bias. A
pair that has not met after `longest` periods counts as it is then: where a policy goes in circles, paths may never meet.

Letters: B pairs on the way, S sources, Z states of the box, O outcomes of a period.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.systems.inventory.engine import expected
from ropewalk.systems.inventory.engine.box import Box
from ropewalk.systems.inventory.engine.exact import Problem
from ropewalk.systems.inventory.engine.step import Period, Seen, State, Terms, objective, step
from ropewalk.systems.inventory.engine.world import World

Array = Any


class Game(NamedTuple):
    """What is simulated, as arrays."""

    terms: Terms
    cumulative: Array  # [O-1] of the probability
    period: Period  # [O] each
    table: Array  # [Z,S]
    unsold: expected.Unsold

    @staticmethod
    def of(problem: Problem, table: np.ndarray) -> Game:
        """`table` [Z,S]: the policy."""
        number, law = partial(jnp.asarray, dtype=jnp.float32), problem.outcomes
        unsold = expected.unsold(problem, int(np.max(law.period.demand)) + 2)
        return Game(jax.tree.map(number, problem.terms), number(np.cumsum(law.probability)[:-1]),
                    jax.tree.map(number, law.period), jnp.asarray(table), unsold)  # fmt: skip


class Pairs:
    """`size` pairs at most are on the way; all are followed `stretch` periods at a time, and none longer than `longest`."""

    def __init__(
        self, world: World, box: Box, game: Game, pool: State, size: int, stretch: int, longest: int, key: Array
    ) -> None:
        self._setting, self._game, self._pool = (world, box, stretch), game, pool
        self._periods, self._longest, self._key, self._stretch = stretch, longest, key, 0
        self._state = jax.tree.map(lambda part: jnp.zeros((2, size, *part.shape[1:])), pool)
        self._row, self._change = np.full(size, -1), np.zeros((size, world.sources), np.float32)
        self._cell, self._cost = np.zeros(size, np.int64), np.zeros(size)
        self._since = np.full(size, -1)  # stretch at which a pair began; -1: none is on the way
        self._over = np.zeros((3, 0))  # since, cell and cost of pairs that are over before others that began with them

    @property
    def room(self) -> int:
        """Pairs that can begin."""
        return int((self._since < 0).sum())

    @property
    def busy(self) -> bool:
        """Whether any is on the way."""
        return bool((self._since >= 0).any())

    def begin(self, rows: np.ndarray, changes: np.ndarray, cells: np.ndarray) -> None:
        """[n] pairs from states of the pool, with changes [n,S] of the order there; `cells` name them."""
        free = np.flatnonzero(self._since < 0)[: len(rows)]
        self._row[free], self._change[free], self._cell[free] = rows, changes, cells
        self._cost[free], self._since[free] = 0.0, self._stretch

    def follow(self) -> tuple[np.ndarray, np.ndarray]:
        """Cells and costs [n] of the pairs that are over now. Those that meet soon are not like the others, so what began together comes
        together."""
        self._key, draw = jax.random.split(self._key)
        self._state, cost, met = _followed(
            *self._setting, self._game, self._state, self._pool, jnp.asarray(self._row), jnp.asarray(self._change), draw
        )
        self._row[:] = -1
        self._cost += np.asarray(cost, np.float64)
        self._stretch += 1
        age = (self._stretch - self._since) * self._periods
        over = np.flatnonzero((self._since >= 0) & (np.asarray(met) | (age >= self._longest)))
        news = np.stack([self._since[over], self._cell[over], self._cost[over]])
        self._since[over] = -1
        self._over = np.concatenate([self._over, news], -1)
        whole = self._over[0] < np.where(self._since < 0, self._stretch, self._since).min()
        found, self._over = self._over[:, whole], self._over[:, ~whole]
        return found[1].astype(np.int64), found[2]


def _drawn(game: Game, key: Array, shape: tuple[int, ...]) -> Period:
    index = jnp.searchsorted(game.cumulative, jax.random.uniform(key, shape), side="right", method="scan_unrolled")
    return jax.tree.map(lambda field: field[index], game.period)


@partial(jax.jit, static_argnames=("world", "box", "periods", "times"))
def visits(
    world: World, box: Box, periods: int, times: int, game: Game, state: State, key: Array
) -> tuple[State, State, Array]:
    """Where paths [B] are now, the states [times,B] that they were in on the way, so many periods apart, and the mean profit of a period."""

    def policy(seen: Seen) -> Array:
        return game.table[box.seen(seen)] * 1.0

    def one(state: State, period: Period) -> tuple[State, Array]:
        state, flow = step(world, policy, game.terms, state, period)
        return state, objective(world, flow).mean()

    def stretch(state: State, key: Array) -> tuple[State, tuple[State, Array]]:
        state, profits = jax.lax.scan(one, state, _drawn(game, key, (periods, len(state.owed))))
        return state, (state, profits.mean())

    state, (states, profits) = jax.lax.scan(stretch, state, jax.random.split(key, times))
    return state, states, profits.mean()


@partial(jax.jit, static_argnames=("world", "box", "stretch"))
def _followed(
    world: World, box: Box, stretch: int, game: Game, state: State, pool: State, row: Array, change: Array, key: Array
) -> tuple[State, Array, Array]:
    """The pairs [2,B] a stretch later, what the change has cost in it [B], and whether the paths have met [B]. Those with a `row` [B] of
    the pool (not -1) begin there, one path with the change [B,S]."""
    begun = jax.tree.map(lambda part: part[row], pool)
    state = jax.tree.map(
        lambda new, old: jnp.where((row < 0).reshape(-1, *[1] * (new.ndim - 1)), old, new), begun, state
    )

    def one(carry: tuple[State, Array], each: tuple[Period, Array]) -> tuple[tuple[State, Array], None]:
        period, first = each
        shown: list[Seen] = []

        def policy(seen: Seen) -> Array:
            shown.append(seen)
            units = game.table[box.seen(seen)] * 1.0
            return units.at[1].add(change * first)

        state, flow = step(world, policy, game.terms, carry[0], period)
        if expected.known(world, period):
            flow = flow._replace(profit=expected.profit(world, game.terms, game.unsold, shown[0], flow))
        profit = objective(world, flow)
        return (state, carry[1] + profit[0] - profit[1]), None

    change = jnp.where((row < 0)[:, None], 0.0, change)
    first = jnp.zeros(stretch).at[0].set(1.0)
    (state, cost), _ = jax.lax.scan(
        one, (state, jnp.zeros(row.shape)), (_drawn(game, key, (stretch, *row.shape)), first)
    )
    same = [(part[0] == part[1]).reshape(len(row), -1).all(-1) for part in jax.tree.leaves(state)]
    return state, cost, jnp.stack(same).all(0)
