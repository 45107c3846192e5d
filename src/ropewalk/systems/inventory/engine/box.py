"""The states of a policy that uses few of them, as places of a table.

Letters: W columns of a state (exact.states), Z states of the box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.exact import Decide, Problem, states
from ropewalk.systems.inventory.engine.step import Seen, State, start, step

Array = Any


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

    def seen(self, seen: Seen) -> Array:
        """[...] place of what the policy sees, in JAX."""
        return self.of(jnp.concatenate([seen.shelf, seen.owed[..., None], seen.outstanding[..., :-1]], -1))

    @property
    def places(self) -> float:
        """How many there are: beyond what whole numbers of 64 bits hold as well."""
        return float(np.prod(np.array(self.sizes, float)))

    def wider(self, states: np.ndarray) -> Box:
        """Also with room for states [N,W], and one unit more in each column that they go beyond."""
        top = states.max(0)
        return Box(tuple(int(t) + 2 if t >= size else size for t, size in zip(top, self.sizes, strict=True)))

    def holds(self, states: np.ndarray) -> np.ndarray:
        return np.asarray(((states >= 0) & (states < np.array(self.sizes))).all(-1))

    def states(self) -> np.ndarray:
        """[Z,W] all of them, in the order of their places."""
        return np.stack(np.unravel_index(np.arange(int(np.prod(self.sizes))), self.sizes), -1).astype(np.int64)


def as_seen(state: State) -> np.ndarray:
    """[N,W] how a policy will see states [N]: what is due now is on the shelf then."""
    shelf, owed, due = (np.asarray(part) for part in state[:3])
    shelf = np.concatenate([shelf[:, :-1], shelf[:, -1:] + due[:, :1]], -1)
    return np.concatenate([shelf, owed[:, None], due[:, 1:]], -1).astype(np.int64)


def visited_by(policy: Decide, problem: Problem, most: int, seed: int) -> Box:
    """Room for every state that a simulation visits, and one unit more in each column. ConfigError beyond `most` states."""
    world, law = problem.world, problem.outcomes
    rng, paths = np.random.default_rng(seed), 1_000
    state, top = start(world, (paths,), np), np.zeros(len(problem.columns), np.int64)

    def watched(seen: Seen) -> np.ndarray:
        nonlocal top
        rows = states(seen)
        top = np.maximum(top, rows.max(0))
        return np.asarray(policy(rows)).reshape(paths, -1) * 1.0

    for _ in range(200 + 4 * world.columns):
        draw = rng.choice(len(law.probability), paths, p=law.probability)
        state, _ = step(
            world, watched, problem.terms, state, jax.tree.map(lambda f, d=draw: np.asarray(f)[d], law.period), np
        )
    never = np.array([name == "owed" and world.unmet == "lost" for name in problem.columns])
    box = Box(tuple(int(units) for units in np.where(never, 1, top + 2)))
    if box.places > most:
        raise ConfigError(
            [f"the policy visits a box of {' x '.join(map(str, box.sizes))} states; at most {most:,} fit a table"],
            "the problem",
        )
    return box
