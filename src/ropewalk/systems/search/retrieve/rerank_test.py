from __future__ import annotations

import numpy as np
import pytest

from ropewalk.errors import DataError, VersionError
from ropewalk.methods.text.fusion import Candidates, Leg
from ropewalk.systems.search.retrieve import rerank

pytest.importorskip("lightgbm")

WIDTH = len(rerank.FEATURES)


def made(queries: int, seed: int, useful: bool, documents: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels, groups: relevance hangs on the feature `cover` if that is useful, else on nothing but the fused score."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(queries * documents, WIDTH)).astype(np.float32)
    signal = x[:, rerank.FEATURES.index("cover")] * 1.5 if useful else 0.0
    labels = (x[:, 0] + signal + rng.normal(size=len(x)) > 2.0).astype(float)
    x = x.reshape(queries, documents, WIDTH)
    order = np.argsort(-x[:, :, 0], axis=1)
    x = np.take_along_axis(x, order[:, :, None], axis=1)
    labels = np.take_along_axis(labels.reshape(queries, documents), order, axis=1)
    return x.reshape(-1, WIDTH), labels.ravel(), np.full(queries, documents)


def mean_ndcg(model: rerank.Reranker, x: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    bounds = np.cumsum(groups)[:-1]
    pairs = zip(np.split(x, bounds), np.split(labels, bounds), strict=True)
    return float(np.mean([rerank.ndcg(model.scores(a), b) for a, b in pairs if b.max() > 0]))


@pytest.fixture(scope="module")
def taught() -> rerank.Reranker:
    return rerank.train(*made(36, 1, useful=True), seed=3)


def test_labels_that_teach_something_give_a_better_order(taught: rerank.Reranker) -> None:
    held = made(36, 2, useful=True)
    assert taught.blend > 0
    assert mean_ndcg(taught, *held) > mean_ndcg(rerank.Reranker((), 0.0), *held) + 0.05


def test_labels_that_teach_nothing_leave_the_order_alone_but_for_noise() -> None:
    model = rerank.train(*made(36, 4, useful=False), seed=3)
    held = made(36, 5, useful=False)
    assert mean_ndcg(model, *held) > mean_ndcg(rerank.Reranker((), 0.0), *held) - 0.02


def test_few_queries_or_none_with_a_relevant_document_keep_the_fused_order() -> None:
    x, labels, groups = made(9, 6, useful=True)
    assert rerank.train(x, labels, groups, seed=0).blend == 0.0
    x, labels, groups = made(30, 6, useful=True)
    assert rerank.train(x, labels * 0, groups, seed=0).blend == 0.0


def test_the_same_labels_and_seed_give_the_same_model_and_text_keeps_it(taught: rerank.Reranker) -> None:
    again = rerank.train(*made(36, 1, useful=True), seed=3)
    assert again == taught
    x = made(1, 9, useful=True)[0]
    np.testing.assert_array_equal(rerank.from_text(taught.to_text()).scores(x), taught.scores(x))


def test_the_order_of_the_documents_given_does_not_matter(taught: rerank.Reranker) -> None:
    x = made(1, 9, useful=True)[0]
    order = np.random.default_rng(0).permutation(len(x))
    np.testing.assert_allclose(taught.scores(x[order]), taught.scores(x)[order], atol=1e-9)


def test_rerank_keeps_every_row_and_leaves_those_without_features_behind(taught: rerank.Reranker) -> None:
    x = made(1, 9, useful=True)[0][:20]
    fused = Leg(np.arange(50) * 3, np.linspace(1, 0, 50).astype(np.float32))
    out = rerank.rerank(taught, fused, x)
    assert sorted(out.rows[:20].tolist()) == fused.rows[:20].tolist()
    assert out.rows[20:].tolist() == fused.rows[20:].tolist()
    assert (np.diff(out.scores) <= 0).all()
    assert rerank.rerank(taught, fused, x[:0]) is fused


def test_features_say_how_the_words_of_a_query_lie_in_a_document() -> None:
    documents = [["blue", "car", "x"], ["car", *"abcdefghijklmnopqrstuv", "blue"], [], ["red"]]
    rows = np.arange(4)
    them = Candidates(rows, np.array([1, 0.5, 0, 0]), np.array([0.9, 0.8, 0.7, 0.6]), rows, rows)
    fused = Leg(rows, np.array([4.0, 3.0, 2.0, 1.0], np.float32))
    vectors = np.eye(4, 8, dtype=np.float32)
    x = rerank.features_of(fused, them, vectors, documents, ["blue", "car"], {"blue": 2.0, "car": 1.0}, 0.5)
    assert x.shape == (4, WIDTH)
    assert np.isfinite(x).all()
    named = {name: x[:, i] for i, name in enumerate(rerank.FEATURES)}
    assert named["cover"].tolist() == [1, 1, 0, 0]
    np.testing.assert_allclose(named["cover_lead"], [1, 1 / 3, 0, 0], rtol=1e-6)
    assert named["pairs"].tolist() == [1, 0, 0, 0]
    assert named["window"][0] == 0 < named["window"][1]
    assert named["starts"].tolist() == [1, 1, 0, 0]
    assert named["first"][0] == 0


def test_a_single_document_and_a_query_without_terms_have_features() -> None:
    them = Candidates(np.array([5]), np.zeros(1), np.ones(1), np.zeros(1, int), np.zeros(1, int))
    x = rerank.features_of(Leg(np.array([5]), np.ones(1)), them, np.ones((1, 4), np.float32), [["a"]], [], {}, 0.0)
    assert np.isfinite(x).all()


def test_features_and_labels_that_do_not_fit_are_refused_with_their_shapes() -> None:
    x, labels, groups = made(20, 1, useful=True)
    with pytest.raises(DataError, match="groups that add up to N"):
        rerank.train(x, labels, groups[:-1], seed=0)
    with pytest.raises(VersionError, match="train again"):
        rerank.from_text('{"features": ["old"], "blend": 1, "models": []}')
