"""Tails agree with sums that can be done by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.methods.stats.tails import beta_cdf, binomial_least, binomial_upper


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.001, 0.999))
def test_the_binomial_tail_is_the_sum_of_its_terms(n, k, p):
    direct = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
    assert binomial_upper(k, n, p) == pytest.approx(direct, abs=1e-10)


@settings(deadline=None)
@given(st.floats(0.5, 50), st.floats(0.5, 50), st.floats(0, 1))
def test_the_two_tails_of_a_beta_add_up_to_one(a, b, x):
    assert beta_cdf(x, a, b) + beta_cdf(1 - x, b, a) == pytest.approx(1, abs=1e-9)


def test_a_million_trials_are_no_trouble():
    assert binomial_upper(10_300, 1_000_000, 0.01) == pytest.approx(0.00133, abs=2e-4)


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(50, 500), st.floats(0.001, 0.2))
def test_the_lower_end_is_where_the_tail_reaches_the_level(k, n, level):
    least = binomial_least(k, n, level)
    assert 0 < least < k / n
    assert binomial_upper(k, n, least) == pytest.approx(level, rel=1e-3)


def test_nothing_seen_rules_out_nothing():
    assert binomial_least(0, 10, 0.05) == 0.0
