"""The fusion on any collections with labels: what it wins and loses beside its legs, and its constants fitted on them.

    python benchmarks/search_fusion.py FOLDER ...            a row a collection: the table of docs/decisions/0030-fusion.md
    python benchmarks/search_fusion.py FOLDER ... --fit      then constants fitted on these, as methods/text/fusion.py holds them
    python benchmarks/search_fusion.py FOLDER ... --long mean    what the encoder knows of long texts: first or mean instead of auto, the
                                                             columns of docs/decisions/0033-encoder.md

A FOLDER holds docs.jsonl (or .gz), queries.tsv and qrels.txt as `ropewalk search evaluate` reads them, and collection.json where
benchmarks/development.py made it: {language, group, kind}. Everything runs through the product: its analyzers, engine, encoder.

--fit: a listwise softmax over the documents of both legs, on up to 200 queries of each collection whose language the encoder knows. A group's
real collections weigh 1 over the root of their number, made ones 0.35, those with typing errors nothing; the facts' means and scales are
those of the same queries. Printed beside it: the same with groups of collections left out (8 parts), which is what a collection that
nobody has seen may expect.

Losses: one-sided 95 % bounds over queries. "needed": the least gain on the better leg with which a bound of 0.01 could be shown on
so many queries, given how widely the differences lie there. Vectors are kept in out/search/fusion; the rest takes a second or
two a collection.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import fusion_fit
from fusion_fit import Seen
from ropewalk import api
from ropewalk.errors import RopewalkError
from ropewalk.methods.stats import paired
from ropewalk.methods.text import fusion, ranking
from ropewalk.store import open_store
from ropewalk.systems.search import encoders
from ropewalk.systems.search.commands.evaluate import LEGS, model_of
from ropewalk.systems.search.evaluate import run
from ropewalk.systems.search.learn import ranked
from ropewalk.systems.search.measure import files
from ropewalk.systems.search.retrieve.engine import Engine
from ropewalk.systems.search.retrieve.fused import asked, by_reciprocal_rank

KEPT = Path("out", "search", "fusion")
LOSS, ENOUGH = 0.01, 50  # of nDCG@10; queries from which on a collection counts
HEAD = ("collection", "documents", "queries", "BM25", "dense", "RRF 60", "ours", "ours - better leg", "loss", "needed", "ours - RRF")  # fmt: skip
KINDS = {
    "real": "real collections",
    "keywords": "asked by keywords",
    "words": "known items by random words",
    "typos": "asked with a mistyped word",
}


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path
    language: str = "en"
    group: str = ""
    kind: str = "real"

    @property
    def docs(self) -> str:
        packed = self.path / "docs.jsonl.gz"
        return str(packed if packed.exists() else self.path / "docs.jsonl")


@dataclass(frozen=True, slots=True)
class Measured:
    """A collection: nDCG@10 [Q] of each ranking, and its queries as the rule sees them."""

    folder: Folder
    documents: int
    ndcg: Mapping[str, np.ndarray]
    seen: Sequence[Seen]

    @property
    def better(self) -> np.ndarray:
        """nDCG@10 [Q] of the leg that is better on average."""
        return max((self.ndcg["bm25"], self.ndcg["dense"]), key=lambda leg: float(leg.mean()))

    @property
    def loss(self) -> paired.Comparison:
        return paired.compare(self.ndcg["fused"], self.better)


def folder_of(path: Path) -> Folder:
    told = path / "collection.json"
    said = json.loads(told.read_text()) if told.exists() else {}
    return Folder(path, said.get("language", "en"), said.get("group", path.name), said.get("kind", "real"))


def measure(folder: Folder, most: int, long: str = "auto") -> Measured:
    """The product on one collection, asked at most so many of its queries."""
    labels, texts = files.read_labels(folder.path / "qrels.txt"), files.read_queries(folder.path / "queries.tsv")
    known = np.array([q for q in ranking.answerable(labels) if q in texts])
    some = np.random.default_rng(0).permutation(known)[:most].tolist()
    spoken = {"language": folder.language, "languages": [folder.language], "long_texts": long}
    with (
        api.desk("search", store=str(KEPT), small=True, settings={"docs": folder.docs, "fields": {}, **spoken}) as desk,
        tempfile.TemporaryDirectory() as place,
        open_store(place) as store,
    ):
        engine, _, _ = model_of(desk, store, folder.docs).opened()
        queries = [(q, texts[q]) for q in some]
        runs = {name: run(engine, queries, legs) for name, legs in LEGS.items()}
        runs["rrf"] = run(replace(engine, order=by_reciprocal_rank), queries, "hybrid")
        ndcg = {name: ranking.score(labels, found, ["ndcg@10"], some)["ndcg@10"] for name, found in runs.items()}
        knows = encoders.knows(engine.snapshot.layout.encoder, folder.language)
        found = [seen(engine, text, labels[q]) for q, text in queries] if knows else []
        return Measured(folder, engine.snapshot.live, ndcg, [one for one in found if one is not None])


def seen(engine: Engine, text: str, labels: Mapping[str, int]) -> Seen | None:
    """A query as the rule sees it; None where a leg is empty, for then there is nothing to weigh."""
    legs = ranked(engine, text)
    if not len(legs.terms.rows) or not len(legs.dense.rows):
        return None
    query = asked(engine, legs)
    them = fusion.candidates(legs.terms, legs.dense, query.cosines)
    gains = np.array([max(0, labels.get(id, 0)) for id in engine.snapshot.ids(them.rows)], float)
    ideal = np.sort([float(label) for label in labels.values() if label > 0])[::-1][:10]
    return Seen(fusion.facts(legs.terms, legs.dense, query), them.terms, them.dense, gains, fusion_fit.dcg(ideal))


def row(one: Measured) -> str:
    ndcg, loss, rrf = one.ndcg, one.loss, paired.compare(one.ndcg["fused"], one.ndcg["rrf"])
    legs = " | ".join(f"{ndcg[name].mean():.3f}" for name in ("bm25", "dense", "rrf", "fused"))
    return (
        f"| {one.folder.path.name} | {one.documents:,} | {len(ndcg['fused'])} | {legs} | {loss.difference:+.3f} | {loss.loss_bound:+.3f} "
        f"| {needed(ndcg['fused'] - one.better):+.3f} | {rrf.difference:+.3f} [{rrf.low:+.3f}, {rrf.high:+.3f}] |"
    )


def needed(differences: np.ndarray) -> float:
    """The mean difference from which on its one-sided 95 % bound (normal) is a loss of LOSS."""
    return 1.645 * float(differences.std(ddof=1)) / np.sqrt(len(differences)) - LOSS


def summary(collections: Sequence[Measured]) -> None:
    """What a kind of collections gains on average, and which miss the bound."""
    large = [one for one in collections if len(one.ndcg["fused"]) >= ENOUGH]
    for kind, name in KINDS.items():
        mine = [one for one in large if one.folder.kind == kind]
        if not mine:
            continue
        means = {leg: np.mean([one.ndcg[leg].mean() for one in mine]) for leg in ("bm25", "dense", "rrf", "fused")}
        missed = [one.folder.path.name for one in mine if one.loss.loss_bound > LOSS]
        told = ", ".join(f"{leg} {mean:.4f}" for leg, mean in means.items())
        print(
            f"{name}, {ENOUGH} queries or more: {told}; bound of {LOSS} missed by {len(missed)} of {len(mine)} {missed}"
        )


def weights(collections: Sequence[Measured]) -> list[float]:
    """What a collection counts in the fit."""
    real = [one.folder.group for one in collections if one.folder.kind == "real"]
    return [1 / np.sqrt(real.count(one.folder.group)) if one.folder.kind == "real" else 0.35 for one in collections]


def fitted(collections: Sequence[Measured]) -> None:
    """The constants of all, and how the first line of the rule does with constants of other groups."""
    mine = [one for one in collections if one.seen and one.folder.kind != "typos"]
    heavy = weights(mine)
    blocks = [fusion_fit.block(one.seen, weight) for one, weight in zip(mine, heavy, strict=True)]
    constants = fusion_fit.fit(blocks)
    print(f"\n{constants}\n")
    groups = sorted({one.folder.group for one in mine})
    order = np.random.default_rng(0).permutation(len(groups))
    apart: dict[int, np.ndarray] = {}
    for number in range(fusion_fit.PARTS):
        held = {groups[i] for i in order[number :: fusion_fit.PARTS]}
        other = fusion_fit.fit([b for one, b in zip(mine, blocks, strict=True) if one.folder.group not in held])
        apart |= {i: fusion_fit.ndcg(blocks[i], other) for i, one in enumerate(mine) if one.folder.group in held}
    shipped = fusion_fit.shipped()
    print("first line of the rule, mean nDCG@10:  shipped constants | fitted on all | fitted on other groups")
    for kind, name in KINDS.items():
        at = [i for i, one in enumerate(mine) if one.folder.kind == kind and len(blocks[i].ideal) >= ENOUGH]
        if at:
            sides = [[fusion_fit.ndcg(blocks[i], c).mean() for i in at] for c in (shipped, constants)]
            sides.append([apart[i].mean() for i in at])
            print(f"{name}: " + " | ".join(f"{np.mean(side):.4f}" for side in sides))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folders", nargs="+", type=Path)
    arguments.add_argument("--queries", type=int, default=250, help="of a collection, at most")
    arguments.add_argument("--fit", action="store_true")
    arguments.add_argument("--long", choices=("auto", "first", "mean"), default="auto")
    given = arguments.parse_args()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    found = []
    for path in given.folders:
        try:
            found.append(measure(folder_of(path), given.queries, given.long))
        except (RopewalkError, OSError) as error:
            sys.exit(str(error))
        print(row(found[-1]), flush=True)
    print()
    summary(found)
    if given.fit:
        fitted(found)


if __name__ == "__main__":
    main()
