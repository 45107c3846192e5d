"""A policy learned for one instance by the pathwise gradient: the simulator is differentiated through its own demand.

Structure-informed (Maggiar et al., arXiv 2507.22040): a small network corrects a capped base-stock rule whose cap is smooth.
Trained on sampled demand alone (Glasserman & Tayur 1995; Madeka et al., arXiv 2210.03137; Alvo et al., arXiv 2306.11246), with
what is our own here:

- Orders are whole while learning, as they will be placed, and the gradient takes the slope of the cost between whole orders on
  the side towards which the network leans: where it was rounded down, the slope upwards, else the slope downwards. Units are
  whole, so stock equals demand all the time and the two slopes differ there; demand moved by a hair (`HAIR`) to either side on
  half of the paths gives one slope on each half, and a decision learns from the paths on its side (`_network`). A network that
  is trained on the mean of both slopes hovers between two orders where one of them is better.
- A decision learns the more, the nearer it is to the middle between two whole orders (`undecided`): one that is rounded as it
  should be need not come nearer to the whole number, and a network this small has to leave something out.
- Paths go on where the last step left them, so nothing is spent on warming up; antithetic uniforms; Adam with a cosine
  rate; the policy is an average of the weights over the last steps (Polyak & Juditsky 1992).

Letters: B paths, T periods of a step, S sources, X inputs, C channels.
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
from ropewalk.systems.inventory.engine.exact import seen
from ropewalk.systems.inventory.engine.laws import Law
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
    periods: int = 32
    channels: int = 32
    layers: int = 2
    rate: float = 1e-2
    average: float = 0.995  # of the weights, a step
    chunk: int = 100  # steps of one call, after which the policy may be looked at


class Rule(NamedTuple):
    """The capped base-stock rule that is corrected."""

    level: float  # units
    cap: float  # units
    mean: float  # units a period: the scale of all inputs and of the correction


@dataclass(frozen=True)
class Learned:
    """A trained policy."""

    world: World
    rule: Rule
    weights: Weights

    def wanted(self, seen: Seen) -> Array:
        """[...,S] units before rounding."""
        return order(self.rule, self.weights, inputs(self.world, seen), jnp.ones(seen.owed.shape))

    def decide(self, states: Array) -> Array:
        """Whole orders [N,S] of states [N,W] as exact.Problem has them."""
        size, part = len(states), 4096  # of one shape, so that it compiles once
        out = np.empty((size, self.world.sources), np.int64)
        for at in range(0, size, part):
            rows = states[at : at + part]
            shown = seen(self.world, np.concatenate([rows, np.zeros((part - len(rows), rows.shape[1]))]))
            columns = inputs(self.world, jax.tree.map(jnp.asarray, shown)).astype(jnp.float32)
            units = np.asarray(_decide(self.rule, self.weights, columns))
            out[at : at + part] = np.floor(units[: len(rows)] + 0.5)
        return out


class Training(NamedTuple):
    """All that a training is: arrays only."""

    weights: Weights
    optimiser: Any
    average: Weights
    state: State
    step: Array  # []
    key: Array


def learn(
    world: World, terms: Terms, law: Law, settings: Settings | None = None, seed: int = 0,
    look: Callable[[int, float, Learned], None] | None = None,
) -> Learned:  # fmt: skip
    """The policy after all steps. `look` gets the steps done, the CPU-seconds of the training so far with compiling (not those
    that `look` takes itself), and the policy, after every chunk."""
    settings = settings or Settings()
    if world.sources != 1 or world.clock != "periods" or not isinstance(world.lead, tuple):
        raise ConfigError(["learning takes one source and a certain lead time so far"], "the world")
    begun, spent = time.process_time(), 0.0
    rule = rule_of(terms, law, world.lead[0])
    world = replace(world, lots=False)  # rounding is the learner's own here
    probability = law.probability()
    cumulative = jnp.asarray(np.cumsum(probability)[:-1], jnp.float32)
    at = begin(world, rule, settings, seed)
    for done in range(settings.chunk, settings.steps + 1, settings.chunk):
        at = advance(world, rule, settings, terms, cumulative, at)
        jax.block_until_ready(at.weights)
        if look is not None:
            now = time.process_time()
            look(done, now - begun - spent, Learned(world, rule, at.average))
            spent += time.process_time() - now
    return Learned(world, rule, at.average)


def rule_of(terms: Terms, law: Law, lead: int) -> Rule:
    """Where the correction starts: a newsvendor level over the protected periods, a little under it since sales that are lost
    need no stock (Zipkin 2008, section 3), and a cap of a little more than a period's mean demand."""
    penalty = float(np.asarray(terms.lost_sale if terms.lost_sale is not None else terms.backlog))
    holding = float(np.asarray(terms.holding))
    level = 0.95 * float(law.over(lead + 1).ppf(penalty / (penalty + holding)))
    return Rule(level, 1.15 * law.mean, law.mean)


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
    state = state._replace(shelf=state.shelf + rule.mean, due=state.due + rule.mean)
    return Training(layers, _optimiser(settings).init(layers), layers, state, jnp.float32(0), jax.random.PRNGKey(seed))


def _optimiser(settings: Settings) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(settings.rate, settings.steps, 0.01)
    return optax.chain(optax.clip_by_global_norm(20.0), optax.adam(rate, b2=0.98))


@partial(jax.jit, static_argnames=("world", "rule", "settings"))
def advance(world: World, rule: Rule, settings: Settings, terms: Terms, cumulative: Array, at: Training) -> Training:
    """One chunk of steps."""
    climb = _optimiser(settings)
    side = jnp.tile(jnp.array([1.0, -1.0]), settings.paths // 2)  # [B] which slope a path shows: upwards or downwards

    def one(at: Training, _: None) -> tuple[Training, None]:
        key, draw = jax.random.split(at.key)
        slope, state = jax.grad(_cost, has_aux=True)(
            at.weights, world, rule, terms, at.state, _demand(settings, cumulative, draw), side
        )
        change, optimiser = climb.update(slope, at.optimiser, at.weights)
        weights = optax.apply_updates(at.weights, change)
        share = jnp.minimum(settings.average, (at.step + 1.0) / (at.step + 10.0))
        average = jax.tree.map(lambda old, new: share * old + (1.0 - share) * new, at.average, weights)
        return Training(weights, optimiser, average, state, at.step + 1.0, key), None

    return jax.lax.scan(one, at, None, length=settings.chunk)[0]


def _demand(settings: Settings, cumulative: Array, key: Array) -> Array:
    """[T,B] units: the inverse of the law at uniforms, each with its mirror image."""
    uniform = jax.random.uniform(key, (settings.periods, settings.paths // 2))
    both = jnp.concatenate([uniform, 1.0 - uniform], axis=1)
    method = "compare_all" if len(cumulative) < 64 else "scan_unrolled"
    return jnp.searchsorted(cumulative, both, side="right", method=method).astype(jnp.float32)


def _cost(
    weights: Weights, world: World, rule: Rule, terms: Terms, state: State, demand: Array, side: Array
) -> tuple[Array, State]:
    """Mean cost of a period, and the state at the end."""

    def policy(seen: Seen) -> Array:
        columns = inputs(world, seen)
        leaning = order(rule, jax.lax.stop_gradient(weights), jax.lax.stop_gradient(columns), jnp.ones_like(side))
        whole = jnp.floor(leaning + 0.5)
        mine = jnp.where((leaning[..., 0] > whole[..., 0]) == (side > 0.0), 2.0, 0.0) * undecided(leaning[..., 0])
        units = order(rule, weights, columns, mine)
        return units + jax.lax.stop_gradient(whole - units)

    def one(state: State, demand: Array) -> tuple[State, Array]:
        state, flow = step(world, policy, terms, state, Period(demand - HAIR * side))
        return state, flow.profit

    state, profit = jax.lax.scan(one, state, demand)
    return -profit.mean(), State(*(jnp.round(part) for part in state))


def undecided(wanted: Array) -> Array:
    """1 halfway between two whole orders, 0 at a whole one."""
    return 2.0 * jnp.abs(wanted - jnp.floor(wanted + 0.5))


def inputs(world: World, seen: Seen) -> Array:
    """[...,X] units: shelf, what is due (but for the period in which the order itself can come), and what is owed where demand
    waits."""
    parts = [seen.shelf, seen.outstanding[..., :-1]]
    if world.unmet != "lost":
        parts.append(seen.owed[..., None])
    return jnp.concatenate(parts, axis=-1)


def order(rule: Rule, weights: Weights, columns: Array, learns: Array) -> Array:
    """[...,S] units wanted: the smooth rule with the network's correction. `learns` [...]: weight of each row in the gradient of
    the weights; the gradient of the inputs is whole."""
    position = columns.sum(-1)
    below = rule.cap - jax.nn.softplus(rule.cap - (rule.level - position))
    change = _network(weights, columns * (0.5 / rule.mean) - 0.5, learns)
    return jnp.maximum(below[..., None] + rule.mean * change, 0.0)


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
    weights, layers, learns = kept
    slopes = []
    for at in reversed(range(len(weights))):
        if at < len(weights) - 1:
            slope = slope * jnp.where(layers[at + 1] > 0.0, 1.0, layers[at + 1] + 1.0)
        counted = slope * learns[..., None]
        slopes.append((layers[at].T @ counted, counted.sum(0)))
        slope = slope @ weights[at][0].T
    return tuple(reversed(slopes)), slope, jnp.zeros_like(learns)


_network.defvjp(_forward, _backward)


@partial(jax.jit, static_argnames=("rule",))
def _decide(rule: Rule, weights: Weights, columns: Array) -> Array:
    return order(rule, weights, columns, jnp.ones(len(columns)))
