"""How sure a mean over queries is, and whether one run beats another."""

import numpy as np
import pytest

from ropewalk.errors import DataError
from ropewalk.methods.stats.paired import by_slice, compare, mean


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = [found.low <= 0.5 and found.high >= 0.5 for found in (mean(rng.beta(1, 1, 60), seed=i) for i in range(150))]
    assert 0.89 < np.mean(held) <= 1


def test_the_bound_of_the_loss_is_passed_one_time_in_twenty():
    """A run that is truly worse by 0.02: the bound lies below that rarely."""
    rng = np.random.default_rng(0)
    passed = 0
    for i in range(120):
        other = rng.uniform(0.2, 0.8, 80)
        passed += compare(other + rng.normal(-0.02, 0.1, 80), other, seed=i).loss_bound < 0.02
    assert passed / 120 < 0.1


def test_the_bound_is_that_of_the_t_test_where_differences_are_normal():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    d = rng.normal(0.01, 0.1, 200)
    expected = -d.mean() + stats.t.ppf(0.95, 199) * d.std(ddof=1) / np.sqrt(200)
    assert compare(0.5 + d, np.full(200, 0.5)).loss_bound == pytest.approx(expected, abs=0.0015)


def test_a_comparison_counts_wins_and_is_the_mirror_of_the_other_way():
    a, b = np.array([0.9, 0.5, 0.5, 0.7]), np.array([0.8, 0.5, 0.6, 0.1])
    there, back = compare(a, b), compare(b, a)
    assert (there.better, there.worse, there.equal) == (2, 1, 1)
    assert there.difference == pytest.approx(0.15)
    assert back.difference == -there.difference
    assert back.p_value == there.p_value == 6 / 8  # of +-0.1 +-0.1 +-0.6, the sums 0.8 and 0.6


def test_weights_count_queries_as_often_as_they_are_asked():
    assert mean(np.array([1.0, 0.0]), weights=np.array([3, 1])).value == 0.75
    with pytest.raises(ValueError, match="numbers >= 0 that are not all 0"):
        mean(np.array([1.0]), weights=np.array([0.0]))


def test_one_query_has_no_interval_and_none_is_refused():
    assert np.isnan(mean(np.array([0.5])).low)
    assert np.isnan(compare(np.array([0.5]), np.array([0.4])).loss_bound)
    with pytest.raises(DataError, match="nothing to take a mean of"):
        mean(np.array([]))


def test_slices_are_means_of_their_queries():
    rows = by_slice(
        np.array([1.0, 0.0, 0.5]), ["a", "b", "c"], {"language": {"de": ["a", "b"], "en": ["c"], "fr": ["z"]}}
    )
    assert [(row["value"], row["queries"], row["mean"]) for row in rows] == [("de", 2, 0.5), ("en", 1, 0.5)]
