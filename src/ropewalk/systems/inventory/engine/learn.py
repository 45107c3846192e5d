"""A policy learned for one instance by the pathwise gradient: the simulator is differentiated through its own demand.

Structure-informed (Maggiar et al., arXiv 2507.22040): a small network corrects a capped base-stock rule (with two sources a capped dual
index) whose cap is smooth. Trained on sampled demand alone (Glasserman & Tayur 1995; Madeka et al., arXiv 2210.03137; Alvo et al.,
arXiv 2306.11246), with what is our own here:

- Orders are whole while learning, as they will be placed, and the gradient takes the slope of the cost between whole orders on
  the side towards which the network leans: where it was rounded down, the slope upwards, else the slope downwards. Units are
  whole, so stock equals demand all the time and the two slopes differ there; demand moved by a hair (`HAIR`) to either side on
  half of the paths gives one slope on each half, and a decision learns from the paths on its side (network.py). A network that
  is trained on the mean of both slopes hovers between two orders where one of them is better.
- A decision learns the more, the nearer it is to the middle between two whole orders (`weight`): one that is rounded as it
  should be need not come nearer to the whole number, and a network this small has to leave something out.
- A decision whose order has not been on the shelf for some periods (`Settings.follow`) when the paths are cut does not learn:
  what it costs is not in yet.
- Paths go on where the last step left them, so nothing is spent on warming up; antithetic uniforms; a cosine rate; the policy is an
  average of the weights over the last steps (Polyak & Juditsky 1992).
- A few paths (`Settings.anew`) begin every step anew, every other pair with nothing anywhere, the others with any stock. Where a shelf is
  hardly ever empty in the long run, nothing else tells the network what to order then: it came to order nothing, and an item that
  began empty would have stayed so (docs/decisions/0026).
- Muon (Jordan 2024; Liu et al., arXiv 2502.16982) moves a matrix of weights in all its directions alike, which a small network
  far from its optimum needs more than Adam's equal pace of single weights: what perishes and is waited for is learned in a
  third of the time, and no training went astray (docs/decisions/0026).

Letters: B paths, T periods of a step, S sources, X inputs, C channels, O outcomes of a period.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import expected
from ropewalk.systems.inventory.engine.classic_cost import lead_times, number
from ropewalk.systems.inventory.engine.correction import Learned, Rule, nearest, order, rule_of
from ropewalk.systems.inventory.engine.exact import Problem
from ropewalk.systems.inventory.engine.muon import muon
from ropewalk.systems.inventory.engine.network import OPTIONS, Weights, weights_of
from ropewalk.systems.inventory.engine.step import Period, Seen, State, Terms, objective, start, step
from ropewalk.systems.inventory.engine.world import World

Array = Any
HAIR = 2e-4  # units: far below a unit, far above what float32 loses at a hundred of them


@dataclass(frozen=True)
class Settings:
    """How long and how."""

    steps: int = 3_000
    paths: int = 256
    periods: int = 0  # of a step; 0: 24, two lead times and six shelf lives
    follow: int = 0  # periods on the shelf before an order counts; 0: 8 and two shelf lives
    parted: float = -1.0  # share of the steps, the first ones, in which orders are not whole yet; below 0: see `fitted`
    channels: int = 32
    layers: int = 2
    rate: float = 1e-2  # of Muon, at first; biases, by Adam, have half of it
    average: float = 0.995  # of the weights, a step
    anew: int = 8  # paths of a step that do not go on where the last one left them
    chunk: int = 100  # steps of one call, after which the policy may be looked at


def lasting(steps: int) -> Settings:
    """Settings of so many steps, or up to a chunk more: chunks are trained whole."""
    chunk = min(Settings.chunk, steps)
    return Settings(steps=-(-steps // chunk) * chunk, chunk=chunk)


def fitted(settings: Settings, problem: Problem) -> Settings:
    """The settings with what was left open filled in. What perishes is felt late, so its orders are followed longer. Where a later order can
    make up for one (two sources; what perishes and is waited for, or is sold freshest first), the slopes between whole orders mislead:
    there orders stay in parts (docs/decisions/0026)."""
    world, lead = problem.world, max(lead_times(problem))
    in_parts = world.sources > 1 or (world.life > 0 and (lead > 0 or world.issuing == "lifo"))
    usual: dict[str, Any] = {
        "periods": 24 + 2 * lead + 6 * world.life,
        "follow": 8 + 2 * world.life,
        "parted": 1.0 if in_parts else 0.4,
    }
    left_open = {
        "periods": settings.periods == 0,
        "follow": settings.follow == 0,
        "parted": settings.parted < 0.0,
    }
    return replace(settings, **{name: usual[name] for name, is_open in left_open.items() if is_open})


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
    pace: Array  # [] times the rate
    cost: Array  # [] mean cost of a period over the chunk that led here


def learn(
    problem: Problem, settings: Settings | None = None, seed: int = 0,
    look: Callable[[int, float, Learned], None] | None = None,
) -> Learned:  # fmt: skip
    """The policy after all steps. `look` gets the steps done, the CPU-seconds of the training so far with compiling (not those
    that `look` takes itself), and the policy, after every chunk. ConfigError where slopes do not show what an order costs."""
    refuse(problem)
    begun, spent = time.process_time(), 0.0
    settings = fitted(settings or Settings(), problem)
    world, course = _prepared(problem)
    at = safe = begin(world, course.rule, settings, seed)
    for done in range(settings.chunk, settings.steps + 1, settings.chunk):
        at, safe = steadied(safe, advance(world, settings, course, at))
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
    for problem in problems:
        refuse(problem)
    size = max(len(problem.outcomes.probability) for problem in problems)
    units = max(_units(problem) for problem in problems)
    settings = fitted(settings or Settings(), problems[0])
    ready = [_prepared(problem, size, units) for problem in problems]
    world = ready[0][0]
    course = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *(one[1] for one in ready))
    seeds = list(range(len(problems))) if seeds is None else seeds
    starts = [begin(world, one[1].rule, settings, seed) for one, seed in zip(ready, seeds, strict=True)]
    at = safe = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
    every = jax.vmap(partial(advance, world, settings))
    for _ in range(settings.steps // settings.chunk):
        at, safe = steadied(safe, every(course, at))
    return [
        Learned(world, one[1].rule, jax.tree.map(lambda leaf, i=i: leaf[i], at.average)) for i, one in enumerate(ready)
    ]


def refuse(problem: Problem) -> None:
    """ConfigError where a policy would be learned as if something were not there."""
    world, terms = problem.world, problem.terms
    wrong = [
        (world.lead == "random" or world.clock != "periods", "a policy is learned for certain lead times counted in periods (for orders that cross: crossing.py)"),
        (number(terms.order_cost) > 0.0, "a policy is learned without order cost, which slopes do not see; tune (s, S) or (R, Q)"),
        (max(number(terms.pack), 1.0) > 1.0 or number(terms.min_order) > 0.0, "a policy is learned without packs and a least order, which slopes do not see; tune a rule"),
        (world.discounts, "a policy is learned without discounts, which slopes do not see; tune a rule"),
        (world.random_yield, "a policy is learned without random yields; tune a rule"),
    ]  # fmt: skip
    if any(is_wrong for is_wrong, _ in wrong):
        raise ConfigError([sentence for is_wrong, sentence in wrong if is_wrong], "the problem")


def _prepared(problem: Problem, size: int = 0, units: int = 0) -> tuple[World, Course]:
    """The world without rounding, which is the learner's own here, and the instance as arrays, the outcomes filled up
    to `size` with impossible ones."""
    world, law = problem.world, problem.outcomes
    fill = max(size, len(law.probability)) - len(law.probability)
    cumulative = np.concatenate([np.cumsum(law.probability)[:-1], np.ones(fill)])
    period = [
        None if f is None else jnp.asarray(np.concatenate([f, np.repeat(f[-1:], fill, 0)]), jnp.float32)
        for f in law.period
    ]
    terms = jax.tree.map(lambda number: jnp.asarray(number, jnp.float32), problem.terms)
    table = expected.unsold(problem, max(units, _units(problem)))
    course = Course(terms, rule_of(problem), jnp.asarray(cumulative, jnp.float32), Period(*period), table)
    return replace(world, lots=False), course


def _units(problem: Problem) -> int:
    """Places of the table of what stays unsold: beyond the greatest demand it goes on as a straight line."""
    return int(np.max(problem.outcomes.period.demand)) + 2


def begin(world: World, rule: Rule, settings: Settings, seed: int) -> Training:
    """Small random weights, and every path with a period's demand in each place."""
    width = world.lives + world.columns - 1 + (world.unmet != "lost")
    sizes = [width, *[settings.channels] * settings.layers, world.sources]
    layers = weights_of(sizes, seed)
    usual = np.round(rule.mean)
    empty = start(world, (settings.paths,), np)
    state = State(*(jnp.asarray(part, jnp.float32) for part in (empty.shelf + usual, empty.owed, empty.due + usual)))
    optimiser = jax.jit(muon(settings.rate, settings.steps).init)(layers)  # compiled as one, not array by array
    none, one, unknown = (np.float32(number) for number in (0.0, 1.0, np.inf))
    return Training(layers, optimiser, layers, state, none, jax.random.PRNGKey(seed), one, unknown)


@partial(jax.jit, static_argnames=("world", "settings"), compiler_options=OPTIONS)
def advance(world: World, settings: Settings, course: Course, at: Training) -> Training:
    """One chunk of steps; `cost` is what it cost."""
    climb = muon(settings.rate, settings.steps)
    side = jnp.tile(jnp.array([1.0, -1.0]), settings.paths // 2)  # [B] which slope a path shows: upwards or downwards

    def one(at: Training, _: None) -> tuple[Training, Array]:
        key, draw = jax.random.split(at.key)
        state, periods = _drawn(settings, course, at.state, draw)
        (cost, state), slope = jax.value_and_grad(_cost, has_aux=True)(
            at.weights,
            world,
            settings,
            course,
            state,
            periods,
            side,
            at.step >= settings.parted * settings.steps,
        )
        change, optimiser = climb.update(slope, at.optimiser, at.weights)
        weights = jax.tree.map(lambda weight, by: weight + at.pace * by, at.weights, change)
        share = jnp.minimum(settings.average, (at.step + 1.0) / (at.step + 10.0))
        average = jax.tree.map(lambda old, new: share * old + (1.0 - share) * new, at.average, weights)
        return Training(weights, optimiser, average, state, at.step + 1.0, key, at.pace, at.cost), cost

    after, costs = jax.lax.scan(one, at, None, length=settings.chunk)
    return after._replace(cost=costs.mean())


def steadied(safe: Training, after: Training) -> tuple[Training, Training]:
    """Where the training goes on after a chunk, and to where it would go back: `safe`, the end of the cheapest chunk so far. Where a chunk
    cost a tenth more, or is no number, it goes back, at half the pace, which it finds again by and by. Pipelines feed back, so a step that
    is too long can make all later ones senseless."""
    cost, best, pace = (np.asarray(part) for part in (after.cost, safe.cost, after.pace))
    again = safe._replace(step=after.step, key=after.key, pace=jnp.asarray(0.5 * pace))
    onward = after._replace(pace=jnp.asarray(np.minimum(1.2 * pace, np.float32(1.0))))
    return _either(cost <= best + 0.1 * np.abs(best), onward, again), _either(cost < best, after, safe)


def _either(so: np.ndarray, one: Training, other: Training) -> Training:
    """One or the other, of many trainings [N] each by itself. A single one is not looked into: that would be compiled first."""
    if not so.ndim:
        return one if so else other
    return jax.tree.map(lambda a, b: jnp.where(so.reshape(-1, *[1] * (a.ndim - 1)), a, b), one, other)


def _drawn(settings: Settings, course: Course, state: State, key: Array) -> tuple[State, Period]:
    """Where the paths of a step begin, and its periods [T,B] each. All from one draw: each more takes half a second to compile."""
    places = sum(part[0].size for part in (state.shelf, state.due))
    half, anew = settings.paths // 2, min(settings.anew, settings.paths)
    uniform = jax.random.uniform(key, (settings.periods * half + anew * (1 + places),))
    demands, starts = uniform[: settings.periods * half], uniform[settings.periods * half :]
    return (
        _anew(course.rule, state, starts.reshape(anew, 1 + places)),
        _periods(course, demands.reshape(settings.periods, half)),
    )


def _anew(rule: Rule, state: State, uniform: Array) -> State:
    """The paths as they are, but for the first few: of these every other pair is empty, the others have up to four periods' mean demand in
    each place; nothing is owed. `uniform` [anew, 1 + places]."""
    anew = len(uniform)
    much = 4.0 * rule.mean * uniform[:, :1] * (jnp.arange(anew)[:, None] // 2 % 2)
    units = jnp.round(much * uniform[:, 1:])
    lives = state.shelf[0].size

    def begun(part: Array, first: Array) -> Array:
        return jnp.concatenate([first.reshape(-1, *part.shape[1:]), part[anew:]])

    empty = jnp.zeros(anew)
    return State(begun(state.shelf, units[:, :lives]), begun(state.owed, empty), begun(state.due, units[:, lives:]))


def _periods(course: Course, uniform: Array) -> Period:
    """[T,B] each: outcomes by the inverse of their law at uniforms [T,B/2], each with its mirror image."""
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
        counts = jnp.broadcast_to(seen.known, (len(side), world.sources)), 1.0 * rounds, side
        units = order(world, rule, weights, seen._replace(known=None), counts)
        return units + jax.lax.stop_gradient(jnp.where(rounds, nearest(units) - units, 0.0))

    def one(state: State, each: tuple[Period, Array]) -> tuple[State, Array]:
        period, counts = each
        hair = HAIR * side
        period = period._replace(demand=period.demand - hair, known=counts)
        if period.fifo is not None:
            period = period._replace(fifo=period.fifo - 0.5 * hair)
        state, flow = step(world, policy, course.terms, state, period)
        if expected.known(world, period):
            flow = flow._replace(profit=expected.profit(world, course.terms, course.table, shown_to[-1], flow, hair))
        return state, objective(world, flow)

    state, profit = jax.lax.scan(one, state, (periods, lasts))
    return -profit.mean(), jax.tree.map(lambda part: jnp.where(rounds, jnp.round(part), part), state)
