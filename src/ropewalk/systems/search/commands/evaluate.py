"""evaluate: any collection with queries and labels -> figures of each leg, their fusion and the reranker, as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ropewalk.errors import DataError
from ropewalk.store import open_store
from ropewalk.systems.search import encoders
from ropewalk.systems.search.build import build, layout_of
from ropewalk.systems.search.collect import collect
from ropewalk.systems.search.data import collect_settings, read_labels, read_queries
from ropewalk.systems.search.evaluate import DEPTH, ndcg, recall
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.model import Search, Spec
from ropewalk.systems.search.retrieve.engine import Wanted
from ropewalk.systems.search.train import languages
from ropewalk.types import Desk

LEGS = {"bm25": "terms", "dense": "dense", "fused": "hybrid"}
Runs = dict[str, dict[str, list[str]]]  # name -> query -> ids


def evaluate(desk: Desk, docs: str, queries: str, qrels: str) -> int:
    asked, labels = read_queries(queries), labels_of(qrels)
    with open_store("memory://") as store:
        model = _model(desk, store, docs)
        runs = {name: _run(desk, model, asked, legs, name) for name, legs in LEGS.items()}
    runs["reranked"] = runs["fused"]
    known = [q for q, _ in asked if any(v > 0 for v in labels.get(q, {}).values())]
    if not known:
        raise DataError(
            [f"{qrels}: no query of {queries} has a relevant document in it. Are the ids those of both files?"]
        )
    found = {name: _figures(run, labels, known) for name, run in runs.items()}
    lines = [
        f"{name:10}" + "".join(f"  {figure} {value:.4f}" for figure, value in one.items())
        for name, one in found.items()
    ]
    desk.show(found, "\n".join([*lines, f"over {len(known):,} queries with a relevant document"]))
    return 0


def labels_of(address: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for query, document, label in read_labels(address).iter_rows():
        found.setdefault(query, {})[document] = label
    return found


def _model(desk: Desk, store: Any, docs: str) -> Search:
    """A model over a collection of its own, that nobody else sees."""
    found = collect(docs, desk.job, collect_settings(desk.config))
    encoder = encoders.named(desk.config, desk.job)
    layout = layout_of(
        found.documents.head(10_000).collect(),
        desk.config.fields,
        desk.config.weights,
        **languages(desk.config),
        **encoders.of_layout(encoder),
    )
    collection = Collection(store, "evaluated")
    collection.create(layout)
    collection.commit(build(collection, found.batches(), encoder, desk.job))
    model = Search(Spec("evaluated", encoder, "hybrid" if encoder else "terms"))
    model.attach(store)
    return model


def _run(desk: Desk, model: Search, asked: Sequence[tuple[str, str]], legs: str, name: str) -> dict[str, list[str]]:
    engine, _, _ = model.opened()
    found = {}
    for number, (query, text) in enumerate(asked):
        hits = engine.search(Wanted(text, DEPTH, legs, count=False))
        found[query] = engine.snapshot.ids(hits.rows)
        desk.job.progress(name, number + 1, len(asked), "queries")
    return found


def _figures(
    run: Mapping[str, list[str]], labels: Mapping[str, Mapping[str, int]], known: Sequence[str]
) -> dict[str, float]:
    return {
        "ndcg@10": sum(ndcg(run[q], labels[q]) for q in known) / len(known),
        "recall@100": sum(recall(run[q], labels[q]) for q in known) / len(known),
    }
