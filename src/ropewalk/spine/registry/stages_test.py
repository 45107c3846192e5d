"""Rollback goes back one promotion at a time, and never in a circle."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ropewalk.spine.registry.stages import live_stack


@dataclass
class Move:
    after: str | None
    why: str


def test_rollback_goes_back_step_by_step():
    log = [Move("a", "promote"), Move("b", "promote"), Move("c", "promote")]
    assert live_stack(log) == ["a", "b", "c"]
    log.append(Move("b", "rollback"))
    assert live_stack(log) == ["a", "b"]
    log.append(Move("a", "rollback"))
    assert live_stack(log) == ["a"]


def test_a_promotion_after_a_rollback_is_what_the_next_rollback_undoes():
    log = [Move("a", "promote"), Move("b", "promote"), Move("a", "rollback"), Move("c", "promote")]
    assert live_stack(log) == ["a", "c"]


@given(st.lists(st.one_of(st.sampled_from("abc"), st.none()), max_size=30))
def test_the_top_is_what_is_live(moves):
    """Whatever is promoted and rolled back, the last of the stack is the release that the name says."""
    log: list[Move] = []
    for move in moves:
        stack = live_stack(log)
        if move is None and len(stack) > 1:
            log.append(Move(stack[-2], "rollback"))
        elif move is not None and (not stack or stack[-1] != move):
            log.append(Move(move, "promote"))
        if log:
            assert live_stack(log)[-1] == log[-1].after
