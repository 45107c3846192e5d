"""The words of an open collection: how frequent they are, how they go on, and which of them a mistyped one probably meant."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from heapq import nsmallest
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tantivy import Query

from ropewalk.systems.search.retrieve import filtered
from ropewalk.systems.search.retrieve.filters import Filter
from ropewalk.systems.search.retrieve.terms import Place, Vocabulary

if TYPE_CHECKING:
    from ropewalk.systems.search.index.snapshot import Snapshot

SHORTEST = 4  # letters of a word that is mended; shorter ones have too many neighbours
# Letters from which two mistakes are mended: terms are stems, so an ending that is mistyped counts as one more.
TWO_FROM = 7
NEAR = 20  # words that are looked at where a filter leaves out documents that hold the nearest


def vocabulary(snapshot: Snapshot, synonyms: Mapping[str, Sequence[str]], language: str = "") -> Vocabulary:
    """`language`: the only one whose fields are searched; empty: all of the collection's."""
    searcher = snapshot.searcher

    def begins(place: str, prefix: str, most: int) -> list[str]:
        return [term for term, _ in searcher.terms_with_prefix(place, prefix, limit=most)]

    return Vocabulary(
        snapshot.index.schema,
        tuple(place for place in places(snapshot.layout) if language in ("", place.language)),
        lambda place, term: searcher.doc_freq(place, term) > 0,
        begins,
        _remembered(_menders, snapshot, lambda: partial(near, searcher)),
        _always,
        _remembered(_idfs, snapshot, lambda: partial(idf_ratio, searcher, snapshot.index.schema, snapshot.rows))
        if snapshot.live < snapshot.rows
        else _as_it_is,
        lambda query: bool(searcher.search(query, 1, count=False).hits),
        synonyms,
        snapshot.layout.positions,
    )


REMEMBERED = 10_000  # words of a snapshot of which is remembered what was found: many people ask the same
EXACT = 0.001  # of an idf: what is nearer to right is left alone
COUNTED = 100_000  # documents of a term that are counted; of more, deletions take their even share
Known = WeakKeyDictionary["Snapshot", Callable[..., Any]]
_menders: Known = WeakKeyDictionary()
_idfs: Known = WeakKeyDictionary()
_seen: Known = WeakKeyDictionary()


def _remembered(known: Known, snapshot: Snapshot, make: Callable[[], Any]) -> Callable[..., Any]:
    """A function of (place, term) on a snapshot, say, which works out the same word once."""
    found = known.get(snapshot)
    if found is None:
        found = known[snapshot] = lru_cache(REMEMBERED)(make())
    return found


def seen_by(snapshot: Snapshot, kinds: Mapping[str, str]) -> Callable[[Filter, str, str], bool]:
    """A function of (filter, place, term): whether the filter leaves a document that holds the term."""
    return _remembered(_seen, snapshot, lambda: partial(_leaves, snapshot.searcher, snapshot.index.schema, kinds))


def _leaves(searcher: Any, schema: Any, kinds: Mapping[str, str], where: Filter, place: str, term: str) -> bool:
    if not searcher.doc_freq(place, term):
        return False
    query = filtered.within(Query.term_query(schema, place, term, "basic"), where, schema, kinds)
    return bool(searcher.search(query, 1, count=False).hits)


def _as_it_is(_place: str, _term: str) -> float:
    return 1.0


def _always(_place: str, _term: str) -> bool:
    return True


def idf_ratio(searcher: Any, schema: Any, rows: int, place: str, term: str) -> float:
    """The idf of a term among live documents over that of tantivy, which counts deleted rows until they are merged away.

    A word in twenty documents of which three were deleted is worth 3 % more than tantivy takes it for. Very frequent words lose
    their share, as all do.
    """
    n = searcher.doc_freq(place, term)
    if not 0 < n <= COUNTED:
        return 1.0
    left = searcher.search(Query.term_query(schema, place, term, "freq"), 1, count=True).count
    ratio = idf(searcher.num_docs, left) / idf(rows, n) if left else 1.0
    return ratio if abs(ratio - 1.0) > EXACT else 1.0


def idf(documents: int, n: int) -> float:
    """Of a term that n documents hold, as tantivy's BM25 has it."""
    return math.log(1 + (documents - n + 0.5) / (n + 0.5))


def places(layout: Any) -> tuple[Place, ...]:
    """The text fields of a layout, in each of its languages."""
    return tuple(
        Place(f"{field.name}_{language}", field.name, language, field.weight)
        for field in layout.fields
        if field.kind == "text"
        for language in layout.languages
    )


def near(searcher: Any, place: str, term: str) -> list[str]:
    """The NEAR known terms that are fewest edits away (a swap of neighbours is one), the most frequent of equals first; none if all are
    too far.

    The first letter is taken to be right, as it nearly always is (Damerau 1964; Pollock and Zamora 1984 found 7.8 % of mistakes in
    the first letter): so only a part of the dictionary is looked at.
    """
    from rapidfuzz.distance import DamerauLevenshtein

    if len(term) < SHORTEST:
        return []
    most = 2 if len(term) >= TWO_FROM else 1
    found: list[tuple[int, int, str]] = []
    for known, frequency in searcher.terms_with_prefix(place, term[0]):
        if abs(len(known) - len(term)) <= most:
            distance = DamerauLevenshtein.distance(term, known, score_cutoff=most)
            if distance <= most:
                found.append((distance, -frequency, known))
    return [known for _, _, known in nsmallest(NEAR, found)]
