from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.systems.search.answer.found import BY_PLACE, Passage, behind, places

SCORES = st.lists(st.floats(0.01, 100), min_size=1, max_size=12).map(lambda found: sorted(found, reverse=True))


def found(scores, documents=None):
    names = documents or [f"d{n}" for n in range(len(scores))]
    return [Passage(name, "x", score, "en") for name, score in zip(names, scores, strict=True)]


@given(SCORES, st.floats(0.01, 100))
def test_what_counts_against_a_passage_does_not_depend_on_the_scale_of_scores(scores, scale):
    np.testing.assert_allclose(behind(found(scores)), behind(found([s * scale for s in scores])), atol=1e-6)


@given(SCORES)
def test_the_best_passage_is_never_behind_and_none_by_more_than_its_place(scores):
    cost = behind(found(scores))
    assert cost[0] == 0
    assert (np.diff(cost) >= -1e-9).all()
    assert (cost <= BY_PLACE * np.log1p(np.arange(len(scores))) + 1e-9).all()


def test_scores_that_are_not_above_zero_leave_the_place():
    np.testing.assert_allclose(behind(found([0.0, -1.0, -9.0])), BY_PLACE * np.log([1, 2, 3]))


def test_passages_of_one_document_share_its_place():
    assert places(found([1, 1, 0.5, 0.2], ["a", "a", "b", "c"])).tolist() == [0, 0, 1, 2]
