"""A policy is improved from simulated pairs: exact costs say by how much."""

from dataclasses import replace

import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import exact, improve
from ropewalk.systems.inventory.engine.improve import Settings
from ropewalk.systems.inventory.engine.laws import law
from ropewalk.systems.inventory.engine.optimum import optimum
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


def test_few_pairs_do_not_spoil_the_best_policy():
    """Poisson 2, L = 3, p = 39, where single pairs are far from normal: with `least` 1 these two make it 0.2 and 0.01 % dearer."""
    outcomes = exact.outcomes(law("poisson:2").probability())
    problem = exact.Problem(World(lead=(3,)), Terms(holding=1.0, lost_sale=39.0), outcomes)
    best = optimum(problem).chain
    orders = dict(zip(map(tuple, best.states), best.orders, strict=True))

    def policy(states):
        return np.array([orders.get(tuple(state), [0]) for state in states])

    for seed in (1, 4):
        assert improve.improve(problem, policy, Settings(rounds=2, pairs=4_000), seed).changed == 0


def test_a_round_ends_where_nothing_worth_the_while_is_left():
    costs = []
    found = improve.improve(
        PROBLEM,
        base_stock,
        Settings(rounds=20, pairs=100_000, growth=1.0, slack=1e-4),
        1,
        lambda done, at: costs.append(cost(at.decide)),
    )
    assert len(costs) < 20
    assert cost(found.decide) == costs[-1] == costs[-2] < 4.0407 * 1.001


def test_a_table_grows_with_the_states_that_a_better_policy_visits():
    """From base-stock 7, where the optimum has up to 13 units, its first box is left within a few rounds."""

    def low(states):
        return np.maximum(7 - states.sum(1), 0)[:, None]

    found = improve.improve(PROBLEM, low, Settings(rounds=12, pairs=40_000, growth=1.0), seed=1)
    assert found.box.sizes[0] > 9
    kept = improve.improve(PROBLEM, low, Settings(rounds=12, pairs=40_000, growth=1.0, most=9), seed=1)
    assert kept.box.sizes[0] == 9  # where there is no room, the last policy that fitted
    assert cost(found.decide) < 4.0407 * 1.0005


def test_too_large_a_box_is_refused():
    with pytest.raises(ConfigError, match="at most 10 fit a table"):
        improve.improve(PROBLEM, base_stock, Settings(most=10))


def test_what_is_not_counted_in_single_units_is_refused():
    with pytest.raises(ConfigError, match="single units"):
        improve.improve(replace(PROBLEM, terms=PROBLEM.terms._replace(pack=np.array([2.0]))), base_stock)
    partial = replace(PROBLEM, world=World(unmet="partial"), terms=PROBLEM.terms._replace(kept=0.5, backlog=1.0))
    with pytest.raises(ConfigError, match="whole units"):
        improve.improve(partial, base_stock)


def test_only_a_policy_of_few_states_is_improved_in_passing():
    assert cost(improve.settled(PROBLEM, base_stock, seed=1)) < 4.1
    longer = exact.Problem(World(lead=(6,)), PROBLEM.terms, PROBLEM.outcomes)
    assert improve.settled(longer, base_stock) is base_stock
