"""config -> Dataset: documents, queries with their part (learn, test), labels, questions, and what was set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ropewalk.errors import DataError
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
    import polars as pl

    if config.docs == "python:docs":
        from ropewalk.systems.search.python_docs import documents

        return pl.DataFrame(list(documents())), pl.DataFrame(), {"about": "docstrings of Python's standard library"}
    raise NotImplementedError(config.docs)


def _labelled(config: Config, documents: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    raise NotImplementedError
