"""Cuts by time: every period belongs to one cut, in order, and the sizes are what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.errors import DataError
from ropewalk.spine.data.cuts import labels, sizes

DEMO = {"train": 30 / 51, "choose": 10 / 51, "replay": 11 / 51}


def test_shares_of_the_demo_are_whole_weeks():
    assert sizes(51, DEMO) == {"train": 30, "choose": 10, "replay": 11}


def test_numbers_leave_out_the_oldest():
    cut = labels(10, {"train": 4, "choose": 2, "replay": 2})
    assert cut == ["", "", "train", "train", "train", "train", "choose", "choose", "replay", "replay"]


@given(st.integers(20, 500))
def test_shares_that_sum_to_one_use_every_period_in_order(periods):
    cut = labels(periods, DEMO)
    assert len(cut) == periods
    assert "" not in cut
    assert cut == sorted(cut, key=list(DEMO).index)
    assert all(abs(cut.count(name) - periods * share) <= 1 for name, share in DEMO.items())


def test_too_short_is_refused_with_the_numbers():
    with pytest.raises(DataError, match=r"has 5 whole periods.*train 3, choose 1, replay 1.*'choose' needs at least 2"):
        sizes(5, DEMO)
