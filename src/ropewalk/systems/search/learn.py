"""What labels teach: how much terms are worth beside vectors in this collection, and a reranker; and how good that is on queries that
neither has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from ropewalk.methods.text import fusion, ranking
from ropewalk.methods.text.fusion import Leg
from ropewalk.systems.search.retrieve import rerank
from ropewalk.systems.search.retrieve.engine import Engine, Ranked, Wanted
from ropewalk.systems.search.retrieve.fused import Learned, features, fuse

Asked = Sequence[tuple[str, str]]  # id, text
Labels = Mapping[str, Mapping[str, int]]


class Lesson:
    """Queries with their legs on one snapshot; what is worked out for one query is kept."""

    def __init__(
        self, engine: Engine, asked: Asked, labels: Labels, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self.engine, self.labels = engine, labels
        self.queries = [query for query, _ in asked]
        self._ranked: dict[str, Ranked] = {}
        for number, (query, text) in enumerate(asked):
            self._ranked[query] = ranked(engine, text)
            progress(number + 1)
        self.fused = cache(self._fused)
        self.features = cache(self._features)

    def _fused(self, query: str, shift: float) -> Leg:
        ranked = self._ranked[query]
        if not len(ranked.terms.rows) or not len(ranked.dense.rows):
            return ranked.dense if len(ranked.dense.rows) else ranked.terms
        return fuse(self.engine, ranked, shift)

    def _features(self, query: str, shift: float) -> np.ndarray:
        ranked, fused = self._ranked[query], self.fused(query, shift)
        if not len(ranked.terms.rows) or not len(ranked.dense.rows):
            return np.empty((0, len(rerank.FEATURES)), np.float32)
        return features(self.engine, ranked, fused)

    def labelled(self, query: str, rows: np.ndarray) -> np.ndarray:
        """The labels of rows, 0 where nobody judged."""
        judged = self.labels.get(query, {})
        return np.array([max(0, judged.get(id, 0)) for id in self.engine.snapshot.ids(rows)], float)


def ranked(engine: Engine, text: str) -> Ranked:
    """Both legs of a query."""
    return engine.ranked(Wanted(text, engine.depth, "hybrid", count=False))


def learn(lesson: Lesson, queries: Sequence[str], seed: int) -> Learned:
    """From some of a lesson's queries."""
    taught = [q for q in queries if any(label > 0 for label in lesson.labels.get(q, {}).values())]
    if not taught:
        return Learned()

    def ndcg(shift: float) -> np.ndarray:
        run = {q: lesson.engine.snapshot.ids(lesson.fused(q, shift).rows[:10]) for q in taught}
        return ranking.score(lesson.labels, run, ["ndcg@10"], taught)["ndcg@10"]

    shift = fusion.learned(ndcg)
    found = [
        (lesson.features(q, shift), lesson.labelled(q, lesson.fused(q, shift).rows[: rerank.TOP]), q) for q in taught
    ]
    found = [(x, y[: len(x)], q) for x, y, q in found if len(x)]
    if not found:
        return Learned(shift)
    x, y = np.concatenate([x for x, _, _ in found]), np.concatenate([y for _, y, _ in found])
    return Learned(shift, rerank.train(x, y, np.array([len(x) for x, _, _ in found]), seed))


def folds(queries: Sequence[str], count: int) -> list[list[str]]:
    """Queries in parts of like size, by the hash of their ids: the same ones every time."""
    order = sorted(queries, key=lambda query: hashlib.sha256(query.encode()).hexdigest())
    return [order[number::count] for number in range(count)]


def cross_validated(
    lesson: Lesson, count: int, seed: int, progress: Callable[[int], None] = lambda _: None
) -> dict[str, Leg]:
    """The ranking of each query by what the queries of the other folds taught."""
    found: dict[str, Leg] = {}
    parts = folds(lesson.queries, count)
    for number, held in enumerate(parts):
        taught = learn(lesson, [q for part in parts if part is not held for q in part], seed)
        for query in held:
            found[query] = _ordered(lesson, query, taught)
        progress(number + 1)
    return found


def _ordered(lesson: Lesson, query: str, taught: Learned) -> Leg:
    fused = lesson.fused(query, taught.shift)
    if taught.reranker is None or not taught.reranker.blend:
        return fused
    return rerank.rerank(taught.reranker, fused, lesson.features(query, taught.shift))
