"""Long texts cut into passages at the ends of sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+"
)
END = re.compile(r"""[.!?…]+["'”’»)\]]*(?=\s)|[。！？]+["”’」』）]*|\n\s*\n""")

Spans = Callable[[str], Iterator[tuple[int, int]]]


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """[start, stop) of sentences that together cover the text."""
    start = 0
    for match in END.finditer(text):
        yield start, match.end()
        start = match.end()
    if start < len(text):
        yield start, len(text)


def passages(text: str, words: int, spans: Spans = sentence_spans) -> list[tuple[int, int]]:
    """[start, stop) of passages of at most `words` words (a Chinese character counts as one), blanks around cut off.

    A sentence that is longer is cut between words.
    """
    found: list[tuple[int, int]] = []
    begin = end = count = 0
    for start, stop in (piece for span in spans(text) for piece in _cut(text, span, words)):
        size = sum(1 for _ in WORD.finditer(text, start, stop))
        if count and count + size > words:
            found.append((begin, end))
            begin, count = start, 0
        end, count = stop, count + size
    found.append((begin, end))
    trimmed = (_trimmed(text, *p) for p in found)
    return [p for p in trimmed if p[0] < p[1]]


def _cut(text: str, span: tuple[int, int], words: int) -> Iterator[tuple[int, int]]:
    start, stop = span
    for number, word in enumerate(WORD.finditer(text, *span)):
        if number and number % words == 0:
            yield start, word.start()
            start = word.start()
    yield start, stop


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int]:
    piece = text[start:stop]
    return start + len(piece) - len(piece.lstrip()), stop - (len(piece) - len(piece.rstrip()))
