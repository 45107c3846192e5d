"""Thumbs become labels: what people said of hits, as a table of queries, documents and labels.

A thumb up counts 1, a thumb down -1; the label of a pair is 1 where the sum is above zero, else 0. A second thumb of the same answer on
the same document replaces the first: somebody changed their mind. Where the hit stood is kept, because the first place is clicked
and judged more often than it deserves.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def labels_of_events(events: pl.DataFrame) -> pl.DataFrame:
    """query (a hash of its text), text, document, label, thumbs, place: one row a pair."""
    import polars as pl

    asked = {e["id"]: e for e in events.filter(pl.col("request").struct.field("task") != "feedback").to_dicts()}
    last: dict[tuple[str, str], tuple[str, int, int]] = {}
    for event in events.sort("at").filter(pl.col("request").struct.field("task") == "feedback").to_dicts():
        said = event["request"]
        about = asked.get(said["about"])
        if about is not None and said["thumb"]:
            ids = json.loads(about["answer"]["ids"])
            place = ids.index(said["document"]) + 1 if said["document"] in ids else 0
            last[said["about"], said["document"]] = (about["request"]["query"], said["thumb"], place)
    schema = {"text": pl.String, "document": pl.String, "thumb": pl.Int64, "place": pl.Int64}
    rows = [(text, document, thumb, place) for (_, document), (text, thumb, place) in last.items()]
    pairs = (
        pl.DataFrame(rows, schema=schema, orient="row")
        .group_by("text", "document")
        .agg(
            label=(pl.col("thumb").sum() > 0).cast(pl.Int64),
            thumbs=pl.len().cast(pl.Int64),
            place=pl.col("place").min(),
        )
    )
    named = pl.col("text").map_elements(query_id, pl.String)
    return pairs.select(named.alias("query"), "text", "document", "label", "thumbs", "place").sort("query", "document")


def query_id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def qrels(labels: pl.DataFrame) -> str:
    """As TREC writes them: query 0 document label."""
    return "".join(f"{row['query']} 0 {row['document']} {row['label']}\n" for row in labels.to_dicts())
