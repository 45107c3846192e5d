"""The first documents of a fused ranking in a better order, learned from labels: features and LambdaMART.

    score(d) = fused(d) + blend * mean over seeds of trees(features(d))           each standardised within the query

The trees are small, many seeds are averaged and `blend` comes from cross-validation over the training queries, 0 included: where labels
teach nothing, it stays near 0 and the order that of the fusion. LambdaMART: Burges, "From RankNet to LambdaRank to LambdaMART" (MSR-TR-2010-82).

Features say how the words of the query lie in a document (how many, how early, how near each other), how near its vector is to the
query's and to those of the documents ranked first, and what the two legs thought. None looks at a label.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ropewalk.errors import DataError, VersionError
from ropewalk.methods.text.fusion import Candidates, Leg, ordered

TOP = 50  # documents of the fused ranking that are ranked again
LEAD = 16  # terms at the beginning of a document that stand for its title
FEATURES = (
    "fused", "terms", "dense", "rank_fused", "rank_terms", "rank_dense", "below_best",
    "near_3", "near_10", "nearest", "central",
    "cover", "cover_lead", "first", "window", "pairs", "repeats", "lead_share", "starts",
    "length", "query_terms", "query_idf", "agreement",
)  # fmt: skip

SEEDS = 8
BLENDS = (0.0, 0.25, 0.5, 1.0, 2.0)
RESAMPLES = 200
FOLDS = 5
TREES = {
    "objective": "lambdarank", "lambdarank_truncation_level": 20, "learning_rate": 0.05, "num_leaves": 7, "min_data_in_leaf": 40,
    "lambda_l2": 10.0, "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1, "max_bin": 63, "verbosity": -1,
    "num_threads": 1, "deterministic": True, "force_row_wise": True,
}  # fmt: skip
ROUNDS = 120


@dataclass(frozen=True, slots=True)
class Reranker:
    models: tuple[str, ...]  # LightGBM's text form, one a seed
    blend: float  # weight of the trees against the fused score; 0: the fused order stays
    features: tuple[str, ...] = FEATURES

    def scores(self, features: np.ndarray) -> np.ndarray:
        """[n] scores of the documents of one query, from their features [n, F]; the first feature is the fused score."""
        fused = _standard(features[:, 0])
        if not self.blend or not self.models or len(features) < 2:
            return fused
        trees = np.mean([_standard(model.predict(features, num_threads=1)) for model in _boosters(self.models)], axis=0)
        return fused + self.blend * _standard(trees)

    def to_text(self) -> str:
        return json.dumps({"features": self.features, "blend": self.blend, "models": self.models}, indent=0)


def from_text(text: str) -> Reranker:
    """What `to_text` wrote."""
    kept = json.loads(text)
    if tuple(kept["features"]) != FEATURES:
        raise VersionError(
            "the reranker was trained on other features than this version of ropewalk computes; train again: ropewalk live search"
        )
    return Reranker(tuple(kept["models"]), float(kept["blend"]))


def rerank(reranker: Reranker, fused: Leg, features: np.ndarray) -> Leg:
    """The first rows of a fused ranking (those that have `features`, [n, F]) in the reranker's order, the others behind them."""
    n = len(features)
    if n == 0:
        return fused
    head = ordered(fused.rows[:n], reranker.scores(features))
    tail = np.arange(1, len(fused.rows) - n + 1, dtype=np.float32)
    scores = np.concatenate([head.scores, head.scores[-1] - tail])
    return Leg(np.concatenate([head.rows, fused.rows[n:]]), scores.astype(np.float32), fused.complete)


def features_of(
    fused: Leg,
    them: Candidates,
    vectors: np.ndarray,
    documents: Sequence[Sequence[str]],
    query: Sequence[str],
    idf: dict[str, float],
    agreement: float,
) -> np.ndarray:
    """[n, F] features of the first n documents of a fused ranking, n = len(documents).

    vectors     [n, d] float32, of unit length, in the order of the ranking
    documents   their terms, as `analysis.terms` gives them, title first
    query, idf  the terms of the query, and how rare each is
    agreement   the first of `fusion.facts`
    """
    n = len(documents)
    at = np.searchsorted(them.rows, fused.rows[:n])
    score = np.asarray(fused.scores[:n], float)
    out = np.empty((n, len(FEATURES)))
    out[:, 0], out[:, 1], out[:, 2] = score, them.terms[at], them.dense[at]
    out[:, 3] = np.log1p(np.arange(n))
    out[:, 4], out[:, 5] = np.log1p(them.rank_terms[at]), np.log1p(them.rank_dense[at])
    out[:, 6] = them.dense[at] - them.dense.max()
    out[:, 7:11] = _neighbours(vectors)
    wanted = list(dict.fromkeys(query))
    total = sum(idf.get(term, 0.0) for term in wanted) or 1.0
    for i, document in enumerate(documents):
        out[i, 11:20] = _words(document, query, wanted, idf, total)
    out[:, 20], out[:, 21], out[:, 22] = len(query), total / max(len(wanted), 1), agreement
    return out.astype(np.float32)


def _neighbours(vectors: np.ndarray) -> np.ndarray:
    """[n, 4]: cosine to the other documents ranked first (3 and 10, each without itself), to the nearest of 10, to all."""
    n = len(vectors)
    out = np.zeros((n, 4))
    if n < 2:
        return out
    near = vectors @ vectors.T
    np.fill_diagonal(near, np.nan)
    out[:, 0], out[:, 1] = np.nanmean(near[:, : min(4, n)], axis=1), np.nanmean(near[:, :10], axis=1)
    out[:, 2], out[:, 3] = np.nanmax(near[:, :10], axis=1), np.nanmean(near, axis=1)
    return out


def _words(
    document: Sequence[str], query: Sequence[str], wanted: Sequence[str], idf: dict[str, float], total: float
) -> list[float]:
    """How the terms of a query lie in a document; the names are those of `FEATURES` from `cover` to `length`."""
    places: dict[str, list[int]] = {}
    asked = set(wanted)
    for position, term in enumerate(document):
        if term in asked:
            places.setdefault(term, []).append(position)
    length = len(document)
    cover = sum(idf.get(term, 0.0) for term in places) / total
    early = {term: where[0] for term, where in places.items() if where[0] < LEAD}
    cover_lead = sum(idf.get(term, 0.0) for term in early) / total
    first = math.log1p(min((where[0] for where in places.values()), default=length))
    repeats = sum(idf.get(term, 0.0) * math.log1p(len(where)) for term, where in places.items()) / total
    starts = float(bool(document) and document[0] in asked)
    share = len(early) / min(LEAD, length) if length else 0.0
    return [
        cover, cover_lead, first, _window(places), _pairs(places, query), repeats, share, starts, math.log1p(length),
    ]  # fmt: skip


def _window(places: dict[str, list[int]]) -> float:
    """Logarithm of the shortest stretch that holds every term that occurs at all, over their number; 0: side by side."""
    if len(places) < 2:
        return 0.0
    events = sorted((position, term) for term, where in places.items() for position in where)
    last: dict[str, int] = {}
    best = events[-1][0] - events[0][0] + 1
    for position, term in events:
        last[term] = position
        if len(last) == len(places):
            best = min(best, position - min(last.values()) + 1)
    return math.log(best / len(places))


def _pairs(places: dict[str, list[int]], query: Sequence[str]) -> float:
    """Share of the neighbouring terms of a query that are neighbours in the document too."""
    if len(query) < 2:
        return 0.0
    both = 0
    for one, other in pairwise(query):
        after = {position + 1 for position in places.get(one, ())}
        both += any(position in after for position in places.get(other, ()))
    return both / (len(query) - 1)


def train(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> Reranker:
    """A reranker from labelled rankings.

    features [N, F]; labels [N], 0 = not relevant or not judged; groups [G]: how many rows each query has, in order.
    Queries without a relevant document teach nothing and are left out; fewer than `2 * FOLDS` of them: blend 0.
    """
    features, labels, groups = np.asarray(features, np.float32), np.asarray(labels, float), np.asarray(groups, int)
    _check(features, labels, groups)
    queries = [
        rows for rows in np.split(np.arange(len(labels)), np.cumsum(groups)[:-1]) if labels[rows].max(initial=0) > 0
    ]
    if len(queries) < 2 * FOLDS:
        return Reranker((), 0.0)
    blend = _choose(features, labels, queries, seed)
    return Reranker(_fit(features, labels, queries, seed, SEEDS) if blend else (), blend)


def _choose(features: np.ndarray, labels: np.ndarray, queries: list[np.ndarray], seed: int) -> float:
    """The blend that ranks queries best which the trees have not seen: the mean of what RESAMPLES draws of the queries choose, for one
    choice on some dozens of queries is chance."""
    order = np.random.default_rng([seed, 0xF01D]).permutation(len(queries))
    gains = np.zeros((len(BLENDS), len(queries)))
    for fold in range(FOLDS):
        held = set(order[fold::FOLDS].tolist())
        models = _fit(features, labels, [q for i, q in enumerate(queries) if i not in held], seed, SEEDS // 2)
        for i in held:
            rows = queries[i]
            for b, blend in enumerate(BLENDS):
                gains[b, i] = ndcg(Reranker(models, blend).scores(features[rows]), labels[rows])
    drawn = np.random.default_rng([seed, 0xB007]).integers(0, len(queries), (RESAMPLES, len(queries)))
    return float(np.mean([_best(gains[:, some]) for some in drawn]))


def _best(gains: np.ndarray) -> float:
    """The blend with the greatest mean gain [BLENDS, Q]; the smallest within half a standard error of it."""
    best = int(gains.mean(axis=1).argmax())
    for b in range(best):
        behind = gains[best] - gains[b]
        if behind.mean() <= 0.5 * behind.std(ddof=1) / math.sqrt(len(behind)):
            return BLENDS[b]
    return BLENDS[best]


def _fit(features: np.ndarray, labels: np.ndarray, queries: list[np.ndarray], seed: int, seeds: int) -> tuple[str, ...]:
    import lightgbm

    rows = np.concatenate(queries)
    levels = np.unique(labels[rows], return_inverse=True)[1].ravel()  # LambdaMART wants grades 0, 1, 2, ...
    gain = [float(value) for value in np.unique(labels[rows])]
    out = []
    for number in range(seeds):
        data = lightgbm.Dataset(features[rows], levels, group=[len(q) for q in queries], free_raw_data=False)
        settings = TREES | {"seed": seed * 1_000 + number, "label_gain": gain}
        out.append(lightgbm.train(settings, data, ROUNDS).model_to_string())
    return tuple(out)


def ndcg(scores: np.ndarray, labels: np.ndarray, depth: int = 10) -> float:
    """nDCG of one query over the documents given, with linear gains; ties in the order given."""
    discount = 1 / np.log2(np.arange(2, depth + 2))
    found = labels[np.argsort(-scores, kind="stable")[:depth]]
    ideal = -np.sort(-labels)[:depth]
    return float((found * discount[: len(found)]).sum() / max((ideal * discount[: len(ideal)]).sum(), 1e-12))


def _check(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> None:
    if (
        features.ndim != 2
        or features.shape[1] != len(FEATURES)
        or len(labels) != len(features)
        or groups.sum() != len(labels)
    ):
        raise DataError([
            f"a reranker learns from features [N, {len(FEATURES)}], labels [N] and groups that add up to N; "
            f"got {features.shape}, {labels.shape} and {int(groups.sum())}"
        ])  # fmt: skip


def _standard(values: Any) -> np.ndarray:
    values = np.asarray(values, float)
    spread = values.std()
    return (values - values.mean()) / spread if spread > 1e-12 else np.zeros(len(values))


_LOADED: dict[tuple[str, ...], list[Any]] = {}


def _boosters(models: tuple[str, ...]) -> list[Any]:
    """Read once: a model of 120 trees takes milliseconds to parse."""
    if models not in _LOADED:
        import lightgbm

        if len(_LOADED) > 8:
            _LOADED.clear()
        _LOADED[models] = [lightgbm.Booster(model_str=model) for model in models]
    return _LOADED[models]
