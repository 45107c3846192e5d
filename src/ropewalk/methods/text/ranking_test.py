"""Measures of rankings: by hand, beside a plain second computation, and laws that hold whatever was ranked."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.errors import ConfigError, DataError
from ropewalk.methods.text import judging
from ropewalk.methods.text.ranking import USUAL, answerable, score

pytest.importorskip("ir_measures", reason="needs pip install 'ropewalk[search]'")

DOCS = [f"d{i:02}" for i in range(30)]
LABELS = st.dictionaries(st.sampled_from(DOCS), st.integers(0, 3), min_size=1).filter(
    lambda found: max(found.values()) > 0
)
RANKED = st.lists(st.sampled_from(DOCS), unique=True)
ALL = (*USUAL, "ndcg", "ndcg@3", "map@5", "mrr@2", "bpref")


def one(labels, ranked, measure):
    return float(score({"q": labels}, {"q": ranked}, [measure])[measure][0])


def plain(labels, ranked, measure):
    """Straight from the definitions."""
    kind, _, depth = measure.partition("@")
    depth = int(depth) if depth else len(ranked)
    gains = [labels.get(doc, 0) for doc in ranked]
    relevant = sum(label > 0 for label in labels.values())
    hits = [gain > 0 for gain in gains[:depth]]
    if kind == "ndcg":
        best = (
            sorted(labels.values(), reverse=True)[: int(measure[5:])]
            if "@" in measure
            else sorted(labels.values(), reverse=True)
        )
        return discounted(gains[:depth]) / discounted(best)
    if kind == "map":
        return sum(sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit) / relevant
    if kind == "mrr":
        return next((1 / (i + 1) for i, hit in enumerate(hits) if hit), 0.0)
    if kind == "precision":
        return sum(hits) / depth
    if kind == "recall":
        return sum(hits) / relevant
    bad = [doc for doc in ranked if labels.get(doc) == 0]
    least = min(relevant, sum(label == 0 for label in labels.values()))
    above = [sum(b in ranked[:i] for b in bad) for i, doc in enumerate(ranked) if labels.get(doc, 0) > 0]
    return sum(1 - min(n, relevant) / least if least else 1.0 for n in above) / relevant


def discounted(gains):
    return sum(gain / math.log2(i + 2) for i, gain in enumerate(gains))


def test_by_hand():
    labels, ranked = {"a": 3, "b": 0, "c": 1}, ["b", "a", "x", "c"]
    best = 3 + 1 / math.log2(3)
    assert one(labels, ranked, "ndcg@10") == pytest.approx((3 / math.log2(3) + 1 / math.log2(5)) / best)
    assert one(labels, ranked, "ndcg@2") == pytest.approx(3 / math.log2(3) / best)
    assert one(labels, ranked, "map") == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert one(labels, ranked, "mrr") == 1 / 2
    assert one(labels, ranked, "mrr@1") == 0
    assert one(labels, ranked, "recall@2") == 1 / 2
    assert one(labels, ranked, "precision@10") == pytest.approx(2 / 10)
    assert one(labels, ranked, "bpref") == 0  # of one judged bad document, both good ones stand below


@settings(max_examples=60, deadline=None)
@given(LABELS, RANKED)
def test_a_second_computation_agrees(labels, ranked):
    found = score({"q": labels}, {"q": ranked}, ALL)
    for measure in ALL:
        assert found[measure][0] == pytest.approx(plain(labels, ranked, measure), abs=1e-6), measure


@settings(max_examples=40, deadline=None)
@given(LABELS, RANKED, st.integers(1, 20), st.randoms())
def test_what_stands_below_the_depth_does_not_matter(labels, ranked, k, chance):
    tail = ranked[k:]
    chance.shuffle(tail)
    more = [*ranked[:k], *tail, *(f"unknown-{i}" for i in range(3))]
    for measure in (f"ndcg@{k}", f"recall@{k}", f"precision@{k}", f"map@{k}", f"mrr@{k}"):
        assert one(labels, ranked[:k], measure) == pytest.approx(one(labels, more, measure))


@settings(max_examples=40, deadline=None)
@given(LABELS, RANKED)
def test_documents_of_one_label_may_change_places(labels, ranked):
    """Ties are not broken by names: the ranking alone says what stands where."""
    names = {doc: f"z{100 - i}" for i, doc in enumerate(DOCS)}
    renamed = {names[doc]: label for doc, label in labels.items()}
    for measure in ALL:
        assert one(labels, ranked, measure) == one(renamed, [names[doc] for doc in ranked], measure)


@settings(max_examples=40, deadline=None)
@given(LABELS, RANKED)
def test_the_best_order_scores_one_and_nothing_scores_more(labels, ranked):
    best = sorted(labels, key=lambda doc: -labels[doc])
    assert one(labels, best, "ndcg@10") == pytest.approx(1)
    assert one(labels, best, "map") == pytest.approx(1)
    assert all(0 <= score({"q": labels}, {"q": ranked}, ALL)[m][0] <= 1 + 1e-9 for m in ALL)


def test_long_rankings_keep_their_order():
    ranked = [f"n{i}" for i in range(20_000)]
    assert one({"n19999": 1}, ranked, "mrr") == pytest.approx(1 / 20_000)
    assert one({"n19999": 1}, ranked, "recall@19999") == 0


def test_queries_without_a_relevant_document_are_left_out_and_unanswered_ones_are_zero():
    labels = {"b": {"x": 1}, "a": {"x": 2}, "none": {"x": 0}, "bad": {"x": -1}}
    assert answerable(labels) == ["a", "b"]
    assert score(labels, {"a": ["x"], "none": ["x"], "b": []}, ["mrr"])["mrr"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", ["recall", "precision", "ndcg@0", "ndcg@", "ndcg@x", "bpref@3", "accuracy", "ndcg@-1"])
def test_a_measure_that_is_not_there_gets_a_sentence(name):
    with pytest.raises(ConfigError, match="There is: ndcg@10, ndcg, map"):
        score({"q": {"x": 1}}, {"q": ["x"]}, [name])


def test_a_document_that_stands_twice_is_named():
    with pytest.raises(DataError, match="ranking of query 'q': the document 'y' stands there twice"):
        score({"q": {"x": 1}}, {"q": ["x", "y", "y"]})


# -- what nobody has judged --


def test_a_pool_is_the_union_of_the_first_of_each_run():
    runs = [{"q": ["a", "b", "c"]}, {"q": ["c", "a"], "r": ["x"]}]
    assert judging.pool(runs, 2) == {"q": ["a", "b", "c"], "r": ["x"]}
    assert judging.pool(runs, 1) == {"q": ["a", "c"], "r": ["x"]}
    assert judging.unjudged(judging.pool(runs, 2), {"q": {"a": 0}}) == [("q", "b"), ("q", "c"), ("r", "x")]


@settings(max_examples=40, deadline=None)
@given(LABELS, RANKED, RANKED, st.integers(1, 12))
def test_a_pool_that_is_labelled_leaves_no_hole(labels, left, right, depth):
    pooled = judging.pool([{"q": left}, {"q": right}], depth)
    whole = {"q": {**dict.fromkeys(pooled.get("q", []), 0), **labels}}
    assert judging.unjudged(pooled, whole) == []
    assert (
        judging.holes(whole, {"q": left}, depth).tolist() == judging.holes(whole, {"q": right}, depth).tolist() == [0.0]
    )


def test_holes_are_shares_of_what_was_returned():
    labels = {"q": {"a": 1, "b": 0}, "r": {"x": 1}}
    assert judging.holes(labels, {"q": ["a", "n", "b", "m"]}, 4).tolist() == [0.5, 0.0]
    assert judging.condensed(labels, {"q": ["n", "a", "m", "b"]}) == {"q": ["a", "b"]}


@settings(max_examples=40, deadline=None)
@given(LABELS, RANKED)
def test_unjudged_documents_change_neither_bpref_nor_what_is_condensed(labels, ranked):
    noisy = [doc for pair in zip(ranked, (f"new-{i}" for i in range(99)), strict=False) for doc in reversed(pair)]
    assert judging.condensed({"q": labels}, {"q": noisy}) == judging.condensed({"q": labels}, {"q": ranked})
    assert one(labels, noisy, "bpref") == one(labels, ranked, "bpref")


def test_what_stands_beside_a_measure():
    labels = {"q": {"a": 1, "b": 0}}
    found = judging.beside(labels, {"q": ["new", "a", "b"]})
    assert found["ndcg@10"] == pytest.approx(1 / math.log2(3))
    assert found["ndcg@10 of judged"] == 1
    assert found["bpref"] == 1
    assert found["unjudged@10"] == pytest.approx(1 / 3)
