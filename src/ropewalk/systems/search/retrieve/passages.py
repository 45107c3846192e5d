"""Hits -> the stretches of their texts that a reader reads: whole sentences, those with the most of what was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ropewalk.methods.text.sentences import sentence_spans
from ropewalk.systems.search.answer.found import Passage
from ropewalk.systems.search.retrieve.engine import Engine, Found
from ropewalk.systems.search.retrieve.highlights import spans

HITS = 10  # that are read
LONGEST = 1_000  # characters of a passage: some 150 words
EACH = 2  # passages of a hit
LOOKED_AT = 100_000  # characters of a text


def passages(engine: Engine, found: Found) -> list[Passage]:
    """At most EACH passages of each of the first HITS hits, best hits first."""
    layout, out = engine.snapshot.layout, []
    rows, scores = found.rows[:HITS], found.scores[:HITS].tolist()
    documents = engine.snapshot.documents(rows)
    for document, score, near in zip(documents, scores, _near(found, rows), strict=True):
        said = str(document.get("language") or "")
        language = said if said in layout.languages else layout.language
        text = str(document.get("text") or "")[:LOOKED_AT]
        for start, end in best(text, found.terms.get(language, frozenset()), language):
            out.append(Passage(str(document["id"]), text[start:end], score, language, start, near))
    return out


def _near(found: Found, rows: np.ndarray) -> list[float | None]:
    """The cosine of each row; of one that the leg did not list, the last one's of the list; None without that leg."""
    leg = found.legs.get("dense")
    if leg is None or not len(leg.rows):
        return [None] * len(rows)
    known = dict(zip(leg.rows.tolist(), leg.scores.tolist(), strict=True))
    return [float(known.get(row, leg.scores[-1])) for row in rows.tolist()]


def best(text: str, terms: frozenset[str], language: str) -> list[tuple[int, int]]:
    """The stretches of a text with the most different terms, the first of equals; the whole of a short one."""
    if len(text) <= LONGEST:
        return [(0, len(text))] if text.strip() else []
    pieces = _pieces(text, language)
    places = spans(text, terms, language)
    worth: Mapping[tuple[int, int], int] = {
        piece: len({term for start, end, term in places if piece[0] <= start and end <= piece[1]}) for piece in pieces
    }
    return sorted(sorted(pieces, key=lambda piece: (-worth[piece], piece))[:EACH])


def _pieces(text: str, language: str) -> list[tuple[int, int]]:
    """Sentences joined up to LONGEST characters; one that is longer stands alone, cut."""
    found: list[tuple[int, int]] = []
    for start, end in sentence_spans(text, language):
        if found and end - found[-1][0] <= LONGEST:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, min(end, start + 2 * LONGEST)))
    return found
