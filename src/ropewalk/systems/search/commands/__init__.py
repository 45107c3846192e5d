"""Commands beyond the verbs: `ropewalk search index DOCS --into COLLECTION`, `query "..."`, and the rest.

They work on collections of the store, with or without a release: a collection names its own fields, languages and encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from ropewalk.types import Desk

DOCS = "file, folder, archive, s3://... or - (standard input) of HTML, Markdown, text, JSONL, CSV, Parquet, PDF, WARC"
CALLER = "token that `bind` printed, for a collection that is bound to its callers"
WHICH = "collection; without it that of the live release, or the only one there is"


def index(
    desk: Desk, docs: Annotated[str, DOCS, "DOCS"], *, into: Annotated[str, "name of the new collection", "COLLECTION"]
) -> int:
    """Makes a collection of documents: fields, language and encoder as the settings say (--set fields='{brand: keyword}')."""
    from ropewalk.systems.search.commands.write import index

    return index(desk, docs, into)


def add(desk: Desk, docs: Annotated[str, DOCS, "DOCS"], *, into: Annotated[str, WHICH, "COLLECTION"] = "") -> int:
    """Adds documents to a collection, in place of those with the same ids."""
    from ropewalk.systems.search.commands.write import add

    return add(desk, docs, into)


def delete(
    desk: Desk,
    ids: Annotated[str, "ids with commas between them, or @FILE with one a line", "IDS"],
    *,
    collection: Annotated[str, WHICH, "COLLECTION"] = "",
) -> int:
    """Deletes documents by id."""
    from ropewalk.systems.search.commands.write import delete

    return delete(desk, ids, collection)


def query(
    desk: Desk,
    words: Annotated[str, 'words, "a phrase", -without, field:word, begin*; "": every document', "QUERY"],
    *,
    collection: Annotated[str, WHICH, "COLLECTION"] = "",
    top: Annotated[int, "hits wanted (default: 10)", "N"] = 10,
    where: Annotated[str, 'filter as JSON: {"brand": ["HP"], "price": {"lt": 20}}', "JSON"] = "",
    facets: Annotated[str, "fields to count, with commas", "FIELDS"] = "",
    language: Annotated[str, "language of the query, ISO 639-1 (default: any of the collection's)", "LANGUAGE"] = "",
    legs: Annotated[str, "hybrid, terms or dense (default: hybrid)", "LEGS"] = "hybrid",
    manifest: Annotated[int, "search as of this manifest", "N"] = 0,
    explain: Annotated[bool, "show how each hit got its score"] = False,
    caller: Annotated[str, CALLER, "TOKEN"] = "",
) -> int:
    """Finds documents."""
    from ropewalk.systems.search.commands.read import query

    return query(desk, words, collection, top, where, facets, language, legs, manifest, explain, caller)


def ask(
    desk: Desk,
    question: Annotated[str, "a question", "QUESTION"],
    *,
    collection: Annotated[str, WHICH, "COLLECTION"] = "",
    where: Annotated[str, "filter as JSON", "JSON"] = "",
    caller: Annotated[str, CALLER, "TOKEN"] = "",
) -> int:
    """Answers a question in the words of its sources, or says that it cannot."""
    from ropewalk.systems.search.commands.read import ask

    return ask(desk, question, collection, where, caller)


def collections(desk: Desk) -> int:
    """Lists the collections of the store."""
    from ropewalk.systems.search.commands.read import collections

    return collections(desk)


def evaluate(
    desk: Desk,
    *,
    docs: Annotated[str, DOCS],
    queries: Annotated[str, "queries: id, a tab, the text"],
    qrels: Annotated[str, "labels: query 0 document label"],
) -> int:
    """Measures terms, meaning, their fusion and the reranker on a collection with labels."""
    from ropewalk.systems.search.commands.evaluate import evaluate

    return evaluate(desk, docs, queries, qrels)


def reindex(
    desk: Desk,
    *,
    collection: Annotated[str, WHICH, "COLLECTION"] = "",
    least: Annotated[
        float, "refuse when less of the first ten hits of logged queries stays (default: 0)", "SHARE"
    ] = 0.0,
    dry_run: Annotated[bool, "build and compare, swap nothing"] = False,
    rollback: Annotated[bool, "take the last reindex back"] = False,
) -> int:
    """Builds a collection anew with the settings given, beside the old one, compares them on logged queries, and swaps them."""
    from ropewalk.systems.search.commands.again import reindex

    return reindex(desk, collection, dry_run, rollback, least)


def upkeep(
    desk: Desk,
    *,
    collection: Annotated[str, WHICH, "COLLECTION"] = "",
    every: Annotated[float, "again every so many seconds, until it is stopped (default: once)", "SECONDS"] = 0.0,
    older_than_days: Annotated[float, "manifests replaced so long ago are removed (default: 7)", "DAYS"] = 7.0,
    dry_run: Annotated[bool, "say what would be removed, change nothing"] = False,
) -> int:
    """Merges segments and removes what no kept manifest names."""
    from ropewalk.systems.search.commands.keep import upkeep

    return upkeep(desk, collection, every, older_than_days, dry_run)


def bind(
    desk: Desk,
    caller: Annotated[str, "name of who asks", "CALLER"],
    *,
    where: Annotated[str, 'what they may see, as JSON: {"tenant": "a"}; {} is everything', "JSON"] = "",
    remove: Annotated[bool, "take their token away"] = False,
    collection: Annotated[str, WHICH, "COLLECTION"] = "",
) -> int:
    """Gives a caller a token for a part of a collection; from then on everybody needs one."""
    from ropewalk.systems.search.commands.bind import bind

    return bind(desk, caller, where, remove, collection)


def unbind(desk: Desk, *, collection: Annotated[str, WHICH, "COLLECTION"] = "") -> int:
    """Shows a bound collection to everybody again: no token is needed, and those given out mean nothing."""
    from ropewalk.systems.search.commands.bind import unbind

    return unbind(desk, collection)


def labels(desk: Desk, *, out: Annotated[str, "where the labels go (default: labels.qrels)"] = "labels.qrels") -> int:
    """Writes the thumbs that people gave as labels."""
    from ropewalk.systems.search.commands.keep import labels

    return labels(desk, out)


def pool(
    desk: Desk,
    queries: Annotated[str, "queries: id, a tab, the text", "QUERIES"],
    *,
    collection: Annotated[str, WHICH, "COLLECTION"] = "",
    qrels: Annotated[str, "labels that there are; their pairs are left out"] = "",
    depth: Annotated[int, "first documents of each leg that are judged (default: 10)", "N"] = 10,
    out: Annotated[str, "tasks, .csv or .jsonl (default: tasks.csv)"] = "tasks.csv",
    caller: Annotated[str, CALLER, "TOKEN"] = "",
) -> int:
    """Writes what people should judge: the first documents of each leg for each query."""
    from ropewalk.systems.search.commands.judge import pool

    return pool(desk, queries, collection, qrels, depth, out, caller)


def agree(
    desk: Desk,
    answers: Annotated[str, "files of tasks with answers, with commas between them", "FILES"],
    *,
    rule: Annotated[str, "majority, dawid_skene or mace (default: majority)", "RULE"] = "majority",
    qrels: Annotated[str, "labels that there are; new ones are added"] = "",
    out: Annotated[str, "where the labels go (default: labels.qrels)"] = "labels.qrels",
) -> int:
    """Makes labels of what several people answered, and says how far they agree."""
    from ropewalk.systems.search.commands.judge import agree

    return agree(desk, answers, rule, qrels, out)


COMMANDS: dict[str, Callable[..., int]] = {
    "index": index, "add": add, "delete": delete, "query": query, "ask": ask, "collections": collections,
    "evaluate": evaluate, "reindex": reindex, "upkeep": upkeep, "bind": bind, "unbind": unbind, "labels": labels, "pool": pool, "agree": agree,
}  # fmt: skip
