"""Two rankings of one query into one: by terms (BM25) and by vectors (cosine), one rule for every collection.

    first(d) = cosine(d) + w t(d)                        w = exp(b + a . (f - m) / s), the facts f of the query
    score(d) = first(d) + 0.25 sum_e p(e) cosine(d, e)   e the 20 documents with the highest first(e), p(e) ~ exp(25 first(e))

`t` is BM25 between the end of the list (0) and its best (1), `w` is what the best hit by terms is worth in cosine: about
0.1 where vectors know better, 1 and more where they know little (another language, rare names, words out of one known
document). It follows from seven facts that cost little, since both rankings are at hand:

    agreement   BM25 of the ten nearest vectors, over the best BM25: do the vectors find what the terms find?
    drop_terms  how far BM25 falls within its first hundred, over the best: does it single out a few?
    drop_dense  how far the cosine falls within its first hundred, in standard deviations of the query's cosines
    spread      that standard deviation: vectors that all look alike to a query say little
    found       how many of a hundred hits the terms gave: a small collection, or rare words
    covered     the share of the query's terms, by idf, that the best hit by terms holds: all of six words is no accident
    asked       the logarithm of the number of terms of the query

The second line is feedback without a user: documents on one subject lie together, and the best of them say where. The
convex combination of a cosine and a normalised BM25 is Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid
retrieval" (ACM TOIS 2023, section 4), where w is one constant; reciprocal rank fusion (Cormack, Clarke and Buettcher,
SIGIR 2009) is the baseline. How the constants were fitted, on which collections, and what lost: docs/decisions/0030-fusion.md.

What it does not know: documents that neither leg put among its first hundred; whether a user wants the exact words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

DEPTH = 100  # of a leg: facts are read from its first hundred
NEAREST = 10  # vectors whose BM25 tells agreement
FLAT = 0.02  # of the best BM25: lists that fall by less are told apart by rounding
BELOW = -0.2  # where the best of a list is 1 and its last 0: no document below the cut is taken to be further down
UNSEEN = 0.5  # of the lowest BM25 of a list that was cut off: what a document below the cut is taken to have

SHIFTS = (-2.0, -1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0)

FACTS = ("agreement", "drop_terms", "drop_dense", "spread", "found", "covered", "asked")
MEAN = np.array([0.4464, 0.7761, 3.669, 0.1013, 0.8793, 0.7074, 1.838])
SCALE = np.array([0.1976, 0.1708, 1.79, 0.02353, 0.2725, 0.2902, 1.007])
WEIGHTS = np.array([-0.3282, 0.2239, -0.3358, -0.2199, 0.1552, 0.3659, 0.2994])
BIAS = -1.134
FEEDBACK, FEEDBACK_TOP, FEEDBACK_SHARP = 0.25, 20, 25.0
LIMIT = 2.5  # scales that a fact may be away from its mean: no collection is more extreme than those seen
LOW, HIGH = np.exp(-4.0), np.exp(3.0)


@dataclass(frozen=True, slots=True)
class Leg:
    """A ranking, best first; rows are not repeated."""

    rows: np.ndarray  # int64 [k]
    scores: np.ndarray  # float32 [k], falling
    complete: bool = False  # nothing else matches: the list was not cut off


@dataclass(frozen=True, slots=True)
class QueryFacts:
    """What the searcher adds to the two lists."""

    cosines: np.ndarray  # float32 [k]: the exact cosine of every row of the terms' list, in its order
    spread: float  # standard deviation of the query's cosine over a sample of the collection
    covered: float = 1.0  # share of the query's idf whose terms the first row of the terms' list holds
    asked: int = 1  # terms of the query


@dataclass(frozen=True, slots=True)
class Candidates:
    """The documents of both legs, by row: what a rule or a reranker looks at."""

    rows: np.ndarray  # int64 [n], rising
    terms: np.ndarray  # float64 [n]: BM25, 1 the best of the list, 0 its last if it was cut off, else a BM25 of 0
    dense: np.ndarray  # float64 [n]: cosine
    rank_terms: np.ndarray  # int64 [n], from 0; of a document that the leg did not list: the length of the list
    rank_dense: np.ndarray  # int64 [n]


def fuse(
    terms: Leg,
    dense: Leg,
    query: QueryFacts,
    vectors: Callable[[np.ndarray], np.ndarray] | None = None,
    shift: float = 0.0,
) -> Leg:
    """The documents of both legs in one order; ties by row. Without one leg, the other leg.

    vectors  rows int64 [n], rising -> their vectors [n, d] of unit length; None: no feedback
    shift    what `learned` found: added to the logarithm of the worth of the terms
    """
    if not len(terms.rows) or not len(dense.rows):
        return dense if len(dense.rows) else terms
    them = candidates(terms, dense, query.cosines)
    score = them.dense + weight(facts(terms, dense, query), shift) * them.terms
    if vectors is not None:
        score = score + FEEDBACK * feedback(score, np.asarray(vectors(them.rows), np.float32))
    return ordered(them.rows, score)


def feedback(score: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """[n] mean cosine to the documents of the highest scores, the higher the heavier."""
    top = np.argsort(-score, kind="stable")[:FEEDBACK_TOP]
    heavy = np.exp(FEEDBACK_SHARP * (score[top] - score[top[0]]))
    return vectors @ ((heavy / heavy.sum()).astype(np.float32) @ vectors[top])


def candidates(terms: Leg, dense: Leg, cosines: np.ndarray) -> Candidates:
    """Both lists by row, with the cosine of every document; at least one list has a row."""
    if len(cosines) != len(terms.rows):
        raise ValueError(f"a cosine for every row of the terms' list: {len(terms.rows)} rows, {len(cosines)} cosines")
    rows = np.union1d(terms.rows, dense.rows)
    at_terms, at_dense = np.searchsorted(rows, terms.rows), np.searchsorted(rows, dense.rows)
    best = float(terms.scores[0]) if len(terms.rows) else 0.0
    relative = np.asarray(terms.scores, float) / best if best > 0 else np.zeros(len(terms.rows))
    floor = 0.0 if terms.complete or not len(relative) else float(relative[-1])
    span = max(1.0 - floor, FLAT)
    by_terms = np.full(len(rows), max(UNSEEN * floor - floor, BELOW * span) / span)
    by_terms[at_terms] = (relative - floor) / span
    by_dense = np.empty(len(rows))
    by_dense[at_terms] = cosines
    by_dense[at_dense] = dense.scores
    rank_terms = np.full(len(rows), len(terms.rows))
    rank_terms[at_terms] = np.arange(len(terms.rows))
    rank_dense = np.full(len(rows), len(dense.rows))
    rank_dense[at_dense] = np.arange(len(dense.rows))
    return Candidates(rows, by_terms, by_dense, rank_terms, rank_dense)


def facts(terms: Leg, dense: Leg, query: QueryFacts) -> np.ndarray:
    """[7] in the order of `FACTS`; both legs have a row."""
    by_terms, by_dense = np.asarray(terms.scores[:DEPTH], float), np.asarray(dense.scores[:DEPTH], float)
    best, spread = max(by_terms[0], 1e-9), max(query.spread, 1e-3)
    position = {row: i for i, row in enumerate(terms.rows[:DEPTH].tolist())}
    unseen = 0.0 if terms.complete else UNSEEN * by_terms[-1]
    nearest = [by_terms[position[row]] if row in position else unseen for row in dense.rows[:NEAREST].tolist()]
    return np.array([
        sum(nearest) / len(nearest) / best,
        (by_terms[0] - by_terms[-1]) / best if len(by_terms) == DEPTH or not terms.complete else 1.0,
        (by_dense[0] - by_dense[-1]) / spread,
        query.spread,
        len(by_terms) / DEPTH,
        query.covered,
        np.log(max(query.asked, 1)),
    ])  # fmt: skip


def weight(facts: np.ndarray, shift: float = 0.0) -> float:
    """What the best BM25 of a query is worth in cosine, from its facts [7]."""
    away = np.clip((facts - MEAN) / SCALE, -LIMIT, LIMIT)
    return float(np.clip(np.exp(BIAS + shift + away @ WEIGHTS), LOW, HIGH))


def learned(rank: Callable[[float], np.ndarray], at_least: int = 10) -> float:
    """The shift of `fuse` that suits the labelled queries of a collection, 0 unless another is better beyond noise.

    rank(shift) -> [Q] the metric (nDCG@10, say) of every labelled query with that shift. One number is all that some dozens of
    queries can teach; the smallest shift within one standard error of the best is taken.
    """
    metric = np.stack([np.asarray(rank(shift), float) for shift in SHIFTS])
    plain = SHIFTS.index(0.0)
    best = int(metric.mean(axis=1).argmax())
    queries = metric.shape[1]
    if queries < at_least or best == plain:
        return 0.0
    step = 1 if best > plain else -1
    for at in range(plain, best, step):
        behind = metric[best] - metric[at]
        if behind.mean() <= behind.std(ddof=1) / np.sqrt(queries):
            return SHIFTS[at]
    return SHIFTS[best]


def behind(terms: Leg, dense: Leg) -> Leg:
    """The terms' ranking, and behind it what only the vectors found: for vectors that do not know the documents' language."""
    more = dense.rows[~np.isin(dense.rows, terms.rows)]
    last = float(terms.scores[-1]) if len(terms.rows) else 0.0
    scores = np.concatenate([terms.scores, last - np.arange(1, len(more) + 1)])
    return Leg(np.concatenate([terms.rows, more]), scores.astype(np.float32), terms.complete and dense.complete)


def reciprocal_rank(legs: list[Leg], k: int = 60, depth: int = DEPTH) -> Leg:
    """Reciprocal rank fusion of the first `depth` of every leg: the sum of 1 / (k + rank), ranks from 1; ties by row."""
    rows = np.unique(np.concatenate([leg.rows[:depth] for leg in legs])) if legs else np.empty(0, np.int64)
    scores = np.zeros(len(rows))
    for leg in legs:
        at = np.searchsorted(rows, leg.rows[:depth])
        scores[at] += 1.0 / (k + 1 + np.arange(len(at)))
    return ordered(rows, scores)


def ordered(rows: np.ndarray, scores: np.ndarray) -> Leg:
    """Rows by falling score, ties by row."""
    order = np.lexsort((rows, -scores))
    return Leg(rows[order], scores[order].astype(np.float32), complete=True)
