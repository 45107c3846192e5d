"""A query -> hits, on one snapshot of a collection: the terms' leg, the meaning's leg, their fusion, and the reranker if there is one.

What a caller may see is a filter like any other by the time that it arrives here, joined to the query's own by `and`; each leg, each
count, each suggestion and each passage for an answer goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tantivy import Occur, Query

from ropewalk.methods.text import analysis, vectors
from ropewalk.methods.text.fusion import DEPTH, Leg
from ropewalk.systems.search.index.snapshot import Snapshot
from ropewalk.systems.search.retrieve import filtered, masks, terms, words
from ropewalk.systems.search.retrieve.filters import Filter
from ropewalk.systems.search.retrieve.vocabulary import vocabulary

Encode = Callable[[Sequence[str]], np.ndarray]
FACET_VALUES = 30
READ, LOOKED_AT = 5, 5_000  # documents, and characters of each, in which a mended word is looked for


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
    language: str = ""  # of the query; empty: any of the collection's


NONE = Leg(np.empty(0, np.int64), np.empty(0, np.float32), True)


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


@dataclass(frozen=True, slots=True)
class Ranked:
    """What fusion and reranking look at: the clauses and their query, both legs, and the query's vector."""

    clauses: tuple[words.Clause, ...]
    query: Any | None  # tantivy.Query, None: no term
    terms: Leg
    dense: Leg
    vector: np.ndarray | None  # float32 [d]


Order = Callable[["Engine", Ranked], Leg]


@dataclass(frozen=True, slots=True)
class Engine:
    """A snapshot with all that answers a query on it. `order`: what makes one ranking of both legs."""

    snapshot: Snapshot
    encode: Encode | None
    order: Order
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    depth: int = DEPTH

    @property
    def kinds(self) -> dict[str, str]:
        """Fields that can be filtered and counted by."""
        return {f.name: f.kind for f in self.snapshot.layout.fields if f.kind != "text"}

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.snapshot.layout.fields if f.kind == "text")

    def search(self, wanted: Wanted, vector: np.ndarray | None = None) -> Found:
        """The hits of a query; of an empty one all documents, in the order of their rows. `vector`: its encoding, where a caller has
        it already."""
        clauses = words.parse(wanted.query, self.texts)
        understood = terms.understand(clauses, self._known(wanted), wanted.typos)
        query = understood.query
        if not wanted.query.strip():
            wanted, query = replace(wanted, legs="terms"), Query.all_query()
        ranked = self.ranked(wanted, clauses, query, vector)
        hits = self._ordered(wanted, ranked)
        total, facets = self._counts(wanted, query, hits.rows[: wanted.k])
        changed = understood.mended or understood.loosened
        corrected = self._corrected(wanted.query, understood, ranked.terms) if changed else ""
        legs = {"terms": ranked.terms, "dense": ranked.dense}
        k = wanted.k
        return Found(hits.rows[:k], hits.scores[:k], total, facets, corrected, understood.terms, legs)

    def _known(self, wanted: Wanted) -> terms.Vocabulary:
        """The words of the collection. Whether a phrase stands somewhere is asked of what the filter leaves: nobody is to learn it of
        documents that are not for them."""
        known = vocabulary(self.snapshot, self.synonyms, wanted.language)
        if (where := wanted.where) is None:
            return known
        schema = self.snapshot.index.schema
        return replace(known, holds=lambda query: known.holds(filtered.within(query, where, schema, self.kinds)))

    def ranked(
        self, wanted: Wanted, clauses: tuple[words.Clause, ...], query: Any | None, vector: np.ndarray | None = None
    ) -> Ranked:
        """Both legs of a query, as far as they are wanted."""
        if vector is None and wanted.legs != "terms" and self.encode is not None and (text := words.plain(clauses)):
            vector = self.encode([text])[0]
        by_terms = self.terms_leg(query, wanted) if wanted.legs != "dense" else NONE
        by_meaning = self.dense_leg(vector, clauses, wanted) if wanted.legs != "terms" else NONE
        return Ranked(clauses, query, by_terms, by_meaning, vector)

    def _ordered(self, wanted: Wanted, ranked: Ranked) -> Leg:
        if wanted.legs != "hybrid" or not len(ranked.dense.rows) or not len(ranked.terms.rows):
            return ranked.dense if len(ranked.dense.rows) else ranked.terms
        return self.order(self, ranked)

    # -- legs --

    def terms_leg(self, query: Any | None, wanted: Wanted) -> Leg:
        if query is None:
            return NONE
        within = filtered.within(query, wanted.where, self.snapshot.index.schema, self.kinds)
        limit = max(self.depth, wanted.k)
        rows, scores = self.snapshot.terms(within, limit)
        return Leg(rows, scores, len(rows) < limit)

    def dense_leg(self, vector: np.ndarray | None, clauses: Sequence[words.Clause], wanted: Wanted) -> Leg:
        if vector is None or not self.snapshot.vectors:
            return NONE
        limit = max(self.depth, wanted.k)
        rows, scores = vectors.scan(self.snapshot.vectors, vector, limit, self.seen(wanted.where, clauses))
        return Leg(rows, scores, len(rows) < limit)

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
            free = words.Clause(clause.text, "may", clause.field, clause.phrase, clause.prefix)
            query = terms.understand([free], known, False).query
            if query is not None:
                hit = np.zeros(self.snapshot.rows, bool)
                hit[self.snapshot.terms(query, max(1, self.snapshot.rows))[0]] = True
                mask &= hit if clause.must == "must" else ~hit
        return mask

    # -- counts --

    def _counts(self, wanted: Wanted, query: Any | None, listed: np.ndarray) -> tuple[int, dict[str, Any]]:
        """How many documents match, and by field: those with a term, and the hits that have none."""
        if not (wanted.count or wanted.facets):
            return 0, {}
        parts = [] if query is None or wanted.legs == "dense" else [(Occur.Should, query)]
        if len(listed) and wanted.legs != "terms":
            ids = self.snapshot.ids(listed)
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

    def _corrected(self, query: str, understood: terms.Understood, by_terms: Leg) -> str:
        """The query with the words that were meant, as the first documents that hold them write them: a term is only a stem. A
        phrase that stands nowhere loses its quotes."""
        layout = self.snapshot.layout
        found = self.snapshot.documents(by_terms.rows[:READ]) if layout.stored else []
        texts = [str(document.get(name) or "")[:LOOKED_AT] for document in found for name in self.texts]
        written = {
            term: text[start:end]
            for text in reversed(texts)
            for term, start, end in analysis.analyse(text, layout.language)
        }
        meant = {typed: written.get(term, term).lower() for typed, term in understood.mended.items()}
        for phrase in understood.loosened:
            query = query.replace(f'"{phrase}"', phrase)
        return " ".join(meant.get(word, word) for word in query.split())


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
