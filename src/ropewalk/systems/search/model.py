"""What a release of search is: which collection it reads, and the encoder, fusion, reranker and reader that it reads it with.

Frozen are code, weights and settings; the collection advances by itself, manifest by manifest, in the store that the model is
attached to. Each answer names the manifest that it was read from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.errors import MissingError, RequestError, closest
from ropewalk.methods.text.fusion import DEPTH
from ropewalk.systems.search import encoders
from ropewalk.systems.search.answer import reader as readers
from ropewalk.systems.search.answer.answer import Answer, Source, answer
from ropewalk.systems.search.answer.found import Passage
from ropewalk.systems.search.answer.reader import Reader
from ropewalk.systems.search.contract import ANSWER
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.live import Live
from ropewalk.systems.search.retrieve import callers, filters, suggest
from ropewalk.systems.search.retrieve.engine import Engine, Found, Wanted
from ropewalk.systems.search.retrieve.fused import Learned
from ropewalk.systems.search.retrieve.passages import passages
from ropewalk.systems.search.retrieve.rerank import Reranker, from_text

if TYPE_CHECKING:
    from ropewalk.store import Store
    from ropewalk.types import Columns


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything about a release that is not weights."""

    collection: str
    encoder: encoders.Named | None
    bound: str = ""  # the releases whose callers are its own; empty: the collection has its own
    legs: str = "hybrid"  # what is served when a request does not say otherwise; terms: the baseline
    depth: int = DEPTH
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shift: float = 0.0  # what labels taught of the worth of terms beside vectors

    @property
    def callers_at(self) -> str:
        """The folder of its lists of callers."""
        return callers.of_releases(self.bound) if self.bound else callers.of_collection(self.collection)


class Search:
    """A Model. Made by `train`, or by `load` of what it saved; it answers once it is attached to a store."""

    def __init__(self, spec: Spec, reranker: Reranker | None = None, reader: Reader | None = None) -> None:
        self.spec, self.reranker, self.reader = spec, reranker, reader
        self._live: Live | None = None
        self._store: Store | None = None
        self._encode = encoders.lazily(spec.encoder, lambda: self._store)

    # -- life --

    def attach(self, store: Store, manifest: int | None = None) -> None:
        """Read the collection in this store. `manifest`: always as of this one; it is for who holds the store, no caller can ask for it,
        because what was deleted since is still in it."""
        self._store = store
        self._live = Live(store, self.spec.collection, self.spec.callers_at, manifest)

    def trouble(self) -> str:
        """Why answers may come from an old state, or nothing."""
        return self._live.trouble() if self._live is not None else ""

    def lost(self) -> str:
        """Which live state is gone without which no answer can be had, or nothing."""
        assert self._store is not None
        name = self.spec.collection
        return "" if Collection(self._store, name).exists() else f"the collection {name!r}"

    def save(self, folder: Path) -> None:
        body = {**asdict(self.spec), "encoder": asdict(self.spec.encoder) if self.spec.encoder else None}
        (folder / "search.json").write_text(json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False))

        if self.reranker is not None:
            (folder / "reranker.json").write_text(self.reranker.to_text())
        if self.reader is not None:
            readers.save(self.reader, folder / "reader")

    def baseline(self) -> Search:
        """BM25 alone, on the same collection."""
        return Search(replace(self.spec, legs="terms"), reader=self.reader)

    # -- answers --

    def predict(self, requests: Columns) -> Columns:
        rows = [
            dict(zip(requests, row, strict=True)) for row in zip(*(v.tolist() for v in requests.values()), strict=True)
        ]
        answers = [self._answer(row) for row in rows]
        return {c.name: np.array([a[c.name] for a in answers], _DTYPES[c.kind]) for c in ANSWER.columns}

    def _answer(self, row: Mapping[str, Any]) -> dict[str, Any]:
        engine, bound, state = self.opened(row["caller"])
        empty = {**_EMPTY, "state": state}
        if row["task"] == "feedback":
            return empty
        if row["task"] == "ask" and not row["query"].strip():
            return {**empty, "abstained": NO_QUESTION}
        wanted = self.wanted(row, engine, bound)
        if row["task"] == "suggest":
            return {
                **empty,
                "suggestions": json.dumps(
                    suggest.suggest(engine, row["query"], wanted.within, row["k"]), ensure_ascii=False
                ),
            }
        found = engine.search(wanted)
        said = self._said(engine, found.corrected or row["query"], found) if row["task"] == "ask" else {}
        return {**empty, **_listed(engine, found), **said}

    def _said(self, engine: Engine, question: str, found: Found) -> dict[str, Any]:
        """The answer of the reader; where it is not sure enough, why, and what came nearest."""
        if self.reader is None:
            return {"abstained": NO_READER}
        heard = answer(question, self._read(passages(engine, found)), self.reader, LOOKED_THROUGH)
        if not heard.answers:
            return {"abstained": heard.abstained, "nearest": json.dumps(_nearest(heard.withheld), ensure_ascii=False)}
        best = heard.answers[0]
        return {
            "answer": best.text,
            "confidence": best.probability,
            "evidence": json.dumps([_place(source) for source in best.sources], ensure_ascii=False),
        }

    def _read(self, found: Sequence[Passage]) -> Sequence[Passage]:
        """The passages as the reader may know them: what another encoder calls near means nothing to it."""
        mine = self.spec.encoder.name if self.spec.encoder else ""
        if self.reader is not None and mine == self.reader.encoder:
            return found
        return [replace(passage, near=None) for passage in found]

    def wanted(self, row: Mapping[str, Any], engine: Engine, bound: filters.Filter | None) -> Wanted:
        where = filters.read(row["where"], engine.kinds)
        facets = tuple(name.strip() for name in row["facets"].split(",") if name.strip())
        for name in facets:
            if name not in engine.kinds:
                close = closest(name, engine.kinds)
                raise RequestError(
                    f"facets: there is no field {name!r} to count." + (f" Did you mean {close!r}?" if close else "")
                )
        language, known = row["language"], engine.snapshot.layout.languages
        if language and language not in known:
            raise RequestError(f"language: the collection is analysed as {', '.join(known)}, not as {language!r}.")
        legs = self.spec.legs if row["legs"] == "hybrid" else row["legs"]
        return Wanted(
            row["query"], row["k"], legs if self._encode else "terms", where, facets, language=language, bound=bound
        )

    def opened(self, caller: str = "") -> tuple[Engine, filters.Filter | None, str]:
        """The engine on the newest manifest, what the caller may see, and the name of that state."""
        if self._live is None:
            raise MissingError(
                "store", self.spec.collection, hint="A search model reads a live collection: call attach(store) first."
            )
        snapshot, known = self._live.now()
        order = Learned(self.spec.shift, self.reranker)
        engine = Engine(snapshot, self._encode, order, self.spec.synonyms, self.spec.depth)
        return engine, callers.bound(known.callers, caller, engine.kinds), self._live.state(snapshot)


_DTYPES: dict[str, Any] = {"str": object, "int": np.int64, "float": np.float64, "bool": bool}
_EMPTY: dict[str, Any] = {c.name: "" if c.kind == "str" else 0 for c in ANSWER.columns} | {
    "ids": "[]", "scores": "[]", "facets": "{}", "suggestions": "[]", "evidence": "[]", "nearest": "[]",
}  # fmt: skip
NO_QUESTION = "There is no question."
NO_READER = "Nobody reads the documents for an answer here: the setting `reader` is none."
NEAREST = 3  # sentences that are shown where none is sure enough
LOOKED_THROUGH = 10  # answers among which those sentences are sought: several may stand in one


def _nearest(withheld: Sequence[Answer]) -> list[dict[str, Any]]:
    """The first sentences that hold an answer, each once, with the surest of its answers."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for one in withheld:
        place = _place(one.sources[0])
        found.setdefault(
            (place["document"], place["sentence_start"]), {**place, "confidence": one.probability, "text": one.text}
        )
    return list(found.values())[:NEAREST]


def _place(source: Source) -> dict[str, Any]:
    """Where an answer stands, by the names that an answer of this model has for it."""
    return {"document": source.document_id, **{k: v for k, v in asdict(source).items() if k != "document_id"}}


def _listed(engine: Engine, found: Found) -> dict[str, Any]:
    return {
        "hits": len(found.rows),
        "total": found.total,
        "ids": json.dumps(engine.snapshot.ids(found.rows), ensure_ascii=False),
        "scores": json.dumps([round(float(s), 6) for s in found.scores]),
        "facets": json.dumps(found.facets, ensure_ascii=False),
        "corrected": found.corrected,
    }


def load(folder: Path) -> Search:
    """What `save` wrote."""
    body = json.loads((folder / "search.json").read_text())
    named, kept = body.pop("encoder"), folder / "reranker.json"
    reranker = from_text(kept.read_text()) if kept.exists() else None
    reader = readers.load(folder / "reader") if (folder / "reader").exists() else None
    return Search(Spec(**body, encoder=encoders.Named(**named) if named else None), reranker, reader)
