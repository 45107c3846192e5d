"""Queries where nobody has labelled any: a sentence is taken out of a text and has to find what is left of it.

The inverse cloze task (Lee, Chang and Toutanova, ACL 2019, arXiv 1906.00300), used to measure, not to train: the sentence's words are gone
from its document, so whoever finds it knows what the rest is about. It says less than labels: what people ask is put otherwise.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ropewalk.methods.text.sentences import sentence_spans

if TYPE_CHECKING:
    import polars as pl

MOST = 200  # documents that are asked: intervals of a few points
WORDS = (8, 40)  # of a sentence that says something, and is no list
LEAST = 3  # sentences that a text must have, so that something is left
ABOUT = "none were given: each query is a sentence that was taken out of the one document that is relevant to it"


def take_out(documents: pl.DataFrame) -> pl.DataFrame:
    """document, sentence, rest: at most MOST documents, those with the lowest hashes of their ids, the same ones every time."""
    import polars as pl

    rows: list[tuple[str, str, str]] = []
    ids = documents["id"].to_list()
    for place in sorted(range(len(ids)), key=lambda i: _hash(ids[i])):
        if len(rows) == MOST:
            break
        found = _parted(str(documents["text"][place] or ""), ids[place])
        if found is not None:
            rows.append((ids[place], *found))
    schema = {"document": pl.String, "sentence": pl.String, "rest": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def asked(removed: pl.DataFrame) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Queries and labels."""
    rows = removed.to_dicts()
    return {f"cloze {r['document']}": r["sentence"] for r in rows}, {
        f"cloze {r['document']}": {r["document"]: 1} for r in rows
    }


def without(documents: pl.DataFrame, removed: pl.DataFrame) -> pl.DataFrame:
    """The documents as they are searched for the measurement: without the sentences that are asked for."""
    import polars as pl

    joined = documents.join(removed.select(id="document", rest="rest"), on="id", how="left", maintain_order="left")
    return joined.with_columns(text=pl.coalesce("rest", "text")).drop("rest")


def _parted(text: str, id: str) -> tuple[str, str] | None:
    """A sentence, drawn by the document's id, and the text without it."""
    spans = sentence_spans(text, "en")
    fit = [(a, b) for a, b in spans if WORDS[0] <= len(text[a:b].split()) <= WORDS[1]]
    if len(spans) < LEAST or not fit:
        return None
    start, end = fit[_hash(id) % len(fit)]
    return " ".join(text[start:end].split()), f"{text[:start]} {text[end:]}".strip()


def _hash(value: Any) -> int:
    return int.from_bytes(hashlib.sha256(str(value).encode()).digest()[:8], "big")
