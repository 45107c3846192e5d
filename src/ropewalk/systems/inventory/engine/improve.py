"""Approximate policy iteration where orders are few and whole: a policy is improved state by state, from simulated paths alone.

A round: a pool of states that the policy visits is simulated; from states of the pool pairs of paths leave, one with the order of the
policy and one with a unit more or less, both with the same demand and both under the policy from then on, until they meet
(pairs.py). Where the mean difference in cost is below zero by more than chance (`Settings.sure`), the order changes by that unit.
Pairs go where to know is worth most: as often as a state comes, times what is expected to be gained by knowing which of two orders
is better over deciding now, which also says when a round is over (`Settings.slack`). Temizoz et al. (arXiv 2011.15122) share out
their simulations among the orders of one state; the worth of knowing is that of Chick & Inoue (Operations Research 49(5), 2001).

The policy is a table over the box of states that it visits (box.py); outside the box it is what it was.

Letters: N states of the pool, V of them different, A changes of an order, S sources, W columns of a state, Z states of the box.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.box import Box, as_seen, visited_by
from ropewalk.systems.inventory.engine.classic_cost import number
from ropewalk.systems.inventory.engine.exact import Decide, Problem, refuse
from ropewalk.systems.inventory.engine.pairs import Game, Pairs, visits
from ropewalk.systems.inventory.engine.step import State, start

LOOK = 4  # stretches from one look at what is worth knowing to the next


@dataclass(frozen=True)
class Settings:
    """How long and how."""

    rounds: int = 3
    pairs: int = 200_000  # of a round, the first; each round has `growth` times those of the round before
    growth: float = 1.5
    stretch: int = 8  # periods that pairs are followed before those whose paths have met make room for others
    stretches: int = 6  # of a pair, on average, that there is time for in a round: where pairs meet late it has fewer
    longest: int = 512  # periods that a pair is followed if its paths do not meet
    batch: int = 4_096
    sure: float = 0.0  # standard errors; 0: so many that chance alone changes less than half an order a look
    least: int = 32  # pairs of a state before they count: single ones are far from normal
    most: int = 1 << 22  # states of the box
    slack: float = 1e-5  # of the mean profit or cost a period: what a round need not find


@dataclass(frozen=True)
class Improved:
    """A policy with a table of its own."""

    before: Decide
    box: Box
    table: np.ndarray  # [Z,S] whole units

    @property
    def changed(self) -> int:
        """States of the box whose order is not that of `before`."""
        return int((self.table != _table(self.before, self.box)).any(-1).sum())

    def decide(self, states: np.ndarray) -> np.ndarray:
        """Whole orders [N,S] of states [N,W]."""
        inside = self.box.holds(states)
        out = self.table[self.box.of(states, np)].astype(np.int64)
        if not inside.all():
            out[~inside] = np.asarray(self.before(states[~inside])).reshape(-1, out.shape[1])
        return out


def improve(
    problem: Problem, policy: Decide, settings: Settings | None = None, seed: int = 0,
    look: Callable[[int, Improved], None] | None = None,
) -> Improved:  # fmt: skip
    """A better policy where there are pairs enough for the states of its box; where there are too few for a state its order stays
    (docs/decisions/0026). `look` gets each round and its policy. ConfigError where the box is too large to begin with; where it comes to
    that, the policy is the last one that fitted."""
    refuse(
        problem,
        (problem.parts, "orders are improved where stock is counted in whole units"),
        (max(number(problem.terms.pack), 1.0) > 1.0 or number(problem.terms.min_order) > 0.0, "orders are improved by single units, without packs and a least order"),
    )  # fmt: skip
    settings, world = settings or Settings(), replace(problem.world, lots=False)
    box = visited_by(policy, problem, settings.most, seed)
    found = Improved(policy, box, _table(policy, box))
    sums = _sums(found.table)
    key, rng = jax.random.PRNGKey(seed), np.random.default_rng(seed)
    state: State = jax.tree.map(lambda part: jnp.asarray(part, jnp.float32), start(world, (settings.batch,), np))
    for done in range(settings.rounds):
        key, draw, other = jax.random.split(key, 3)
        game = Game.of(problem, found.table)
        state, pool, profit = visits(world, found.box, 32, 16, game, state, draw)
        pool = jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:]), pool)
        seen = as_seen(pool)
        if (~found.box.holds(seen)).mean() > 1e-3:  # the orders that moved have led elsewhere
            box = found.box.wider(seen)
            if box.places > settings.most:
                break
            found = Improved(policy, box, _table(found.decide, box))
            game, sums = Game.of(problem, found.table), _sums(found.table)
        pairs = Pairs(world, found.box, game, pool, settings.batch, settings.stretch, settings.longest, other)
        count, slack = int(settings.pairs * settings.growth**done), settings.slack * abs(float(profit))
        table, left = _round(settings, pairs, found.box.of(seen, np), count, found.table, sums, slack, rng)
        moved = (table != found.table).any()
        found = replace(found, table=table)
        if look is not None:
            look(done + 1, found)
        if moved:
            sums[:] = 0.0  # what a change costs depends on all the others
        elif left <= slack:
            break
    return found


def _table(policy: Decide, box: Box) -> np.ndarray:
    """[Z,S] the orders of a policy in the states of a box."""
    states = box.states()
    return np.asarray(policy(states)).reshape(len(states), -1).astype(np.int32)


def settled(
    problem: Problem, policy: Decide, seed: int = 0, look: Callable[[int, Improved], None] | None = None
) -> Decide:
    """What follows a training: the policy improved where that pays, else as it is. Of lost sales only few states are worth it; where goods
    perish or there are two sources the slopes leave more (docs/decisions/0026)."""
    if problem.world.sources == 2:
        settings = Settings(pairs=400_000, most=1 << 20)
    elif problem.world.life:
        settings = Settings(rounds=4, pairs=800_000, sure=2.5)
    else:
        settings = Settings(pairs=800_000, most=5_000)
    try:
        found = improve(problem, policy, settings, seed, look)
    except ConfigError:
        return policy
    return found.decide if found.changed else policy


def _round(
    settings: Settings, pairs: Pairs, places: np.ndarray, count: int, table: np.ndarray, sums: np.ndarray, slack: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """The table after one round of `count` pairs, which ends where less than `slack` a period is left to gain; what is left. `places` [N] are
    those of the pool in the table; `sums` [3,Z,A] grow."""
    by_place = np.argsort(places, kind="stable")  # rows of the pool
    of_pool, first, times = np.unique(places[by_place], return_index=True, return_counts=True)
    ways = _ways(table.shape[1])
    allowed = (table[of_pool][:, None, :] + ways >= 0).all(-1)  # [V,A]
    sure = settings.sure or float(norm.isf(0.5 / allowed.size))
    turns = settings.stretches * count // settings.batch
    chance, left, begun, turn = np.zeros(0), np.inf, 0, 0
    while True:
        if turn % LOOK == 0:
            worth = _worth(settings.least, sure, times / len(places), *sums[:, of_pool]) * allowed
            chance, left = worth.ravel().cumsum(), worth.max(-1).sum() if sums[0, of_pool].any() else np.inf
        if begun < count and turn <= turns and left > slack:
            drawn = np.searchsorted(chance, rng.uniform(0.0, chance[-1], pairs.room), side="right")
            at, way = np.divmod(drawn, len(ways))
            pairs.begin(by_place[first[at] + rng.integers(0, times[at])], ways[way], of_pool[at] * len(ways) + way)
            begun += len(at)
        elif not pairs.busy:
            break
        cells, costs = pairs.follow()
        for some, values in zip(sums, (np.ones(len(costs)), costs, costs**2), strict=True):
            np.add.at(some.reshape(-1), cells, values)
        turn += 1
    mean, _, known = _estimate(settings.least, sure, *sums[:, of_pool])
    gain = np.where(allowed & known, -mean, 0.0)
    better = np.flatnonzero(gain.max(-1) > 0.0)
    after = table.copy()
    after[of_pool[better]] += ways[gain[better].argmax(-1)].astype(after.dtype)
    return after, float(left)


def _sums(table: np.ndarray) -> np.ndarray:
    """[3,Z,A] of the pairs of each change: how many, what it cost, and the square of that."""
    return np.zeros((3, len(table), len(_ways(table.shape[1]))))


def _ways(sources: int) -> np.ndarray:
    """[A,S] a unit less or more of one source or of both."""
    return np.array([way for way in itertools.product((-1, 0, 1), repeat=sources) if any(way)])


def _worth(
    least: int, sure: float, often: np.ndarray, count: np.ndarray, total: np.ndarray, square: np.ndarray
) -> np.ndarray:
    """[V,A] what it is worth a period to know what a change costs, over deciding now: a normal of the mean and error found, as often [V] as
    its state comes. Of a change that was tried less than `least` times only the error counts."""
    if not count.any():
        return np.broadcast_to(often[:, None], count.shape)
    mean, error, known = _estimate(least, sure, count, total, square)
    mean = np.where(known, -mean, mean)  # a change that will be made: to know is worth something where it should not be
    mean = np.where(count < least, 0.0, mean)
    from_zero = np.divide(mean, error, out=np.zeros_like(mean), where=error > 0.0)
    return np.maximum(error * norm.pdf(from_zero) - mean * norm.sf(from_zero), 0.0) * often[:, None]


def _estimate(
    least: int, sure: float, count: np.ndarray, total: np.ndarray, square: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of each cell, its standard error, and whether it is below zero beyond chance. The variance of a cell is at least that of all of
    them together: a rare and costly end is not seen in a few pairs."""
    every = max(count.sum(), 1.0)
    pooled = square.sum() / every - (total.sum() / every) ** 2
    tried = np.maximum(count, 1.0)
    mean = total / tried
    error = np.sqrt(np.maximum(square / tried - mean**2, pooled) / tried)
    return mean, error, (count >= least) & (mean < -sure * error)
