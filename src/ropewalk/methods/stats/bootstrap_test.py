"""The paired bootstrap promises an interval that holds the truth about as often as it says, and that obeys simple laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.methods.stats.bootstrap import paired_interval, pairs_interval


def world(rng, items, weeks, item_sd, week_sd, noise_sd, rho=0.3):
    """Differences with a mean of zero: items differ, weeks differ and remember the week before, and there is noise."""
    shared = np.zeros(weeks + 20)
    for t in range(1, weeks + 20):
        shared[t] = rho * shared[t - 1] + np.sqrt(1 - rho**2) * rng.normal()
    return (
        item_sd * rng.normal(size=(items, 1)) + week_sd * shared[None, 20:] + noise_sd * rng.normal(size=(items, weeks))
    )


def long_form(d):
    rows, columns = np.indices(d.shape)
    return rows.ravel(), columns.ravel(), d.ravel(), np.zeros(d.size)


@pytest.mark.parametrize(
    ("item_sd", "week_sd", "noise_sd", "low", "high"),
    [(1.0, 0.1, 1.0, 0.93, 0.99), (0.3, 1.0, 1.0, 0.90, 0.98), (0.0, 0.0, 1.0, 0.95, 1.0)],
    ids=["items vary", "weeks vary", "noise alone"],
)
def test_coverage_is_near_95_percent_with_11_weeks(item_sd, week_sd, noise_sd, low, high):
    """400 worlds: a share of 0.95 is seen with a standard error of 0.011. Noise alone is counted generously."""
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(400):
        d = world(rng, 60, 11, item_sd, week_sd, noise_sd)
        found = paired_interval(d, np.zeros_like(d), seed=seed, draws=300)
        held += found.low <= 0 <= found.high
    assert low <= held / 400 <= high


def test_a_true_difference_is_found():
    rng = np.random.default_rng(2)
    d = world(rng, 300, 11, 1.0, 0.1, 2.0) + 0.5
    found = paired_interval(d, np.zeros_like(d), seed=0)
    assert found.low > 0
    assert found.p_value < 0.02


def test_the_mean_of_both_sides_and_the_difference_agree():
    rng = np.random.default_rng(3)
    model, baseline = rng.normal(5, 1, (20, 8)), rng.normal(4, 1, (20, 8))
    found = paired_interval(model, baseline, seed=0)
    assert found.difference == pytest.approx(found.model - found.baseline)
    assert (found.pairs, found.units, found.blocks) == (160, 20, 8)
    total = found.scaled(found.pairs)
    assert total.difference == pytest.approx((model - baseline).sum())
    assert total.p_value == found.p_value


def test_equal_pairs_are_known_as_equal():
    x = np.ones((5, 6))
    found = paired_interval(x, x, seed=0)
    assert found.all_equal
    assert found.p_value == 1.0


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.integers(2, 20), st.integers(0, 99))
def test_exchanging_the_two_mirrors_the_interval(items, weeks, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, items, weeks))
    one = paired_interval(a, b, seed=seed, draws=200)
    two = paired_interval(b, a, seed=seed, draws=200)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))
    assert one.p_value == two.p_value


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 1e6), st.floats(-1e3, 1e3), st.integers(0, 99))
def test_the_unit_and_a_shared_offset_do_not_matter(factor, offset, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 12, 9))
    one = paired_interval(a, b, seed=1, draws=200)
    two = paired_interval(a * factor + offset, b * factor + offset, seed=1, draws=200)
    assert (two.low / factor, two.high / factor) == pytest.approx((one.low, one.high), rel=1e-6, abs=1e-6 / factor)


@given(st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_is_free_and_both_forms_agree(seed):
    rng = np.random.default_rng(seed)
    d = rng.normal(size=(7, 6))
    columns = long_form(d)
    order = rng.permutation(d.size)
    table = pairs_interval(*[c[order] for c in columns], seed=3, draws=200)
    assert table == paired_interval(d, np.zeros_like(d), seed=3, draws=200)


def test_pairs_need_not_be_balanced():
    rng = np.random.default_rng(4)
    d = world(rng, 50, 11, 1.0, 0.2, 1.0) + 1.0
    there = rng.random(d.shape) < 0.6
    found = pairs_interval(*[c[there.ravel()] for c in long_form(d)], seed=0)
    assert found.pairs == there.sum()
    assert found.difference == pytest.approx(d[there].mean())
    assert found.low < 1.0 < found.high


def test_many_units_cost_no_more_than_the_groups_that_they_are_summed_in():
    rng = np.random.default_rng(5)
    d = rng.normal(size=(9_000, 4))
    found = paired_interval(d, np.zeros_like(d), seed=0)
    ideal = 2 * 1.96 * d.std() / np.sqrt(d.size)
    assert 0.9 < (found.high - found.low) / ideal < 3


def test_one_unit_and_one_week_give_no_spread_but_an_answer():
    found = paired_interval(np.array([[2.0]]), np.array([[1.0]]), seed=0)
    assert (found.low, found.difference, found.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pair_with_one_side_is_refused_with_a_count(bad):
    x = np.ones((3, 3))
    y = x.copy()
    y[0, 0] = bad
    with pytest.raises(ValueError, match="1 of 9 pairs are not finite"):
        paired_interval(x, y, seed=0)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="of one shape"):
        paired_interval(np.ones((2, 3)), np.ones((3, 2)), seed=0)
    with pytest.raises(ValueError, match="one length"):
        pairs_interval(np.ones(2), np.ones(3), np.ones(2), np.ones(2), seed=0)


def test_the_same_difference_everywhere_has_no_spread():
    found = paired_interval(np.ones((30, 1)), np.zeros((30, 1)), seed=0)
    assert (found.difference, found.low, found.high) == (1.0, 1.0, 1.0)
