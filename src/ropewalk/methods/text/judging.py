"""What people have judged and what not: pools of pairs to label, holes in the labels, and measures that look past them.

Pools after Sparck Jones and van Rijsbergen (1975), as TREC makes them: the union of the first k of several runs. A label that is
missing counts as not relevant in nDCG, which punishes a run that differs from those that made the pool; so the share of
holes stands beside it, the measure on judged documents only (Sakai, SIGIR 2007: condensed lists), and bpref (Buckley and Voorhees,
SIGIR 2004).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ropewalk.methods.text.ranking import Labels, Ranking, answerable, score


def pool(runs: Iterable[Ranking], depth: int) -> dict[str, list[str]]:
    """query -> the documents that some run has among its first `depth`; sorted, so that nobody sees who brought them."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for query, documents in run.items():
            found.setdefault(query, set()).update(documents[:depth])
    return {query: sorted(found[query]) for query in sorted(found)}


def unjudged(pooled: Mapping[str, Sequence[str]], labels: Labels) -> list[tuple[str, str]]:
    """The pairs (query, document) of a pool that need a label."""
    return [(query, doc) for query, docs in pooled.items() for doc in docs if doc not in labels.get(query, {})]


def holes(labels: Labels, ranking: Ranking, depth: int = 10, queries: Sequence[str] | None = None) -> np.ndarray:
    """[Q] share of the first `depth` documents that nobody judged; 0 where there is no document."""
    queries = answerable(labels) if queries is None else queries
    shares = np.zeros(len(queries))
    for index, query in enumerate(queries):
        top = ranking.get(query, ())[:depth]
        shares[index] = sum(doc not in labels.get(query, {}) for doc in top) / len(top) if top else 0.0
    return shares


def condensed(labels: Labels, ranking: Ranking) -> dict[str, list[str]]:
    """The rankings without the documents that nobody judged."""
    return {query: [doc for doc in docs if doc in labels.get(query, {})] for query, docs in ranking.items()}


def beside(labels: Labels, ranking: Ranking, measure: str = "ndcg@10", depth: int = 10) -> dict[str, Any]:
    """Means of a measure as it is, on judged documents only, bpref, and the holes: far apart, the labels do not tell."""
    return {
        measure: float(score(labels, ranking, [measure])[measure].mean()),
        f"{measure} of judged": float(score(labels, condensed(labels, ranking), [measure])[measure].mean()),
        "bpref": float(score(labels, ranking, ["bpref"])["bpref"].mean()),
        f"unjudged@{depth}": float(holes(labels, ranking, depth).mean()),
    }
