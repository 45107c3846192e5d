"""From files to answers in Python, without a release: a collection that is added to, searched and asked.

with open_store() as store:
    texts = Texts(store, "help").add("docs/")
    for hit in texts.query("how is a killed training continued", top=3):
        print(hit["title"], hit["id"])
    print(texts.ask("What keeps a blob from collection?")["answer"])
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.systems.search import encoders
from ropewalk.systems.search.answer.shipped import shipped
from ropewalk.systems.search.build import build, layout_of
from ropewalk.systems.search.collect import Collected, collect
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.contract import checked
from ropewalk.systems.search.data import collect_settings
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.manifest import Manifest
from ropewalk.systems.search.model import Search, Spec
from ropewalk.systems.search.service import shown
from ropewalk.types import Job

if TYPE_CHECKING:
    import polars as pl

    from ropewalk.store import Store

SAMPLE = 10_000  # documents from which the kinds of fields are read


class Texts:
    """One collection of a store. `settings`: those of `ropewalk train search --help`, such as fields={"brand": "keyword"}."""

    def __init__(self, store: Store, name: str, **settings: Any) -> None:
        self.collection = Collection(store, name)
        self.config = Config(**settings)
        self._model: Search | None = None

    def add(self, docs: str | Sequence[str]) -> Texts:
        """Add the documents of files, folders, archives or s3://..., in place of those with the same ids; one commit."""
        with tempfile.TemporaryDirectory(prefix="ropewalk-") as folder:
            add(self.collection, docs, self.config, Alone(self.collection.store, Path(folder)))
        return self

    def delete(self, ids: Iterable[str]) -> Texts:
        self.collection.commit(delete=ids)
        return self

    def query(self, words: str, top: int = 10, where: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The hits, best first: id, title, score, snippet (pieces of text, marked or not), fields."""
        hits: list[dict[str, Any]] = self.found(query=words, k=top, where=json.dumps(where) if where else "")["hits"]
        return hits

    def ask(self, question: str, where: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """answer ("" where none is sure enough), confidence, evidence (id, start, end, the sentence in pieces), hits."""
        return self.found(query=question, task="ask", where=json.dumps(where) if where else "")

    def found(self, **row: Any) -> dict[str, Any]:
        if self._model is None:
            self._model = reading(self.collection, self.config)
        return answered(self._model, row)


@dataclass
class Alone:
    """A Job in this process that keeps nothing and tells nobody."""

    store: Any
    folder: Path
    seed: int = 0
    rank: int = 0
    size: int = 1
    threads: int = 1
    kept: dict[str, Any] = field(default_factory=dict)

    def map(self, function: Callable[[Any, int], Any], items: Iterable[Any]) -> list[Any]:
        return [function(item, number) for number, item in enumerate(items)]

    def report(self, step: int, **metrics: float) -> None: ...

    def progress(self, what: str, done: float, total: float, unit: str = "") -> None: ...

    def note(self, sentence: str) -> None: ...

    def checkpoint(self, step: int, state: bytes) -> None: ...

    def resume(self) -> None:
        return None


def add(collection: Collection, docs: str | Sequence[str], config: Config, job: Job) -> tuple[Manifest, Collected]:
    """Collect documents and commit them. A collection that is not there is made, as the configuration and the documents say, once all
    is built: an attempt that was broken off leaves none. What was collected is kept for the next attempt, until the commit."""
    place = job.folder / "added" / collection.name
    found = collect(docs, job, collect_settings(config), place=place)
    new = not collection.exists()
    sample = found.documents.head(SAMPLE).collect() if new else None
    encoder = encoders.parse(collection.layout().encoder) if sample is None else encoders.named(config, job, sample)
    layout = None if sample is None else layout_like(sample, config, encoder)
    segments = build(collection, found.batches(), encoder, job, found.rows, layout)
    if layout is not None:
        collection.create(layout)
    done = collection.commit(segments)
    shutil.rmtree(place, ignore_errors=True)
    return done, found


def layout_like(sample: pl.DataFrame, config: Config, encoder: encoders.Named | None) -> Any:
    return layout_of(sample, config.fields, config.weights, **config.spoken, **encoders.of_layout(encoder))


def reading(collection: Collection, config: Config) -> Search:
    """What searches a collection as the collection itself says, without a release."""
    encoder = encoders.parse(collection.layout().encoder)
    legs = "hybrid" if encoder else "terms"
    reader = None if config.reader == "none" else shipped(config.risk)
    spec = Spec(collection.name, encoder, legs=legs, depth=config.depth, synonyms=config.synonyms)
    model = Search(spec, reader=reader)
    model.attach(collection.store)
    return model


def answered(model: Search, given: Mapping[str, Any]) -> dict[str, Any]:
    """The model's answer to one row of the contract, dressed for people."""
    row = checked(given)
    answers = model.predict({name: np.array([value], object) for name, value in row.items()})
    answer = {name: values.tolist()[0] for name, values in answers.items()}
    return shown.answer(model, row, {"event_id": "", "release": "", **answer})
