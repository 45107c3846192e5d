"""What a change of an order costs, by pairs of paths, beside the exact difference."""

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.systems.inventory.engine import exact
from ropewalk.systems.inventory.engine.box import as_seen, visited_by
from ropewalk.systems.inventory.engine.laws import law
from ropewalk.systems.inventory.engine.pairs import Game, Pairs
from ropewalk.systems.inventory.engine.step import State, Terms
from ropewalk.systems.inventory.engine.world import World


def test_what_a_change_costs_is_found_without_bias():
    """Against the exact difference of two values (value iteration for base-stock), for a unit less and a unit more in two states: after a
    few stretches, when many of the pairs have not met yet, as in the end."""
    outcomes = exact.outcomes(law("poisson:2").probability())
    problem = exact.Problem(World(lead=(3,)), Terms(holding=1.0, lost_sale=4.0), outcomes)

    def policy(states):
        return np.maximum(9 - states.sum(1), 0)[:, None]

    box = visited_by(policy, problem, 10_000, seed=2)
    states = np.array([[2, 0, 2, 2], [5, 0, 1, 0]])  # on hand when the order is placed, owed, due in the next periods
    nothing = np.zeros((2, 1))
    pool = State(*(jnp.asarray(part, jnp.float32) for part in (nothing, nothing[:, 0], states[:, [0, 2, 3]])))
    np.testing.assert_array_equal(as_seen(pool), states)
    game, cell = Game.of(problem, policy(box.states()).astype(np.int32)), np.arange(16_000) % 4
    pairs = Pairs(problem.world, box, game, pool, 16_000, 1, 512, jax.random.PRNGKey(7))
    found = []
    while not found or pairs.busy:
        if len(found) < 200:
            now = cell[: pairs.room]
            pairs.begin(now // 2, np.where(now % 2 == 0, -1.0, 1.0)[:, None], now)
        found.append(np.stack(pairs.follow()))
    known = exact.chain(problem, policy, begin=box.states())
    value = known.values(1e-9)[1]

    def worth(state, order):
        after, cost = problem.advance(state[None], np.array([[order]]))
        at = [int(np.flatnonzero((known.states == each).all(1))[0]) for each in after[0]]
        return (cost[0] + value[at]) @ outcomes.probability

    for stretches in (36, len(found)):
        cells, costs = np.concatenate(found[:stretches], -1)
        for each in range(4):
            state, change = states[each // 2], (-1, 1)[each % 2]
            order, some = 9 - state.sum(), costs[cells == each]
            true = worth(state, order + change) - worth(state, order)
            assert abs(some.mean() - true) < 4 * some.std() / len(some) ** 0.5 < 0.3
