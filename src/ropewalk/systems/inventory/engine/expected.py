"""The profit of a period in expectation over its own demand, where the period goes on with the demand that was drawn.

What is held, lost and wasted in a period depends on its demand alone once the order is placed, so its expectation is known: for
lost sales E(x - D)+ for the units x on the shelf, from a table of whole units. With it in place of what happened to be sold, paths vary
only by where they go (conditional Monte Carlo: Glasserman, Monte Carlo Methods in Financial Engineering, 2003, section 7.2; smoothed
perturbation analysis: Gong & Ho 1987), and a rare and costly end is felt on every path.

Letters: B paths, U whole units.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.systems.inventory.engine.exact import Problem
from ropewalk.systems.inventory.engine.step import Flow, Period, Seen, Terms, times
from ropewalk.systems.inventory.engine.world import World

Array = Any


class Unsold(NamedTuple):
    """E(x - demand)+ for x = 0, 1, 2, ... units, and the mean demand; beyond the table as at its end. One law, or one for each of B paths."""

    units: Array  # [U] or [B,U]
    mean: Array  # [] or [B]

    def of(self, x: Array) -> Array:
        """[...] linear between whole units."""
        below = jnp.clip(jnp.floor(x), 0, self.units.shape[-1] - 2)
        at = jax.lax.stop_gradient(below).astype(jnp.int32)
        if self.units.ndim == 1:
            low, high = self.units[at], self.units[at + 1]
        else:
            low, high = (jnp.take_along_axis(self.units, place[:, None], 1)[:, 0] for place in (at, at + 1))
        return low + (x - jax.lax.stop_gradient(below)) * (high - low)


def unsold(problem: Problem, size: int) -> Unsold:
    """The table up to `size` units."""
    demand, chance = np.asarray(problem.outcomes.period.demand, float), problem.outcomes.probability
    units = np.maximum(np.arange(size)[:, None] - demand, 0.0) @ chance
    return Unsold(jnp.asarray(units, jnp.float32), jnp.float32(demand @ chance))


def known(world: World, period: Period) -> bool:
    """Whether the expectation is: sales lost, of goods that perish either the oldest or the freshest first, and periods that last alike
    and bring all that was ordered."""
    alike = period.elapsed is None and not world.random_yield
    return world.unmet == "lost" and world.issuing != "mixed" and world.life != 1 and alike


def profit(world: World, terms: Terms, table: Unsold, seen: Seen, flow: Flow, hair: Array | float = 0.0) -> Array:
    """[...] profit of a period with holding, lost sales and waste as expected, when the policy saw `seen` and `flow` happened. `hair`:
    units that the shelf holds more, to say which slope is meant at a whole number."""
    available = flow.left + flow.served + hair
    left = table.of(available)
    lost = table.mean - available + left
    wasted: Array = 0.0
    if world.life:
        oldest = seen.shelf[..., 0] + hair
        wasted = table.of(oldest) if world.issuing == "fifo" else left - table.of(available - oldest)
    happened = times(terms.holding, flow.left) + times(terms.lost_sale, flow.lost) + times(terms.waste, flow.wasted)
    expected = times(terms.holding, left) + times(terms.lost_sale, lost) + times(terms.waste, 1.0 * wasted)
    return flow.profit + happened - expected
