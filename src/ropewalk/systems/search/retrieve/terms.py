"""Clauses -> the query of the term leg: BM25 summed over weighted text fields, with phrases, prefixes, synonyms and mended typos.

A word is analysed as each language of the collection analyses it, and looked for in that language's fields. Its score is the
sum over fields of weight x BM25 (k1 = 1.2, b = 0.75, as tantivy has them): a sum, not BM25F's one saturation over all fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tantivy import Occur, Query

from ropewalk.methods.text import analysis
from ropewalk.systems.search.retrieve.words import Clause

SYNONYM = 0.8  # weight of a synonym beside the word that was typed
MENDED = 0.8  # of the word that was meant, where the one that was typed is unknown
PREFIXES = 50  # words that a prefix stands for, the most frequent ones


@dataclass(frozen=True, slots=True)
class Place:
    """A text field in one language, as tantivy knows it."""

    name: str  # title_en
    field: str  # title
    language: str
    weight: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a term query needs of an open collection."""

    schema: Any  # tantivy.Schema
    places: tuple[Place, ...]
    frequency: Callable[[str, str], int]  # (place, term) -> documents
    begins: Callable[[str, str, int], Sequence[str]]  # (place, prefix, most) -> terms, the most frequent first
    nearest: Callable[[str, str], str | None]  # (place, term) -> the known term that was probably meant
    idf_ratio: Callable[[str, str], float]  # (place, term) -> its idf over that of the index, which counts deleted rows
    holds: Callable[[Any], bool]  # tantivy.Query -> whether a live document matches
    synonyms: Mapping[str, Sequence[str]]
    positions: bool = True


@dataclass(frozen=True, slots=True)
class Understood:
    """The query of the term leg, None when it has no term; the words that were mended; the phrases that stand nowhere and were read as
    words; the terms to highlight by language."""

    query: Any | None
    mended: Mapping[str, str]
    loosened: tuple[str, ...]
    terms: Mapping[str, frozenset[str]]


def understand(clauses: Sequence[Clause], known: Vocabulary, typos: bool = True) -> Understood:
    """The tantivy query of some clauses. `typos`: what finds nothing as it was typed is read as what may be meant."""
    made = _Made(known, typos)
    parts = [(_occur(clause), query) for clause in clauses if (query := made.clause(clause)) is not None]
    wanted = [part for part in parts if part[0] != Occur.MustNot]
    query = Query.boolean_query(parts) if wanted else None
    return Understood(query, made.mended, tuple(made.loosened), {k: frozenset(v) for k, v in made.terms.items()})


def _occur(clause: Clause) -> Any:
    return {"may": Occur.Should, "must": Occur.Must, "not": Occur.MustNot}[clause.must]


class _Made:
    """Queries of clauses, and what was noticed on the way."""

    def __init__(self, known: Vocabulary, typos: bool) -> None:
        self.known, self.typos = known, typos
        self.mended: dict[str, str] = {}
        self.loosened: list[str] = []
        self.terms: dict[str, set[str]] = {}

    def clause(self, clause: Clause) -> Any | None:
        query = self._everywhere(clause)
        loose = self.typos and clause.phrase and clause.must == "may"
        if query is None or not loose or self.known.holds(query):
            return query
        self.loosened.append(clause.text)
        return self._everywhere(replace(clause, phrase=False))

    def _everywhere(self, clause: Clause) -> Any | None:
        parts = []
        for place in self.known.places:
            if clause.field in ("", place.field) and (query := self._in_place(clause, place)) is not None:
                parts.append(_weighted(query, place.weight))
        return _either(parts)

    def _in_place(self, clause: Clause, place: Place) -> Any | None:
        terms = analysis.terms(clause.text, place.language)
        if clause.must != "not":
            self.terms.setdefault(place.language, set()).update(terms)
        if not terms:
            return None
        if clause.phrase and len(terms) > 1 and self.known.positions:
            return Query.phrase_query(self.known.schema, place.name, list[Any](terms))
        return _either([self._term(term, place, clause, term is terms[-1]) for term in terms])

    def _term(self, term: str, place: Place, clause: Clause, last: bool) -> Any:
        also = [] if clause.must == "not" else self._also(term, place, clause)
        if clause.prefix and last:
            words = self.known.begins(place.name, term, PREFIXES)
            also += [(self._plain(word, place), 1.0) for word in words if word != term]
        if not also:
            return self._plain(term, place)
        return Query.disjunction_max_query([self._plain(term, place), *(_weighted(q, w) for q, w in also)])

    def _also(self, term: str, place: Place, clause: Clause) -> list[tuple[Any, float]]:
        """Queries of synonyms, and of the word that was meant where this one is not known."""
        typed = clause.text.lower()
        words = [w for key in dict.fromkeys((term, typed)) for w in self.known.synonyms.get(key, ())]
        synonyms = [t for word in words for t in analysis.terms(word, place.language)]
        self.terms[place.language].update(synonyms)
        also = [(self._plain(word, place), SYNONYM) for word in synonyms]
        if self.typos and not clause.prefix and self._is_unknown(term, place):
            meant = self.known.nearest(place.name, term)
            if meant is not None:
                self.mended[clause.text] = meant
                self.terms[place.language].add(meant)
                also.append((self._plain(meant, place), MENDED))
        return also

    def _plain(self, term: str, place: Place) -> Any:
        query = Query.term_query(self.known.schema, place.name, term, "freq")
        return _weighted(query, self.known.idf_ratio(place.name, term))

    def _is_unknown(self, term: str, place: Place) -> bool:
        same = [other for other in self.known.places if other.language == place.language]
        return len(term) > 3 and not any(self.known.frequency(other.name, term) for other in same)


def _weighted(query: Any, weight: float) -> Any:
    return query if weight == 1.0 else Query.boost_query(query, weight)


def _either(parts: Sequence[Any]) -> Any | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return Query.boolean_query([(Occur.Should, part) for part in parts])
