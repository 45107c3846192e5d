"""Other queries for a collection of development.py: keywords, known items by some of their words, titles, typing errors."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from development_sources import Found
from ropewalk.methods.text import analysis
from ropewalk.systems.search.encode import minilm


@dataclass(frozen=True)
class Variant:
    """The documents of a collection, other queries."""

    make: Callable[[Found, random.Random], Found]
    base: str
    kind: str
    seed: str  # of keywords and words: as they were drawn for docs/decisions/0030-fusion.md


def keywords(base: Found, rnd: random.Random) -> Found:
    """Of the words that some document has, those nearest to their query, in its order: one (of four queries), two or three."""
    known = {term for _, title, said in base.documents for term in analysis.terms(f"{title} {said}", "en")}
    asked = [words_of(said) for _, said in base.queries]
    vocabulary = sorted({word for words in asked for word in words})
    vectors = dict(zip(vocabulary, encoder()(vocabulary), strict=True))
    queries = []
    for (number, _), words, meant in zip(base.queries, asked, encoder()([q for _, q in base.queries]), strict=True):
        count = rnd.choices((1, 2, 3), (0.25, 0.45, 0.3))[0]
        near = {w: float(vectors[w] @ meant) for w in words if known.issuperset(analysis.terms(w, "en"))}
        nearest = sorted(near, key=near.__getitem__, reverse=True)[:count]
        queries.append((number, " ".join(word for word in words if word in nearest).lower()))
    return Found(base.documents, queries, base.labels)


@functools.cache
def encoder() -> Callable[[list[str]], np.ndarray]:
    return minilm().encode


def words_of(said: str) -> list[str]:
    """Each word once; stop words are none."""
    return [word for word in dict.fromkeys(re.findall(r"[\w\-]+", said)) if analysis.terms(word, "en")]


def known_items(base: Found, rnd: random.Random) -> Found:
    """Three to six words of 150 documents that have four or more."""
    queries, labels = [], {}
    for number in range(150):
        document, title, said = rnd.choice(base.documents)
        words = [word.lower() for word in words_of(f"{title} {said}")]
        if len(words) >= 4:
            count = min(rnd.choice((3, 4, 5, 6)), len(words))
            queries.append((f"r{number}", " ".join(rnd.sample(words, count))))
            labels[f"r{number}"] = {document: 1}
    return Found(base.documents, queries, labels)


def five_words(base: Found, rnd: random.Random) -> Found:
    """Five long words of 300 documents that have eight or more."""
    queries, labels = [], {}
    for document, title, said in rnd.sample(base.documents, 300):
        words = sorted(set(re.findall(r"[a-z]{5,}", f"{title} {said}")))
        if len(words) >= 8:
            queries.append((f"w{document}", " ".join(rnd.sample(words, 5))))
            labels[f"w{document}"] = {document: 1}
    return Found(base.documents, queries, labels)


def titles(base: Found, rnd: random.Random) -> Found:
    """300 titles as queries; documents have none."""
    some = rnd.sample([one for one in base.documents if one[1] and one[2]], 300)
    documents = [(number, "", said) for number, _, said in base.documents]
    return Found(documents, [(f"t{i}", title) for i, title, _ in some], {f"t{i}": {i: 1} for i, _, _ in some})


def typos(base: Found, rnd: random.Random) -> Found:
    """In half of the words of four letters and more a letter is missing, or two change places."""

    def mistyped(word: str) -> str:
        if len(word) < 4 or rnd.random() < 0.5:
            return word
        at = rnd.randrange(1, len(word) - 1)
        return word[:at] + (word[at + 1] + word[at] + word[at + 2 :] if rnd.random() < 0.5 else word[at + 1 :])

    queries = [(number, " ".join(map(mistyped, said.split()))) for number, said in base.queries]
    return Found(base.documents, queries, base.labels)


def mistyped(base: Found, rnd: random.Random) -> Found:
    """In one word of five letters and more a letter is missing, there twice, another one, or changes places with the next."""

    def wrong(said: str) -> str:
        words = said.split()
        long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
        if long:
            i = rnd.choice(long)
            word, at, other = words[i], rnd.randrange(1, len(words[i]) - 1), rnd.choice("abcdefghijklmnopqrstuvwxyz")
            head, here, after, tail = word[:at], word[at], word[at + 1], word[at + 2 :]
            words[i] = head + rnd.choice((after, here + here + after, other + after, after + here)) + tail
        return " ".join(words)

    return Found(base.documents, [(number, wrong(said)) for number, said in base.queries], base.labels)


KEYWORDS = (
    "cacm", "cisi", "cranfield", "med", "time", "lisa", "scifact", "trecqa", "wikiqa", "liveqa", "climatefever", "covidfaq",
    "banking77", "pubmedqa", "xquad_en", "mqp", "perspectrum",
)  # fmt: skip
WORDS = ("cranfield", "cisi", "cacm", "pubmedqa", "wikiqa", "perspectrum", "scifact", "liveqa", "climatefever", "banking77")  # fmt: skip
TYPOS = (
    "banking77", "cacm", "climatefever", "covidfaq", "cranfield", "mqp", "perspectrum", "rqe", "scifact", "trecqa", "wikiqa",
)  # fmt: skip
VARIANTS = {
    "lisa_words": Variant(five_words, "lisa", "words", "lisa_words"),
    "cran_titles": Variant(titles, "cranfield", "real", "cran_titles"),
    "sick_typos": Variant(typos, "sick", "real", "sick_typos"),
    **{f"kw_{base}": Variant(keywords, base, "keywords", base) for base in KEYWORDS},
    **{f"words_{base}": Variant(known_items, base, "words", f"rw{base}") for base in WORDS},
    **{f"typos_{base}": Variant(mistyped, base, "typos", f"ty{base}") for base in TYPOS},
}
