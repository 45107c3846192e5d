"""The reader that is shipped: made from XQuAD's English questions, and measured end to end, question -> our engine's passages -> answer.

    python benchmarks/reader.py              before and after, cross-validated; other collections with --outside
    python benchmarks/reader.py --write      the same, and writes the package's files: trees, scale, and how they were made

Needs ROPEWALK_SHARED_DATA; about 10 CPU-minutes, 4 of them trees, which --keep FOLDER keeps (with vectors). A fold is a fifth of the
articles, as in search_answers.py. Its questions are asked of all 240 paragraphs, and, to see what nothing answers, of the
paragraphs of the other articles. Trees learn from four folds; the scale of a fold from the outcomes of the other four.
"before": a reader that does not know how a passage was found, its scale learned from single passages.
--outside: JSON files {docs: [[id, title, text]], queries: [[id, text]], qrels: {query: {id: label}}} of sentences, such as WikiQA.
--grid: the two constants of found.py again, chosen for each fold on the other four.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when NumPy is imported

import argparse
import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ropewalk.store import open_store
from ropewalk.systems.search.answer import found as how
from ropewalk.systems.search.answer import ranker
from ropewalk.systems.search.answer.answer import hear, signals_of
from ropewalk.systems.search.answer.examples import Asked, Example, alone, parted
from ropewalk.systems.search.answer.found import Passage
from ropewalk.systems.search.answer.learn import STRAY, Outcome, both, examined, learn_trees, scaled
from ropewalk.systems.search.answer.reader import Reader, load, save, sure
from ropewalk.systems.search.answer.shipped import FOLDER
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.retrieve.engine import Wanted
from ropewalk.systems.search.retrieve.passages import HITS, passages
from ropewalk.systems.search.texts import Texts, reading
from rows import tell
from search_answers import FOLDS, SEED, interval, paired_p, xquad

RISK = Config().risk
RISKS = [round(0.05 * n, 2) for n in range(1, 20)]
GRID = [(a, b) for a in (0.0, 4.0, 8.0, 12.0, 16.0) for b in (2.0, 3.0, 4.0)]
NEEDLESS = ("split_gain=", "leaf_weight=", "leaf_count=", "internal_value=", "internal_weight=", "internal_count=", "tree_sizes=")  # fmt: skip


def collection(store, name: str, documents: Sequence[tuple[str, str]], keep: Path) -> Search:
    """A collection as `ropewalk search index` makes it, and what searches it."""
    made = Collection(store, name)
    if not made.exists():
        path = keep / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in documents))
        Texts(store, name).add(str(path))
    return reading(made, Config(reader="none"))


def finder(model: Search, legs: str = "hybrid") -> Callable[[str], tuple[Passage, ...]]:
    engine, _, _ = model.opened()
    return lambda question: tuple(passages(engine, engine.search(Wanted(question, HITS, legs, count=False))))


def asked_of(examples: Sequence[Example], part: np.ndarray, keep: Path, legs: str = "hybrid") -> list[Asked]:
    """Each question with what all paragraphs, and what those of the other folds give."""
    texts = {e.text: int(p) for e, p in zip(examples, part, strict=True)}
    ids = {text: f"p{n}" for n, text in enumerate(texts)}
    with open_store(str(keep / "store")) as store:
        every = finder(collection(store, "all", [(i, t) for t, i in ids.items()], keep), legs)
        others = [
            finder(collection(store, f"without-{f}", [(i, t) for t, i in ids.items() if texts[t] != f], keep), legs)
            for f in range(FOLDS)
        ]
        return [Asked(e, every(e.question), others[p](e.question)) for e, p in zip(examples, part, strict=True)]


def fold_reader(fold: int, examples: Sequence[Example], part: np.ndarray, keep: Path) -> Reader:
    """Trees that saw the other folds."""
    kept = keep / f"trees{fold}.txt"
    if not kept.exists():
        kept.write_text(learn_trees([e for e, p in zip(examples, part, strict=True) if p != fold], SEED))
    return Reader(kept.read_text(), {}, 2, "")


def blind(asked: Asked) -> Asked:
    """The same, as who does not know how a passage was found: all were found alike."""
    return replace(asked, found=tuple(_same(p) for p in asked.found), without=tuple(_same(p) for p in asked.without))


def _same(passage: Passage) -> Passage:
    return replace(passage, score=1.0, near=None)


def outcomes(readers: Sequence[Reader], asked: Sequence[Asked], part: np.ndarray) -> list[list[Outcome]]:
    """By fold, of the reader that did not see it."""
    return [
        [o for o in both(reader, [a for a, p in zip(asked, part, strict=True) if p == fold]) if not o.heard]
        for fold, reader in enumerate(readers)
    ]


def few(outcomes: list[list[Outcome]]) -> list[list[Outcome]]:
    """With the signals that the reader had before: nothing of how the sentence fits or where the passage stood."""
    return [[replace(o, signals=np.append(o.signals[:3], [0, 0, np.nan])) for o in fold] for fold in outcomes]


def told(name: str, said: list[list[Outcome]], known: list[list[Outcome]], examples: dict[str, Example]) -> np.ndarray:
    """Prints how good and how sure the first answers are, on scales from `known`, each fold's from the others'. Returns [n] F1."""
    rows, chance, cut = [], [], []
    for fold, some in enumerate(said):
        scale = scaled([o for other, part in enumerate(known) if other != fold for o in part], RISK)
        rows += some
        chance += [sure(scale, o.signals) for o in some]
        cut += [scale.threshold] * len(some)
    p, given = np.array(chance), np.array(chance) >= np.array(cut)
    f1, em = np.array([o.f1 for o in rows]), np.array([o.em for o in rows])
    stray = np.array([o.stray for o in rows])
    weight = np.where(stray, STRAY, 1.0)
    low, high = interval(f1[~stray], [examples[o.id] for o in rows if not o.stray])
    print(
        f"| {name} | {100 * em[~stray].mean():.1f} / {100 * f1[~stray].mean():.1f} ({100 * low:.1f} to {100 * high:.1f}) "
        f"| {area(p[~stray], 1 - f1[~stray], weight[~stray]):.3f} | {area(p, 1 - f1, weight):.3f} "
        f"| {100 * given[~stray].mean():.1f} % at F1 {100 * f1[given & ~stray].mean():.1f} | {100 * given[stray].mean():.1f} % "
        f"| {np.average(p, weights=weight):.3f}, {np.average(em, weights=weight):.3f} | {np.average((p - em) ** 2, weights=weight):.4f} |"
    )
    return f1[~stray]


def area(chance: np.ndarray, risk: np.ndarray, weight: np.ndarray) -> float:
    """Under the curve of risk over the share answered, the surest first; questions may weigh."""
    order = np.argsort(-chance, kind="stable")
    w, r = weight[order], risk[order]
    return float(np.average(np.cumsum(w * r) / np.cumsum(w), weights=w))


def constants(readers: Sequence[Reader], asked: Sequence[Asked], part: np.ndarray) -> None:
    """found.py's two, for each fold the best of the other four, and what they do there."""
    gained = {}
    for pair in GRID:
        how.BY_SCORE, how.BY_PLACE = pair
        gained[pair] = np.array([examined(readers[p], a).f1 for a, p in zip(asked, part, strict=True)])
        print(f"BY_SCORE {pair[0]:g}, BY_PLACE {pair[1]:g}: F1 {100 * gained[pair].mean():.2f}", flush=True)
    best = [max(GRID, key=lambda pair, f=f: gained[pair][part != f].mean()) for f in range(FOLDS)]
    held = np.concatenate([gained[best[f]][part == f] for f in range(FOLDS)])
    print(f"chosen on the other folds {best}: F1 {100 * held.mean():.2f}")


def outside(path: Path, reader: Reader, keep: Path) -> None:
    """Sentences with labels: is the one that the first answer stands in relevant to the question?"""
    body = json.loads(path.read_text())
    with open_store(str(keep / "store")) as store:
        model = collection(store, path.stem, [(i, t) for i, _, t in body["docs"]], keep)
        engine, _, _ = model.opened()
        find, right, chance, terms, fused, plain = finder(model), [], [], [], [], []
        for query, text in body["queries"]:
            relevant = {i for i, label in body["qrels"][query].items() if label > 0}
            listed = find(text)
            first = engine.snapshot.ids(engine.search(Wanted(text, 1, "terms", count=False)).rows)
            terms.append(bool(first) and first[0] in relevant)
            fused.append(bool(listed) and listed[0].document_id in relevant)
            heard, before = hear(text, listed, reader), hear(text, [_same(p) for p in listed], reader)
            right.append(heard is not None and source(heard) in relevant)
            plain.append(before is not None and source(before) in relevant)
            chance.append(sure(reader.plain, signals_of(heard, heard.groups[0])) if heard else 0.0)
    hit, given = np.array(right), np.array(chance) >= reader.plain.threshold
    lead = np.array(right, float) - np.array(terms, float)
    error = lead.std(ddof=1) / len(lead) ** 0.5
    print(
        f"{path.stem}, {len(hit)} questions: the sentence of the first answer is relevant {100 * hit.mean():.1f} % "
        f"(before {100 * np.mean(plain):.1f}; BM25's first {100 * np.mean(terms):.1f}; the engine's first {100 * np.mean(fused):.1f}); "
        f"over BM25 {100 * lead.mean():+.1f} (standard error {100 * error:.1f}); answered {100 * given.mean():.1f} %, relevant {100 * hit[given].mean():.1f}",
        flush=True,
    )
    tell(
        f"shipped reader on {path.stem}: sentence of the first answer relevant",
        f"{100 * hit.mean():.1f} %",
        "better than BM25's best sentence",
        "",
        f"BM25's first {100 * np.mean(terms):.1f} %, the engine's first {100 * np.mean(fused):.1f} %",
        bool(lead.mean() > 1.96 * error),
    )


def source(heard) -> str:
    number = heard.reading.scene.passage[heard.reading.first[heard.groups[0].places[0]]]
    return heard.passages[int(number)].document_id


def write(examples: Sequence[Example], said: list[list[Outcome]], path: Path, keep: Path) -> Reader:
    """The package's files: what all folds teach."""
    text = keep / "trees.txt"
    if not text.exists():
        text.write_text(learn_trees(examples, SEED))
    trees = "\n".join(line for line in text.read_text().split("\n") if not line.startswith(NEEDLESS))
    every = [o for fold in said for o in fold]
    scale = scaled(every, RISK)
    made = Reader(trees, {}, 2, "", scale, scale, encoder="minilm")
    with tempfile.TemporaryDirectory() as folder:
        save(made, Path(folder))
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "reader.json").write_bytes((Path(folder) / "reader.json").read_bytes())
    (FOLDER / "trees.txt.gz").write_bytes(gzip.compress(trees.encode(), 9, mtime=0))
    steps = [(risk, scaled(every, risk)) for risk in RISKS]
    about = {
        "by": "benchmarks/reader.py --write",
        "data": {"name": "XQuAD, English (Artetxe et al. 2020)", "licence": "CC BY-SA 4.0", "file": path.name,
                 "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "questions": len(examples)},
        "seed": SEED, "trees": ranker.TREES,
        "thresholds": [{"risk": risk, "threshold": s.threshold, "kept": s.kept} for risk, s in steps],
    }  # fmt: skip
    (FOLDER / "made.json").write_text(json.dumps(about, indent=1) + "\n")
    return load(FOLDER)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--grid", action="store_true")
    arguments.add_argument("--keep", type=Path, default=Path("out", "search", "reader"))
    arguments.add_argument("--outside", type=Path, nargs="*", default=[])
    options = arguments.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    path = Path(os.environ["ROPEWALK_SHARED_DATA"]) / "search" / "xquad" / "xquad.en.json.gz"
    examples = xquad(path.parent, "en")
    by_id = {e.id: e for e in examples}
    part = parted([e.group for e in examples], FOLDS)
    asked = asked_of(examples, part, options.keep)
    first = [a.found[0].text in a.example.text for a in asked]
    print(f"the right paragraph is found first for {100 * np.mean(first):.1f} % of the {len(asked):,} questions")
    readers = [fold_reader(fold, examples, part, options.keep) for fold in range(FOLDS)]
    if options.grid:
        constants(readers, asked, part)
    single = outcomes(readers, alone(examples), part)
    before = outcomes(readers, [blind(a) for a in asked], part)
    after = outcomes(readers, asked, part)
    print(
        "| reader | EM / F1 of the first answer (95 %) | area, answerable | area, all | answered at the default | answered where nothing answers | promised, right | Brier |"
    )
    print("|---|---|---|---|---|---|---|---|")
    told("given the right paragraph", single, single, by_id)
    old = told("before", few(before), few(single), by_id)
    new = told("after", after, after, by_id)
    terms = outcomes(readers, asked_of(examples, part, options.keep, "terms"), part)
    told("after, searched by terms alone", terms, after, by_id)
    order = [by_id[o.id] for f in after for o in f if not o.stray]
    print(f"after - before: F1 {100 * (new.mean() - old.mean()):+.1f}, p {paired_p(new, old, order):.4f}", flush=True)
    tell("XQuAD en end to end, 240 paragraphs, trees of other articles", f"F1 {100 * new.mean():.1f}", "", "",
         f"not knowing how passages were found {100 * old.mean():.1f}", bool(new.mean() > old.mean()))  # fmt: skip
    reader = write(examples, after, path, options.keep) if options.write else load(FOLDER)
    for file in options.outside:
        outside(file, reader, options.keep)


if __name__ == "__main__":
    main()
