"""How good rankings are, by what people said of query and document.

    labels    {query: {document: label}}, label > 0 is relevant, 0 is not; what is not there nobody has judged
    ranking   {query: [document, ...]}, the best first; no document twice

Measures go by the names of trec_eval, which computes them (through ir-measures and pytrec_eval): `ndcg@10` (linear gain, log2 discount),
`map`, `mrr`, `recall@100`, `precision@10`, `bpref`. A ranking is handed over by its places, not its scores, so that no tie is
left for anybody to break. Queries with no relevant document say nothing and are left out; one that was not answered
counts 0. How sure a mean is, and whether one ranking beats another: methods/stats/paired.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ropewalk.errors import ConfigError, DataError, MissingError

Labels = Mapping[str, Mapping[str, int]]
Ranking = Mapping[str, Sequence[str]]

USUAL = ("ndcg@10", "map", "mrr", "recall@100", "precision@10")
_NAMES = {"ndcg": "nDCG", "map": "AP", "mrr": "RR", "recall": "R", "precision": "P", "bpref": "Bpref"}
_NEEDS_DEPTH = ("recall", "precision")
_NO_DEPTH = ("bpref",)


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
