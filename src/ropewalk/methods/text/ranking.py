"""How good rankings are, by what people said of query and document; how sure that is; whether one ranking beats another.

    labels    {query: {document: label}}, label > 0 is relevant, 0 is not; what is not there nobody has judged
    ranking   {query: [document, ...]}, the best first; no document twice

Measures go by the names of trec_eval, which computes them (through ir-measures and pytrec_eval): `ndcg@10` (linear gain, log2 discount),
`map`, `mrr`, `recall@100`, `precision@10`, `bpref`. A ranking is handed over by its places, not its scores, so that no tie is
left for anybody to break. Queries with no relevant document say nothing and are left out; one that was not answered counts 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ropewalk.errors import ConfigError, DataError, MissingError
from ropewalk.methods.stats.bootstrap import Interval, paired_interval
from ropewalk.methods.stats.randomisation import randomisation_p

Labels = Mapping[str, Mapping[str, int]]
Ranking = Mapping[str, Sequence[str]]

USUAL = ("ndcg@10", "map", "mrr", "recall@100", "precision@10")
_NAMES = {"ndcg": "nDCG", "map": "AP", "mrr": "RR", "recall": "R", "precision": "P", "bpref": "Bpref"}
_NEEDS_DEPTH = ("recall", "precision")
_NO_DEPTH = ("bpref",)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a measure over queries, with what it may be for other queries like these."""

    value: float
    low: float  # 95 %, by bootstrap over queries
    high: float
    queries: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside another on the same queries, in the measure's unit."""

    difference: float  # mean(run - other)
    low: float  # 95 %, by bootstrap over queries
    high: float
    p_value: float  # Fisher's randomisation test, two-sided
    loss_bound: float  # with 95 % certainty run is worse than other by no more than this
    better: int  # queries
    worse: int
    equal: int


def answerable(labels: Labels) -> list[str]:
    """The queries that have a relevant document, sorted: those that a mean is over."""
    return sorted(query for query, judged in labels.items() if any(label > 0 for label in judged.values()))


def score(
    labels: Labels, ranking: Ranking, measures: Sequence[str] = USUAL, queries: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """measure -> [Q] values, for `queries` (by default `answerable(labels)`) in order. ConfigError: no such measure."""
    queries = answerable(labels) if queries is None else queries
    wanted = {name: _measure(name) for name in measures}
    place = {query: index for index, query in enumerate(queries)}
    found = {name: np.zeros(len(queries)) for name in measures}
    run = {query: _places(query, ranking[query]) for query in queries if ranking.get(query)}
    judged = {query: {doc: max(0, int(label)) for doc, label in labels.get(query, {}).items()} for query in queries}
    if run and judged:
        for value in _library().pytrec_eval.evaluator(set(wanted.values()), judged).iter_calc(run):
            for name, measure in wanted.items():
                if value.measure == measure:
                    found[name][place[value.query_id]] = value.value
    for name in measures:
        if name.startswith("mrr@"):  # trec_eval has no depth for it
            found[name][found[name] < 1 / (int(name[4:]) + 0.5)] = 0.0
    return found


def _measure(name: str) -> Any:
    """The library's measure of a name."""
    kind, at, depth = name.partition("@")
    wrong_depth = bool(at) != depth.isdecimal() or (at and int(depth) < 1) or (at and kind in _NO_DEPTH)
    if kind not in _NAMES or wrong_depth or (kind in _NEEDS_DEPTH and not at):
        raise ConfigError(
            [f"there is no {name!r}. There is: ndcg@10, ndcg, map, map@100, mrr, mrr@10, recall@100, precision@10 (any depth), bpref."],
            "measures",
        )  # fmt: skip
    measure = getattr(_library(), _NAMES[kind])
    return measure @ int(depth) if at and kind != "mrr" else measure


def _library() -> Any:
    try:
        import ir_measures
    except ModuleNotFoundError:
        raise MissingError("module", "ir_measures", hint="Run: pip install 'ropewalk[search]'") from None
    return ir_measures


def _places(query: str, documents: Sequence[str]) -> dict[str, float]:
    """Document -> a score that falls by one from place to place: whole numbers, because trec_eval keeps scores in 32 bits."""
    scores = {document: float(len(documents) - place) for place, document in enumerate(documents)}
    if len(scores) != len(documents):
        twice = next(document for place, document in enumerate(documents) if document in documents[:place])
        raise DataError([f"ranking of query {query!r}: the document {twice!r} stands there twice; each may once."])
    return scores


def mean(values: np.ndarray, *, seed: int = 0, weights: np.ndarray | None = None) -> Mean:
    """The mean of [Q] values with its interval; `weights` [Q] say how much each query counts (how often it is asked).

    One query says nothing about others: its interval is not a number.
    """
    values = _weighed(values, weights)
    found = _paired(values, np.zeros(len(values)), seed, 0.95)
    return Mean(found.difference, float(np.clip(found.low, 0, 1)), float(np.clip(found.high, 0, 1)), len(values))


def compare(run: np.ndarray, other: np.ndarray, *, seed: int = 0, weights: np.ndarray | None = None) -> Comparison:
    """A run's [Q] values beside another's, query by query."""
    d = np.asarray(run, float) - np.asarray(other, float)
    run, other = _weighed(run, weights), _weighed(other, weights)
    found = _paired(run, other, seed, 0.95)
    return Comparison(
        found.difference, found.low, found.high, randomisation_p(run, other, seed=seed),
        _paired(other, run, seed, 0.90).high, int((d > 0).sum()), int((d < 0).sum()), int((d == 0).sum()),
    )  # fmt: skip


def _paired(model: np.ndarray, baseline: np.ndarray, seed: int, level: float) -> Interval:
    """The upper end of a two-sided interval of 90 % is a one-sided bound of 95 %."""
    found = paired_interval(model[:, None], baseline[:, None], seed=seed, level=level)
    return found if len(model) > 1 else replace(found, low=np.nan, high=np.nan)


def _weighed(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    values = np.asarray(values, float)
    if not values.size:
        raise DataError(
            ["there is no query with a relevant document: nothing can be measured. Label some, or check the ids."]
        )
    if weights is None:
        return values
    weights = np.asarray(weights, float)
    if weights.shape != values.shape or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(f"weights are {values.shape} numbers >= 0 that are not all 0; got {weights.shape}")
    return values * weights / weights.mean()


def by_slice(
    values: np.ndarray, queries: Sequence[str], slices: Mapping[str, Mapping[str, Sequence[str]]], *, seed: int = 0
) -> list[dict[str, Any]]:
    """A row {slice, value, queries, mean, low, high} for every part of every slice that has a query here."""
    place = {query: index for index, query in enumerate(queries)}
    rows = []
    for name, parts in slices.items():
        for part, members in parts.items():
            inside = [place[query] for query in members if query in place]
            if inside:
                found = mean(np.asarray(values)[inside], seed=seed)
                rows.append(
                    {"slice": name, "value": part, "queries": found.queries, "mean": found.value, "low": found.low, "high": found.high}
                )  # fmt: skip
    return rows
