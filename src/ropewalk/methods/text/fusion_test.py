from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.methods.text import fusion
from ropewalk.methods.text.fusion import Leg, QueryFacts

NONE = Leg(np.empty(0, np.int64), np.empty(0, np.float32), complete=True)


def legs(seed: int, documents: int = 300, deep: int = 100) -> tuple[Leg, Leg, QueryFacts, np.ndarray]:
    """Both legs of a made query, and the vectors of all documents."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(documents, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = vectors @ vectors[0] * 0.9
    bm25 = np.maximum(0, rng.normal(size=documents) * 3 + 4 * cosine).astype(np.float32)
    hits = int((bm25 > 0).sum())
    by_terms, by_dense = np.lexsort((np.arange(documents), -bm25)), np.lexsort((np.arange(documents), -cosine))
    rows = by_terms[: min(deep, hits)]
    terms = Leg(rows, bm25[rows], complete=hits <= deep)
    dense = Leg(by_dense[:deep], cosine[by_dense[:deep]])
    return terms, dense, QueryFacts(cosine[rows], float(cosine.std())), vectors


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_document_of_either_leg_is_ranked_once_best_first(seed: int) -> None:
    terms, dense, query, vectors = legs(seed)
    fused = fusion.fuse(terms, dense, query, lambda rows: vectors[rows])
    assert sorted(fused.rows.tolist()) == np.union1d(terms.rows, dense.rows).tolist()
    assert (np.diff(fused.scores) <= 0).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_other_names_for_the_documents_do_not_change_the_ranking(seed: int) -> None:
    terms, dense, query, vectors = legs(seed)
    new = np.random.default_rng(seed + 1).permutation(len(vectors))  # old row -> new row
    moved = np.empty_like(vectors)
    moved[new] = vectors
    one = fusion.fuse(terms, dense, query, lambda rows: vectors[rows])
    other = fusion.fuse(
        Leg(new[terms.rows], terms.scores, terms.complete), Leg(new[dense.rows], dense.scores),
        query, lambda rows: moved[rows],
    )  # fmt: skip
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
    same = np.abs(np.diff(one.scores)) > 1e-4
    at = np.flatnonzero(np.r_[True, same] & np.r_[same, True])
    assert (new[one.rows][at] == other.rows[at]).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), times=st.floats(0.01, 100))
def test_the_unit_of_bm25_does_not_matter(seed: int, times: float) -> None:
    terms, dense, query, _ = legs(seed)
    larger = Leg(terms.rows, (terms.scores.astype(float) * times).astype(np.float32), terms.complete)
    one, other = (fusion.fuse(leg, dense, query) for leg in (terms, larger))
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_who_is_better_in_both_legs_is_never_behind(seed: int) -> None:
    terms, dense, query, _ = legs(seed)
    fused = fusion.fuse(terms, dense, query)
    them = fusion.candidates(terms, dense, query.cosines)
    place = {row: i for i, row in enumerate(fused.rows.tolist())}
    rng = np.random.default_rng(seed)
    for a, b in rng.integers(0, len(them.rows), (50, 2)):
        if them.terms[a] > them.terms[b] and them.dense[a] > them.dense[b] + 1e-6:
            assert place[int(them.rows[a])] < place[int(them.rows[b])]


def test_without_one_leg_the_other_is_the_answer() -> None:
    terms, dense, query, _ = legs(1)
    nothing = QueryFacts(np.empty(0, np.float32), 0.1)
    assert fusion.fuse(NONE, dense, nothing) is dense
    assert fusion.fuse(terms, NONE, query) is terms
    assert len(fusion.fuse(NONE, NONE, nothing).rows) == 0


def test_constant_scores_and_a_single_document_are_ranked_by_row() -> None:
    rows = np.array([3, 5, 9])
    flat = Leg(rows, np.ones(3, np.float32)), Leg(rows, np.full(3, 0.5, np.float32))
    fused = fusion.fuse(*flat, QueryFacts(np.full(3, 0.5), 0.0))
    assert fused.rows.tolist() == [3, 5, 9]
    one = np.array([7])
    fused = fusion.fuse(Leg(one, np.ones(1), True), Leg(one, np.ones(1)), QueryFacts(np.ones(1), 0.0))
    assert fused.rows.tolist() == [7]
    assert np.isfinite(fused.scores).all()


def test_the_worth_of_terms_is_bounded_however_strange_the_facts() -> None:
    for fact in (np.full(len(fusion.FACTS), 1e9), np.full(len(fusion.FACTS), -1e9), np.zeros(len(fusion.FACTS))):
        assert fusion.LOW <= fusion.weight(fact) <= fusion.HIGH


def test_terms_are_worth_more_when_the_vectors_do_not_find_what_the_terms_find() -> None:
    fact = fusion.MEAN.copy()
    apart, alike = fact.copy(), fact.copy()
    apart[0], alike[0] = 0.1, 0.9
    assert fusion.weight(apart) > fusion.weight(fact) > fusion.weight(alike)


def test_terms_are_worth_more_when_one_document_holds_all_of_many_words() -> None:
    terms, dense, query, _ = legs(2)
    none = fusion.facts(terms, dense, QueryFacts(query.cosines, query.spread, covered=0.3, asked=6))
    whole = fusion.facts(terms, dense, QueryFacts(query.cosines, query.spread, covered=1.0, asked=6))
    one = fusion.facts(terms, dense, QueryFacts(query.cosines, query.spread, covered=1.0, asked=1))
    assert fusion.weight(whole) > max(fusion.weight(none), fusion.weight(one))


def test_a_document_below_the_cut_of_the_terms_is_not_taken_to_have_no_terms() -> None:
    terms = Leg(np.array([1, 2]), np.array([4.0, 2.0], np.float32), complete=False)
    dense = Leg(np.array([8]), np.array([0.3], np.float32))
    assert fusion.candidates(terms, dense, np.zeros(2)).terms.tolist() == [1.0, 0.0, fusion.BELOW]
    whole = Leg(terms.rows, terms.scores, complete=True)
    assert fusion.candidates(whole, dense, np.zeros(2)).terms.tolist() == [1.0, 0.5, 0.0]


def test_a_cosine_missing_is_an_error_that_says_so() -> None:
    terms, dense, query, _ = legs(1)
    with pytest.raises(ValueError, match="100 rows, 99 cosines"):
        fusion.fuse(terms, dense, QueryFacts(query.cosines[:-1], 0.1))


def test_feedback_moves_a_document_towards_those_it_resembles() -> None:
    vectors = np.array([[1, 0], [0.99, 0.14], [0, 1]], np.float32)
    near = fusion.feedback(np.array([1.0, 0.5, 0.5]), vectors)
    assert near[0] > near[1] > near[2]


def test_behind_leaves_the_terms_ranking_as_it_is_and_repeats_no_document() -> None:
    terms, dense = Leg(np.array([4, 2]), np.array([3.0, 1.0])), Leg(np.array([2, 9, 7]), np.array([0.9, 0.8, 0.7]))
    both = fusion.behind(terms, dense)
    assert both.rows.tolist() == [4, 2, 9, 7]
    assert (np.diff(both.scores) < 0).all()
    assert fusion.behind(NONE, dense).rows.tolist() == dense.rows.tolist()


def test_reciprocal_rank_is_the_sum_over_legs_whatever_their_order() -> None:
    a, b = Leg(np.array([1, 2]), np.array([9.0, 8.0])), Leg(np.array([2, 3]), np.array([0.9, 0.1]))
    fused = fusion.reciprocal_rank([a, b])
    assert fused.rows.tolist() == [2, 1, 3]
    np.testing.assert_allclose(fused.scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62], rtol=1e-6)
    assert fusion.reciprocal_rank([b, a]).rows.tolist() == [2, 1, 3]
    assert len(fusion.reciprocal_rank([]).rows) == 0


def test_labels_shift_the_worth_of_terms_only_beyond_noise() -> None:
    noise = np.random.default_rng(0).normal(size=60) * 0.1
    assert fusion.learned(lambda shift: np.full(60, 0.5) + noise) == 0.0
    assert fusion.learned(lambda shift: 0.5 + noise - 0.1 * abs(shift - 1.0)) in (0.5, 1.0)
    assert fusion.learned(lambda shift: 0.5 + noise * shift) == 0.0 or abs(noise.mean()) > 0.01
    assert fusion.learned(lambda shift: np.array([shift] * 5)) == 0.0  # five queries teach nothing
