"""Orders that cross: a policy for lead times that are random, each unit's by itself, in continuous time (events.py).

What is outstanding says more than the inventory position does: a unit that is on hand is there, one that is outstanding comes
some time, and what matters is how fast the stock returns to where it should be. The policy steers what is outstanding by the net
stock x (on hand less what is owed). It orders

    gain * (k * (level - x) + expected - sum of outstanding units * w(age)),   k = `below` where x is below the level, else `above`,

where expected = rate * mean lead time is outstanding on average, and w(a) = 1 + sum over j of ages[j] * (min(a / tau_j, 1) - its
mean over the ages of what is outstanding). With gain, k and w all 1 it is base-stock with level + expected. With k > 1 an
outstanding unit counts only 1 / k of a unit on hand, so stock returns to its level k times as fast. (A level on x + outstanding / k says the
same, but then every change of k moves the best level with it, and a search stays near base-stock.)

Its numbers are found by the cross-entropy method (Rubinstein 1999) from simulated costs alone; all candidates of a generation
meet the same demand and the same lead times.

Letters: C candidates, N paths, K units outstanding, J taus, P = 4 + J numbers of a candidate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import events
from ropewalk.systems.inventory.engine.step import Seen, Terms
from ropewalk.systems.inventory.engine.world import World

Array = Any
TAUS = (0.5, 1.0, 2.0, 4.0)  # mean lead times: the ages at which the weight of an outstanding unit may bend


@dataclass(frozen=True)
class Item:
    """Poisson demand of single units, which wait where they are not met; a decision after each."""

    rate: float  # units a unit of time
    law: events.LeadTimes  # of each unit by itself; one object a law, since each is compiled for
    holding: float  # USD a unit and unit of time
    backlog: float  # USD a unit and unit of time
    max_order: int  # units
    slots: int = 64  # units that can be outstanding: where all are, nothing is ordered

    def __post_init__(self) -> None:
        least = math.ceil(self.expected + 6.0 * self.expected**0.5) + self.max_order
        if self.slots < least:
            sentence = (
                f"{self.expected:.1f} units are outstanding on average; slots: at least {least} (given: {self.slots})"
            )
            raise ConfigError([sentence], "the item")

    @property
    def expected(self) -> float:
        """Units outstanding on average."""
        return self.rate * float(_leads(self.law).mean())

    @property
    def world(self) -> World:
        return World(unmet="backlog", lead="random", clock="events", slots=self.slots)


class Steering(NamedTuple):
    """The numbers of a policy."""

    level: Array  # [] units of net stock
    below: Array  # [] units more outstanding for each unit that the net stock is below the level
    above: Array  # [] units fewer for each unit above
    gain: Array  # [] share of what is missing that is ordered at once
    ages: Array  # [J] of the weight of an outstanding unit

    def packed(self) -> np.ndarray:
        """[P]"""
        return np.concatenate([np.stack([self.level, self.below, self.above, self.gain]), self.ages])


def unpacked(numbers: Array) -> Steering:
    """From [...,P]."""
    level, below, above, gain = (numbers[..., k] for k in range(4))
    return Steering(level, below, above, gain, numbers[..., 4:])


class Lead(NamedTuple):
    """What the policy knows of the lead time."""

    expected: Array  # [] units outstanding on average
    taus: Array  # [J] units of time
    middle: Array  # [J] means of min(age / tau, 1) over what is outstanding


@cache
def _leads(law: events.LeadTimes) -> np.ndarray:
    """Units of time: what lead times are, from the shortest to the longest."""
    return np.asarray(law((np.arange(100_000) + 0.5) / 100_000), float)


def lead_of(item: Item) -> Lead:
    """Over an order's life min(age / tau, 1) integrates to L - tau / 2, or to L^2 / (2 tau) where L is less than tau."""
    lead = _leads(item.law)
    taus = np.array(TAUS) * lead.mean()
    middle = [np.where(lead < tau, lead**2 / (2 * tau), lead - tau / 2).mean() / lead.mean() for tau in taus]
    return Lead(*(jnp.asarray(part, jnp.float32) for part in (item.expected, taus, middle)))


def base_stock(item: Item) -> Steering:
    """The best base-stock level as numbers of the policy (closed form: events.base_stock)."""
    level, _ = events.base_stock(item.expected, item.holding, item.backlog)
    return Steering(np.float64(level - item.expected), np.ones(()), np.ones(()), np.ones(()), np.zeros(len(TAUS)))


def ordering(lead: Lead, numbers: Steering) -> Callable[[Seen], Array]:
    """[...,1] units wanted, before rounding."""

    def policy(seen: Seen) -> Array:
        known = jnp.minimum(seen.age[..., None] / lead.taus, 1.0) - lead.middle
        weight = 1.0 + (known * numbers.ages).sum(-1)
        short = numbers.level - (seen.shelf[..., 0] - seen.owed)
        aimed = jnp.where(short > 0.0, numbers.below, numbers.above) * short + lead.expected
        return (numbers.gain * (aimed - (seen.outstanding * weight).sum(-1)))[..., None]

    return policy


@dataclass(frozen=True)
class Settings:
    """How the numbers are searched for."""

    generations: int = 40
    candidates: int = 32
    elite: int = 8  # of the candidates: those by which the next generation goes
    smoothing: float = 0.5  # share of the mean and covariance that a generation moves
    paths: int = 32
    epochs: int = 500  # demands of a path
    warm: int = 150  # of them not counted
    quick: float = 4.0  # below and above, at first
    spread: tuple[float, float, float, float] = (0.3, 1.2, 0.3, 0.03)  # at first: of the level, in roots of what is
    # expected outstanding; of below and above; of gain and ages; and what is left of each in the end


def learn(
    item: Item, settings: Settings | None = None, seed: int = 0,
    look: Callable[[int, float, Steering], None] | None = None,
) -> Steering:  # fmt: skip
    """The numbers after all generations, or those of base-stock where these are not cheaper. `look` gets the generations done, the middle
    cost of the last one, USD a unit of time, and the numbers."""
    settings, lead = settings or Settings(), lead_of(item)
    rng = np.random.default_rng(seed)
    mean = base_stock(item).packed()
    mean[:3] = mean[0] / np.sqrt(settings.quick), settings.quick, settings.quick  # as quick, stock varies so much less
    level, slope, rest, left = settings.spread
    spread = np.array([level * float(lead.expected) ** 0.5, slope, slope, *[rest] * (1 + len(TAUS))])
    covariance = np.diag(spread**2)
    for generation in range(settings.generations):
        tried = rng.multivariate_normal(mean, covariance, settings.candidates)
        tried[0] = mean
        tried[:, 1:4] = np.maximum(tried[:, 1:4], 0.2)  # none that steers away from its level
        found = simulated(item, unpacked(tried), 100_000 * seed + generation, settings.paths, settings.epochs, settings.warm)  # fmt: skip
        best = tried[np.argsort(np.asarray(found.cost))[: settings.elite]]
        mean = mean + settings.smoothing * (best.mean(0) - mean)
        covariance = covariance + settings.smoothing * (np.cov(best.T) - covariance) + np.diag((left * spread) ** 2)
        if look is not None:
            look(generation + 1, float(np.median(found.cost)), unpacked(mean))
    tried[0], tried[1:] = mean, base_stock(item).packed()
    found = simulated(item, unpacked(tried), 100_000 * seed + settings.generations, settings.paths, settings.epochs, settings.warm)  # fmt: skip
    return unpacked(mean if found.cost[0] < found.cost[1] else tried[1])


def simulated(item: Item, numbers: Steering, seed: int, paths: int, epochs: int, warm: int) -> events.Average:
    """What each of [C] policies costs a unit of time, all on the same demand and lead times, from the best base-stock level on."""
    level = float(base_stock(item).level + item.expected)
    terms = Terms(holding=item.holding, backlog=item.backlog, max_order=1.0 * item.max_order)
    numbers = jax.tree.map(lambda part: jnp.asarray(part, jnp.float32), numbers)
    return _simulated(item.world, item.law, item.max_order, paths, epochs, warm,
                      numbers, lead_of(item), item.rate, terms, level, jax.random.key(seed))  # fmt: skip


@partial(jax.jit, static_argnames=("world", "law", "units", "paths", "epochs", "warm"))
def _simulated(
    world: World, law: events.LeadTimes, units: int, paths: int, epochs: int, warm: int,
    numbers: Steering, lead: Lead, rate: Array, terms: Terms, level: Array, key: Array,
) -> events.Average:  # fmt: skip
    draw = events.poisson(rate, law, paths, (1, units))
    state = events.start(world, (paths,))._replace(shelf=jnp.full((paths, 1), level))
    return jax.vmap(lambda each: events.rollout(world, ordering(lead, each), terms, state, draw, key, epochs, warm))(
        numbers
    )
