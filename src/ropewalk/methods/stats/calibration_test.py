"""Calibration promises an alarm when probabilities are wrong, and no more alarms than it says when they are right."""

from __future__ import annotations

import numpy as np
import pytest

from ropewalk.methods.stats.calibration import bins_of, calibration


def outcomes(rng, p, key, shared):
    """y with P(y = 1) = p for each; with chance `shared` an answer takes its key's luck instead of its own."""
    luck = rng.random(key.max() + 1)[key]
    own = rng.random(len(p))
    return (np.where(rng.random(len(p)) < shared, luck, own) < p).astype(float)


@pytest.mark.parametrize(
    ("shared", "top", "keys"), [(0.0, 0.3, 60), (0.7, 0.3, 60), (0.5, 0.1, 150)], ids=["alone", "together", "rare"]
)
def test_true_probabilities_raise_no_more_alarms_than_said(shared, top, keys):
    """200 worlds at 5 %: 10 alarms expected, 21 is the 99.9 % point of the binomial."""
    rng = np.random.default_rng(1)
    alarms = 0
    for seed in range(200):
        key = np.repeat(np.arange(keys), 5)
        p = rng.uniform(0, top, len(key))
        alarms += calibration(p, outcomes(rng, p, key, shared), key, seed=seed, draws=200).p_value <= 0.05
    assert alarms <= 21


def test_rows_that_depend_on_each_other_would_fool_a_test_without_keys():
    rng = np.random.default_rng(2)
    key = np.repeat(np.arange(60), 10)
    alarms = 0
    for seed in range(100):
        p = np.full(len(key), 0.3)
        alarms += calibration(p, outcomes(rng, p, key, 0.7), np.arange(len(p)), seed=seed, draws=200).p_value <= 0.05
    assert alarms > 30


def test_wrong_probabilities_are_found_and_sized():
    rng = np.random.default_rng(3)
    key = np.repeat(np.arange(200), 5)
    p = rng.uniform(0, 0.5, len(key))
    y = outcomes(rng, np.minimum(1, p + 0.15), key, 0.3)
    found = calibration(p, y, key, seed=0)
    assert found.p_value < 0.01
    assert found.error == pytest.approx(0.15, abs=0.04)


def test_rare_bins_do_not_hide_what_the_others_say():
    """Bins in which nothing happened yet are no surprise, and no yardstick for the surprise elsewhere."""
    rng = np.random.default_rng(8)
    key = np.repeat(np.arange(200), 8)
    p = rng.beta(1, 8, len(key))
    y = outcomes(rng, np.minimum(1, 1.9 * p), key, 0.0)
    assert calibration(p, y, key, seed=0).p_value < 0.01


def test_the_parts_add_up():
    rng = np.random.default_rng(4)
    p = rng.random(500)
    y = (rng.random(500) < p).astype(float)
    found = calibration(p, y, np.arange(500), seed=0)
    assert sum(b.rows for b in found.bins) == 500
    assert sum(b.rows * b.seen for b in found.bins) == pytest.approx(y.sum())
    assert [b.promised for b in found.bins] == sorted(b.promised for b in found.bins)
    assert found.brier < found.brier_constant


def test_the_order_of_rows_is_free():
    rng = np.random.default_rng(5)
    p, key = rng.random(100), rng.integers(0, 20, 100)
    y = (rng.random(100) < p).astype(float)
    order = rng.permutation(100)
    one, two = (calibration(p[o], y[o], key[o], seed=0) for o in (np.arange(100), order))
    assert [(b.seen, b.rows) for b in one.bins] == [(b.seen, b.rows) for b in two.bins]
    assert one.brier == pytest.approx(two.brier)


def test_equal_probabilities_stay_together():
    assert set(bins_of(np.array([0.1] * 50 + [0.9] * 3), 10)) == {0, 1}
    assert set(bins_of(np.zeros(10), 10)) == {0}


def test_certain_answers_that_come_true_are_no_alarm():
    p = np.array([0.0, 1.0] * 50)
    assert calibration(p, p, np.arange(100), seed=0).p_value == 1.0


def test_many_rows_cost_no_more_than_some():
    rng = np.random.default_rng(6)
    p = rng.random(60_000)
    y = (rng.random(60_000) < p).astype(float)
    found = calibration(p, y, rng.integers(0, 9_000, 60_000), seed=0, draws=100)
    assert found.rows == 60_000
    assert found.p_value > 0.01


@pytest.mark.parametrize(("p", "y"), [([1.5], [1]), ([0.5], [2]), ([np.nan], [1]), ([], [])])
def test_what_is_no_probability_is_refused(p, y):
    with pytest.raises(ValueError, match="p"):
        calibration(np.array(p, float), np.array(y, float), np.arange(len(p)), seed=0)
