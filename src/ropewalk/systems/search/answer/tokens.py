"""A text as words with places and shapes, and the spans among them that could be an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ropewalk.methods.text.sentences import sentence_spans
from ropewalk.systems.search.answer import lexicon

LONGEST = 12  # words that an answer may have
_WORD = re.compile(r"\d+(?:[.,:]\d+)*[^\W\d_]*|['’]s\b|[^\W\d_]+(?:['’](?!s\b)[^\W\d_]+)*|[^\w\s]|_", re.UNICODE)
_OPEN, _CLOSE = "([{（【《〈", ")]}）】》〉"
_QUOTE = "\"“”„«»‘’「」『』'`"
_STOP = ",;:.!?，；：。！？、…—"
_JOIN = "-–/·&+−‑"
# The last class that a word can have after the small words of the lexicon
OTHER, NUMBER, OPEN, CLOSE, QUOTE, STOP, JOIN, SYMBOL, EDGE = range(len(lexicon.CLASSES), len(lexicon.CLASSES) + 9)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as n words and marks; every array is [n]."""

    text: str
    language: str
    words: tuple[str, ...]  # case folded
    start: np.ndarray  # characters
    end: np.ndarray
    sentence: np.ndarray  # number of the sentence
    spans: tuple[tuple[int, int], ...]  # of the sentences, in characters
    kind: np.ndarray  # class of small word, or OTHER ... SYMBOL
    capital: np.ndarray  # bool: begins with a capital that the beginning of the sentence does not explain
    digit: np.ndarray  # bool: begins with a digit
    number: np.ndarray  # bool: a number in digits or words
    year: np.ndarray  # bool: looks like a year
    month: np.ndarray  # bool: a month, a weekday, a century
    unit: np.ndarray  # bool: a unit of measure

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: its words, the kind of answer expected and where the question word stands."""

    tokens: Tokens
    kind: int  # place in lexicon.KINDS
    asked: tuple[int, int]  # words [a, b) of the question phrase; (0, 0) if there is none
    terms: np.ndarray  # [q] places of the words that say something


def _pieces(text: str, language: str) -> list[tuple[int, int]]:
    if language != "zh":
        return [found.span() for found in _WORD.finditer(text)]
    import rjieba

    pieces = []
    for word, start, end in rjieba.tokenize(text, "default"):
        if not word.isspace():
            inner = [found.span() for found in _WORD.finditer(word)]
            pieces += [(start + a, start + b) for a, b in inner] or [(start, end)]
    return pieces


def _kind(word: str, small: dict[str, int], number: bool) -> int:
    if number:
        return NUMBER
    if word in small:
        return small[word]
    for marks, kind in ((_OPEN, OPEN), (_CLOSE, CLOSE), (_QUOTE, QUOTE), (_STOP, STOP), (_JOIN, JOIN)):
        if word in marks:
            return kind
    return OTHER if word[0].isalnum() else SYMBOL


@lru_cache(maxsize=512)
def tokenise(text: str, language: str) -> Tokens:
    """The words and marks of a text. A language without words of its own is read as English."""
    pieces = _pieces(text, language)
    raw = [text[a:b] for a, b in pieces]
    words = [word.casefold() for word in raw]
    start = np.array([a for a, _ in pieces], int)
    end = np.array([b for _, b in pieces], int)
    spans = sentence_spans(text, language)
    ends = np.array([b for _, b in spans], int)
    sentence = np.minimum(np.searchsorted(ends, start, side="right"), max(len(spans) - 1, 0))
    small = lexicon.small_words(language)
    numbers, units, months = (lexicon.word_set(name, language) for name in ("numbers", "units", "months"))
    digit = np.array([word[0].isdigit() for word in words], bool)
    number = np.array([word in numbers or word[0].isdigit() or _is_han_number(word) for word in words], bool)
    return Tokens(
        text=text, language=language, words=tuple(words), start=start, end=end, sentence=sentence,
        spans=tuple(spans), digit=digit, number=number,
        kind=np.array([_kind(word, small, bool(n)) for word, n in zip(words, number, strict=True)], int),
        capital=_capitals(raw, words, sentence, small),
        year=np.array([_is_year(word) for word in words], bool),
        month=np.array([word in months for word in words], bool),
        unit=np.array([word in units for word in words], bool),
    )  # fmt: skip


def _is_year(word: str) -> bool:
    digits = word.rstrip("s年")
    return len(digits) == 4 and digits.isdecimal() and 1000 <= int(digits) <= 2100


def _is_han_number(word: str) -> bool:
    return len(word) > 0 and all(c in "零一二两三四五六七八九十百千万亿第半数几" for c in word)


def _capitals(raw: list[str], words: list[str], sentence: np.ndarray, small: dict[str, int]) -> np.ndarray:
    """A capital counts inside a sentence; at its beginning only where the word is capitalised elsewhere too, or a
    capital follows and it is no small word."""
    upper = np.array([word[0].isupper() for word in raw], bool)
    first = np.ones(len(raw), bool)
    first[1:] = sentence[1:] != sentence[:-1]
    inside = {word for word, u, f in zip(words, upper, first, strict=True) if u and not f}
    for at in np.flatnonzero(upper & first):
        follows = at + 1 < len(raw) and upper[at + 1]
        upper[at] = words[at] not in small and (
            words[at] in inside or bool(follows) or (len(raw[at]) > 1 and raw[at].isupper())
        )
    return upper


def parse(text: str, language: str) -> Question:
    """A question: the question phrase is the first one in it (in Chinese the longest), and its kind."""
    tokens = tokenise(text, language)
    kind, asked = _asked(tokens)
    a, b = asked
    terms = [
        at for at in range(len(tokens))
        if tokens.kind[at] in (OTHER, NUMBER, SYMBOL) and not (a <= at < b and b - a == 1) and tokens.words[at][0].isalnum()
    ]  # fmt: skip
    return Question(tokens, kind, asked, np.array(terms, int))


def _asked(tokens: Tokens) -> tuple[int, tuple[int, int]]:
    phrases = lexicon.asking_phrases(tokens.language)
    if tokens.language == "zh":
        for phrase, kind in phrases:
            at = tokens.text.find(phrase)
            if at >= 0:
                inside = np.flatnonzero((tokens.end > at) & (tokens.start < at + len(phrase)))
                return kind, (int(inside[0]), int(inside[-1]) + 1)
        return len(lexicon.KINDS) - 1, (0, 0)
    split = [(tuple(phrase.split()), kind) for phrase, kind in phrases]
    for at in range(len(tokens)):
        for words, kind in split:
            if tokens.words[at : at + len(words)] == words:
                return kind, (at, at + len(words))
    return len(lexicon.KINDS) - 1, (0, 0)


def candidates(tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """(first, last) [c]: spans inside one sentence, up to LONGEST words, that begin and end where an answer may.

    None begins or ends with a conjunction, a lone mark or (at its end) an article or a preposition; none holds an
    unbalanced bracket or more than three commas.
    """
    n = len(tokens)
    if not n:
        return np.zeros(0, int), np.zeros(0, int)
    kind = tokens.kind
    currency = np.array([word in "$€£¥" for word in tokens.words], bool)
    percent = np.array([word in "%°′″" for word in tokens.words], bool)
    begins = (
        np.isin(kind, [OTHER, NUMBER, OPEN, *_ids("article", "preposition", "pronoun", "adverb", "auxiliary")])
        | currency
        | (kind == QUOTE)
    )
    ends = (
        np.isin(kind, [OTHER, NUMBER, *_ids("pronoun", "adverb", "auxiliary")])
        | percent
        | (kind == QUOTE)
        | (kind == CLOSE)
    )
    if tokens.language == "zh":
        begins &= np.array([word not in "的了着过们等之" for word in tokens.words], bool)
        ends &= np.array([word not in "的地之" for word in tokens.words], bool)
    commas = np.concatenate([[0], np.cumsum(kind == STOP)])
    depth = np.concatenate([[0], np.cumsum((kind == OPEN).astype(int) - (kind == CLOSE))])
    firsts, lasts = [], []
    for length in range(1, LONGEST + 1):
        first = np.arange(n - length + 1)
        last = first + length - 1
        good = begins[first] & ends[last] & (tokens.sentence[first] == tokens.sentence[last])
        good &= (commas[last + 1] - commas[first] <= 3) & (depth[last + 1] == depth[first])
        firsts.append(first[good])
        lasts.append(last[good])
    return np.concatenate(firsts), np.concatenate(lasts)


def _ids(*names: str) -> list[int]:
    return [lexicon.CLASSES.index(name) for name in names]
