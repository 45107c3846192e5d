"""The learned policy: it starts as the rule, learns, resumes to the bit, and answers the same however rows are batched."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ropewalk
from ropewalk.systems.inventory import forecast, learned, learned_fit
from ropewalk.systems.inventory.engine.step import Seen
from ropewalk.systems.inventory.features import BLOCK, Stock, Terms, pack, window_at
from ropewalk.systems.inventory.forecast_fit import fit
from ropewalk.systems.inventory.learned_fit import Settings
from ropewalk.systems.inventory.panel import take_periods, toy_panel
from ropewalk.systems.inventory.panel_replay import replay
from ropewalk.systems.inventory.rules import Known, reach
from ropewalk.systems.inventory.tune import Tuned

Z, QUANTITY = 1.0, 0.7


@pytest.fixture(scope="module")
def setting():
    records = toy_panel(64, 40, seed=3)
    model = fit(records, 26, steps=100, size=256)
    known = forecast.known(model, records, 0, 40)
    train, choose = (take_periods(records, a, b) for a, b in ((0, 26), (26, 40)))
    at = learned_fit.course(
        train, Known(*(c[:26] for c in known)), choose, Known(*(c[26:] for c in known)), Z, QUANTITY,
        Settings(steps=60, chunk=20, batch=64, channels=16),
    )  # fmt: skip
    return records, model, at


@pytest.fixture(scope="module")
def states(setting):
    at = setting[2]
    out = [learned_fit.init(at, 5)]
    while not learned_fit.finished(at, out[-1]):
        out.append(learned_fit.update(at, out[-1]))
    return out


@pytest.fixture(scope="module")
def trained(setting, states):
    """The last weights, whether or not they were the best, so that they differ from the rule."""
    last = states[-1]._replace(best=states[-1].weights)
    return learned_fit.chosen(setting[2], last)


def rows_of(records, t=30):
    size = records.shape[0]
    rng = np.random.default_rng(0)
    terms = (np.full(size, 3.0), records.unit_cost, records.holding_usd, records.lost_sale_usd, records.order_cost_usd,
             records.pack_size, records.min_order)  # fmt: skip
    return pack(window_at(records, t, 3), Terms(*terms), Stock(*rng.integers(0, 9, (3, size)).astype(float)))


def test_before_training_it_is_the_rule_itself(setting, states):
    _, _, at = setting
    rule = Tuned("(s, S) on forecast", "shared", np.tile(np.float32([Z, QUANTITY]), (at.choose.shape[0], 1)))
    by_rule = replay(at.choose, rule.policy(), at.choose_known)
    by_network = replay(at.choose, learned.policy(learned_fit.chosen(at, states[0])), at.choose_known)
    np.testing.assert_array_equal(by_rule.flow.ordered, by_network.flow.ordered)


def test_training_moves_it_and_keeps_the_best(setting, states):
    profits = [learned_fit.tried(setting[2], s.weights) for s in states]
    assert len(set(profits)) > 1
    assert states[-1].best_profit == max(profits)


def test_a_training_resumed_from_bytes_ends_with_the_same_bits(setting, states):
    at = setting[2]
    again = learned_fit.from_bytes(learned_fit.to_bytes(states[1]), learned_fit.init(at, 0))
    while not learned_fit.finished(at, again):
        again = learned_fit.update(at, again)
    assert learned_fit.to_bytes(again) == learned_fit.to_bytes(states[-1])


@pytest.mark.parametrize("size", [1, 7, BLOCK, BLOCK + 3])
def test_an_answer_has_the_same_bits_in_any_batch(setting, trained, size):
    records, model, _ = setting
    rows = rows_of(records)
    whole = learned.answer(model, trained, rows)
    order = np.random.default_rng(1).permutation(len(rows))
    for i in range(0, len(rows), size):
        some = order[i : i + size]
        for part, full in zip(learned.answer(model, trained, rows[some]), whole, strict=True):
            np.testing.assert_array_equal(part, full[some])


def test_the_policy_of_the_evaluation_gives_the_bits_that_are_served(setting, trained):
    records, model, _ = setting
    rows = rows_of(records)
    served = learned.answer(model, trained, rows)
    known = Known(*(c[0] for c in forecast.known(model, records, 30, 31)))
    stock = rows[:, -3:].astype(np.float64)
    order = learned.policy(trained)(Seen(stock[:, :1], np.zeros(len(stock)), stock[:, 1:], known))
    np.testing.assert_array_equal(order.units[:, 0], served.units)


def test_numpy_and_jax_agree(setting, trained):
    records, model, _ = setting
    known = Known(*(c[0] for c in forecast.known(model, records, 30, 31)))
    stock = rows_of(records)[:, -3:]
    plain = learned.levels_of_rows(trained, known, stock)
    traced = jax.tree.map(jnp.asarray, known)
    seen = reach(traced, jnp)
    fixed = traced.features, learned.economics(traced, seen, jnp)
    compiled = learned.levels_at(trained, traced, seen, fixed, jnp.asarray(stock), jnp)
    np.testing.assert_allclose(plain.reorder, compiled.reorder, rtol=2e-4, atol=2e-3)
    np.testing.assert_allclose(plain.up_to, compiled.up_to, rtol=2e-4, atol=2e-3)


def test_answering_needs_no_jax():
    code = "import sys, ropewalk.systems.inventory.learned; assert 'jax' not in sys.modules and 'polars' not in sys.modules"
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(ropewalk.__file__).parents[1])},
    )


def test_the_soft_order_is_the_placed_order_with_a_slope(setting):
    known = Known(*(jnp.asarray(c[0][:2]) for c in setting[2].choose_known))
    from ropewalk.systems.inventory.rules import Levels, place, spread_over

    position = jnp.array([3.0, 30.0])

    def units(reorder):
        levels = Levels(reorder, reorder + 10.0, jnp.full(2, 1e9))
        return learned_fit.soft_place(levels, position, known, spread_over(known, jnp), 0.3)

    reorder = jnp.array([5.0, 29.0])
    hard = place(Levels(reorder, reorder + 10.0, jnp.full(2, 1e9)), position, known, jnp)
    np.testing.assert_allclose(units(reorder).units, hard.units, atol=1e-5)
    np.testing.assert_allclose(units(reorder).lines, hard.lines, atol=1e-6)
    slope = jax.grad(lambda r: units(r).lines.sum())(reorder)
    assert (slope > 0).all()  # a higher reorder level orders more often, on both sides of it
