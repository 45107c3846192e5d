"""evaluate: any collection with queries and labels -> figures of each leg, their fusion and the reranker, as one JSON object."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ropewalk.errors import DataError
from ropewalk.methods.stats import paired
from ropewalk.methods.text import judging, ranking
from ropewalk.store import open_store
from ropewalk.systems.search.evaluate import DEPTH, Labels, Run, run
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.learn import Lesson, cross_validated
from ropewalk.systems.search.measure import files
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.retrieve.fused import by_reciprocal_rank
from ropewalk.systems.search.texts import add, reading
from ropewalk.types import Desk

LEGS = {"bm25": "terms", "dense": "dense", "fused": "hybrid"}
SHOWN = ("ndcg@10", "recall@100")


def evaluate(desk: Desk, docs: str, queries: str, qrels: str) -> int:
    asked, labels = list(files.read_queries(queries).items()), files.read_labels(qrels)
    known = [q for q in ranking.answerable(labels) if q in dict(asked)]
    if not known:
        raise DataError(
            [f"{qrels}: no query of {queries} has a relevant document in it. Are the ids those of both files?"]
        )
    with tempfile.TemporaryDirectory(prefix="ropewalk-") as folder, open_store(folder) as store:
        runs = runs_of(desk, model_of(desk, store, docs), asked, labels)
    scores = {name: ranking.score(labels, found, SHOWN, known) for name, found in runs.items()}
    body = {name: {m: float(scores[name][m].mean()) for m in SHOWN} for name in (*LEGS, "reranked")}
    desk.show(body, text_of(scores, runs, labels, known, desk.job.seed))
    return 0


def model_of(desk: Desk, store: Any, docs: str) -> Search:
    """A model over a collection of its own, that nobody else sees."""
    collection = Collection(store, "evaluated")
    add(collection, docs, desk.config, desk.job)
    return reading(collection, desk.config)


def runs_of(desk: Desk, model: Search, asked: Sequence[tuple[str, str]], labels: Labels) -> dict[str, Run]:
    """ids by query: each leg, their fusion without labels, and what labels teach, cross-validated over queries."""
    engine, _, _ = model.opened()

    def told(name: str) -> Callable[[int], None]:
        return lambda n: desk.job.progress(name, n, len(asked), "queries")

    runs = {name: run(engine, asked, legs, told(name)) for name, legs in LEGS.items()}
    runs["rrf"] = run(replace(engine, order=by_reciprocal_rank), asked, "hybrid", told("rrf"))
    lesson = Lesson(engine, asked, labels, told("learning"))
    best = cross_validated(lesson, desk.config.folds, desk.job.seed) if model.spec.encoder else {}
    reranked = {query: engine.snapshot.ids(leg.rows[:DEPTH]) for query, leg in best.items()}
    return {**runs, "reranked": reranked or runs["fused"]}


def text_of(
    scores: Mapping[str, Mapping[str, np.ndarray]],
    runs: Mapping[str, Run],
    labels: Any,
    known: Sequence[str],
    seed: int,
) -> str:
    """A row a run, and what fusing gains on the better leg."""
    lines = [f"{'':10}{'ndcg@10':>9}{'':17}{'recall@100':>11}{'unjudged@10':>13}"]
    for name, one in scores.items():
        mean = paired.mean(one["ndcg@10"], seed=seed)
        holes = float(judging.holes(labels, runs[name], 10, known).mean())
        lines.append(
            f"{name:10}{mean.value:9.4f} [{mean.low:.3f}, {mean.high:.3f}] {one['recall@100'].mean():11.4f}{holes:13.1%}"
        )
    best = max(("bm25", "dense"), key=lambda name: float(scores[name]["ndcg@10"].mean()))
    lines += [_beside(scores, "fused", other, seed) for other in (best, "rrf")] + [
        _beside(scores, "reranked", "fused", seed)
    ]
    return "\n".join([*lines, f"over {len(known):,} queries with a relevant document; [95 % intervals] over queries"])


def _beside(scores: Mapping[str, Mapping[str, np.ndarray]], run: str, other: str, seed: int) -> str:
    found = paired.compare(scores[run]["ndcg@10"], scores[other]["ndcg@10"], seed=seed)
    return (
        f"{run} against {other}: {found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}] ndcg@10, p = {found.p_value:.4f}; "
        f"it loses at most {max(0.0, found.loss_bound):.4f} (one-sided, 95 %)"
    )
