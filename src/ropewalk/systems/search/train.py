"""config, Dataset -> Model: the collection is built, the fusion and the reranker are learned where there are labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ropewalk.systems.search import encoders
from ropewalk.systems.search.config import Config, weight_of
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.model import Search, Spec
from ropewalk.types import Dataset, Job, Model

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

SEGMENT = 50_000  # documents of a segment that is built at once
TEXTS = ("title", "text")


def train(config: Config, dataset: Dataset, job: Job, start: Model | None) -> Search:
    """Build the collection, unless it is there, and a model that reads it."""
    encoder = None
    if config.encoder != "none":
        made = encoders.make(config.encoder, config.precision, job.store.cache("encoders"), job.threads)
        encoder = encoders.named(config.encoder, config.precision, made)
    documents = dataset.table("documents").collect()
    layout = layout_of(config, documents.columns, encoder)
    name = f"{config.collection}-{_mark(dataset.hash, layout)}"
    build(Collection(job.store, name), layout, documents, made if encoder else None, job)
    model = Search(Spec(name, encoder, "hybrid" if encoder else "terms", config.depth, config.synonyms))
    model.attach(job.store)
    return model


def layout_of(config: Config, columns: Sequence[str], encoder: encoders.Named | None) -> Layout:
    """The fields of the documents: title and text, and those that the configuration names."""
    texts = [Field(name, "text", weight_of(config, name)) for name in TEXTS if name in columns]
    typed = [Field(name, kind, weight_of(config, name)) for name, kind in config.fields.items()]
    return Layout(
        (*texts, *typed),
        config.language if config.language != "auto" else config.languages[0],
        tuple(config.languages),
        encoder=encoder.hash if encoder else None,
        dims=encoder.dims if encoder else 0,
    )


def _mark(dataset: str, layout: Layout) -> str:
    return hashlib.sha256(json.dumps([dataset, layout.to_json()], sort_keys=True).encode()).hexdigest()[:10]


def build(collection: Collection, layout: Layout, documents: pl.DataFrame, encoder: Any, job: Job) -> None:
    """All documents in one commit. A build that was killed begins anew but for the segments that it had put."""
    if collection.exists() and collection.manifest().live:
        return
    if not collection.exists():
        collection.create(layout)
    segments, done = [], 0
    for part in parts(documents):
        rows = part.to_dicts()
        segments.append(collection.put_segment(rows, encoded(encoder, rows)))
        done += len(rows)
        job.progress("index", done, documents.height, "documents")
    collection.commit(segments)


def parts(documents: pl.DataFrame) -> Iterator[pl.DataFrame]:
    return documents.iter_slices(SEGMENT)


def encoded(encoder: Any, rows: Sequence[dict[str, Any]]) -> np.ndarray | None:
    """The vectors of documents: title and text together."""
    if encoder is None:
        return None
    vectors: np.ndarray = encoder.encode([readable(row) for row in rows])
    return vectors


def readable(document: dict[str, Any]) -> str:
    """What the encoder reads of a document."""
    return " ".join(str(document[name]) for name in TEXTS if document.get(name))
