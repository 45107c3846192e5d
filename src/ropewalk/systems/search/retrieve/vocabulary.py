"""The words of an open collection: how frequent they are, how they go on, and which of them a mistyped one probably meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ropewalk.systems.search.retrieve.terms import Place, Vocabulary

if TYPE_CHECKING:
    from ropewalk.systems.search.index.snapshot import Snapshot

SHORTEST = 4  # letters of a word that is mended; shorter ones have too many neighbours
TWO_FROM = (
    7  # letters from which two mistakes are mended: terms are stems, so an ending that is mistyped counts as one more
)


def vocabulary(snapshot: Snapshot, synonyms: Mapping[str, Sequence[str]], language: str = "") -> Vocabulary:
    """`language`: the only one whose fields are searched; empty: all of the collection's."""
    searcher = snapshot.searcher

    def begins(place: str, prefix: str, most: int) -> list[str]:
        return [term for term, _ in searcher.terms_with_prefix(place, prefix, limit=most)]

    return Vocabulary(
        snapshot.index.schema,
        tuple(place for place in places(snapshot.layout) if language in ("", place.language)),
        searcher.doc_freq,
        begins,
        _mending(snapshot),
        synonyms,
        snapshot.layout.positions,
    )


MENDED = 10_000  # words of a snapshot whose mending is remembered: many people make the same mistake
_menders: WeakKeyDictionary[Snapshot, Callable[[str, str], str | None]] = WeakKeyDictionary()


def _mending(snapshot: Snapshot) -> Callable[[str, str], str | None]:
    """`nearest` of a snapshot, which looks for the same word once."""
    found = _menders.get(snapshot)
    if found is None:
        found = _menders[snapshot] = lru_cache(MENDED)(partial(nearest, snapshot.searcher))
    return found


def places(layout: Any) -> tuple[Place, ...]:
    """The text fields of a layout, in each of its languages."""
    return tuple(
        Place(f"{field.name}_{language}", field.name, language, field.weight)
        for field in layout.fields
        if field.kind == "text"
        for language in layout.languages
    )


def nearest(searcher: Any, place: str, term: str) -> str | None:
    """The known term that is fewest edits away (a swap of neighbours is one), the most frequent of equals; None if all are too far.

    The first letter is taken to be right, as it nearly always is (Damerau 1964; Pollock and Zamora 1984 found 7.8 % of mistakes in
    the first letter): so only a part of the dictionary is looked at.
    """
    from rapidfuzz.distance import DamerauLevenshtein

    if len(term) < SHORTEST:
        return None
    most = 2 if len(term) >= TWO_FROM else 1
    best: tuple[int, int, str] | None = None
    for known, frequency in searcher.terms_with_prefix(place, term[0]):
        if abs(len(known) - len(term)) <= most:
            distance = DamerauLevenshtein.distance(term, known, score_cutoff=most)
            if distance <= most and (best is None or (distance, -frequency, known) < best):
                best = (distance, -frequency, known)
    return best[2] if best else None
