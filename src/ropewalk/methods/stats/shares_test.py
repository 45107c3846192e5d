"""A share above its limit is told with as many cases as are independent, no more."""

from __future__ import annotations

import numpy as np
import pytest

from ropewalk.methods.stats.shares import design_effect, share_above


@pytest.mark.parametrize("together", [0.0, 1.0], ids=["rows alone", "keys all or nothing"])
def test_at_the_limit_alarms_are_as_rare_as_said(together):
    """1,000 worlds at 1 %: 10 alarms expected, 21 is the 99.9 % point of the binomial."""
    rng = np.random.default_rng(1)
    key = np.repeat(np.arange(200), 10)
    alarms = 0
    for _ in range(1_000):
        luck = rng.random(200)[key] if rng.random() < together else rng.random(2_000)
        alarms += share_above(luck < 0.02, key, 0.02) <= 0.01
    assert alarms <= 21


def test_a_share_well_above_its_limit_is_seen():
    rng = np.random.default_rng(2)
    assert share_above(rng.random(2_000) < 0.06, np.arange(2_000), 0.02) < 1e-6


def test_copies_of_a_row_are_no_new_cases():
    rng = np.random.default_rng(3)
    hit = rng.random(300) < 0.1
    assert design_effect(np.repeat(hit, 5), np.repeat(np.arange(300), 5)) == pytest.approx(5, rel=0.02)
    assert share_above(np.repeat(hit, 5), np.repeat(np.arange(300), 5), 0.05) == pytest.approx(
        share_above(hit, np.arange(300), 0.05), rel=0.2
    )


def test_no_hits_are_no_evidence():
    assert share_above(np.zeros(10, bool), np.arange(10), 0.01) == 1.0
