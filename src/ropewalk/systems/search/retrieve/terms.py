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
    knows: Callable[[str, str], bool]  # (place, term) -> whether a document that the caller may see holds it
    begins: Callable[[str, str, int], Sequence[str]]  # (place, prefix, most) -> terms, the most frequent first
    near: Callable[[str, str], Sequence[str]]  # (place, term) -> terms that may have been meant, the likeliest first
    finds: Callable[[str, str], bool]  # (place, term) -> whether the filter leaves a document that holds it
    idf_ratio: Callable[[str, str], float]  # (place, term) -> its idf over that of the index, which counts deleted rows
    holds: Callable[[Any], bool]  # tantivy.Query -> whether a live document matches
    synonyms: Mapping[str, Sequence[str]]
    positions: bool = True


@dataclass(frozen=True, slots=True)
class Understood:
    """The clauses; the query of the term leg, None when it has no term; the words that were mended, as typed, and the terms that were
    meant; the phrases that stand nowhere and were read as words; the terms to highlight by language."""

    clauses: tuple[Clause, ...]
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
    highlighted = {language: frozenset(terms) for language, terms in made.terms.items()}
    return Understood(tuple(clauses), query, made.mended, tuple(made.loosened), highlighted)


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
        if self.typos and not clause.prefix and not self._is_known(term, place):
            word = _typed(clause, term, place.language)
            if (meant := self._meant(word, term, place)) is not None:
                self.mended[word] = meant
                self.terms[place.language].add(meant)
                also.append((self._plain(meant, place), MENDED))
        return also

    def _meant(self, word: str, term: str, place: Place) -> str | None:
        """What a word stands for that this language does not know; None where another language knows it."""
        others = {other.language: other for other in self.known.places if other.language != place.language}.values()
        if any(self._is_known(same, other) for other in others for same in analysis.terms(word, other.language)):
            return None
        return next((near for near in self.known.near(place.name, term) if self.known.finds(place.name, near)), None)

    def _plain(self, term: str, place: Place) -> Any:
        query = Query.term_query(self.known.schema, place.name, term, "freq")
        return _weighted(query, self.known.idf_ratio(place.name, term))

    def _is_known(self, term: str, place: Place) -> bool:
        """In any field of the language."""
        return any(self.known.knows(o.name, term) for o in self.known.places if o.language == place.language)


def _typed(clause: Clause, term: str, language: str) -> str:
    """The word of a clause that a term stands for."""
    spans = analysis.analyse(clause.text, language)
    return next((clause.text[start:end] for found, start, end in spans if found == term), clause.text)


def _weighted(query: Any, weight: float) -> Any:
    return query if weight == 1.0 else Query.boost_query(query, weight)


def _either(parts: Sequence[Any]) -> Any | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return Query.boolean_query([(Occur.Should, part) for part in parts])
