"""config -> Dataset: documents, queries with their part (learn, test), labels, and what was set aside.

Without labels the documents themselves are asked (cloze.py): a sentence taken out of a text has to find the text that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ropewalk.errors import DataError
from ropewalk.systems.search import cloze, questions
from ropewalk.systems.search.collect import CollectSettings, collect
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.measure import files, parts
from ropewalk.systems.search.measure.parts import Rule
from ropewalk.types import Job, Snapshot

if TYPE_CHECKING:
    import polars as pl

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # documents that say no time
PARTS = Rule(shares={"learn": 0.6, "test": 0.4})  # enough to measure on, where labels are few


def data(config: Config, job: Job) -> Snapshot:
    """Read what the configuration names."""
    if bool(config.queries) != bool(config.qrels):
        raise DataError(
            ["queries, qrels: give both, or none of them: then sentences taken out of the documents are the queries."]
        )
    if config.docs.startswith("made:"):
        return _made(config)
    documents, aside, notes = _documents(config, job)
    tables = {"documents": documents, "set_aside": aside}
    if config.queries and config.qrels:
        queries, labels = files.read_queries(config.queries), files.read_labels(config.qrels)
    else:
        removed = cloze.take_out(documents)
        queries, labels = cloze.asked(removed)
        tables["removed"], notes["labels"] = removed, cloze.ABOUT
        job.note("no labels were given: sentences taken out of the documents are the queries")
    tables["labels"] = labels_table(labels)
    if config.questions:
        tables["questions"] = questions.read(config.questions, config.language)
    return _with_queries(tables, queries, notes)


def _made(config: Config) -> Snapshot:
    import polars as pl

    from ropewalk.systems.search.made import make

    size = config.docs.removeprefix("made:")
    if not size.isdigit() or not 10 <= int(size) <= 1_000_000:
        raise DataError([f"docs: {config.docs!r}: made:N makes N articles, 10 to 1,000,000."])
    made = make(int(size))
    tables = {
        "documents": pl.DataFrame(made.documents),
        "labels": pl.DataFrame(made.labels, schema=["query", "document", "label"], orient="row"),
    }
    about = {d["id"]: {"group": d["product"], "text": d["text"]} for d in made.documents}
    tables["questions"] = questions.table([{**q, **about[str(q["document"])]} for q in made.questions])
    return _with_queries(tables, dict(made.queries), {"about": "made articles of a made shop"})


def _with_queries(tables: dict[str, pl.DataFrame], queries: Mapping[str, str], notes: dict[str, Any]) -> Snapshot:
    """The dataset, with the part of each query and how it was cut."""
    import polars as pl

    cut = parts.cut(list(queries), PARTS)
    part = {query: name for name, members in cut.items() for query in members}
    rows = [(query, text, part[query]) for query, text in queries.items()]
    schema = {"query": pl.String, "text": pl.String, "part": pl.String}
    stated = parts.stated(PARTS, cut, {query: {"text": text} for query, text in queries.items()})
    tables["queries"] = pl.DataFrame(rows, schema=schema, orient="row")
    return Snapshot(EPOCH, tables, {**notes, "queries": stated})


def labels_table(labels: Mapping[str, Mapping[str, int]]) -> pl.DataFrame:
    """query, document, label."""
    import polars as pl

    rows = [(query, document, label) for query, judged in labels.items() for document, label in judged.items()]
    return pl.DataFrame(rows, schema={"query": pl.String, "document": pl.String, "label": pl.Int64}, orient="row")


def _documents(config: Config, job: Job) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Documents, what was set aside, and notes."""
    import polars as pl

    if config.docs == "python:docs":
        from ropewalk.systems.search.python_docs import documents

        aside = pl.DataFrame(schema={"source": pl.String, "position": pl.Int64, "reason": pl.String})
        return pl.DataFrame(list(documents())), aside, {"about": "docstrings of Python's standard library"}
    found = collect(config.docs, job, collect_settings(config))
    return found.documents.collect(), found.set_aside, {"collected": dict(found.notes)}


def collect_settings(config: Config) -> CollectSettings:
    """How documents are read, as the configuration says it."""
    types = {name: kind for name, kind in config.fields.items() if kind != "text"}
    return CollectSettings(
        columns=dict(config.columns),
        types=types,
        language=config.language,
        passage_words=config.passage_words,
        near_duplicates=config.near_duplicates,
    )
