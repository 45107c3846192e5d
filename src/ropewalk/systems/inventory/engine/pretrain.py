"""Makes the network of pretrained.py, and trains it on for one item.

    python -m ropewalk.systems.inventory.engine.pretrain --seed 0 --steps 16000 --out pretrained.npz

The pathwise gradient of learn.py, with an item of its own on every path: drawn at random (`drawn`), replaced by another after some
steps, its cost counted in a rough measure of what such an item costs. No table and no exact solution is used: an item of the
published tables comes up with probability 0.

Letters: B paths, T periods of a step, N steps of a chunk.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import nbinom, norm

from ropewalk.systems.inventory.engine import expected
from ropewalk.systems.inventory.engine.correction import nearest, weight
from ropewalk.systems.inventory.engine.exact import Problem
from ropewalk.systems.inventory.engine.learn import HAIR
from ropewalk.systems.inventory.engine.network import OPTIONS, network, weights_of
from ropewalk.systems.inventory.engine.pretrained import (
    LONGEST,
    Facts,
    Item,
    Made,
    Pretrained,
    Ranges,
    Weights,
    facts,
    item_for,
    shown,
    to_bytes,
)
from ropewalk.systems.inventory.engine.step import Period, Seen, State, Terms, step
from ropewalk.systems.inventory.engine.world import World

Array = Any
LEAST = 0.2  # a decision that sits on a wrong whole number has to get away from there
UNITS = 512  # of the table of what stays unsold
LEADS = np.array([0.1, 0.14, 0.14, 0.12, 0.12, *[0.38 / 6] * 6])  # a wrong unit costs most where little is on its way
WORLD = World(lead="items", longest=LONGEST, lots=False)


@dataclass(frozen=True)
class Settings:
    """How long and how."""

    steps: int = 10_000
    paths: int = 512
    periods: int = 40  # of a step
    follow: int = 6  # periods on the shelf before an order counts
    parted: float = 0.4  # share of the steps, the first ones, in which orders are not whole yet
    sizes: tuple[int, ...] = (64, 64, 64)
    rate: float = 3e-3
    average: float = 0.999  # of the weights, a step
    chunk: int = 20  # steps for which an item stays at least
    leave: float = 0.25  # share of the items that are replaced after a chunk


class Items(NamedTuple):
    """The items of the paths."""

    item: Item  # [B] each
    successes: Array  # [B] R of the negative binomial
    unsold: Array  # [B,U] E(x - demand)+


class Training(NamedTuple):
    """All that a training is: arrays only."""

    weights: Weights
    optimiser: Any
    average: Weights
    state: State
    step: Array  # []


def drawn(rng: np.random.Generator, size: int, ranges: Ranges) -> Items:
    """Items of all kinds: means, costs and spreads even on a logarithmic scale; a quarter Poisson, a fifth geometric; short lead times
    come up more often (`LEADS`)."""

    def even(ends: tuple[float, float]) -> Array:
        return np.exp(rng.uniform(np.log(ends[0]), np.log(ends[1]), size))

    mean, kind = even(ranges.mean), rng.random(size)
    successes = np.where(kind < 0.25, 1e6, np.where(kind < 0.45, 1.0, even(ranges.successes)))
    lead = rng.choice(LONGEST + 1, size, p=LEADS)
    below = np.cumsum(
        nbinom.pmf(np.arange(UNITS - 1), successes[:, None], (successes / (successes + mean))[:, None]), -1
    )
    unsold = np.concatenate([np.zeros((size, 1)), np.cumsum(below, -1)], -1)  # E(x - D)+ grows by P(D <= x)
    return Items(Item(mean, np.sqrt(mean + mean**2 / successes), even(ranges.penalty), lead), successes, unsold)


def scale(item: Item) -> Array:
    """[B] roughly what an item costs a period: the newsvendor's cost for normal demand, growing slowly with the lead time."""
    z = norm.ppf(item.penalty / (1.0 + item.penalty))
    return np.asarray((1.0 + item.penalty) * norm.pdf(z) * item.deviation * (1.0 + item.lead) ** 0.3)


def pretrain(
    settings: Settings | None = None,
    seed: int = 0,
    look: Callable[[int, Pretrained], None] | None = None,
    every: int = 1_000,
) -> Pretrained:
    """The network after all steps; `look` gets the steps done and the network, after every so many."""
    settings, ranges, begun = settings or Settings(), Ranges(), time.process_time()
    rng = np.random.default_rng(seed)
    items = drawn(rng, settings.paths, ranges)
    at = begin(settings, _first(settings, seed), _usual(items.item))

    def made(done: int) -> Pretrained:
        spent = round(time.process_time() - begun, 1)
        weights = tuple((np.asarray(w), np.asarray(b)) for w, b in _turned(at.average))
        return Pretrained(weights, Made(seed, done, done * settings.paths * settings.periods, spent), ranges)

    for done in range(settings.chunk, settings.steps + 1, settings.chunk):
        items, at = _replaced(rng, settings, ranges, items, at)
        rate = rng.gamma(
            items.successes, items.item.mean / items.successes, (settings.chunk, settings.periods, settings.paths)
        )
        at = _chunk(settings, items, at, rng.poisson(rate))
        if look is not None and done % every == 0:
            look(done, made(done))
    return made(settings.steps)


def further(steps: int = 400) -> Settings:
    """Settings of a training that begins where the network of the package ends; 400 steps at most, in whole chunks."""
    usual = Settings(rate=1e-3, average=0.98, parted=0.0)
    return replace(usual, steps=max(min(steps, 400) // usual.chunk, 1) * usual.chunk)


def fine_tune(policy: Pretrained, problem: Problem, seed: int = 0, settings: Settings | None = None) -> Pretrained:
    """The network trained on for one problem, on its own law of demand; or the one that it began with (the same object), unless the other
    is cheaper by more than chance: it is near the optimum, and a training can lead away from there."""
    policy.decide(item_for(problem))  # refuses what it does not know before anything is trained
    found = trained_on(policy, problem, seed, settings)
    return found if cheaper(problem, policy, found, seed + 1) else policy


def cheaper(
    problem: Problem, old: Pretrained, new: Pretrained, seed: int = 0, batches: int = 256, sure: float = 2.0
) -> bool:
    """Whether whole orders of `new` cost less than those of `old` by so many standard errors of the difference: on the same simulated
    demand, each period's in expectation, the first eighth of the batches not counted."""
    settings, law = Settings(), problem.outcomes
    shape = batches, settings.periods, settings.paths
    demand = jnp.asarray(np.random.default_rng(seed).choice(law.period.demand, shape, p=law.probability), jnp.float32)
    items = _alone(problem, settings)
    costs = [
        np.asarray(_batches(settings, *_known(items), demand, _turned(each.weights), _usual(items.item)), float)
        for each in (old, new)
    ]
    less = (costs[0] - costs[1])[batches // 8 :]
    return bool(less.mean() > sure * less.std(ddof=1) / len(less) ** 0.5)


def trained_on(policy: Pretrained, problem: Problem, seed: int = 0, settings: Settings | None = None) -> Pretrained:
    """The network after all steps on one problem, better or not."""
    settings = settings or further()
    begun, rng, law = time.process_time(), np.random.default_rng(seed), problem.outcomes
    every = _alone(problem, settings)
    at = begin(settings, jax.tree.map(jnp.asarray, _turned(policy.weights)), _usual(every.item))
    for _ in range(0, settings.steps, settings.chunk):
        shape = settings.chunk, settings.periods, settings.paths
        at = _chunk(settings, every, at, rng.choice(law.period.demand, shape, p=law.probability))
    weights = tuple((np.asarray(w), np.asarray(b)) for w, b in _turned(at.average))
    passed = settings.steps * settings.paths * settings.periods
    made = Made(seed, settings.steps, passed, round(time.process_time() - begun, 1))
    return Pretrained(weights, made, policy.ranges)


def _alone(problem: Problem, settings: Settings) -> Items:
    """The item of a problem on every path."""
    table = np.asarray(expected.unsold(problem, UNITS).units)
    item = Item(*(np.full(settings.paths, part) for part in item_for(problem)))
    return Items(item, np.zeros(settings.paths), np.broadcast_to(table, (settings.paths, UNITS)))


def _first(settings: Settings, seed: int) -> Weights:
    width = LONGEST + facts(Item(np.ones(1), np.ones(1), np.ones(1), np.ones(1, int))).inputs.shape[-1]
    return weights_of((width, *settings.sizes, 1), seed)


def begin(settings: Settings, weights: Weights, state: State) -> Training:
    return Training(weights, _optimiser(settings).init(weights), weights, state, jnp.float32(0))


def _usual(item: Item) -> State:
    """A period's demand in each place."""
    places = facts(item).places * np.round(np.asarray(item.mean))[:, None]
    due = np.where(item.lead[:, None] > 0, places, 0.0)  # the column of an order of now fills first
    number = partial(jnp.asarray, dtype=jnp.float32)
    return State(number(places[:, :1]), jnp.zeros(len(places)), number(due))


def _replaced(
    rng: np.random.Generator, settings: Settings, ranges: Ranges, items: Items, at: Training
) -> tuple[Items, Training]:
    """Some items leave, and others come."""
    fresh, leaves = drawn(rng, settings.paths, ranges), rng.random(settings.paths) < settings.leave

    def either(old: Array, new: Array) -> Array:
        return (jnp if isinstance(old, jax.Array) else np).where(leaves.reshape(-1, *[1] * (old.ndim - 1)), new, old)

    state = jax.tree.map(either, at.state, _usual(fresh.item))
    return jax.tree.map(either, items, fresh), at._replace(state=state)


def _chunk(settings: Settings, items: Items, at: Training, demand: Array) -> Training:
    """`demand` [N,T,B] units."""
    return _advance(settings, *_known(items), jnp.asarray(demand, jnp.float32), at)


def _known(items: Items) -> tuple[Facts, Array, tuple[Array, Array], expected.Unsold]:
    """What does not change in a chunk, in float32."""
    number = partial(jnp.asarray, dtype=jnp.float32)
    known = jax.tree.map(jnp.asarray, facts(items.item))
    costs = number(items.item.penalty), number(scale(items.item))
    return known, jnp.asarray(items.item.lead), costs, expected.Unsold(number(items.unsold), number(items.item.mean))


def _optimiser(settings: Settings) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(settings.rate, settings.steps, 0.01)
    return optax.flatten(optax.chain(optax.clip_by_global_norm(5.0), optax.adam(rate, b2=0.99)))


@partial(jax.jit, static_argnames=("settings",), compiler_options=OPTIONS)
def _advance(
    settings: Settings,
    known: Facts,
    lead: Array,
    costs: tuple[Array, Array],
    table: expected.Unsold,
    demand: Array,
    at: Training,
) -> Training:
    """One chunk of steps; demand [N,T,B]."""
    climb = _optimiser(settings)

    def one(at: Training, demand: Array) -> tuple[Training, None]:
        rounds = at.step >= settings.parted * settings.steps
        slope, state = jax.grad(_cost, has_aux=True)(
            at.weights, settings, known, lead, costs, table, at.state, demand, rounds
        )
        change, optimiser = climb.update(slope, at.optimiser, at.weights)
        weights = optax.apply_updates(at.weights, change)
        share = jnp.minimum(settings.average, (at.step + 1.0) / (at.step + 10.0))
        average = jax.tree.map(lambda old, new: share * old + (1.0 - share) * new, at.average, weights)
        return Training(weights, optimiser, average, state, at.step + 1.0), None

    return jax.lax.scan(one, at, demand)[0]


@partial(jax.jit, static_argnames=("settings",), compiler_options=OPTIONS)
def _batches(
    settings: Settings, known: Facts, lead: Array, costs: tuple[Array, Array], table: expected.Unsold, demand: Array, weights: Weights,
    state: State,
) -> Array:  # fmt: skip
    """[N] mean cost of each batch of `demand` [N,T,B] with whole orders, from where the last one ended."""

    def one(state: State, demand: Array) -> tuple[State, Array]:
        cost, state = _cost(weights, settings, known, lead, costs, table, state, demand, jnp.array(True))
        return state, cost

    return jax.lax.scan(one, state, demand)[1]


def _cost(
    weights: Weights, settings: Settings, known: Facts, lead: Array, costs: tuple[Array, Array], table: expected.Unsold, state: State,
    demand: Array, rounds: Array,
) -> tuple[Array, State]:  # fmt: skip
    """Mean cost of a period in the measure of each item, and the state at the end. As learn._cost, for many items."""
    penalty, measure = costs
    terms = Terms(holding=1.0, lost_sale=penalty, lead=lead[:, None])
    side = jnp.tile(jnp.array([1.0, -1.0]), settings.paths // 2)
    lasts = jnp.arange(settings.periods)[:, None] < settings.periods - lead - settings.follow  # [T,B]

    shown_to: list[Seen] = []

    def policy(seen: Seen) -> Array:
        shown_to.append(seen)
        at = shown(known, jnp.concatenate([seen.shelf, seen.outstanding[..., :-1]], -1), jnp)
        learns = jax.lax.stop_gradient((seen.known, 1.0 * rounds, side, at.below, at.deviation))
        units = jnp.maximum(at.below + at.deviation * network(weights, at.columns.T, learns, weigh=_weigh)[0], 0.0)
        return (units + jax.lax.stop_gradient(jnp.where(rounds, nearest(units) - units, 0.0)))[:, None]

    def one(state: State, each: tuple[Array, Array]) -> tuple[State, Array]:
        demand, counts = each
        state, flow = step(WORLD, policy, terms, state, Period(demand - HAIR * side, known=counts))
        profit = expected.profit(WORLD, terms, table, shown_to[-1], flow, HAIR * side)
        return state, (profit / measure).mean()

    state, profit = jax.lax.scan(one, state, (demand, lasts))
    return -profit.mean(), jax.tree.map(lambda part: jnp.where(rounds, jnp.round(part), part), state)


def _weigh(change: Array, learns: tuple) -> Array:
    """[B] weight of each decision in the gradient of the weights."""
    counts, rounds, side, below, deviation = learns
    wanted = jnp.maximum(below + deviation * change[0], 0.0)
    return counts * jnp.where(rounds > 0.0, weight(wanted, nearest(wanted), side, LEAST), 1.0)


def _turned(weights: Weights) -> Weights:
    """Layers [X,C] of pretrained.py as [C,X] of network.py, and back."""
    return tuple((weight.T, bias) for weight, bias in weights)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write, after every thousand steps")
    options = parser.parse_args()

    def look(done: int, policy: Pretrained) -> None:
        options.out.write_bytes(to_bytes(policy))
        sys.stderr.write(f"{done:,} of {options.steps:,} steps, {policy.made.cpu_seconds:,.0f} CPU-s\n")

    options.out.write_bytes(to_bytes(pretrain(Settings(steps=options.steps), options.seed, look)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
