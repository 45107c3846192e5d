"""Approximate policy iteration where orders are few and whole: a policy is improved state by state, from simulated paths alone.

A round: a pool of states that the policy visits is simulated; from states of the pool pairs of paths leave, one with the order of the
policy and one with a unit more or less, both with the same demand and both under the policy from then on; where the mean
difference in cost is below zero by more than chance (`Settings.sure`), the order changes by that unit. States that are
settled, because a unit either way costs more beyond doubt, are tried no further, so that the paths go where they decide
something (Temizoz et al., arXiv 2011.15122, halve the candidates of a state for the same end). The difference is unbiased once
the paths of a pair have met; `Settings.periods` should be long enough for that.

The policy is a table over the box of states that it visits; outside the box it is what it was.

Letters: B pairs, N states of the pool, S sources, W columns of a state, Z states of the box.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import expected
from ropewalk.systems.inventory.engine.exact import Decide, Problem
from ropewalk.systems.inventory.engine.step import Period, Seen, State, Terms, start, step
from ropewalk.systems.inventory.engine.world import World

Array = Any


@dataclass(frozen=True)
class Settings:
    """How long and how."""

    rounds: int = 3
    pairs: int = 200_000  # of a round, the first; each round has `growth` times those of the round before
    growth: float = 1.5
    periods: int = 0  # that a pair is followed; 0: 24 and two lead times
    batch: int = 4_096
    sure: float = 0.0  # standard errors; 0: so many that chance alone changes less than half an order a round
    most: int = 1 << 22  # states of the box


@dataclass(frozen=True)
class Improved:
    """A policy with a table of its own."""

    before: Decide
    box: Box
    table: np.ndarray  # [Z,S] whole units
    changed: int  # states of the box whose order is not that of `before`

    def decide(self, states: np.ndarray) -> np.ndarray:
        """Whole orders [N,S] of states [N,W]."""
        inside = self.box.holds(states)
        out = np.asarray(self.before(states)).reshape(len(states), -1).astype(np.int64)
        out[inside] = self.table[self.box.of(states[inside], np)]
        return out


@dataclass(frozen=True)
class Box:
    """States as places of a table."""

    sizes: tuple[int, ...]  # places of each column

    def of(self, states: Array, xp: Any = jnp) -> Array:
        """[...] place of states [...,W]; those outside have the place of the nearest state of the box."""
        place = xp.zeros(states.shape[:-1], xp.int32)
        for column, size in enumerate(self.sizes):
            place = place * size + xp.clip(states[..., column], 0, size - 1).astype(xp.int32)
        return place

    def holds(self, states: np.ndarray) -> np.ndarray:
        return np.asarray(((states >= 0) & (states < np.array(self.sizes))).all(-1))

    def states(self) -> np.ndarray:
        """[Z,W] all of them, in the order of their places."""
        return np.stack(np.unravel_index(np.arange(int(np.prod(self.sizes))), self.sizes), -1).astype(np.int64)


class Game(NamedTuple):
    """What is simulated, as arrays."""

    terms: Terms
    cumulative: Array  # [O-1] of the probability
    period: Period  # [O] each
    table: Array  # [Z,S]
    unsold: expected.Unsold


def improve(
    problem: Problem, policy: Decide, settings: Settings | None = None, seed: int = 0,
    look: Callable[[int, Improved], None] | None = None,
) -> Improved:  # fmt: skip
    """A better policy where there are pairs enough for the states of its box; with too few it can be a little worse (docs/decisions/0026).
    `look` gets each round and its policy. ConfigError where the box is too large."""
    settings = settings or Settings()
    world, law = replace(problem.world, lots=False), problem.outcomes
    if not settings.periods:
        settings = replace(settings, periods=24 + 2 * world.columns)
    box = _box_of(problem, policy, settings, seed)
    table = np.asarray(policy(box.states())).reshape(-1, world.sources).astype(np.int32)
    first = table.copy()
    number = partial(jnp.asarray, dtype=jnp.float32)
    key = jax.random.PRNGKey(seed)
    unsold = expected.unsold(problem, int(np.max(law.period.demand)) + 2)
    pool = State(*(number(part) for part in start(world, (settings.batch,), np)))
    found = Improved(policy, box, table, 0)
    for done in range(settings.rounds):
        game = Game(jax.tree.map(number, problem.terms), number(np.cumsum(law.probability)[:-1]), jax.tree.map(number, law.period),
                    jnp.asarray(table), unsold)  # fmt: skip
        key, draw, other = jax.random.split(key, 3)
        pool, states = _visited(world, settings, box, game, pool, draw)
        pairs = int(settings.pairs * settings.growth**done)
        table = _round(world, settings, box, game, states, pairs, other, table)
        found = Improved(policy, box, table, int((table != first).any(-1).sum()))
        if look is not None:
            look(done + 1, found)
    return found


def where_few(problem: Problem, policy: Decide, seed: int = 0, states: int = 5_000) -> Decide:
    """The policy improved where the box of its states has at most so many, which a few seconds settle; else as it is."""
    try:
        found = improve(problem, policy, Settings(most=states), seed)
    except ConfigError:
        return policy
    return found.decide if found.changed else policy


def _box_of(problem: Problem, policy: Decide, settings: Settings, seed: int) -> Box:
    """Room for every state that a simulation visits, and one unit more in each column."""
    from ropewalk.systems.inventory.engine.exact import states

    world, law = problem.world, problem.outcomes
    rng, paths = np.random.default_rng(seed), 1_000
    state, most = start(world, (paths,), np), np.zeros(len(problem.columns), np.int64)

    def watched(seen: Seen) -> np.ndarray:
        nonlocal most
        rows = states(seen)
        most = np.maximum(most, rows.max(0))
        return np.asarray(policy(rows)).reshape(paths, -1) * 1.0

    for _ in range(200 + 4 * world.columns):
        draw = rng.choice(len(law.probability), paths, p=law.probability)
        state, _ = step(
            world, watched, problem.terms, state, jax.tree.map(lambda f, d=draw: np.asarray(f)[d], law.period), np
        )
    box = Box(tuple(int(units) + 2 for units in most))
    if np.prod([float(size) for size in box.sizes]) > settings.most:
        raise ConfigError(
            [
                f"the policy visits a box of {' x '.join(map(str, box.sizes))} states; at most {settings.most:,} fit a table"
            ],
            "the problem",
        )
    return box


def _drawn(game: Game, key: Array, shape: tuple[int, ...]) -> Period:
    index = jnp.searchsorted(game.cumulative, jax.random.uniform(key, shape), side="right", method="scan_unrolled")
    return jax.tree.map(lambda field: field[index], game.period)


def _columns(seen: Seen) -> Array:
    """[...,W] as exact.states has them."""
    return jnp.concatenate([seen.shelf, seen.owed[..., None], seen.outstanding[..., :-1]], -1)


@partial(jax.jit, static_argnames=("world", "settings", "box"))
def _visited(world: World, settings: Settings, box: Box, game: Game, state: State, key: Array) -> tuple[State, State]:
    """Where the paths are now, and the states [16,B] that they were in on the way, periods apart."""

    def stretch(state: State, key: Array) -> tuple[State, State]:
        periods = _drawn(game, key, (settings.periods, settings.batch))

        def one(state: State, period: Period) -> tuple[State, None]:
            return step(world, lambda seen: game.table[box.of(_columns(seen))] * 1.0, game.terms, state, period)[
                0
            ], None

        state, _ = jax.lax.scan(one, state, periods)
        return state, state

    return jax.lax.scan(stretch, state, jax.random.split(key, 16))


@partial(jax.jit, static_argnames=("world", "settings", "box"))
def _pairs(world: World, settings: Settings, box: Box, game: Game, state: State, change: Array, key: Array) -> Array:
    """[B] what the change [B,S] of the first order costs."""
    both = jax.tree.map(lambda part: jnp.stack([part, part]), state)
    periods = _drawn(game, key, (settings.periods, settings.batch))

    def one(carry: tuple[State, Array], each: tuple[Period, Array]) -> tuple[tuple[State, Array], None]:
        period, first = each

        shown: list[Seen] = []

        def policy(seen: Seen) -> Array:
            shown.append(seen)
            units = game.table[box.of(_columns(seen))] * 1.0
            return units.at[1].add(change * first)

        state, flow = step(world, policy, game.terms, carry[0], period)
        profit = flow.profit
        if expected.known(world):
            profit = expected.profit(world, game.terms, game.unsold, shown[0], flow)
        return (state, carry[1] + profit[0] - profit[1]), None

    first = jnp.zeros(settings.periods).at[0].set(1.0)
    return jax.lax.scan(one, (both, jnp.zeros(settings.batch)), (periods, first))[0][1]


def _round(
    world: World, settings: Settings, box: Box, game: Game, pool: State, pairs: int, key: Array, table: np.ndarray
) -> np.ndarray:
    """The table after one round."""
    flat = jax.tree.map(lambda part: np.asarray(part).reshape(-1, *part.shape[2:]), pool)
    due = np.concatenate([flat.due[:, 1:], np.zeros_like(flat.due[:, :1])], -1)
    shelf = flat.shelf.copy()
    shelf[:, -1] += flat.due[:, 0]
    places = box.of(np.concatenate([shelf, flat.owed[:, None], due[:, :-1]], -1).astype(np.int64), np)
    ways = np.array([way for way in itertools.product((-1, 0, 1), repeat=world.sources) if any(way)])  # [A,S]
    count, total, square = (np.zeros((len(table), len(ways))) for _ in range(3))
    allowed = (table[:, None, :] + ways >= 0).all(-1)  # [Z,A]
    sure = settings.sure or float(norm.isf(0.5 / (len(np.unique(places)) * len(ways))))
    rng = np.random.default_rng(np.asarray(key)[-1])
    for _ in range(max(1, pairs // settings.batch)):
        mean, error = _estimate(count, total, square)
        open_ = allowed & (np.abs(mean) < (sure + 1.0) * error)
        row, way = np.nonzero(open_[places])
        if not len(row):
            break
        taken = rng.integers(0, len(row), settings.batch)
        row, way = row[taken], way[taken]
        key, draw = jax.random.split(key)
        state = jax.tree.map(lambda part, row=row: jnp.asarray(part[row]), flat)
        cost = np.asarray(
            _pairs(world, settings, box, game, state, jnp.asarray(ways[way], jnp.float32), draw), np.float64
        )
        at = places[row] * len(ways) + way
        for sums, values in ((count, np.ones_like(cost)), (total, cost), (square, cost**2)):
            np.add.at(sums.reshape(-1), at, values)
    mean, error = _estimate(count, total, square)
    gain = np.where(mean < -sure * error, -mean, 0.0)
    best = gain.argmax(-1)
    better = np.flatnonzero(gain[np.arange(len(table)), best] > 0.0)
    after = table.copy()
    after[better] += ways[best[better]].astype(after.dtype)
    return after


def _estimate(count: np.ndarray, total: np.ndarray, square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each cell and its standard error, inf where nothing was tried. The variance of a cell is at least that of all of them
    together: a rare and costly end is not seen in a few pairs."""
    every = max(count.sum(), 1.0)
    pooled = square.sum() / every - (total.sum() / every) ** 2
    tried = np.maximum(count, 1.0)
    mean = total / tried
    variance = np.maximum(square / tried - mean**2, pooled)
    return mean, np.where(count > 0, np.sqrt(variance / tried), np.inf)
