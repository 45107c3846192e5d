"""Words that complete a query: those that stand in the documents that it finds and that the caller may see."""

from __future__ import annotations

import re
from collections import Counter

from ropewalk.systems.search.retrieve.engine import Engine, Wanted
from ropewalk.systems.search.retrieve.filters import Filter

LOOKED_AT = 50  # documents
HEAD = 500  # characters of each text field
_WORD = re.compile(r"[^\W_][\w'’-]*")


def suggest(engine: Engine, typed: str, where: Filter | None, most: int = 10) -> list[str]:
    """At most `most` completions of the last word, those first that stand in more of the documents found."""
    before, last = _parted(typed)
    if not last:
        return []
    found = engine.search(Wanted(f"{before} +{last}*", LOOKED_AT, "terms", where, count=False, typos=False))
    counts: Counter[str] = Counter()
    for document in engine.snapshot.documents(found.rows):
        counts.update(_completions(document, engine.texts, last))
    best = sorted(counts, key=lambda word: (-counts[word], len(word), word))[:most]
    return [f"{before} {word}".strip() for word in best]


def _parted(typed: str) -> tuple[str, str]:
    """What stands before the word that is being typed, and that word."""
    if typed != typed.rstrip() or not typed:
        return typed.strip(), ""
    before, _, last = typed.rpartition(" ")
    match = _WORD.search(last)
    return before.strip(), match.group() if match else ""


def _completions(document: dict[str, object], fields: tuple[str, ...], last: str) -> set[str]:
    """The words of a document that begin like the last one, as they are written but for capitals."""
    start = last.casefold()
    heads = (str(document.get(name) or "")[:HEAD] for name in fields)
    return {
        word for head in heads for match in _WORD.finditer(head) if (word := match.group().casefold()).startswith(start)
    }
