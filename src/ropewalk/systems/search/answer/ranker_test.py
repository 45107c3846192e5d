from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.systems.search.answer.ranker import agreed, chances


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30), st.floats(0.1, 5))
def test_chances_are_shares_in_the_order_of_the_scores(scores, sharpness):
    chance = chances(np.array(scores), sharpness)
    assert abs(chance.sum() - 1) < 1e-9
    assert chance[np.argmax(scores)] == chance.max()


def test_the_span_is_chosen_on_which_the_likely_ones_agree():
    chance = np.array([0.3, 0.25, 0.25, 0.2])
    start, end = np.array([50, 10, 10, 12]), np.array([60, 30, 32, 30])  # the likeliest stands alone
    top, worth = agreed(chance, start, end)
    assert top[np.argmax(worth)] == 1
    assert worth.max() <= 1


def test_one_certain_span_is_worth_all():
    top, worth = agreed(np.array([1.0]), np.array([0]), np.array([5]))
    assert (top.tolist(), worth.tolist()) == ([0], [1.0])
