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
from ropewalk.systems.search import encoders
from ropewalk.systems.search.contract import ANSWER
from ropewalk.systems.search.live import Live
from ropewalk.systems.search.retrieve import callers, filters, fused, suggest
from ropewalk.systems.search.retrieve.engine import Engine, Found, Wanted

if TYPE_CHECKING:
    from ropewalk.store import Store
    from ropewalk.types import Columns


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything about a release that is not weights."""

    collection: str
    encoder: encoders.Named | None
    legs: str = "hybrid"  # what is served when a request does not say otherwise; terms: the baseline
    depth: int = 200
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Search:
    """A Model. Made by `train`, or by `load` of what it saved; it answers once it is attached to a store."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._live: Live | None = None
        self._encode = encoders.lazily(spec.encoder)

    # -- life --

    def attach(self, store: Store) -> None:
        self._live = Live(store, self.spec.collection)

    def save(self, folder: Path) -> None:
        body = {**asdict(self.spec), "encoder": asdict(self.spec.encoder) if self.spec.encoder else None}
        (folder / "search.json").write_text(json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False))

    def baseline(self) -> Search:
        """BM25 alone, on the same collection."""
        return Search(replace(self.spec, legs="terms"))

    # -- answers --

    def predict(self, requests: Columns) -> Columns:
        rows = [
            dict(zip(requests, row, strict=True)) for row in zip(*(v.tolist() for v in requests.values()), strict=True)
        ]
        vectors = self._encoded(rows)
        answers = [self._answer(row, vector) for row, vector in zip(rows, vectors, strict=True)]
        return {c.name: np.array([a[c.name] for a in answers], _DTYPES[c.kind]) for c in ANSWER.columns}

    def _encoded(self, rows: Sequence[Mapping[str, Any]]) -> list[np.ndarray | None]:
        """One call of the encoder for all queries that need their meaning."""
        return [None] * len(rows)

    def _answer(self, row: Mapping[str, Any], vector: np.ndarray | None) -> dict[str, Any]:
        engine, bound, state = self.opened(row["caller"])
        empty = {**_EMPTY, "state": state}
        if row["task"] == "feedback":
            return empty
        wanted = self._wanted(row, engine, bound)
        if row["task"] == "suggest":
            return {
                **empty,
                "suggestions": json.dumps(
                    suggest.suggest(engine, row["query"], wanted.where, row["k"]), ensure_ascii=False
                ),
            }
        return {**empty, **_listed(engine, engine.search(wanted, vector))}

    def _wanted(self, row: Mapping[str, Any], engine: Engine, bound: filters.Filter | None) -> Wanted:
        where = filters.both(filters.read(row["where"], engine.kinds), bound)
        facets = tuple(name.strip() for name in row["facets"].split(",") if name.strip())
        for name in facets:
            if name not in engine.kinds:
                close = closest(name, engine.kinds)
                raise RequestError(
                    f"facets: there is no field {name!r} to count." + (f" Did you mean {close!r}?" if close else "")
                )
        legs = self.spec.legs if row["legs"] == "hybrid" else row["legs"]
        return Wanted(row["query"], row["k"], legs if self._encode else "terms", where, facets)

    def opened(self, caller: str = "") -> tuple[Engine, filters.Filter | None, str]:
        """The engine on the newest manifest, what the caller may see, and the name of that state."""
        if self._live is None:
            raise MissingError(
                "store", self.spec.collection, hint="A search model reads a live collection: call attach(store) first."
            )
        snapshot, known = self._live.now()
        engine = Engine(snapshot, self._encode, fused.fuse, None, self.spec.synonyms, self.spec.depth)
        return engine, callers.bound(known, caller, engine.kinds), self._live.state(snapshot)


_DTYPES: dict[str, Any] = {"str": object, "int": np.int64, "float": np.float64, "bool": bool}
_EMPTY: dict[str, Any] = {c.name: "" if c.kind == "str" else 0 for c in ANSWER.columns} | {
    "ids": "[]", "scores": "[]", "facets": "{}", "suggestions": "[]", "evidence": "[]",
}  # fmt: skip


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
    named = body.pop("encoder")
    return Search(Spec(**body, encoder=encoders.Named(**named) if named else None))
