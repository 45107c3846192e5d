"""Held-out queries as a caller would send them, and the labels that come true for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ropewalk.systems.search.config import Config
from ropewalk.types import Dataset, HeldOut, Model

if TYPE_CHECKING:
    import polars as pl


def held_out(config: Config, dataset: Dataset, model: Model) -> HeldOut:
    """Requests of the test queries; truths: `relevant`, a JSON object of document -> label."""
    import polars as pl

    queries = dataset.table("queries").collect()
    labels = labels_of(dataset)
    test = queries.filter(pl.col("part") == "test")
    relevant = [json.dumps(labels.get(query, {}), sort_keys=True) for query in test["query"]]
    return HeldOut(_rows(test), pl.DataFrame({"relevant": relevant}), _rows(queries.filter(pl.col("part") == "learn")))


def _rows(queries: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return queries.select(query=pl.col("text"), k=pl.lit(100))


def labels_of(dataset: Dataset) -> dict[str, dict[str, int]]:
    """query -> document -> label."""
    found: dict[str, dict[str, int]] = {}
    for query, document, label in dataset.table("labels").collect().iter_rows():
        found.setdefault(query, {})[document] = int(label)
    return found
