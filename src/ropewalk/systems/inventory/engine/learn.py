"""A policy learned for one instance by the pathwise gradient: the simulator is differentiated through its own demand.

Structure-informed (Maggiar et al., arXiv 2507.22040): a small network corrects a capped base-stock rule (with two sources a capped dual
index) whose cap is smooth. Trained on sampled demand alone (Glasserman & Tayur 1995; Madeka et al., arXiv 2210.03137; Alvo et al.,
arXiv 2306.11246), with what is our own here:

- Orders are whole while learning, as they will be placed, and the gradient takes the slope of the cost between whole orders on
  the side towards which the network leans: where it was rounded down, the slope upwards, else the slope downwards. Units are
  whole, so stock equals demand all the time and the two slopes differ there; demand moved by a hair (`HAIR`) to either side on
  half of the paths gives one slope on each half, and a decision learns from the paths on its side (`_network`). A network that
  is trained on the mean of both slopes hovers between two orders where one of them is better.
- A decision learns the more, the nearer it is to the middle between two whole orders (`weight`): one that is rounded as it
  should be need not come nearer to the whole number, and a network this small has to leave something out.
- A decision whose order has not been on the shelf for some periods (`Settings.follow`) when the paths are cut does not learn:
  what it costs is not in yet.
- Paths go on where the last step left them, so nothing is spent on warming up; antithetic uniforms; Adam with a cosine
  rate; the policy is an average of the weights over the last steps (Polyak & Juditsky 1992).

Letters: B paths, T periods of a step, S sources, X inputs, C channels, O outcomes of a period.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import expected
from ropewalk.systems.inventory.engine.classic_cost import critical_ratio, lead_times, newsvendor_level, setting_of
from ropewalk.systems.inventory.engine.exact import Problem, seen
from ropewalk.systems.inventory.engine.step import Period, Seen, State, Terms, start, step
from ropewalk.systems.inventory.engine.world import World

Array = Any
Weights = tuple[tuple[Array, Array], ...]  # layers: [X,C] or [C,C] or [C,S], and bias
HAIR = 2e-4  # units: far below a unit, far above what float32 loses at a hundred of them


@dataclass(frozen=True)
class Settings:
    """How long and how."""

    steps: int = 2_000
    paths: int = 512
    periods: int = 0  # of a step; 0: 24 and two lead times
    follow: int = 8  # periods on the shelf before an order counts
    parted: float = 0.4  # share of the steps, the first ones, in which orders are not whole yet
    channels: int = 32
    layers: int = 2
    rate: float = 1e-2
    average: float = 0.995  # of the weights, a step
    chunk: int = 100  # steps of one call, after which the policy may be looked at


class Rule(NamedTuple):
    """The capped base-stock rule that is corrected, by source. The expedited one counts only what comes no later than its own orders."""

    level: Array  # [S] units
    cap: Array  # [S] units
    mean: Array  # [] units a period: the scale of all inputs and of the correction


@dataclass(frozen=True)
class Learned:
    """A trained policy."""

    world: World
    rule: Rule
    weights: Weights

    def wanted(self, seen: Seen) -> Array:
        """[...,S] units before rounding."""
        return order(self.world, self.rule, self.weights, seen, jnp.ones((*seen.owed.shape, self.world.sources)))

    def decide(self, states: Array) -> Array:
        """Whole orders [N,S] of states [N,W] as exact.Problem has them."""
        size, part = len(states), 4096  # of one shape, so that it compiles once
        out = np.empty((size, self.world.sources), np.int64)
        for at in range(0, size, part):
            rows = states[at : at + part]
            shown = seen(self.world, np.concatenate([rows, np.zeros((part - len(rows), rows.shape[1]))]))
            shown = jax.tree.map(lambda field: jnp.asarray(field, jnp.float32), shown)
            units = np.asarray(_decide(self.world, self.rule, self.weights, shown))
            out[at : at + part] = nearest(units[: len(rows)], np)
        return out


class Course(NamedTuple):
    """What is learned: one instance as arrays."""

    terms: Terms
    rule: Rule
    cumulative: Array  # [O-1] of the probability
    period: Period  # [O] each
    table: expected.Unsold


class Training(NamedTuple):
    """All that a training is: arrays only."""

    weights: Weights
    optimiser: Any
    average: Weights
    state: State
    step: Array  # []
    key: Array


def learn(
    problem: Problem, settings: Settings | None = None, seed: int = 0,
    look: Callable[[int, float, Learned], None] | None = None,
) -> Learned:  # fmt: skip
    """The policy after all steps. `look` gets the steps done, the CPU-seconds of the training so far with compiling (not those
    that `look` takes itself), and the policy, after every chunk."""
    begun, spent = time.process_time(), 0.0
    world, settings, course = _prepared(problem, settings or Settings())
    at = begin(world, course.rule, settings, seed)
    for done in range(settings.chunk, settings.steps + 1, settings.chunk):
        at = advance(world, settings, course, at)
        jax.block_until_ready(at.weights)
        if look is not None:
            now = time.process_time()
            look(done, now - begun - spent, Learned(world, course.rule, at.average))
            spent += time.process_time() - now
    return Learned(world, course.rule, at.average)


def learn_all(
    problems: list[Problem], settings: Settings | None = None, seeds: list[int] | None = None
) -> list[Learned]:
    """One policy for each problem, all trained at once (vmap): for an accelerator, which one small network leaves idle, and for
    many seeds (the same problem, repeated). The problems are of one World; seeds 0, 1, ... unless they are given."""
    worlds = {problem.world for problem in problems}
    if len(worlds) != 1:
        raise ConfigError(
            [f"{len(worlds)} kinds of problem at once; one World can be compiled together"], "the problems"
        )
    size = max(len(problem.outcomes.probability) for problem in problems)
    units = max(_units(problem) for problem in problems)
    ready = [_prepared(problem, settings or Settings(), size, units) for problem in problems]
    world, settings = ready[0][:2]
    course = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *(one[2] for one in ready))
    seeds = list(range(len(problems))) if seeds is None else seeds
    starts = [begin(world, one[2].rule, settings, seed) for one, seed in zip(ready, seeds, strict=True)]
    at = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
    every = jax.vmap(partial(advance, world, settings))
    for _ in range(settings.steps // settings.chunk):
        at = every(course, at)
    return [
        Learned(world, one[2].rule, jax.tree.map(lambda leaf, i=i: leaf[i], at.average)) for i, one in enumerate(ready)
    ]


def _prepared(problem: Problem, settings: Settings, size: int = 0, units: int = 0) -> tuple[World, Settings, Course]:
    """The world without rounding, which is the learner's own here, the settings, and the instance as arrays, the outcomes filled up
    to `size` with impossible ones."""
    world, law = problem.world, problem.outcomes
    leads = lead_times(problem)
    if not settings.periods:
        settings = replace(settings, periods=24 + 2 * max(leads))
    fill = max(size, len(law.probability)) - len(law.probability)
    cumulative = np.concatenate([np.cumsum(law.probability)[:-1], np.ones(fill)])
    period = [
        None if f is None else jnp.asarray(np.concatenate([f, np.repeat(f[-1:], fill, 0)]), jnp.float32)
        for f in law.period
    ]
    terms = jax.tree.map(lambda number: jnp.asarray(number, jnp.float32), problem.terms)
    table = expected.unsold(problem, max(units, _units(problem)))
    course = Course(terms, rule_of(problem), jnp.asarray(cumulative, jnp.float32), Period(*period), table)
    return replace(world, lots=False), settings, course


def _units(problem: Problem) -> int:
    """Places of the table of what stays unsold: beyond the greatest demand it goes on as a straight line."""
    return int(np.max(problem.outcomes.period.demand)) + 2


def rule_of(problem: Problem) -> Rule:
    """Where the correction starts: for each source a newsvendor level over the protected periods, a little under it since sales that
    are lost need no stock (Zipkin 2008, section 3), and a cap of a little more than a period's mean demand."""
    law = setting_of(problem).law
    mean, ratio = float(law @ np.arange(len(law))), max(critical_ratio(problem), 0.5)
    levels = [0.95 * newsvendor_level(problem, lead + 1, ratio) for lead in lead_times(problem)]
    caps = [1.15 * mean, *[len(law)] * (len(levels) - 1)]
    return Rule(*(jnp.asarray(part, jnp.float32) for part in (levels, caps, mean)))


def begin(world: World, rule: Rule, settings: Settings, seed: int) -> Training:
    """Small random weights, and every path with a period's demand in each place."""
    drawn = np.random.default_rng(seed)
    width = world.lives + world.columns - 1 + (world.unmet != "lost")
    sizes = [width, *[settings.channels] * settings.layers, world.sources]
    weights = []
    for rows, columns in itertools.pairwise(sizes):
        scale = (1.5 / rows) ** 0.5 * (0.1 if columns == world.sources else 1.0)
        weights.append((jnp.asarray(drawn.normal(size=(rows, columns)) * scale, jnp.float32), jnp.zeros(columns)))
    layers = tuple(weights)
    empty = start(world, (settings.paths,))
    state = State(*(jnp.asarray(part, jnp.float32) for part in empty))
    usual = jnp.round(rule.mean)
    state = state._replace(shelf=state.shelf + usual, due=state.due + usual)
    return Training(layers, _optimiser(settings).init(layers), layers, state, jnp.float32(0), jax.random.PRNGKey(seed))


def _optimiser(settings: Settings) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(settings.rate, settings.steps, 0.01)
    return optax.chain(optax.clip_by_global_norm(20.0), optax.adam(rate, b2=0.98))


@partial(jax.jit, static_argnames=("world", "settings"))
def advance(world: World, settings: Settings, course: Course, at: Training) -> Training:
    """One chunk of steps."""
    climb = _optimiser(settings)
    side = jnp.tile(jnp.array([1.0, -1.0]), settings.paths // 2)  # [B] which slope a path shows: upwards or downwards

    def one(at: Training, _: None) -> tuple[Training, None]:
        key, draw = jax.random.split(at.key)
        slope, state = jax.grad(_cost, has_aux=True)(
            at.weights,
            world,
            settings,
            course,
            at.state,
            _periods(settings, course, draw),
            side,
            at.step >= settings.parted * settings.steps,
        )
        change, optimiser = climb.update(slope, at.optimiser, at.weights)
        weights = optax.apply_updates(at.weights, change)
        share = jnp.minimum(settings.average, (at.step + 1.0) / (at.step + 10.0))
        average = jax.tree.map(lambda old, new: share * old + (1.0 - share) * new, at.average, weights)
        return Training(weights, optimiser, average, state, at.step + 1.0, key), None

    return jax.lax.scan(one, at, None, length=settings.chunk)[0]


def _periods(settings: Settings, course: Course, key: Array) -> Period:
    """[T,B] each: outcomes by the inverse of their law at uniforms, each with its mirror image."""
    uniform = jax.random.uniform(key, (settings.periods, settings.paths // 2))
    both = jnp.concatenate([uniform, 1.0 - uniform], axis=1)
    method = "compare_all" if len(course.cumulative) < 64 else "scan_unrolled"
    drawn = jnp.searchsorted(course.cumulative, both, side="right", method=method)
    return jax.tree.map(lambda field: field[drawn], course.period)


def _cost(
    weights: Weights,
    world: World,
    settings: Settings,
    course: Course,
    state: State,
    periods: Period,
    side: Array,
    rounds: Array,
) -> tuple[Array, State]:
    """Mean cost of a period, and the state at the end."""
    rule = course.rule
    leads = jnp.array(world.lead if isinstance(world.lead, tuple) else [world.columns] * world.sources)
    lasts = jnp.arange(settings.periods)[:, None] < settings.periods - leads - settings.follow  # [T,S]

    shown_to: list[Seen] = []

    def policy(seen: Seen) -> Array:
        shown_to.append(seen)
        counts, shown = seen.known, seen._replace(known=None)
        still = jax.lax.stop_gradient((weights, shown))
        leaning = order(world, rule, *still, jnp.ones((len(side), world.sources)))
        whole = nearest(leaning)
        counts = counts * jnp.where(rounds, weight(leaning, whole, side[:, None]), 1.0)
        units = order(world, rule, weights, shown, counts)
        return units + jax.lax.stop_gradient(jnp.where(rounds, whole - units, 0.0))

    def one(state: State, each: tuple[Period, Array]) -> tuple[State, Array]:
        period, counts = each
        hair = HAIR * side
        period = period._replace(demand=period.demand - hair, known=counts)
        if period.fifo is not None:
            period = period._replace(fifo=period.fifo - 0.5 * hair)
        state, flow = step(world, policy, course.terms, state, period)
        if not expected.known(world):
            return state, flow.profit
        return state, expected.profit(world, course.terms, course.table, shown_to[-1], flow, hair)

    state, profit = jax.lax.scan(one, state, (periods, lasts))
    return -profit.mean(), State(*(jnp.where(rounds, jnp.round(part), part) for part in state))


def nearest(wanted: Array, xp: Any = jnp) -> Array:
    """The whole order next to what is wanted."""
    return xp.maximum(xp.floor(wanted + 0.5), 0.0)


def weight(wanted: Array, whole: Array, side: Array) -> Array:
    """Of a decision in the gradient: 2 halfway between two whole orders and 0 at a whole one, on paths of the side towards which it
    leans; 0 on the others."""
    return jnp.where((wanted > whole) == (side > 0.0), 4.0, 0.0) * jnp.minimum(jnp.abs(wanted - whole), 0.5)


def inputs(world: World, seen: Seen) -> Array:
    """[...,X] units: shelf, what is due (but for the period in which the order itself can come), and what is owed where demand
    waits."""
    parts = [seen.shelf, seen.outstanding[..., :-1]]
    if world.unmet != "lost":
        parts.append(seen.owed[..., None])
    return jnp.concatenate(parts, axis=-1)


def order(world: World, rule: Rule, weights: Weights, seen: Seen, learns: Array) -> Array:
    """[...,S] units wanted: the smooth rule with the network's correction. `learns` [...,S]: weight of each order in the gradient of
    the weights; the gradient of the inputs is whole."""
    positions = [seen.position]
    if world.sources > 1:
        near = seen.outstanding[..., : world.lead[1]] if isinstance(world.lead, tuple) else seen.outstanding
        positions.append(seen.shelf.sum(-1) + near.sum(-1) - seen.owed)
    below = rule.cap - jax.nn.softplus(rule.cap - (rule.level - jnp.stack(positions, -1)))
    change = _network(weights, inputs(world, seen) * (0.5 / rule.mean) - 0.5, learns)
    return jnp.maximum(below + rule.mean * change, 0.0)


@jax.custom_vjp
def _network(weights: Weights, columns: Array, learns: Array) -> Array:
    """[...,S] ELU layers."""
    return _forward(weights, columns, learns)[0]


def _forward(weights: Weights, columns: Array, learns: Array) -> tuple[Array, tuple[Weights, list[Array], Array]]:
    layers = [columns]
    for at, (weight, bias) in enumerate(weights):
        sums = layers[-1] @ weight + bias
        layers.append(jax.nn.elu(sums) if at < len(weights) - 1 else sums)
    return layers[-1], (weights, layers, learns)


def _backward(kept: tuple[Weights, list[Array], Array], slope: Array) -> tuple[Weights, Array, Array]:
    """With one source the slope that counts is the other one times a number a row; with two it is carried beside it."""
    weights, layers, learns = kept
    single = learns.shape[-1] == 1
    counted, slopes = slope * learns, []
    for at in reversed(range(len(weights))):
        if at < len(weights) - 1:
            bend = jnp.where(layers[at + 1] > 0.0, 1.0, layers[at + 1] + 1.0)
            slope = slope * bend
            counted = slope * learns if single else counted * bend
        slopes.append((layers[at].T @ counted, counted.sum(0)))
        slope = slope @ weights[at][0].T
        counted = counted if single else counted @ weights[at][0].T
    return tuple(reversed(slopes)), slope, jnp.zeros_like(learns)


_network.defvjp(_forward, _backward)


@partial(jax.jit, static_argnames=("world",))
def _decide(world: World, rule: Rule, weights: Weights, seen: Seen) -> Array:
    return order(world, rule, weights, seen, jnp.ones((*seen.owed.shape, world.sources)))
