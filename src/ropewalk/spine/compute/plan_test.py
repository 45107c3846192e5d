"""Seconds are predicted from what was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.spine.compute.plan import predict_seconds


@given(st.floats(0.1, 20), st.floats(0.001, 5), st.lists(st.integers(1, 500), min_size=2, max_size=6, unique=True))
def test_a_line_is_found_again(a, b, works):
    past = [(float(w), a + b * w, a) for w in works]
    plan = predict_seconds(past, 1000.0, "steps", "here")
    assert plan.seconds == pytest.approx(a + b * 1000, rel=1e-3)
    assert plan.low_seconds < plan.seconds < plan.high_seconds


def test_one_size_is_split_into_start_up_and_work():
    plan = predict_seconds([(10.0, 7.0, 2.0), (10.0, 7.0, 2.0)], 100.0, "steps", "here")
    assert plan.seconds == pytest.approx(2 + 0.5 * 100)


def test_no_coefficient_is_negative():
    """Noise can make a line fall; seconds never do."""
    falling = predict_seconds([(10.0, 5.0, 1.0), (20.0, 4.0, 1.0)], 1000.0, "steps", "here")
    assert falling.seconds > 0
    steep = predict_seconds([(10.0, 1.0, 0.0), (20.0, 10.0, 0.0)], 1.0, "steps", "here")
    assert steep.seconds > 0


def test_a_deadline_gets_a_probability():
    sure = predict_seconds([(10.0, 10.0, 0.0)], 10.0, "steps", "here", deadline_s=100.0)
    late = predict_seconds([(10.0, 10.0, 0.0)], 10.0, "steps", "here", deadline_s=1.0)
    assert sure.p_in_time > 0.999
    assert late.p_in_time < 0.001
    assert predict_seconds([(10.0, 10.0, 0.0)], 10.0, "steps", "here").p_in_time is None


def test_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        predict_seconds([], 1.0, "steps", "here")
