"""Ranking quality on the two collections with labels: each leg, their fusion without labels, and what labels teach, cross-validated.

    python benchmarks/search_quality.py          needs ROPEWALK_SHARED_DATA; vectors are kept in out/search/quality and made once

It is `ropewalk search evaluate` on Chorus and Vaswani. The fusion is one rule with fixed constants, fitted on other collections
(docs/decisions/0030-fusion.md); cross-validation is over queries, five folds by the hash of their ids.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from ropewalk import api
from ropewalk.methods.stats import paired
from ropewalk.methods.text import ranking
from ropewalk.store import open_store
from ropewalk.systems.search.commands.evaluate import model_of, runs_of, text_of
from ropewalk.systems.search.measure import files
from rows import tell

COLLECTIONS = {"chorus": (0.735, 0.75, 0.76, 0.79, 0.742), "vaswani": (0.495, 0.505, 0.51, 0.54, 0.495)}
KEPT = Path("out", "search", "quality")
LOSS = 0.01


def measure(name: str, root: Path) -> None:
    """The rows of one collection."""
    docs, queries, qrels = (str(root / name / file) for file in ("docs.jsonl.gz", "queries.tsv", "qrels.txt"))
    labels, asked = files.read_labels(qrels), list(files.read_queries(queries).items())
    known = [q for q in ranking.answerable(labels) if q in dict(asked)]
    settings = {"docs": docs, "fields": {}, "folds": 5}
    with (
        api.desk("search", store=str(KEPT), small=True, settings=settings) as desk,
        tempfile.TemporaryDirectory() as folder,
        open_store(folder) as store,
    ):
        runs = runs_of(desk, model_of(desk, store, docs), asked, labels)
    scores = {run: ranking.score(labels, found, ("ndcg@10", "recall@100"), known) for run, found in runs.items()}
    print(f"{name}\n{text_of(scores, runs, labels, known, 0)}\n")
    told(name, {run: one["ndcg@10"] for run, one in scores.items()})


def told(name: str, scores: dict[str, np.ndarray]) -> None:
    required, stretch, taught, taught_stretch, anchor = COLLECTIONS[name]
    mean = {run: float(values.mean()) for run, values in scores.items()}
    tell(
        f"{name} nDCG@10, no labels",
        f"{mean['fused']:.4f}",
        f"{required}",
        f"{stretch}",
        f"fusion {anchor}, ratio {mean['fused'] / anchor:.3f}",
        mean["fused"] >= required,
    )
    tell(
        f"{name} nDCG@10, cross-validated with labels",
        f"{mean['reranked']:.4f}",
        f"{taught}",
        f"{taught_stretch}",
        f"fusion {anchor}, ratio {mean['reranked'] / anchor:.3f}",
        mean["reranked"] >= taught,
    )
    better = max(("bm25", "dense"), key=lambda run: mean[run])
    found = paired.compare(scores["fused"], scores[better], seed=0)
    beside = paired.compare(scores["fused"], scores["rrf"], seed=0)
    tell(
        f"{name}: loss of the fused run against its better leg ({better}), one-sided 95 % bound", f"{max(0.0, found.loss_bound):.4f}", f"{LOSS}", "",
        f"against reciprocal rank fusion {beside.difference:+.4f} [{beside.low:+.4f}, {beside.high:+.4f}], p = {beside.p_value:.3f}",
        found.loss_bound <= LOSS,
    )  # fmt: skip


def main() -> None:
    shared = os.environ.get("ROPEWALK_SHARED_DATA")
    if not shared:
        sys.exit("set ROPEWALK_SHARED_DATA to the folder of collections with labels")
    for name in COLLECTIONS:
        measure(name, Path(shared) / "search")


if __name__ == "__main__":
    main()
