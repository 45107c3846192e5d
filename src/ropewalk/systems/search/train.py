"""config, Dataset -> Model: the collection is built, the fusion and the reranker are learned where there are labels."""

from __future__ import annotations

import hashlib
import json

from ropewalk.systems.search import encoders
from ropewalk.systems.search.build import build, layout_of
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Layout
from ropewalk.systems.search.model import Search, Spec
from ropewalk.types import Dataset, Job, Model


def train(config: Config, dataset: Dataset, job: Job, start: Model | None) -> Search:
    """Build the collection, unless it is there, and a model that reads it."""
    encoder = encoders.named(config, job)
    documents = dataset.table("documents").collect()
    layout = layout_of(documents, config.fields, config.weights, **languages(config), **encoders.of_layout(encoder))
    collection = Collection(job.store, f"{config.collection}-{_mark(dataset.hash, layout)}")
    collection.create(layout)
    if not collection.manifest().live:
        collection.commit(build(collection, documents.iter_slices(10_000), encoder, job))
    model = Search(Spec(collection.name, encoder, "hybrid" if encoder else "terms", config.depth, config.synonyms))
    model.attach(job.store)
    return model


def languages(config: Config) -> dict[str, object]:
    """A layout's languages."""
    first = config.languages[0] if config.language == "auto" else config.language
    return {"language": first, "languages": tuple(dict.fromkeys((first, *config.languages)))}


def _mark(dataset: str, layout: Layout) -> str:
    return hashlib.sha256(json.dumps([dataset, layout.to_json()], sort_keys=True).encode()).hexdigest()[:10]
