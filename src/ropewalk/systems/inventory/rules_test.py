"""The rules say what their books say, in NumPy and in JAX alike; one rounding of orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.systems.inventory.rules import RULES, Known, Levels, over, place, round_order, spread_over, total


def known(**columns):
    """Two items: one that sells 4 a period evenly, one that sells 10 with a promotion in the third period."""
    filled = {
        "mean": [4.0, 10.0], "sd": [2.0, 5.0], "each": [[4.0] * 8, [10.0, 10.0, 30.0] + [10.0] * 5],
        "spread": np.sqrt(np.arange(1.0, 9.0)) * np.array([[2.0], [5.0]]), "features": np.zeros((2, 3)),
        "cover": [3.0, 3.0], "price": [3.0, 3.0], "unit_cost": [2.0, 2.0], "holding_usd": [0.01, 0.01],
        "lost_sale_usd": [0.0, 0.0], "order_cost_usd": [0.25, 0.25], "pack_size": [1.0, 6.0], "min_order": [0.0, 0.0],
    }  # fmt: skip
    return Known(**{k: np.array(v, np.float32) for k, v in {**filled, **columns}.items()})


@pytest.mark.parametrize(
    ("wanted", "pack", "least", "ordered"),
    [
        (0.4, 1, 0, 0),
        (0.5, 1, 0, 1),
        (-3, 1, 5, 0),
        (7, 6, 0, 6),
        (9, 6, 0, 12),
        (2, 6, 0, 0),
        (3, 6, 20, 24),
        (2, 1, 5, 5),
    ],
)
def test_orders_are_rounded_to_packs_and_raised_to_the_minimum(wanted, pack, least, ordered):
    assert round_order(np.array([float(wanted)]), np.array([pack]), np.array([least]))[0] == ordered


@given(st.floats(-50, 500), st.integers(1, 48), st.integers(0, 100))
def test_an_order_is_nothing_or_whole_packs_of_at_least_the_minimum(wanted, pack, least):
    units = float(round_order(np.array([wanted]), np.array([pack]), np.array([least]))[0])
    assert units == 0 or (units % pack == 0 and units >= least)
    assert units == 0 or abs(units - wanted) <= pack / 2 + 1e-9 or units < least + pack


def test_a_forecast_is_read_between_periods_and_past_its_end():
    each = np.array([[1.0, 2.0, 4.0]])
    for periods, units in ((1.0, 1.0), (1.5, 2.0), (3.0, 7.0), (5.0, 15.0)):
        assert total(each, np.array([periods]))[0] == pytest.approx(units)
        assert over(np.cumsum(each, -1), np.array([periods]))[0] == pytest.approx(units)
    assert spread_over(known(cover=[2.0, 18.0])).tolist() == pytest.approx([2.0 * 2**0.5, 5.0 * 8**0.5 * 1.5])


def test_levels_are_those_of_the_books():
    now = known()
    assert RULES["base-stock"](np.array([1.0]), now).up_to[0] == pytest.approx(4 * 3 + 2 * 3**0.5)
    capped = RULES["capped base-stock"](np.array([1.0, 2.0]), now)
    assert capped.cap.tolist() == pytest.approx([9.0, 21.0])
    harris = (2 * 0.25 * 4.0 / 0.01) ** 0.5
    classic = RULES["(s, S)"](np.array([0.0, 1.0]), now)
    assert (classic.reorder[0], classic.up_to[0]) == pytest.approx((12.0, 12.0 + harris))
    seen = RULES["newsvendor"](np.array([2.0]), now)
    assert seen.up_to[1] == pytest.approx(50 + 2 * 5 * 3**0.5)  # the promotion is inside the protected periods
    ahead = RULES["(s, S) on forecast"](np.array([0.0, 1.0]), now)
    assert ahead.up_to[0] - ahead.reorder[0] == pytest.approx(harris, rel=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_numpy_and_jax_place_the_same_orders(rule):
    rng = np.random.default_rng(0)
    parameters, position = rng.uniform(0.2, 2, (2, 2)).astype(np.float32), np.array([7.0, 20.0], np.float32)
    now = known()
    plain = place(RULES[rule](parameters, now, np), position, now, np)
    traced = jax.tree.map(jnp.asarray, now)
    compiled = place(RULES[rule](jnp.asarray(parameters), traced, jnp), jnp.asarray(position), traced, jnp)
    np.testing.assert_allclose(plain.units, np.asarray(compiled.units))


def test_nothing_is_ordered_above_the_reorder_level():
    levels = Levels(np.array([5.0, 5.0]), np.array([20.0, 20.0]), np.array([1e9, 10.0]))
    assert place(levels, np.array([5.1, 6.0]), known()).units.tolist() == [0, 0]
    assert place(levels, np.array([5.0, 5.0]), known(pack_size=[1, 1])).units.tolist() == [15, 10]
