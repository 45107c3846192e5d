"""What vectors kept as two bytes a number, and their scan, promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ropewalk.methods.text import vectors
from ropewalk.methods.text.made import made_queries, made_vectors
from ropewalk.methods.text.vectors import Quantised, quantise, rescore, restore, scan, scan_many

ROWS, DIMS = 40_000, 96


@pytest.fixture(scope="module")
def made():
    x = made_vectors(ROWS, DIMS, seed=7, topics=50, copies=0.3, apart=0.01)
    return x, quantise(x), *made_queries(x, 40, seed=8)


def cut(whole, *edges):
    """The same rows in several parts."""
    fields = (whole.codes, whole.scales, whole.rest, whole.rest_scales)
    bounds = [0, *edges, len(whole.codes)]
    return [Quantised(*(field[a:b] for field in fields)) for a, b in itertools.pairwise(bounds)]


def exact(x, query, k, mask=None):
    scores = x.astype(np.float64) @ query.astype(np.float64)
    if mask is not None:
        scores[~mask] = -np.inf
    return np.argsort(-scores, kind="stable")[:k]


@given(arrays(np.float32, (3, 17), elements=st.floats(-1e3, 1e3, width=32)))
@settings(max_examples=200, deadline=None)
def test_a_number_is_off_by_at_most_a_64516th_of_its_rows_largest(x):
    bound = np.abs(x).max(axis=1, keepdims=True) * (1 / 64_516 + 4e-7) + 1e-38
    assert (np.abs(restore(quantise(x)) - x) <= bound).all()


def test_rows_of_zeros_stay_zeros():
    assert (restore(quantise(np.zeros((2, 5), np.float32))) == 0).all()


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (np.zeros((2, 3)), "float64"),
        (np.zeros(3, np.float32), r"\(3,\)"),
        (np.array([[0, 1], [0, np.nan]], np.float32), "row 1"),
    ],
)
def test_what_is_not_a_table_of_finite_float32_is_named(x, told):
    with pytest.raises(ValueError, match=told):
        quantise(x)


def test_relevant_rows_of_an_exact_search_are_found_among_near_duplicates(made):
    x, kept, queries, relevant = made
    found = there = 0
    for query, row in zip(queries, relevant, strict=True):
        best = exact(x, query, 100)
        rows, _ = scan([kept], query, 100)
        there += row in best
        found += row in best and row in rows
        assert len(np.intersect1d(best, rows)) >= 99
    assert found == there > 20


def test_rows_that_all_lie_around_one_direction_are_still_told_apart():
    x = made_vectors(20_000, DIMS, seed=3, lean=8.0, spread=0.3)
    kept = quantise(x)
    overlap = [len(np.intersect1d(exact(x, q, 50), scan([kept], q, 50)[0])) for q in made_queries(x, 20, seed=4)[0]]
    assert np.mean(overlap) >= 49.5


def test_scores_are_the_dot_products_to_four_digits_and_come_in_order(made):
    x, kept, queries, _ = made
    rows, scores = scan([kept], queries[0], 200)
    assert np.abs(scores - x[rows] @ queries[0]).max() < 1e-4
    assert (np.diff(scores) <= 0).all()
    assert rows.dtype == np.int64
    assert scores.dtype == np.float32


def test_the_answer_does_not_depend_on_how_rows_are_cut_into_parts(made):
    _, kept, queries, _ = made
    for query in queries[:5]:
        rows, scores = scan([kept], query, 100)
        for parts in (cut(kept, 1, 33_000), cut(kept, 20_000, 20_000, 39_999)):
            again, same = scan(parts, query, 100)
            assert (again == rows).all()
            assert (same == scores).all()


def test_many_queries_at_once_have_the_answers_of_one_by_one(made):
    _, kept, queries, _ = made
    mask = np.arange(ROWS) % 3 == 0
    for allowed in (None, mask):
        for query, (rows, scores) in zip(queries, scan_many([kept], queries, 30, allowed), strict=True):
            alone, same = scan([kept], query, 30, allowed)
            assert (alone == rows).all()
            assert (same == scores).all()


@pytest.mark.parametrize("share", [0.6, 0.1, 0.01, 0.0005, 0.0])
def test_only_rows_of_the_mask_are_found_and_none_of_their_best_is_missed(made, share):
    x, kept, queries, _ = made
    mask = np.random.default_rng(5).random(ROWS) < share
    for query in queries[:5]:
        rows, _ = scan(cut(kept, 10_000), query, 50, mask)
        best = exact(x, query, min(50, mask.sum()), mask)
        assert mask[rows].all()
        assert len(rows) == len(best)
        assert len(np.intersect1d(rows, best)) >= len(best) - 1


def test_equal_rows_come_in_the_order_of_their_numbers():
    x = np.repeat(made_vectors(3, 16, seed=1, copies=0.0), 40, axis=0)
    rows, scores = scan([quantise(x)], x[50], 40)
    assert rows.tolist() == list(range(40, 80))
    assert len(set(scores.tolist())) == 1


def test_fewer_rows_than_asked_for_all_come_back(made):
    _, kept, queries, _ = made
    few = cut(kept, 7)[0]
    assert sorted(scan([few], queries[0], 100)[0]) == list(range(7))
    assert len(scan([], queries[0], 5)[0]) == 0
    assert len(scan([few], queries[0], 0)[0]) == 0


def test_rescoring_gives_a_row_the_score_that_the_scan_gave_it(made):
    _, kept, queries, _ = made
    rows, scores = scan([kept], queries[0], 60)
    order = np.argsort(rows)
    assert (rescore(cut(kept, 12_345), queries[0], rows[order]) == scores[order]).all()


def test_memory_maps_are_scanned_as_they_are(made, tmp_path):
    _, kept, queries, _ = made
    for name in ("codes", "scales", "rest", "rest_scales"):
        np.save(tmp_path / f"{name}.npy", getattr(kept, name))
    names = ("codes", "scales", "rest", "rest_scales")
    mapped = Quantised(*(np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in names))
    assert (scan([mapped], queries[0], 20)[0] == scan([kept], queries[0], 20)[0]).all()


def test_a_query_of_another_width_or_a_mask_of_another_length_is_refused(made):
    _, kept, queries, _ = made
    with pytest.raises(ValueError, match="width"):
        scan([kept], queries[0, :-1], 5)
    with pytest.raises(ValueError, match="mask"):
        scan([kept], queries[0], 5, np.ones(ROWS - 1, bool))


def test_a_small_block_changes_nothing(made, monkeypatch):
    _, kept, queries, _ = made
    rows, scores = scan([kept], queries[0], 30)
    monkeypatch.setattr(vectors, "BLOCK", 500)
    again, same = scan([kept], queries[0], 30)
    assert (rows == again).all()
    assert (scores == same).all()
