"""A passage as retrieval found it, and what that counts when an answer is chosen among several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BY_SCORE = 8.0  # log odds of the trees for a score that is lower by all of the best
BY_PLACE = 4.0  # the same for each e-fold of the place: the most that being found later may cost


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, as retrieval found it."""

    document_id: str
    text: str
    score: float  # the better the higher; on any scale
    language: str
    start: int = 0  # where the stretch begins in the document's text
    near: float | None = None  # cosine of the question and the document; None where meaning was not looked at


def places(passages: Sequence[Passage]) -> np.ndarray:
    """[p] how many documents stand before each passage's own; the passages come best first."""
    order = {document: at for at, document in enumerate(dict.fromkeys(p.document_id for p in passages))}
    return np.array([order[p.document_id] for p in passages], float)


def behind(passages: Sequence[Passage]) -> np.ndarray:
    """[p] what counts against each passage because others were found before it; 0 for the best document's.

    Scores are compared by their ratio, so that cosines and BM25 count alike; on a scale where that means nothing (a
    reranker's, with 0 in its middle), or where it says too much, the place bounds it.
    """
    scores = np.array([p.score for p in passages])
    by_place = BY_PLACE * np.log1p(places(passages))
    best = float(scores.max())
    return np.minimum(by_place, BY_SCORE * (best - scores) / best) if best > 0 else by_place
