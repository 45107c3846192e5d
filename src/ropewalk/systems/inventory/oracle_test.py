"""The oracle equals brute force on tiny instances, and nobody earns more than it does."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.systems.inventory.oracle import oracle_profit
from ropewalk.systems.inventory.panel import take_items, toy_panel
from ropewalk.systems.inventory.panel_replay import replay
from ropewalk.systems.inventory.panel_replay_test import blind, constant
from ropewalk.systems.inventory.rules import Order


def random_panel(seed, items, periods, most):
    rng = np.random.default_rng(seed)
    return toy_panel(
        items, periods, demand=rng.integers(0, most, (items, periods)) * 1.0, price=rng.uniform(0.5, 4, (items, periods)),
        unit_cost=rng.uniform(0.5, 3, items), holding_usd=rng.uniform(0, 0.5, items), lost_sale_usd=rng.uniform(-0.3, 1, items),
        order_cost_usd=rng.uniform(0, 2, items), lead_time=rng.integers(0, 3, items), pack_size=rng.integers(1, 4, items) * 1.0,
        min_order=rng.integers(0, 4, items) * 1.0, review=rng.random((items, periods)) < 0.8,
        on_hand0=rng.integers(0, 4, items) * 1.0, pipeline0=rng.integers(0, 3, (items, 4)) * 1.0,
    )  # fmt: skip


def brute(records):
    """The best of all order plans of one item: every period nothing, or any number of packs up to all that is asked for."""
    pack, least = int(records.pack_size[0]), int(np.ceil(records.min_order[0] / records.pack_size[0]))
    most = int(records.demand.sum() / pack) + 1 + least
    choices = [0, *range(max(least, 1) * pack, most * pack + 1, pack)]
    plans = np.array(list(itertools.product(choices, repeat=records.shape[1])), float)
    alike = take_items(records, np.zeros(len(plans), int))  # a replay of many items, each with a plan of its own
    return replay(alike, lambda seen: Order(seen.known, (seen.known > 0) * 1.0).by_source, plans.T).profit.max()


@pytest.mark.parametrize("seed", range(12))
def test_the_oracle_is_the_best_of_all_plans(seed):
    records = random_panel(seed, 1, 4, 3)
    assert oracle_profit(records)[0] == pytest.approx(brute(records), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(-1, 15), st.integers(0, 20))
def test_no_policy_earns_more_than_the_oracle(seed, reorder, up_to):
    records = random_panel(seed, 6, 9, 9)
    earned = replay(records, constant(float(reorder), float(up_to)), blind(records)).profit
    assert (earned <= oracle_profit(records) + 1e-9).all()


def test_items_do_not_touch_each_other():
    records = random_panel(3, 8, 9, 9)
    alone = [oracle_profit(take_items(records, np.array([i])))[0] for i in range(8)]
    np.testing.assert_allclose(oracle_profit(records), alone, atol=1e-9)


def test_fractions_of_units_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"whole units, but demand holds 0\.5"):
        oracle_profit(toy_panel(1, 2, demand=np.array([[0.5, 1.0]])))
