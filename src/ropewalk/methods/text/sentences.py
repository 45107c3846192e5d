"""Where the sentences of a text begin and end.

The rules are sentencex's (Wikimedia; rules and abbreviations for some 300 languages, about 2 million characters a
second): abbreviations, decimals, initials, quotes and Chinese punctuation. What it does not know: a title or a list
item without a full stop, unless a blank line follows.
"""

from __future__ import annotations


def sentence_spans(text: str, language: str) -> list[tuple[int, int]]:
    """[(start, end)] in characters, in order, without white space at either side; together they hold every letter.

    `language` is ISO 639-1; an unknown one is split by the rules of English.
    """
    import sentencex

    spans = []
    at = 0
    for found in sentencex.segment(language, text):
        start = at + len(found) - len(found.lstrip())
        end = at + len(found.rstrip())
        at += len(found)
        if start < end:
            spans.append((start, end))
    return spans
