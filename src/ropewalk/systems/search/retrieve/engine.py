"""A query -> hits, on one snapshot of a collection: the terms' leg, the meaning's leg, their fusion, and the reranker if there is one.

What a caller may see is joined to the query's own filter by `and` (`Wanted.within`); each leg, each count, each suggestion and each
passage for an answer goes through it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from tantivy import Occur, Query

from ropewalk.methods.text import analysis, vectors
from ropewalk.methods.text.fusion import DEPTH, Leg
from ropewalk.systems.search.index.snapshot import Snapshot
from ropewalk.systems.search.retrieve import filtered, filters, masks, terms, words
from ropewalk.systems.search.retrieve.filters import Filter
from ropewalk.systems.search.retrieve.vocabulary import places, seen_by, vocabulary

Encode = Callable[[Sequence[str]], np.ndarray]
FACET_VALUES = 30
BEGIN = 4  # times as many words with a beginning are looked at where a filter leaves out documents
READ, LOOKED_AT = 10, 5_000  # documents, and characters of each, in which a mended word is looked for
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One query, checked. `where`: its own filter. `bound`: the caller's; words of other documents are unknown to them, too."""

    query: str
    k: int = 10
    legs: str = "hybrid"
    where: Filter | None = None
    facets: tuple[str, ...] = ()
    count: bool = True
    typos: bool = True
    language: str = ""  # of the query; empty: any of the collection's
    bound: Filter | None = None

    @property
    def within(self) -> Filter | None:
        """What may be found."""
        return filters.both(self.where, self.bound)


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
    """What fusion and reranking look at: the query as it was understood, both legs, and its vector."""

    understood: terms.Understood
    terms: Leg
    dense: Leg
    vector: np.ndarray | None  # float32 [d]
    meant: Mapping[str, str]  # a word that was mended -> the one that was meant, as documents write it


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
        if not wanted.query.strip():
            wanted = replace(wanted, legs="terms")
        ranked = self.ranked(wanted, vector)
        hits, understood = self._ordered(wanted, ranked), ranked.understood
        total, facets = self._counts(wanted, understood.query, hits.rows[: wanted.k])
        changed = understood.loosened or ranked.meant
        corrected = _corrected(wanted.query, understood.loosened, ranked.meant) if changed else ""
        legs = {"terms": ranked.terms, "dense": ranked.dense}
        k = wanted.k
        return Found(hits.rows[:k], hits.scores[:k], total, facets, corrected, understood.terms, legs)

    def understood(self, wanted: Wanted) -> terms.Understood:
        """A query in the words of the collection; an empty one means every document."""
        understood = terms.understand(words.parse(wanted.query, self.texts), self._known(wanted), wanted.typos)
        return understood if wanted.query.strip() else replace(understood, query=Query.all_query())

    def _known(self, wanted: Wanted) -> terms.Vocabulary:
        """The words of the collection. Whether a phrase stands somewhere, which word was meant and how words go on is asked of what the filter
        leaves; which words there are, of what the caller may see: nobody is to learn it of documents that are not for them."""
        known = vocabulary(self.snapshot, self.synonyms, wanted.language)
        if (where := wanted.within) is None:
            return known
        seen = seen_by(self.snapshot, self.kinds)
        finds = partial(seen, where)

        def begins(place: str, prefix: str, most: int) -> list[str]:
            all_of_them = known.begins(place, prefix, BEGIN * most)
            return list(islice((term for term in all_of_them if finds(place, term)), most))

        def holds(query: Any) -> bool:
            return known.holds(filtered.within(query, where, self.snapshot.index.schema, self.kinds))

        mine = replace(known, holds=holds, finds=finds, begins=begins)
        return mine if wanted.bound is None else replace(mine, knows=partial(seen, wanted.bound))

    def _term(self, place: str, term: str) -> Any:
        return Query.term_query(self.snapshot.index.schema, place, term, "basic")

    def ranked(self, wanted: Wanted, vector: np.ndarray | None = None) -> Ranked:
        """Both legs of a query, as far as they are wanted. What is encoded has its words mended, too: an encoder knows no mistyped ones
        (docs/decisions/0035-mistyped.md)."""
        understood = self.understood(wanted)
        by_terms = self.terms_leg(understood.query, wanted) if wanted.legs != "dense" else NONE
        meant = {word: self._written(word, term, wanted) for word, term in understood.mended.items()}
        text = words.plain(understood.clauses)
        if vector is None and wanted.legs != "terms" and self.encode is not None and text:
            vector = self.encode([_mended(text, meant)])[0]
        by_meaning = self.dense_leg(vector, understood.clauses, wanted) if wanted.legs != "terms" else NONE
        return Ranked(understood, by_terms, by_meaning, vector, meant)

    def _ordered(self, wanted: Wanted, ranked: Ranked) -> Leg:
        if wanted.legs != "hybrid" or not len(ranked.dense.rows) or not len(ranked.terms.rows):
            return ranked.dense if len(ranked.dense.rows) else ranked.terms
        return self.order(self, ranked)

    # -- legs --

    def terms_leg(self, query: Any | None, wanted: Wanted) -> Leg:
        if query is None:
            return NONE
        within = filtered.within(query, wanted.within, self.snapshot.index.schema, self.kinds)
        limit = max(self.depth, wanted.k)
        rows, scores = self.snapshot.terms(within, limit)
        return Leg(rows, scores, len(rows) < limit)

    def dense_leg(self, vector: np.ndarray | None, clauses: Sequence[words.Clause], wanted: Wanted) -> Leg:
        if vector is None or not self.snapshot.vectors:
            return NONE
        limit = max(self.depth, wanted.k)
        seen = self.seen(wanted.within, clauses, self._known(wanted))
        rows, scores = vectors.scan(self.snapshot.vectors, vector, limit, seen)
        return Leg(rows, scores, len(rows) < limit)

    def seen(
        self, where: Filter | None, clauses: Sequence[words.Clause] = (), known: terms.Vocabulary | None = None
    ) -> np.ndarray:
        """bool [rows]: live documents inside the filter, without those that hold what must not be there or lack what must."""
        mask = self.snapshot.alive
        if where is not None:
            mask = mask & masks.mask(where, self.snapshot, self.kinds)
        strict = [c for c in clauses if c.must != "may"]
        if strict:
            mask = mask & self._held_to(strict, known or vocabulary(self.snapshot, self.synonyms))
        return mask

    def _held_to(self, strict: Sequence[words.Clause], known: terms.Vocabulary) -> np.ndarray:
        """bool [rows]: what the signs + and - leave; the dense leg knows no words, so the terms' leg says it."""
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
        within = filtered.within(either, wanted.within, self.snapshot.index.schema, self.kinds)
        total = int(self.snapshot.searcher.search(within, 1, count=True).count)
        return total, self._facets(within, wanted.facets)

    def _facets(self, query: Any, names: Sequence[str]) -> dict[str, Any]:
        if not names:
            return {}
        found = self.snapshot.searcher.aggregate(query, {name: _aggregation(name, self.kinds[name]) for name in names})
        return {name: _counted(found[name], self.kinds[name]) for name in names}

    # -- what was meant --

    def _written(self, typed: str, term: str, wanted: Wanted) -> str:
        """A term, which is only a stem, as a document writes it: of the forms in READ documents the one nearest to what was typed."""
        from rapidfuzz.distance import DamerauLevenshtein

        forms = sorted(self._forms(term, wanted)) or [term]
        return min(forms, key=lambda form: DamerauLevenshtein.distance(typed.lower(), form))

    def _forms(self, term: str, wanted: Wanted) -> set[str]:
        layout = self.snapshot.layout
        if not layout.stored:
            return set()
        either = Query.boolean_query([(Occur.Should, self._term(place.name, term)) for place in places(layout)])
        within = filtered.within(either, wanted.within, self.snapshot.index.schema, self.kinds)
        found = set()
        for document in self.snapshot.documents(self.snapshot.terms(within, READ)[0]):
            said = str(document.get("language") or "")
            language = said if said in layout.languages else layout.language
            for name in self.texts:
                text = str(document.get(name) or "")[:LOOKED_AT]
                spans = analysis.analyse(text, language)
                found |= {text[start:end].lower() for one, start, end in spans if one == term}
        return found


def _mended(text: str, meant: Mapping[str, str]) -> str:
    return _WORD.sub(lambda word: meant.get(word[0], word[0]), text)


def _corrected(query: str, loosened: Sequence[str], meant: Mapping[str, str]) -> str:
    """The query with the words that were meant; a phrase that stands nowhere loses its quotes."""
    for phrase in loosened:
        query = query.replace(f'"{phrase}"', phrase)
    return " ".join(_mended(query, meant).split())


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
