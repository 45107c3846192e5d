"""What is learned of one instance: a classic rule, and a network that corrects it.

The rule is capped base-stock, with two sources a capped dual index, and its cap is smooth; the network adds to what it says
(structure-informed: Maggiar et al., arXiv 2507.22040). learn.py trains it.

Letters: B rows, S sources, X inputs, N states, W columns of a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.systems.inventory.engine.classic_cost import critical_ratio, lead_times, newsvendor_level, setting_of
from ropewalk.systems.inventory.engine.exact import Problem, seen
from ropewalk.systems.inventory.engine.network import Weights, network
from ropewalk.systems.inventory.engine.step import Seen
from ropewalk.systems.inventory.engine.world import World

Array = Any
MOST = 4.0  # times the level: no order is greater


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
        return order(self.world, self.rule, self.weights, seen)

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


def rule_of(problem: Problem) -> Rule:
    """Where the correction starts: for each source a newsvendor level over the protected periods, a little under it since sales that
    are lost need no stock (Zipkin 2008, section 3), and a cap of a little more than a period's mean demand."""
    law = setting_of(problem).law
    mean, ratio = float(law @ np.arange(len(law))), max(critical_ratio(problem), 0.5)
    levels = [0.95 * newsvendor_level(problem, lead + 1, ratio) for lead in lead_times(problem)]
    caps = [1.15 * mean, *[len(law)] * (len(levels) - 1)]
    return Rule(*(jnp.asarray(part, jnp.float32) for part in (levels, caps, mean)))


def nearest(wanted: Array, xp: Any = jnp) -> Array:
    """The whole order next to what is wanted."""
    return xp.maximum(xp.floor(wanted + 0.5), 0.0)


def weight(wanted: Array, whole: Array, side: Array, least: float = 0.0) -> Array:
    """Of a decision in the gradient: 2 halfway between two whole orders and `least` at a whole one, on paths of the side towards which it
    leans; 0 on the others."""
    return jnp.where((wanted > whole) == (side > 0.0), 4.0, 0.0) * jnp.clip(jnp.abs(wanted - whole), 0.25 * least, 0.5)


def inputs(world: World, seen: Seen) -> Array:
    """[X,...] units: shelf, what is due (but for the period in which the order itself can come), and what is owed where demand
    waits."""
    parts = [seen.shelf[..., k] for k in range(seen.shelf.shape[-1])]
    parts += [seen.outstanding[..., k] for k in range(seen.outstanding.shape[-1] - 1)]
    return jnp.stack([*parts, seen.owed] if world.unmet != "lost" else parts)


def order(
    world: World, rule: Rule, weights: Weights, seen: Seen, learning: tuple[Array, Array, Array] | None = None
) -> Array:
    """[...,S] units wanted: the smooth rule with the network's correction. `learning`: (weight of each order in the gradient of the
    weights [...,S], whether orders are whole [], the path's side [...]) while it learns."""
    positions = [seen.position]
    if world.sources > 1:
        near = seen.outstanding[..., : world.lead[1]] if isinstance(world.lead, tuple) else seen.outstanding
        positions.append(seen.shelf.sum(-1) + near.sum(-1) - seen.owed)
    sources = zip(rule.level, rule.cap, positions, strict=True)
    below = jnp.stack([cap - jax.nn.softplus(cap - (level - position)) for level, cap, position in sources])
    columns = inputs(world, seen)
    flat = columns.reshape(len(columns), -1) * (0.5 / rule.mean) - 0.5
    learns = None if learning is None else (learning, jax.lax.stop_gradient(below), rule.mean)
    change = network(weights, flat, learns, weigh=None if learning is None else _weigh)
    return jnp.moveaxis(_sane(below + rule.mean * change.reshape(below.shape), rule.level), 0, -1)


def _sane(wanted: Array, level: Array) -> Array:
    """[S,...] not below 0 nor above MOST times the level [S], so that no network orders the more, the more there is."""
    return jnp.clip(wanted, 0.0, MOST * level.reshape(-1, *[1] * (wanted.ndim - 1)))


def _weigh(change: Array, learns: tuple) -> Array:
    """[S,B] weight of each order in the gradient of the weights."""
    (counts, rounds, side), below, mean = learns
    wanted = jnp.maximum(below + mean * change, 0.0)
    return counts.T * jnp.where(rounds > 0.0, weight(wanted, nearest(wanted), side), 1.0)


@partial(jax.jit, static_argnames=("world",))
def _decide(world: World, rule: Rule, weights: Weights, seen: Seen) -> Array:
    return order(world, rule, weights, seen)
