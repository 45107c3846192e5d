"""config -> Dataset: documents, queries with their part (learn, test), labels, questions, and what was set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropewalk.errors import DataError
from ropewalk.systems.search.collect import CollectSettings, collect
from ropewalk.systems.search.config import Config
from ropewalk.types import Job, Snapshot

if TYPE_CHECKING:
    import polars as pl

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # documents that say no time
HELD_OUT = 0.4  # of the queries: enough to measure on, where labels are few


def data(config: Config, job: Job) -> Snapshot:
    """Read what the configuration names."""
    import polars as pl

    if config.docs.startswith("made:"):
        return _made(config)
    documents, aside, notes = _documents(config, job)
    queries, labels = _labelled(config, documents)
    tables = {"documents": documents, "queries": queries, "labels": labels, "set_aside": aside}
    if config.questions:
        tables["questions"] = pl.DataFrame()
    return Snapshot(EPOCH, tables, {**notes, "partition": PARTITION})


PARTITION = (
    f"a query is held out (test) when the first eight digits of sha256(its id) are under {HELD_OUT:.0%} of their range"
)


def part(query: str) -> str:
    """learn or test, by the query's id alone: more queries later move none of the earlier ones."""
    return "test" if int(hashlib.sha256(query.encode()).hexdigest()[:8], 16) < HELD_OUT * 2**32 else "learn"


def _made(config: Config) -> Snapshot:
    import polars as pl

    from ropewalk.systems.search.made import make

    size = config.docs.removeprefix("made:")
    if not size.isdigit() or not 10 <= int(size) <= 1_000_000:
        raise DataError([f"docs: {config.docs!r}: made:N makes N articles, 10 to 1,000,000."])
    made = make(int(size))
    tables = {
        "documents": pl.DataFrame(made.documents),
        "queries": queries_table(made.queries),
        "labels": pl.DataFrame(made.labels, schema=["query", "document", "label"], orient="row"),
        "questions": pl.DataFrame(made.questions),
    }
    return Snapshot(EPOCH, tables, {"about": "made articles of a made shop", "partition": PARTITION})


def queries_table(queries: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """id, text, part."""
    import polars as pl

    rows = [(id, text, part(id)) for id, text in queries]
    return pl.DataFrame(rows, schema={"query": pl.String, "text": pl.String, "part": pl.String}, orient="row")


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


def _labelled(config: Config, documents: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Queries and labels as they were given."""
    if not config.queries or not config.qrels:
        raise DataError(["queries, qrels: give both; without labels nothing can be measured yet."])
    return queries_table(read_queries(config.queries)), read_labels(config.qrels)


def read_queries(address: str) -> list[tuple[str, str]]:
    """(id, text) of a table without a header: id, a tab, the text."""
    rows = []
    for number, line in enumerate(Path(address).read_text(encoding="utf-8").splitlines(), 1):
        id, tab, text = line.partition("\t")
        if not tab or not text.strip():
            raise DataError([f"{address}, line {number}: {line[:60]!r} is no query: write its id, a tab, its text."])
        rows.append((id.strip(), text.strip()))
    return rows


def read_labels(address: str) -> pl.DataFrame:
    """query, document, label of TREC qrels: query 0 document label."""
    import polars as pl

    rows = []
    for number, line in enumerate(Path(address).read_text(encoding="utf-8").splitlines(), 1):
        parts = line.split()
        if len(parts) != 4 or not parts[3].lstrip("-").isdigit():
            raise DataError([f"{address}, line {number}: {line[:60]!r} is no label: write query 0 document label."])
        rows.append((parts[0], parts[2], int(parts[3])))
    return pl.DataFrame(rows, schema={"query": pl.String, "document": pl.String, "label": pl.Int64}, orient="row")
