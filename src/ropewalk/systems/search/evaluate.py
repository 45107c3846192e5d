"""config, Model, Dataset -> Report: what a search costs who searches, and the usual figures, beside BM25 alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ropewalk.errors import DataError
from ropewalk.methods.stats import paired
from ropewalk.methods.text import judging, ranking
from ropewalk.store import open_store
from ropewalk.systems.search import cloze
from ropewalk.systems.search.build import build
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.requests import labels_of
from ropewalk.systems.search.retrieve.engine import Engine, Wanted
from ropewalk.types import Dataset, Job, Metric, Report

if TYPE_CHECKING:
    import polars as pl

Run = dict[str, list[str]]  # query -> ids, best first
Labels = Mapping[str, Mapping[str, int]]
Asked = Sequence[tuple[str, str]]  # id, text
MEASURES = ("ndcg@10", "map", "mrr", "recall@100")
DEPTH = 100


def evaluate(config: Config, model: Search, dataset: Dataset, job: Job) -> Report:
    """Held-out queries through the model and through BM25 alone, on the same manifest."""
    import polars as pl

    queries = dataset.table("queries").collect().filter(pl.col("part") == "test")
    labels, known = labels_of(dataset), set(ranking.answerable(labels_of(dataset)))
    asked = [(q, text) for q, text in zip(queries["query"], queries["text"], strict=True) if q in known]
    if not asked:
        raise DataError(
            ["queries: none that is held out has a relevant document in the labels; there is nothing to measure."]
        )
    engine, _, _ = _measured(model, dataset, job).opened()
    ours, theirs = (
        run(engine, asked, legs, lambda n: job.progress("queries", n, len(asked), "queries"))
        for legs in (model.spec.legs, "terms")
    )
    return _report(config, sorted(q for q, _ in asked), ours, theirs, labels, job.seed)


def _measured(model: Search, dataset: Dataset, job: Job) -> Search:
    """The model on its collection; where the queries were taken out of the documents, on a copy without them."""
    if "removed" not in dataset.tables:
        return model
    documents = cloze.without(dataset.table("documents").collect(), dataset.table("removed").collect())
    store = open_store(str(job.folder / "cloze"))
    collection = Collection(store, "cloze")
    engine, _, _ = model.opened()
    if not collection.exists():
        collection.create(engine.snapshot.layout)
        collection.commit(build(collection, documents.iter_slices(10_000), model.spec.encoder, job))
    copy = Search(replace(model.spec, collection="cloze", bound=""))
    copy.attach(store)
    return copy


def run(engine: Engine, asked: Asked, legs: str, progress: Callable[[int], None] = lambda _: None) -> Run:
    """The ids that are listed for each query."""
    found: Run = {}
    for number, (query, text) in enumerate(asked):
        found[query] = engine.snapshot.ids(engine.search(Wanted(text, DEPTH, legs, count=False)).rows)
        progress(number + 1)
    return found


def _report(config: Config, asked: Sequence[str], ours: Run, theirs: Run, labels: Labels, seed: int) -> Report:
    pairs = _pairs(config, asked, ours, theirs, labels)
    means = [float(np.mean(pairs[side].to_numpy())) for side in ("model", "baseline")]
    cost = Metric("search_cost", means[0], "USD per 1,000 searches", baseline=means[1], better="lower")
    mine, other = (ranking.score(labels, one, MEASURES, asked) for one in (ours, theirs))
    others = []
    for name in MEASURES:
        mean = paired.mean(mine[name], seed=seed)
        others.append(Metric(name, mean.value, "", mean.low, mean.high, float(other[name].mean())))
    holes = {"model": judging.beside(labels, ours), "baseline": judging.beside(labels, theirs)}
    return Report(
        (cost, *others), "BM25 alone", pairs, notes={"holes": holes}, text=_text(cost, others, holes, len(asked))
    )


def _pairs(config: Config, asked: Sequence[str], ours: Run, theirs: Run, labels: Labels) -> pl.DataFrame:
    import polars as pl

    sides = {"model": ours, "baseline": theirs}
    costs = {side: [cost_usd(config, found[q], labels[q]) for q in asked] for side, found in sides.items()}
    return pl.DataFrame({"unit": list(asked), "block": ["all"] * len(asked), **costs})


def cost_usd(config: Config, ids: Sequence[str], labels: Mapping[str, int]) -> float:
    """Wages for a thousand such searches: hits are read in turn until the first that is relevant, or until giving up."""
    first = next((n for n, i in enumerate(ids[: config.give_up], 1) if labels.get(i, 0) > 0), config.give_up)
    return 1_000 * first * config.seconds_per_hit / 3_600 * config.usd_per_hour


def _text(cost: Metric, others: Sequence[Metric], holes: Mapping[str, Mapping[str, float]], count: int) -> str:
    lines = [
        f"{'':26}{'model':>9}{'':17}{'BM25 alone':>12}",
        f"{cost.unit:26}{cost.value:9,.1f}{'':17}{cost.baseline:12,.1f}",
    ]
    lines += [f"{m.name:26}{m.value:9.3f}  [{m.low:.3f}, {m.high:.3f}]{m.baseline:11.3f}" for m in others]
    gaps = [holes[side]["unjudged@10"] for side in ("model", "baseline")]
    lines.append(f"{'unjudged of the first 10':26}{gaps[0]:9.1%}{'':17}{gaps[1]:12.1%}")
    return "\n".join([*lines, f"over {count:,} held-out queries; [95 % intervals] over queries"])
