"""What a word is: text of a language to the terms that an index holds, alike for documents and queries.

    words of letters and digits, at most 64 bytes -> lower case -> stop words removed -> stemmed -> accents folded

English, German and Spanish have a stemmer and a list of stop words. Chinese and Japanese are not cut into words at all: a run of
their characters becomes its characters and its pairs of neighbours (`prepare`), so that a phrase query is exact and no
dictionary decides what can be found. Any other language gets lower case and folded accents.

The work is done by tantivy's analyzers; the name of an analyzer (`name`) is kept in the schema of an index and changes
whenever its terms do.

A query of stop words alone ("to be or not to be") has no terms: the dense leg has to answer it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any

VERSION = 1
LONGEST = 64  # bytes of a word; longer ones are hashes, base64 and the like

STEMMED = {"en": "english", "de": "german", "es": "spanish"}
PAIRED = ("zh", "ja")
STOP_WORDS = {
    "en": """a about am an and any are as at be because been being but by can could did do does doing for from had has have
        having he her hers him his how i if in into is it its itself me my no nor not of on or our ours s she should so
        such t than that the their theirs them then there these they this those to too us was we were what when where
        which while who whom whose why will with would you your yours""",
    "de": """aber als am an auch auf aus bei bin bis bist da damit dann das dass daß dein deine dem den denn der des dessen
        die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es euer eure
        für hat hatte hatten hier hinter ich ihm ihn ihr ihre ihrem ihren ihrer im in ist ja jede jedem jeden jeder jedes
        kann können mein meine mit nach nicht noch nun nur ob oder sein seine seinem seinen seiner sich sie sind so
        soll sollte über um und uns unser unter vom von vor wann war waren warum was weil welche welchem welchen welcher
        welches wenn wer werde werden wie wieder wir wird wo worden wurde wurden zu zum zur zwischen""",
    "es": """a al algo antes aunque como con cual cuál cuáles cuando cuándo cuánto cuántos de del desde donde dónde durante e
        el él ella ellas ellos en entre era eran es esa esas ese eso esos esta está estaba están estas este esto estos fue
        fueron ha había han hasta hay la las le les lo los más me mi mis muy nada ni no nos o para pero por porque que
        qué quien quién quienes quiénes se según ser si sí sin sobre son su sus también te tu tus u un una unas uno unos
        y ya yo""",
}

# Han, with its extensions and compatibility forms, and the two Japanese syllabaries
_RUN = re.compile("[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")


def name(language: str) -> str:
    """The analyzer of a language (ISO 639-1), as it is written in the schema of an index: `en.1`, `plain.1`, ..."""
    known = language if language in STEMMED else "pairs" if language in PAIRED else "plain"
    return f"{known}.{VERSION}"


def register(index: Any, languages: Iterable[str]) -> None:
    """Make the analyzers of some languages known to a `tantivy.Index`, which does not keep them by itself."""
    for language in sorted(set(languages)):
        index.register_tokenizer(name(language), _analyzer(language))


def prepare(text: str, language: str) -> str:
    """What tantivy is fed, of documents and of queries: the text itself, but for languages written without spaces."""
    return _RUN.sub(_spaced, text) if language in PAIRED else text


def analyse(text: str, language: str) -> list[tuple[str, int, int]]:
    """The terms of a text, in order: (term, start, end), `text[start:end]` being the characters that it stands for."""
    if language not in PAIRED:
        return _words(text, language, 0)
    terms, last = [], 0
    for run in _RUN.finditer(text):
        terms += _words(text[last : run.start()], language, last)
        terms += _pairs(run.group(), language, run.start())
        last = run.end()
    return terms + _words(text[last:], language, last)


def terms(text: str, language: str) -> list[str]:
    """The terms alone: half the time of `analyse`."""
    return _analyzer(language).analyze(prepare(text, language))


def _words(text: str, language: str, offset: int) -> list[tuple[str, int, int]]:
    tokens = _analyzer(language).pre_tokenize(text).tokens if text else ()
    return [(t.text, offset + t.char_offset_from, offset + t.char_offset_to) for t in tokens]


def _pairs(run: str, language: str, offset: int) -> list[tuple[str, int, int]]:
    """The characters of a run, each followed by itself and its neighbour; code points that are no letters split them."""
    grams = [(i, run[i:end]) for i in range(len(run)) for end in (i + 1, i + 2) if end <= len(run)]
    return [term for i, gram in grams for term in _words(gram, language, offset + i)]


def _spaced(match: re.Match[str]) -> str:
    run = match.group()
    pairs = " ".join([f"{a} {a}{b}" for a, b in pairwise(run)])
    return f" {pairs} {run[-1]} " if pairs else f" {run} "


def _analyzer(language: str) -> Any:
    return _build(language if language in STEMMED else "")


@cache
def _build(language: str) -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple())
    builder = builder.filter(Filter.remove_long(LONGEST)).filter(Filter.lowercase())
    if language:
        builder = builder.filter(Filter.custom_stopword(STOP_WORDS[language].split()))
        builder = builder.filter(Filter.stemmer(STEMMED[language]))
    return builder.filter(Filter.ascii_fold()).build()
