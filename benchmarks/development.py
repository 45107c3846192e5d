"""The small public collections on which the constants of the fusion were fitted (docs/decisions/0030-fusion.md), as files.

    python benchmarks/development.py SOURCES OUT [NAME ...]

SOURCES: a clone of each repository, bare or not, in OWNER/NAME or OWNER+NAME; a collection whose clone is not there is left out,
and what to clone is printed. XQuAD is read from ROPEWALK_SHARED_DATA. OUT/NAME gets docs.jsonl, queries.tsv and qrels.txt, as
`ropewalk search evaluate` reads them, and collection.json: language, kind of the queries, group (collections that share documents)
and source. Without names all are made, some 15 CPU-minutes, most of them vectors of words.

Kinds: real; keywords (kw_NAME: the one to three words of each query whose vectors are nearest to the query's); words (words_NAME:
a document is known, and is sought by some of its words). What is drawn is drawn by the collection's name: the same on each machine.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import functools
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

import development_sources as read
from development_sources import Found
from ropewalk.errors import DataError, RopewalkError
from ropewalk.methods.text import analysis
from ropewalk.systems.search.encode import minilm
from ropewalk.systems.search.measure.files import labels_text
from ropewalk.whole import write_whole

SHARED = "ROPEWALK_SHARED_DATA"
Row = TypeVar("Row")


@dataclass(frozen=True)
class Recipe:
    make: Callable[..., Found]  # of the contents of the files
    files: tuple[str, ...]  # each "OWNER/NAME path" of a repository, or "ROPEWALK_SHARED_DATA path"
    group: str
    most: int | None = None  # queries: so many are drawn
    others: int | None = None  # documents beside those that answer a query, likewise
    language: str = "en"


@dataclass(frozen=True)
class Variant:
    """The documents of a collection, other queries."""

    make: Callable[[Found, random.Random], Found]
    base: str
    kind: str
    seed: str


def of(repository: str, *paths: str) -> tuple[str, ...]:
    return tuple(f"{repository} {path}" for path in paths)


def glasgow(*paths: str) -> tuple[str, ...]:
    return of("fabianobie/luppar", *(f"data/{path}" for path in paths))


LISA = ("0.001", "0.501", "1.001", "1.501", "2.001", "2.501", "3.001", "3.501", "4.001", "4.501", "5.001", "5.501", "5.627", "5.850")  # fmt: skip
CACM = of("kavinsan/Information-Retrieval-Project", "cacm.all", "query.text", "qrels.text")
PUBMEDQA = of("pubmedqa/pubmedqa", "data/ori_pqal.json")
PERSPECTRUM = "CogComp/perspectrum"
LIVEQA = (
    "abachaa/MedQuAD QA-TestSet-LiveQA-Med-Qrels-2479-Answers.zip",
    "abachaa/LiveQA_MedicalTask_TREC2017 TestDataset/TREC-2017-LiveQA-Medical-Test-Questions-w-summaries.xml",
)
WIKIQA = [f"WikiQA/{part}/{file}" for part in ("test", "dev", "train") for file in ("a.toks", "b.toks", "sim.txt")]

RECIPES = {
    "cisi": Recipe(read.cisi, glasgow("cisi/CISI.ALL", "cisi/CISI.QRY", "cisi/CISI.REL"), "cisi"),
    "cranfield": Recipe(read.cranfield, glasgow("cran/cran.all.1400", "cran/cran.qry", "cran/cranqrel"), "cranfield"),
    "med": Recipe(read.med, glasgow("med/MED.ALL", "med/MED.QRY", "med/MED.REL"), "med"),
    "time": Recipe(read.time, glasgow("time/TIME.ALL", "time/TIME.QUE", "time/TIME.REL"), "time"),
    "lisa": Recipe(read.lisa, glasgow("lisa/LISA.QUE", "lisa/LISARJ.NUM", *(f"lisa/LISA{n}" for n in LISA)), "lisa"),
    "cacm": Recipe(read.cacm, CACM, "cacm"),
    "cacm_keywords": Recipe(read.cacm_keywords, CACM[:1], "cacm", most=250),
    "scifact": Recipe(read.scifact, of("sumithra-p-v/claimverifier", "data/scifact.zip"), "scifact"),
    "pubmedqa": Recipe(read.pubmedqa, PUBMEDQA, "pubmedqa"),
    "pubmed_mesh": Recipe(read.pubmed_mesh, PUBMEDQA, "pubmedqa", most=250),
    **{
        f"xquad_{language}": Recipe(read.xquad, of(SHARED, f"search/xquad/xquad.{language}.json.gz"), "xquad", language=language)
        for language in ("en", "de", "es", "zh")
    },
    "xquad_articles": Recipe(read.xquad_articles, of(SHARED, "search/xquad/xquad.en.json.gz"), "xquad", most=400),
    "covidqa": Recipe(read.covidqa, of("deepset-ai/COVID-QA", "data/question-answering/200423_covidQA.json"), "covidqa", most=400),
    "covidfaq": Recipe(read.covidfaq, of("deepset-ai/COVID-QA", "data/faqs/faq_covidbert.csv"), "covidfaq"),
    "wikiqa": Recipe(read.wikiqa, of("castorini/data", *WIKIQA), "wikiqa", most=400, others=9000),
    "trecqa": Recipe(read.trecqa, of("brmson/dataset-sts", *(f"data/anssel/wang/{p}.csv" for p in ("train", "dev", "test"))), "trecqa"),
    "liveqa": Recipe(read.liveqa, LIVEQA, "liveqa"),
    "liveqa_pages": Recipe(read.liveqa_pages, LIVEQA, "liveqa"),
    "banking77": Recipe(read.banking77, of("PolyAI-LDN/task-specific-datasets", "banking_data/train.csv", "banking_data/test.csv"), "banking77"),
    "climatefever": Recipe(read.climatefever, of("tdiggelm/climate-fever-dataset", "dataset/climate-fever.jsonl"), "climatefever", most=400),
    "perspectrum": Recipe(
        read.perspectrum,
        of(PERSPECTRUM, "data/dataset/perspective_pool_v1.0.json", "data/dataset/perspectrum_with_answers_v1.0.json"),
        "perspectrum", most=400,
    ),
    "debate": Recipe(read.debate, of(PERSPECTRUM, "data/raw_data/debatewise/debatewise.json", "data/raw_data/procon/procon.json"), "debate"),
    "sick": Recipe(read.sick, of("castorini/data", "sick/SICK_train.txt", "sick/SICK_test_annotated.txt"), "sick", most=400),
    "msrp": Recipe(read.msrp, of("brmson/dataset-sts", *(f"data/para/msr/msr-para-{p}.tsv" for p in ("train", "test"))), "msrp", most=400),
    "mqp": Recipe(read.mqp, of("curai/medical-question-pair-dataset", "mqp.csv"), "mqp", most=400),
    "rqe": Recipe(read.rqe, of("abachaa/RQE_Data_AMIA2016", "RQE_Train_8588_AMIA2016.xml"), "rqe", most=400),
}  # fmt: skip


# Variants


def keywords(base: Found, rnd: random.Random) -> Found:
    """Of the words that some document has, those nearest to their query, in its order: one (of four queries), two or three."""
    known = {term for _, title, said in base.documents for term in analysis.terms(f"{title} {said}", "en")}
    asked = [words_of(said) for _, said in base.queries]
    vocabulary = sorted({word for words in asked for word in words})
    vectors = dict(zip(vocabulary, encoder()(vocabulary), strict=True))
    queries = []
    for (number, _), words, meant in zip(base.queries, asked, encoder()([q for _, q in base.queries]), strict=True):
        count = rnd.choices((1, 2, 3), (0.25, 0.45, 0.3))[0]
        there = [word for word in words if known.issuperset(analysis.terms(word, "en"))]
        nearest = sorted(there, key=lambda word, meant=meant: -float(vectors[word] @ meant))[:count]
        queries.append((number, " ".join(word for word in words if word in nearest).lower()))
    return Found(base.documents, queries, base.labels)


@functools.cache
def encoder() -> Callable[[list[str]], np.ndarray]:
    return minilm().encode


def words_of(said: str) -> list[str]:
    """Each word once; stop words are none."""
    return [word for word in dict.fromkeys(re.findall(r"[\w\-]+", said)) if analysis.terms(word, "en")]


def known_items(base: Found, rnd: random.Random) -> Found:
    """Three to six words of 150 documents that have four or more."""
    queries, labels = [], {}
    for number in range(150):
        document, title, said = rnd.choice(base.documents)
        words = [word.lower() for word in words_of(f"{title} {said}")]
        if len(words) >= 4:
            count = min(rnd.choice((3, 4, 5, 6)), len(words))
            queries.append((f"r{number}", " ".join(rnd.sample(words, count))))
            labels[f"r{number}"] = {document: 1}
    return Found(base.documents, queries, labels)


def five_words(base: Found, rnd: random.Random) -> Found:
    """Five long words of 300 documents that have eight or more."""
    queries, labels = [], {}
    for document, title, said in rnd.sample(base.documents, 300):
        words = sorted(set(re.findall(r"[a-z]{5,}", f"{title} {said}")))
        if len(words) >= 8:
            queries.append((f"w{document}", " ".join(rnd.sample(words, 5))))
            labels[f"w{document}"] = {document: 1}
    return Found(base.documents, queries, labels)


def titles(base: Found, rnd: random.Random) -> Found:
    """300 titles as queries; documents have none."""
    some = rnd.sample([one for one in base.documents if one[1] and one[2]], 300)
    documents = [(number, "", said) for number, _, said in base.documents]
    return Found(documents, [(f"t{i}", title) for i, title, _ in some], {f"t{i}": {i: 1} for i, _, _ in some})


def typos(base: Found, rnd: random.Random) -> Found:
    """In half of the words of four letters and more a letter is missing, or two change places."""

    def mistyped(word: str) -> str:
        if len(word) < 4 or rnd.random() < 0.5:
            return word
        at = rnd.randrange(1, len(word) - 1)
        return word[:at] + (word[at + 1] + word[at] + word[at + 2 :] if rnd.random() < 0.5 else word[at + 1 :])

    queries = [(number, " ".join(map(mistyped, said.split()))) for number, said in base.queries]
    return Found(base.documents, queries, base.labels)


KEYWORDS = (
    "cacm", "cisi", "cranfield", "med", "time", "lisa", "scifact", "trecqa", "wikiqa", "liveqa", "climatefever", "covidfaq",
    "banking77", "pubmedqa", "xquad_en", "mqp", "perspectrum",
)  # fmt: skip
WORDS = ("cranfield", "cisi", "cacm", "pubmedqa", "wikiqa", "perspectrum", "scifact", "liveqa", "climatefever", "banking77")  # fmt: skip
VARIANTS = {
    "lisa_words": Variant(five_words, "lisa", "words", "lisa_words"),
    "cran_titles": Variant(titles, "cranfield", "real", "cran_titles"),
    "sick_typos": Variant(typos, "sick", "real", "sick_typos"),
    **{f"kw_{base}": Variant(keywords, base, "keywords", base) for base in KEYWORDS},
    **{f"words_{base}": Variant(known_items, base, "words", f"rw{base}") for base in WORDS},
}


# Reading and writing


def clone(sources: Path, repository: str) -> Path | None:
    """The folder of a repository, if it is there."""
    places = [sources / name / below for name in (repository, repository.replace("/", "+")) for below in ("", "repo")]
    return next((p for p in places if (p / ".git").exists() or (p / "HEAD").is_file()), None)


def contents(sources: Path, file: str) -> bytes:
    """Of a file of a repository's last commit, or of the shared data."""
    repository, _, path = file.partition(" ")
    if repository == SHARED:
        return Path(os.environ[SHARED], path).read_bytes()
    call = ["git", "-C", str(clone(sources, repository)), "show", f"HEAD:{path}"]
    shown = subprocess.run(call, capture_output=True, check=False)
    if shown.returncode:
        raise DataError([f"{repository}, {path}: git says {shown.stderr.decode(errors='replace').strip()!r}."])
    return shown.stdout


@functools.cache
def made(sources: Path, name: str) -> Found:
    if name in VARIANTS:
        variant = VARIANTS[name]
        return tidied(variant.make(made(sources, variant.base), random.Random(variant.seed)))
    recipe = RECIPES[name]
    found = tidied(recipe.make(*(contents(sources, file) for file in recipe.files)))
    return drawn(found, random.Random(name), recipe.most, recipe.others)


def tidied(found: Found) -> Found:
    """Ids without white space, labels of documents that are there, and only queries that one of them answers."""
    documents = [("_".join(i.split()), read.plain(title), said) for i, title, said in found.documents]
    known = {i for i, _, _ in documents}
    labels = {
        query: {"_".join(i.split()): label for i, label in one.items() if "_".join(i.split()) in known}
        for query, one in found.labels.items()
    }
    queries = [(q, read.plain(t)) for q, t in found.queries if t.strip() and any(labels.get(q, {}).values())]
    return Found(documents, queries, {q: labels[q] for q, _ in queries})


def drawn(found: Found, rnd: random.Random, most: int | None, others: int | None) -> Found:
    """So many queries, and so many documents beside those that answer them."""
    queries = some(found.queries, most, rnd)
    labels = {query: found.labels[query] for query, _ in queries}
    needed = {document for one in labels.values() for document in one}
    kept = set(some([i for i, _, _ in found.documents if i not in needed], others, rnd)) | needed
    return Found([one for one in found.documents if one[0] in kept], queries, labels)


def some(rows: list[Row], most: int | None, rnd: random.Random) -> list[Row]:
    """In their order."""
    return rows if most is None or most >= len(rows) else [rows[i] for i in sorted(rnd.sample(range(len(rows)), most))]


def write(folder: Path, name: str, found: Found) -> None:
    """collection.json is the last one: where it is, the others are whole."""
    variant = VARIANTS.get(name)
    recipe = RECIPES[variant.base if variant else name]
    about = {
        "language": recipe.language,
        "group": recipe.group,
        "kind": variant.kind if variant else "real",
        "source": ", ".join(recipe.files),
        "documents": len(found.documents),
        "queries": len(found.queries),
    }
    rows = [{"id": i, **({"title": title} if title else {}), "text": said} for i, title, said in found.documents]
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "docs.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    write_whole(folder / "queries.tsv", "".join(f"{i}\t{said}\n" for i, said in found.queries).encode())
    write_whole(folder / "qrels.txt", labels_text(found.labels).encode())
    write_whole(folder / "collection.json", (json.dumps(about, indent=1) + "\n").encode())


def missing(sources: Path, names: Iterable[str]) -> dict[str, list[str]]:
    """Names by what they need and is not there."""
    needs: dict[str, list[str]] = {}
    for name in names:
        files = RECIPES[VARIANTS[name].base if name in VARIANTS else name].files
        for repository in dict.fromkeys(file.partition(" ")[0] for file in files):
            if not (os.environ.get(SHARED) if repository == SHARED else clone(sources, repository)):
                needs.setdefault(repository, []).append(name)
    return needs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*RECIPES, *VARIANTS])}")
    asked = parser.parse_args()
    names = asked.names or [*RECIPES, *VARIANTS]
    if unknown := [name for name in names if name not in RECIPES and name not in VARIANTS]:
        parser.error(f"no collection {', '.join(unknown)}; there are {', '.join([*RECIPES, *VARIANTS])}")
    lacking = missing(asked.sources, names)
    for repository, without in lacking.items():
        way = f"set {SHARED} to the folder of shared data" if repository == SHARED else f"git clone https://github.com/{repository} {asked.sources / repository}"  # fmt: skip
        print(f"left out for want of {repository}: {', '.join(without)}. {way}", file=sys.stderr)
    failed = {name for without in lacking.values() for name in without}
    for name in (name for name in names if name not in failed):
        try:
            found = made(asked.sources, name)
            write(asked.out / name, name, found)
            print(f"{name}: {len(found.documents):,} documents, {len(found.queries):,} queries", flush=True)
        except RopewalkError as error:
            failed.add(name)
            print(f"{name}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
