"""Cuts by time: every period belongs to one cut, in order, and the sizes are what was asked for."""

from __future__ import annotations

import re

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


@pytest.mark.parametrize(
    ("periods", "parts", "says"),
    [
        (5, DEMO, "sales.csv has 5 whole weeks, and 9 are needed: each of train=0.5882, choose=0.1961, replay=0.2157, shares "
                  "of them, must hold 2. Bring more history."),
        (20, {"train": 30, "choose": 10, "replay": 11},
         "sales.csv has 20 whole weeks, and 51 are needed: train=30, choose=10, replay=11 are numbers of weeks. "
         "Bring more history, or set train=10, choose=5, replay=5."),
        (20, {"train": 10, "choose": 1, "replay": 5},
         "sales.csv: train=10, choose=1, replay=5 are numbers of weeks, and each must be at least 2. Set train, choose, "
         "replay to fit."),
    ],
)  # fmt: skip
def test_too_short_is_refused_with_what_was_found_what_is_needed_and_settings_that_fit(periods, parts, says):
    with pytest.raises(DataError) as caught:
        sizes(periods, parts, 2, "sales.csv", "week")
    assert str(caught.value) == says


@given(st.integers(6, 60), st.integers(2, 4))
def test_the_settings_that_are_offered_fit(periods, least):
    try:
        sizes(periods, {"train": 30, "choose": 10, "replay": 21}, least)
    except DataError as error:
        offered = re.findall(r"(\w+)=(\d+)", str(error).partition("or set")[2])
        assert bool(offered) == (periods >= 3 * least)
        if offered:
            assert sum(sizes(periods, {name: int(n) for name, n in offered}, least).values()) == periods
