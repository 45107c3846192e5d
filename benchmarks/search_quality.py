"""Ranking quality on the collections with labels: each leg, their fusion without labels, and what labels teach, cross-validated.

    python benchmarks/search_quality.py [--queries 20]      needs ROPEWALK_SHARED_DATA; vectors are kept in out/search/quality and made once

Chorus and Vaswani are measured as `ropewalk search evaluate` does it. The fusion is one rule with fixed constants, fitted on other
collections (docs/decisions/0030-fusion.md); cross-validation is over queries, five folds by the hash of their ids, the mean of five seeds
of the trees. XQuAD in each language is measured as question to paragraph: what fusing loses there to its better leg, by an encoder that
learned English alone.

Intervals: 95 %, bootstrap over queries. p: Fisher's paired randomisation test, two-sided. --queries takes the first of each collection,
to try the script: such rows say of nothing whether it holds.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import contextlib
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ropewalk import api
from ropewalk.methods.stats import paired
from ropewalk.methods.text import ranking
from ropewalk.store import open_store
from ropewalk.systems.search.commands.evaluate import LEGS, model_of, runs_of, text_of
from ropewalk.systems.search.evaluate import run
from ropewalk.systems.search.learn import Labels, Lesson, cross_validated
from ropewalk.systems.search.measure import files
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.retrieve.fused import by_reciprocal_rank
from rows import tell

COLLECTIONS = {"chorus": (0.735, 0.75, 0.76, 0.79, 0.742), "vaswani": (0.495, 0.505, 0.51, 0.54, 0.495)}
LANGUAGES = ("en", "de", "es", "zh")
KEPT = Path("out", "search", "quality")
MEASURES = ("ndcg@10", "recall@100")
FOLDS, SEEDS = 5, 5
LOSS, ENOUGH = 0.01, 50  # of nDCG@10; queries from which on a collection counts


@contextlib.contextmanager
def opened(docs: str, **settings: Any) -> Iterator[tuple[Any, Search]]:
    """A desk, and a model over a collection of these documents."""
    with (
        api.desk("search", store=str(KEPT), small=True, settings={"docs": docs, "fields": {}, **settings}) as desk,
        tempfile.TemporaryDirectory() as folder,
        open_store(folder) as store,
    ):
        yield desk, model_of(desk, store, docs)


def measure(name: str, root: Path, most: int | None) -> None:
    """The rows of a collection that has queries and graded labels."""
    docs, queries, qrels = (str(root / name / file) for file in ("docs.jsonl.gz", "queries.tsv", "qrels.txt"))
    labels, asked = files.read_labels(qrels), list(files.read_queries(queries).items())[:most]
    known = [q for q in ranking.answerable(labels) if q in dict(asked)]
    with opened(docs, folds=FOLDS) as (desk, model):
        runs = runs_of(desk, model, asked, labels)
        taught = by_seed(model, asked, labels, known)
    scores = {run: ranking.score(labels, found, MEASURES, known) for run, found in runs.items()}
    print(f"{name}\n{text_of(scores, runs, labels, known, 0)}\n")
    ndcg = {run: one["ndcg@10"] for run, one in scores.items()}
    print(f"reranked, by seed: {' '.join(f'{mean:.4f}' for mean in taught.mean(axis=1))}")
    reached(name, {**ndcg, "reranked": taught.mean(axis=0)}, most is None)
    beside(name, ndcg, most is None)


def by_seed(model: Search, asked: Sequence[tuple[str, str]], labels: Labels, known: Sequence[str]) -> np.ndarray:
    """nDCG@10 [SEEDS, queries] of what labels teach: one seed is a draw of some thousandths."""
    engine, _, _ = model.opened()
    lesson = Lesson(engine, asked, labels)
    found = [cross_validated(lesson, FOLDS, seed) for seed in range(SEEDS)]
    runs = [{query: engine.snapshot.ids(leg.rows[:10]) for query, leg in one.items()} for one in found]
    return np.stack([ranking.score(labels, run, ["ndcg@10"], known)["ndcg@10"] for run in runs])


def reached(name: str, scores: dict[str, np.ndarray], whole: bool) -> None:
    required, stretch, taught, taught_stretch, published = COLLECTIONS[name]
    anchor = float(scores["rrf"].mean())
    for what, kind, least, more in (
        ("no labels", "fused", required, stretch),
        ("cross-validated with labels", "reranked", taught, taught_stretch),
    ):
        ours = paired.mean(scores[kind])
        tell(
            f"{name} nDCG@10, {what}", f"{ours.value:.4f} [{ours.low:.3f}, {ours.high:.3f}]", f"{least}", f"{more}",
            f"equal-weight fusion {anchor:.4f} here ({published} published), ratio {ours.value / anchor:.3f}",
            ours.value >= least if whole else None,
        )  # fmt: skip


def beside(name: str, scores: dict[str, np.ndarray], whole: bool) -> None:
    """What the fusion loses to its better leg, and the paired test against reciprocal rank fusion."""
    better = max(("bm25", "dense"), key=lambda leg: float(scores[leg].mean()))
    loss, count = paired.compare(scores["fused"], scores[better]), len(scores["fused"])
    tell(
        f"{name}, {count:,} queries: one-sided paired 95 % bound of what the fusion loses to its better leg, nDCG@10",
        f"{max(0.0, loss.loss_bound):.4f} (difference {loss.difference:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}])",
        f"{LOSS}", "", f"better leg here: {better} {scores[better].mean():.4f}",
        loss.loss_bound <= LOSS if whole and count >= ENOUGH else None,
    )  # fmt: skip
    found = paired.compare(scores["fused"], scores["rrf"])
    tell(
        f"{name}: paired test of the fusion against reciprocal rank fusion, nDCG@10",
        f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}], {chance(found.p_value)}", "printed", "",
        f"RRF (60) {scores['rrf'].mean():.4f} here", True if whole else None,
    )  # fmt: skip


def chance(p: float) -> str:
    return f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"


def questions(language: str, root: Path, most: int | None) -> None:
    """XQuAD as retrieval: 240 paragraphs, each question's own is the relevant one."""
    articles = json.loads(gzip.decompress((root / "xquad" / f"xquad.{language}.json.gz").read_bytes()))["data"]
    paragraphs = [p for article in articles for p in article["paragraphs"]]
    asked = [(q["id"], q["question"]) for p in paragraphs for q in p["qas"]][:most]
    labels = {q["id"]: {str(number): 1} for number, p in enumerate(paragraphs) for q in p["qas"]}
    known = [query for query, _ in asked]
    with tempfile.TemporaryDirectory() as folder:
        docs = Path(folder, "docs.jsonl")
        docs.write_text(
            "".join(json.dumps({"id": str(n), "text": p["context"]}) + "\n" for n, p in enumerate(paragraphs))
        )
        with opened(str(docs), language=language, languages=[language]) as (_, model):
            engine, _, _ = model.opened()
            runs = {name: run(engine, asked, legs) for name, legs in LEGS.items()}
            runs["rrf"] = run(replace(engine, order=by_reciprocal_rank), asked, "hybrid")
    scores = {name: ranking.score(labels, found, MEASURES, known)["ndcg@10"] for name, found in runs.items()}
    print(
        f"XQuAD {language}, question to paragraph: nDCG@10 "
        + ", ".join(f"{n} {s.mean():.4f}" for n, s in scores.items())
    )
    beside(f"XQuAD {language}", scores, most is None)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--queries", type=int, default=None)
    asked = arguments.parse_args()
    shared = os.environ.get("ROPEWALK_SHARED_DATA")
    if not shared:
        sys.exit("set ROPEWALK_SHARED_DATA to the folder of collections with labels")
    for name in COLLECTIONS:
        measure(name, Path(shared) / "search", asked.queries)
    for language in LANGUAGES:
        questions(language, Path(shared) / "search", asked.queries)


if __name__ == "__main__":
    main()
