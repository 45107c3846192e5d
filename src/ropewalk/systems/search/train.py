"""config, Dataset -> Model: the collection is built; fusion, reranker and reader are learned where there are labels for them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

from ropewalk.errors import MissingError
from ropewalk.systems.search import encoders
from ropewalk.systems.search.answer.examples import Example
from ropewalk.systems.search.answer.learn import train as train_reader
from ropewalk.systems.search.answer.reader import Reader
from ropewalk.systems.search.answer.shipped import MORE, shipped
from ropewalk.systems.search.asked import as_asked
from ropewalk.systems.search.build import build, layout_of
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.encode.minilm import weights_folder
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Layout
from ropewalk.systems.search.learn import Lesson, learn
from ropewalk.systems.search.model import Search, Spec
from ropewalk.systems.search.requests import labels_of
from ropewalk.types import Dataset, Job, Model


def train(config: Config, dataset: Dataset, job: Job, start: Model | None) -> Search:
    """Build the collection, unless it is there, and a model that reads it."""
    base = _network_base() if config.reader == "network" and "questions" in dataset.tables else None
    documents = dataset.table("documents").collect()
    encoder = encoders.named(config, job, documents)
    layout = layout_of(documents, config.fields, config.weights, **config.spoken, **encoders.of_layout(encoder))
    collection = Collection(job.store, f"{config.collection}-{_mark(dataset.hash, layout)}")
    collection.create(layout, trained=True)
    if not collection.manifest().live:
        collection.commit(
            build(collection, documents.iter_slices(10_000), encoder, job, documents.height), trained=True
        )
    else:
        collection.renew()
    legs = "hybrid" if encoder else "terms"
    model = Search(Spec(collection.name, encoder, config.collection, legs, config.depth, config.synonyms))
    model.attach(job.store)
    learned = taught(config, model, dataset, job) if encoder else model
    return with_reader(config, learned, dataset, base, job)


def with_reader(config: Config, model: Search, dataset: Dataset, base: Path | None, job: Job) -> Search:
    """The model with a reader: the one that comes with the package, or one that went on from there on questions that were given."""
    if config.reader == "none":
        return model
    reader = shipped(config.risk)
    if "questions" in dataset.tables:
        reader = _own_reader(config, model, dataset, base, job)
    elif config.reader == "network":
        job.note(
            "a network learns from questions, and none were given: the reader is the one that comes with the package"
        )
    made = Search(model.spec, model.reranker, reader)
    made.attach(job.store)
    return made


def _own_reader(config: Config, model: Search, dataset: Dataset, base: Path | None, job: Job) -> Reader:
    questions = dataset.table("questions").filter(part="learn").collect().to_dicts()
    examples = [
        Example(q["id"], q["question"], q["text"], q["answer"], q["start"], q["language"], q["group"])
        for q in questions
    ]
    asked = as_asked(model, examples)
    if asked is None:
        job.note("few of the questions are answered in these documents: how sure to be is learned from their own texts")
    start = shipped(config.risk).trees
    made = train_reader(examples, base, job, risk=config.risk, seed=job.seed, asked=asked, start=start, trees=MORE)
    return replace(made, encoder=model.spec.encoder.name if asked and model.spec.encoder else "")


def taught(config: Config, model: Search, dataset: Dataset, job: Job) -> Search:
    """The model with what the labels of the queries to learn from say, where there are labels for it."""
    if not config.rerank or "removed" in dataset.tables:
        return model
    queries = dataset.table("queries").collect().filter(part="learn")
    asked = list(zip(queries["query"].to_list(), queries["text"].to_list(), strict=True))
    engine, _, _ = model.opened()
    lesson = Lesson(engine, asked, labels_of(dataset), lambda n: job.progress("queries", n, len(asked), "queries"))
    found = learn(lesson, lesson.queries, job.seed)
    reranker = found.reranker if found.reranker is not None and found.reranker.blend else None
    made = Search(replace(model.spec, shift=found.shift), reranker)
    made.attach(job.store)
    return made


def _network_base() -> Path:
    """The folder of the weights that a network reader begins with."""
    if importlib.util.find_spec("optax") is None:
        raise MissingError(
            "package",
            "optax",
            hint="A network is trained with JAX: pip install 'ropewalk[search,inventory]'; or set reader=trees.",
        )
    return weights_folder()


def _mark(dataset: str, layout: Layout) -> str:
    return hashlib.sha256(json.dumps([dataset, layout.to_json()], sort_keys=True).encode()).hexdigest()[:10]
