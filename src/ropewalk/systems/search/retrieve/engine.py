"""A query -> hits, on one snapshot of a collection: the terms' leg, the meaning's leg, their fusion, and the reranker if there is one.

What a caller may see is a filter like any other by the time that it arrives here, joined to the query's own by `and`; each leg, each
count, each suggestion and each passage for an answer goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ropewalk.methods.text import vectors
from ropewalk.systems.search.index.snapshot import Snapshot
from ropewalk.systems.search.retrieve import filtered, masks, terms, words
from ropewalk.systems.search.retrieve.filters import Filter
from ropewalk.systems.search.retrieve.vocabulary import vocabulary

Encode = Callable[[Sequence[str]], np.ndarray]
FACET_VALUES = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """One query, checked."""

    query: str
    k: int = 10
    legs: str = "hybrid"
    where: Filter | None = None
    facets: tuple[str, ...] = ()
    count: bool = True
    typos: bool = True


@dataclass(frozen=True, slots=True)
class Leg:
    """Candidates of one leg, best first."""

    rows: np.ndarray  # int64 [n]
    scores: np.ndarray  # float32 [n]


NONE = Leg(np.empty(0, np.int64), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first, and what was noticed on the way."""

    rows: np.ndarray  # int64 [n]
    scores: np.ndarray  # float64 [n]
    total: int = 0
    facets: Mapping[str, Any] = field(default_factory=dict)
    corrected: str = ""
    terms: Mapping[str, frozenset[str]] = field(default_factory=dict)  # language -> terms to highlight
    legs: Mapping[str, Leg] = field(default_factory=dict)


Fuse = Callable[["Engine", words.Clause, Leg, Leg], Leg]


@dataclass(frozen=True, slots=True)
class Engine:
    """A snapshot with all that answers a query on it."""

    snapshot: Snapshot
    encode: Encode | None
    fuse: Callable[[Engine, str, Leg, Leg], Leg]
    rerank: Callable[[Engine, str, Leg, Leg, Leg], Leg] | None = None
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    depth: int = 200

    @property
    def kinds(self) -> dict[str, str]:
        """Fields that can be filtered and counted by."""
        return {f.name: f.kind for f in self.snapshot.layout.fields if f.kind != "text"}

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.snapshot.layout.fields if f.kind == "text")

    def search(self, wanted: Wanted, vector: np.ndarray | None = None) -> Found:
        """The hits of a query. `vector`: its encoding, where a caller has it already."""
        clauses = words.parse(wanted.query, self.texts)
        understood = terms.understand(clauses, vocabulary(self.snapshot, self.synonyms), wanted.typos)
        by_terms = self.terms_leg(understood.query, wanted) if wanted.legs != "dense" else NONE
        by_meaning = self.dense_leg(clauses, wanted, vector) if wanted.legs != "terms" else NONE
        hits = self._joined(words.plain(clauses), wanted, by_terms, by_meaning)
        total, facets = self._counts(wanted, understood.query, by_meaning)
        corrected = _corrected(wanted.query, understood.mended)
        legs = {"terms": by_terms, "dense": by_meaning}
        k = wanted.k
        return Found(hits.rows[:k], hits.scores[:k], total, facets, corrected, understood.terms, legs)

    def _joined(self, query: str, wanted: Wanted, by_terms: Leg, by_meaning: Leg) -> Leg:
        if wanted.legs == "terms":
            return by_terms
        if wanted.legs == "dense":
            return by_meaning
        fused = self.fuse(self, query, by_terms, by_meaning)
        return fused if self.rerank is None else self.rerank(self, query, by_terms, by_meaning, fused)

    # -- legs --

    def terms_leg(self, query: Any | None, wanted: Wanted) -> Leg:
        if query is None:
            return NONE
        within = filtered.within(query, wanted.where, self.snapshot.index.schema, self.kinds)
        return Leg(*self.snapshot.terms(within, max(self.depth, wanted.k)))

    def dense_leg(self, clauses: Sequence[words.Clause], wanted: Wanted, vector: np.ndarray | None = None) -> Leg:
        text = words.plain(clauses)
        if self.encode is None or not (text or vector is not None):
            return NONE
        query = self.encode([text])[0] if vector is None else vector
        mask = self.seen(wanted.where, clauses)
        return Leg(*vectors.scan(self.snapshot.vectors, query, max(self.depth, wanted.k), mask))

    def seen(self, where: Filter | None, clauses: Sequence[words.Clause] = ()) -> np.ndarray:
        """bool [rows]: live documents inside the filter, without those that hold what must not be there or lack what must."""
        mask = self.snapshot.alive
        if where is not None:
            mask = mask & masks.mask(where, self.snapshot, self.kinds)
        strict = [c for c in clauses if c.must != "may"]
        if strict:
            mask = mask & self._held_to(strict)
        return mask

    def _held_to(self, strict: Sequence[words.Clause]) -> np.ndarray:
        """bool [rows]: what the signs + and - leave; the dense leg knows no words, so the terms' leg says it."""
        known = vocabulary(self.snapshot, self.synonyms)
        mask = np.ones(self.snapshot.rows, bool)
        for clause in strict:
            query = terms.understand(
                [words.Clause(clause.text, "may", clause.field, clause.phrase, clause.prefix)], known, False
            ).query
            if query is None:
                continue
            rows, _ = self.snapshot.terms(query, max(1, self.snapshot.rows))
            hit = np.zeros(self.snapshot.rows, bool)
            hit[rows] = True
            mask &= hit if clause.must == "must" else ~hit
        return mask

    # -- counts --

    def _counts(self, wanted: Wanted, query: Any | None, by_meaning: Leg) -> tuple[int, dict[str, Any]]:
        """How many documents match, and by field: those with a term, and the candidates of the other leg."""
        if not (wanted.count or wanted.facets):
            return 0, {}
        from tantivy import Occur, Query

        parts = [] if query is None or wanted.legs == "dense" else [(Occur.Should, query)]
        if len(by_meaning.rows):
            ids = self.snapshot.ids(by_meaning.rows)
            parts.append((Occur.Should, Query.term_set_query(self.snapshot.index.schema, "id", ids)))
        if not parts:
            return 0, {}
        either = Query.boolean_query(parts)
        within = filtered.within(either, wanted.where, self.snapshot.index.schema, self.kinds)
        total = int(self.snapshot.searcher.search(within, 1, count=True).count)
        return total, self._facets(within, wanted.facets)

    def _facets(self, query: Any, names: Sequence[str]) -> dict[str, Any]:
        if not names:
            return {}
        found = self.snapshot.searcher.aggregate(query, {name: _aggregation(name, self.kinds[name]) for name in names})
        return {name: _counted(found[name], self.kinds[name]) for name in names}


def _aggregation(name: str, kind: str) -> dict[str, Any]:
    if kind in ("float", "date"):
        return {"stats": {"field": name}}
    return {"terms": {"field": name, "size": FACET_VALUES}}


def _counted(found: Mapping[str, Any], kind: str) -> Any:
    """[[value, documents], ...], the most frequent first, equal ones by value; of floats and dates the least and the greatest."""
    if kind in ("float", "date"):
        return {"min": found["min"], "max": found["max"], "documents": found["count"]}
    values = [(bool(b["key"]) if kind == "bool" else b["key"], b["doc_count"]) for b in found["buckets"]]
    return [[value, count] for value, count in sorted(values, key=lambda one: (-one[1], str(one[0])))]


def _corrected(query: str, mended: Mapping[str, str]) -> str:
    """The query with the words that were meant; terms are stems, so a mended word may read as one."""
    if not mended:
        return ""
    return " ".join(mended.get(word, word) for word in query.split())
