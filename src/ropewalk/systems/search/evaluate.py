"""config, Model, Dataset -> Report: what a search costs who searches, and the usual figures, beside BM25 alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ropewalk.errors import DataError
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.requests import labels_of
from ropewalk.systems.search.retrieve.engine import Wanted
from ropewalk.types import Dataset, Job, Metric, Report

Run = dict[str, list[str]]  # query -> ids, best first
Labels = Mapping[str, Mapping[str, int]]
DEPTH = 100


def evaluate(config: Config, model: Search, dataset: Dataset, job: Job) -> Report:
    """Held-out queries through the model and through BM25 alone, on the same manifest."""
    import polars as pl

    queries = dataset.table("queries").collect().filter(pl.col("part") == "test")
    labels = {q: found for q, found in labels_of(dataset).items() if any(v > 0 for v in found.values())}
    asked = [(q, text) for q, text in zip(queries["query"], queries["text"], strict=True) if q in labels]
    if not asked:
        raise DataError(
            ["queries: none that is held out has a relevant document in the labels; there is nothing to measure."]
        )
    ours, theirs = run(model, asked, model.spec.legs, job), run(model, asked, "terms", job)
    return _report(config, [q for q, _ in asked], ours, theirs, labels)


def run(model: Search, asked: Sequence[tuple[str, str]], legs: str, job: Job) -> Run:
    """The ids that the model lists for each query."""
    engine, _, _ = model.opened()
    found: Run = {}
    for number, (query, text) in enumerate(asked):
        hits = engine.search(Wanted(text, DEPTH, legs, count=False))
        found[query] = engine.snapshot.ids(hits.rows)
        job.progress("queries", number + 1, len(asked), "queries")
    return found


def _report(config: Config, asked: Sequence[str], ours: Run, theirs: Run, labels: Labels) -> Report:
    import polars as pl

    pairs = pl.DataFrame(
        {
            "unit": list(asked),
            "block": ["all"] * len(asked),
            "model": [cost_usd(config, ours[q], labels[q]) for q in asked],
            "baseline": [cost_usd(config, theirs[q], labels[q]) for q in asked],
        }
    )
    means = [float(np.mean(pairs[side].to_numpy())) for side in ("model", "baseline")]
    cost = Metric("search_cost", means[0], "USD per 1,000 searches", baseline=means[1], better="lower")
    others = [
        Metric(name, _mean(f, asked, ours, labels), "", baseline=_mean(f, asked, theirs, labels))
        for name, f in FIGURES.items()
    ]
    return Report((cost, *others), "BM25 alone", pairs, text=_text(cost, others, len(asked)))


def cost_usd(config: Config, ids: Sequence[str], labels: Mapping[str, int]) -> float:
    """Wages for a thousand such searches: hits are read in turn until the first that is relevant, or until giving up."""
    first = next((n for n, i in enumerate(ids[: config.give_up], 1) if labels.get(i, 0) > 0), config.give_up)
    return 1_000 * first * config.seconds_per_hit / 3_600 * config.usd_per_hour


def ndcg(ids: Sequence[str], labels: Mapping[str, int], k: int = 10) -> float:
    gains = np.array([max(0, labels.get(i, 0)) for i in ids[:k]], float)
    ideal = np.sort(np.array([max(0, v) for v in labels.values()], float))[::-1][:k]
    best = float((ideal / np.log2(np.arange(2, len(ideal) + 2))).sum())
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum()) / best if best else 0.0


def recall(ids: Sequence[str], labels: Mapping[str, int], k: int = 100) -> float:
    relevant = {i for i, v in labels.items() if v > 0}
    return len(relevant & set(ids[:k])) / len(relevant)


FIGURES: dict[str, Any] = {"ndcg@10": ndcg, "recall@100": recall}


def _mean(figure: Any, asked: Sequence[str], found: Run, labels: Labels) -> float:
    return float(np.mean([figure(found[q], labels[q]) for q in asked]))


def _text(cost: Metric, others: Sequence[Metric], count: int) -> str:
    lines = [f"{'':28}{'model':>12}{'BM25 alone':>14}", f"{cost.unit:28}{cost.value:12,.1f}{cost.baseline:14,.1f}"]
    lines += [f"{m.name:28}{m.value:12.3f}{m.baseline:14.3f}" for m in others]
    return "\n".join([*lines, f"over {count:,} held-out queries"])
