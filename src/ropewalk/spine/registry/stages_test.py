"""A name's history promises the way back: which release was live before, also after rollbacks."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ropewalk.spine.registry.stages import live_stack


@dataclass(frozen=True)
class Moved:
    after: str | None
    why: str = "promote"


def test_nothing_was_ever_live():
    assert live_stack([]) == []


def test_each_promotion_goes_on_top_and_a_rollback_takes_it_off():
    history = [Moved("a"), Moved("b"), Moved("c"), Moved("b", "rollback")]
    assert live_stack(history) == ["a", "b"]
    assert live_stack([*history, Moved("a", "rollback")]) == ["a"]
    assert live_stack([*history, Moved("d")]) == ["a", "b", "d"]


def test_a_release_may_come_back():
    assert live_stack([Moved("a"), Moved("b"), Moved("a")]) == ["a", "b", "a"]


def test_promoting_what_is_live_changes_nothing():
    assert live_stack([Moved("a"), Moved("a")]) == ["a"]


def test_a_name_that_is_taken_away_keeps_the_way_back():
    assert live_stack([Moved("a"), Moved(None), Moved("b")]) == ["a", "b"]


@given(st.lists(st.one_of(st.integers(0, 4).map(str), st.none()), max_size=30))
def test_the_top_of_the_stack_is_what_the_name_points_to(actions):
    """An action is a promotion, or None: a rollback as the lifecycle does it, where there is something to go back to."""
    history, live = [], None
    for action in actions:
        stack = live_stack(history)
        if action is not None:
            history.append(Moved(action))
            live = action
        elif len(stack) >= 2:
            history.append(Moved(stack[-2], "rollback"))
            live = stack[-2]
        assert live is None or live_stack(history)[-1] == live
