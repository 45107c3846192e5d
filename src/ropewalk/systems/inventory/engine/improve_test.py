"""A policy is improved from simulated pairs: exact costs say by how much."""

import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import exact, improve
from ropewalk.systems.inventory.engine.improve import Box, Settings
from ropewalk.systems.inventory.engine.laws import law
from ropewalk.systems.inventory.engine.step import Terms
from ropewalk.systems.inventory.engine.world import World

PROBLEM = exact.Problem(
    World(lead=(1,)), Terms(holding=1.0, lost_sale=4.0), exact.outcomes(law("poisson:5").probability())
)


def cost(decide):
    return exact.chain(PROBLEM, decide).average_cost().middle


def base_stock(states):
    return np.maximum(12 - states.sum(1), 0)[:, None]


def test_base_stock_becomes_better_than_every_capped_base_stock_rule():
    """Poisson 5, L = 1, p = 4: base-stock 4.163, the best capped base-stock 4.065, the optimum 4.0407 (Zipkin 2008)."""
    costs = []
    found = improve.improve(
        PROBLEM,
        base_stock,
        Settings(rounds=4, pairs=60_000, growth=1.0),
        seed=1,
        look=lambda done, at: costs.append(cost(at.decide)),
    )
    assert cost(base_stock) == pytest.approx(4.163, abs=0.002)
    assert costs[-1] == cost(found.decide) < 4.065
    assert costs[-1] < costs[0] < 4.163
    assert found.changed == (found.table != base_stock(found.box.states())).any(1).sum()


def test_a_seed_gives_one_table_and_outside_its_box_the_policy_is_what_it_was():
    found, again = (improve.improve(PROBLEM, base_stock, Settings(rounds=1, pairs=5_000), seed=3) for _ in range(2))
    np.testing.assert_array_equal(found.table, again.table)
    far = np.array([[200, 0], [3, 0]])
    assert not found.box.holds(far)[0]
    assert found.decide(far)[0] == base_stock(far)[0]


def test_a_box_counts_its_states_in_order():
    box = Box((2, 3))
    np.testing.assert_array_equal(box.of(box.states(), np), np.arange(6))
    assert box.of(np.array([9, 9]), np) == 5


def test_too_large_a_box_is_refused():
    with pytest.raises(ConfigError, match="at most 10 fit a table"):
        improve.improve(PROBLEM, base_stock, Settings(most=10))


def test_only_a_policy_of_few_states_is_improved_in_passing():
    many = improve.where_few(PROBLEM, base_stock, states=10)
    assert many is base_stock
    assert cost(improve.where_few(PROBLEM, base_stock, seed=1)) < 4.1
