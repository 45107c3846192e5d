"""How right an answer is: exact match and F1 after normalisation, and risk against coverage.

Sources: Rajpurkar et al. 2016, SQuAD, section 6.1 (English: lower case, no ASCII punctuation, no a/an/the, words);
Lewis et al. 2020, MLQA, section 4.1 (other languages: their own articles, all Unicode punctuation; Chinese by character,
with runs of other scripts as words). Geifman and El-Yaniv 2017, Selective classification, section 2 (risk, coverage).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

ARTICLES = {
    "en": "a an the",
    "de": "ein eine einen einem eines einer der die das den dem des",
    "es": "un una unos unas el la los las",
}
_ARTICLES = {language: frozenset(words.split()) for language, words in ARTICLES.items()}
_HAN = re.compile(r"[㐀-䶿一-鿿豈-﫿]")


def answer_words(text: str, language: str) -> list[str]:
    """The words that count in a comparison: lower case, no punctuation, no articles; Chinese characters one by one."""
    lower = text.lower()
    if language == "en":
        bare = "".join(c for c in lower if c not in string.punctuation)
    else:
        bare = "".join(c for c in lower if c not in string.punctuation and unicodedata.category(c)[0] != "P")
    if language == "zh":
        bare = _HAN.sub(lambda found: f" {found[0]} ", bare)
    articles = _ARTICLES.get(language, frozenset())
    return [word for word in bare.split() if word not in articles]


def exact_match(answer: str, truths: Sequence[str], language: str) -> float:
    """1.0 if the answer has the same words as one of the truths, else 0.0."""
    words = answer_words(answer, language)
    return float(any(words == answer_words(truth, language) for truth in truths))


def answer_f1(answer: str, truths: Sequence[str], language: str) -> float:
    """The harmonic mean of precision and recall in words, against the truth that it is nearest to."""
    words = answer_words(answer, language)
    return max((_f1(words, answer_words(truth, language)) for truth in truths), default=0.0)


def _f1(left: list[str], right: list[str]) -> float:
    if not left or not right:
        return float(left == right)
    shared = sum((Counter(left) & Counter(right)).values())
    return 2 * shared / (len(left) + len(right))


def risk_coverage(confidence: np.ndarray, risk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The risk of answering only the surest questions: coverage [n] = 1/n .. 1 and the mean risk of that share [n].

    `risk` [n] is what a wrong answer costs (1 - EM, 1 - F1). Questions of one confidence have no order: each counts
    as their mean, so that a constant confidence gives a flat curve.
    """
    confidence, risk = np.asarray(confidence, float), np.asarray(risk, float)
    if confidence.ndim != 1 or confidence.shape != risk.shape or not len(risk):
        raise ValueError(f"confidence and risk are two arrays [n > 0]; got {confidence.shape}, {risk.shape}")
    _, group = np.unique(-confidence, return_inverse=True)
    tied = np.bincount(group, risk) / np.bincount(group)
    rank = np.arange(1, len(risk) + 1)
    return rank / len(risk), np.cumsum(tied[np.sort(group)]) / rank


def risk_coverage_area(confidence: np.ndarray, risk: np.ndarray) -> float:
    """The mean of that curve over all coverages: 0 is never wrong, the mean risk is a confidence that says nothing."""
    return float(risk_coverage(confidence, risk)[1].mean())
