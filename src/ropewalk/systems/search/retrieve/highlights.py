"""The part of a text that shows why it was found: the window with the most of what was asked for, its words marked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypedDict

from ropewalk.methods.text import analysis

WIDTH = 240  # characters of a snippet: two lines of a page
LONGEST = 100_000  # characters of a text that are looked at


class Piece(TypedDict):
    """A stretch of text, marked or not."""

    text: str
    mark: bool


def spans(text: str, terms: Collection[str], language: str) -> list[tuple[int, int, str]]:
    """(start, end, term) of every place in the text where one of the terms stands, in order, none inside another."""
    found: list[tuple[int, int, str]] = []
    for term, start, end in analysis.analyse(text[:LONGEST], language) if terms else ():
        if term in terms:
            if found and start < found[-1][1]:  # a pair of characters around a single one
                start, term = found[-1][0], max(found.pop()[2], term, key=len)
            found.append((start, end, term))
    return found


def snippet(text: str, terms: Collection[str], language: str, width: int = WIDTH) -> list[Piece]:
    """The best window of a text, about `width` characters cut at spaces, as pieces. Without a hit: the beginning."""
    found = spans(text, terms, language)
    start, end = _cut(text, _best(found, width), width)
    pieces: list[Piece] = [{"text": "… ", "mark": False}] if start else []
    pieces += mark(text, [(a, b) for a, b, _ in found], start, end)
    return [*pieces, {"text": " …", "mark": False}] if end < len(text.rstrip()) else pieces


def mark(text: str, places: Sequence[tuple[int, int]], start: int = 0, end: int | None = None) -> list[Piece]:
    """text[start:end] in pieces, those at `places` (ascending, apart) marked."""
    end = len(text) if end is None else end
    pieces: list[Piece] = []
    at = start
    for low, high in places:
        if low >= at and high <= end:
            pieces += [{"text": text[at:low], "mark": False}, {"text": text[low:high], "mark": True}]
            at = high
    return [piece for piece in (*pieces, Piece(text=text[at:end], mark=False)) if piece["text"]]


def _best(found: Sequence[tuple[int, int, str]], width: int) -> int:
    """Where the window begins that holds the most different terms, then the most hits; the first of equals."""
    best, begin = (0, 0), 0
    for i, (start, _, _) in enumerate(found):
        inside = [term for low, high, term in found[i : i + 200] if low >= start and high <= start + width]
        if (value := (len(set(inside)), len(inside))) > best:
            best, begin = value, start
    return begin


def _cut(text: str, begin: int, width: int) -> tuple[int, int]:
    """A window around `begin` whose ends lie between words where there are spaces."""
    start = max(0, begin - width // 4) if begin > width // 2 else 0
    end = min(len(text), start + width)
    if start and (space := text.find(" ", start, begin)) >= 0:
        start = space + 1
    if end < len(text) and (space := text.rfind(" ", start + width // 2, end)) >= 0:
        end = space
    return start, end
