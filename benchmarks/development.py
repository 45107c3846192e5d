"""The small public collections on which the constants of the fusion were fitted (docs/decisions/0030-fusion.md), as files.

    python benchmarks/development.py SOURCES OUT [NAME ...]

SOURCES: a clone of each repository, bare or not, in OWNER/NAME or OWNER+NAME; a collection whose clone is not there is left out,
and what to clone is printed. XQuAD is read from ROPEWALK_SHARED_DATA. OUT/NAME gets docs.jsonl, queries.tsv and qrels.txt, as
`ropewalk search evaluate` reads them, and collection.json: language, kind of the queries, group (collections that share documents)
and source. Without names all are made, in about 20 CPU-seconds.

Kinds: real; keywords (kw_NAME: the one to three words of each query whose vectors are nearest to the query's); words (words_NAME:
a document is known, and is sought by some of its words); typos (typos_NAME: a word of each query is mistyped). What is drawn is
drawn by names: the same on each machine.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import functools
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import development_sources as read
from development_sources import Found
from development_variants import VARIANTS
from ropewalk.errors import DataError, RopewalkError
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


def of(repository: str, *paths: str) -> tuple[str, ...]:
    return tuple(f"{repository} {path}" for path in paths)


def xquad(language: str) -> tuple[str, ...]:
    return of(SHARED, f"search/xquad/xquad.{language}.json.gz")


def below(repository: str, folder: str, ending: str = "") -> Callable[..., tuple[str, ...]]:
    """Of paths in that folder."""
    return lambda *paths: of(repository, *(f"{folder}/{path}{ending}" for path in paths))


glasgow = below("fabianobie/luppar", "data")
covid = below("deepset-ai/COVID-QA", "data")
sts = below("brmson/dataset-sts", "data")
claims = below("CogComp/perspectrum", "data", ".json")

PARTS = ("0.001", "0.501", "1.001", "1.501", "2.001", "2.501", "3.001", "3.501", "4.001", "4.501", "5.001", "5.501", "5.627", "5.850")  # fmt: skip
LISA = [f"lisa/LISA{part}" for part in PARTS]
CACM = of("kavinsan/Information-Retrieval-Project", "cacm.all", "query.text", "qrels.text")
PUBMEDQA = of("pubmedqa/pubmedqa", "data/ori_pqal.json")
WIKIQA = [f"WikiQA/{part}/{file}" for part in ("test", "dev", "train") for file in ("a.toks", "b.toks", "sim.txt")]
BANKING = of("PolyAI-LDN/task-specific-datasets", "banking_data/train.csv", "banking_data/test.csv")
CLIMATE = of("tdiggelm/climate-fever-dataset", "dataset/climate-fever.jsonl")
LIVEQA = (
    *of("abachaa/MedQuAD", "QA-TestSet-LiveQA-Med-Qrels-2479-Answers.zip"),
    *of("abachaa/LiveQA_MedicalTask_TREC2017", "TestDataset/TREC-2017-LiveQA-Medical-Test-Questions-w-summaries.xml"),
)

RECIPES = {
    "cisi": Recipe(read.cisi, glasgow("cisi/CISI.ALL", "cisi/CISI.QRY", "cisi/CISI.REL"), "cisi"),
    "cranfield": Recipe(read.cranfield, glasgow("cran/cran.all.1400", "cran/cran.qry", "cran/cranqrel"), "cranfield"),
    "med": Recipe(read.med, glasgow("med/MED.ALL", "med/MED.QRY", "med/MED.REL"), "med"),
    "time": Recipe(read.time, glasgow("time/TIME.ALL", "time/TIME.QUE", "time/TIME.REL"), "time"),
    "lisa": Recipe(read.lisa, glasgow("lisa/LISA.QUE", "lisa/LISARJ.NUM", *LISA), "lisa"),
    "cacm": Recipe(read.cacm, CACM, "cacm"),
    "cacm_keywords": Recipe(read.cacm_keywords, CACM[:1], "cacm", most=250),
    "pubmedqa": Recipe(read.pubmedqa, PUBMEDQA, "pubmedqa"),
    "pubmed_mesh": Recipe(read.pubmed_mesh, PUBMEDQA, "pubmedqa", most=250),
    **{f"xquad_{lang}": Recipe(read.xquad, xquad(lang), "xquad", language=lang) for lang in ("en", "de", "es", "zh")},
    "xquad_articles": Recipe(read.xquad_articles, xquad("en"), "xquad", most=400),
    "covidqa": Recipe(read.covidqa, covid("question-answering/200423_covidQA.json"), "covidqa", most=400),
    "covidfaq": Recipe(read.covidfaq, covid("faqs/faq_covidbert.csv"), "covidfaq"),
    "wikiqa": Recipe(read.wikiqa, of("castorini/data", *WIKIQA), "wikiqa", most=400, others=9000),
    "trecqa": Recipe(read.trecqa, sts("anssel/wang/train.csv", "anssel/wang/dev.csv", "anssel/wang/test.csv"), "trecqa"),
    "liveqa": Recipe(read.liveqa, LIVEQA, "liveqa"),
    "liveqa_pages": Recipe(read.liveqa_pages, LIVEQA, "liveqa"),
    "banking77": Recipe(read.banking77, BANKING, "banking77"),
    "scifact": Recipe(read.scifact, of("sumithra-p-v/claimverifier", "data/scifact.zip"), "scifact"),
    "climatefever": Recipe(read.climatefever, CLIMATE, "climatefever", most=400),
    "perspectrum": Recipe(read.perspectrum, claims("dataset/perspective_pool_v1.0", "dataset/perspectrum_with_answers_v1.0"), "perspectrum", most=400),
    "debate": Recipe(read.debate, claims("raw_data/debatewise/debatewise", "raw_data/procon/procon"), "debate"),
    "sick": Recipe(read.sick, of("castorini/data", "sick/SICK_train.txt", "sick/SICK_test_annotated.txt"), "sick", most=400),
    "msrp": Recipe(read.msrp, sts("para/msr/msr-para-train.tsv", "para/msr/msr-para-test.tsv"), "msrp", most=400),
    "mqp": Recipe(read.mqp, of("curai/medical-question-pair-dataset", "mqp.csv"), "mqp", most=400),
    "rqe": Recipe(read.rqe, of("abachaa/RQE_Data_AMIA2016", "RQE_Train_8588_AMIA2016.xml"), "rqe", most=400),
}  # fmt: skip


def clone(sources: Path, repository: str) -> Path | None:
    """The folder of a repository, if it is there."""
    places = [sources / name / below for name in (repository, repository.replace("/", "+")) for below in ("", "repo")]
    return next((p for p in places if (p / ".git").exists() or (p / "HEAD").is_file()), None)


def contents(sources: Path, file: str) -> bytes:
    """Of a file of a repository's last commit, or of the shared data."""
    repository, _, path = file.partition(" ")
    if repository == SHARED:
        try:
            return Path(os.environ[SHARED], path).read_bytes()
        except OSError as error:
            raise DataError([f"{SHARED}, {path}: {error.strerror}."]) from None
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
    files = [contents(sources, file) for file in recipe.files]
    try:
        found = tidied(recipe.make(*files))
    except (LookupError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
        raise DataError([f"{', '.join(recipe.files)}: not as they were when this was written: {error!r}."]) from error
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
        way = f"git clone https://github.com/{repository} {asked.sources / repository}"
        if repository == SHARED:
            way = f"set {SHARED} to the folder of shared data"
        print(f"left out for want of {repository}: {', '.join(without)}. Mend it: {way}", file=sys.stderr)
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
