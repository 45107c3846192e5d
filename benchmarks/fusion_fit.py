"""The constants of methods/text/fusion.py from labelled queries: a listwise softmax, its gradient, and L-BFGS.

    loss = - sum_q W_q sum_d T_qd log softmax_d(s (cosine_qd + w_q t_qd)) + L2 |a|^2        w_q = exp(b + a . (f_q - m) / s_f)

T are the labels of a query over their sum, W what its collection counts over the number of its queries, s a sharpness that is fitted
too and not kept. ListNet's top-one loss: Cao et al., "Learning to rank: from pairwise approach to listwise approach" (ICML 2007, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ropewalk.methods.text import fusion

L2 = 0.01
MOST = 200  # queries of a collection
PARTS = 8  # of the groups, when they are left out


@dataclass(frozen=True, slots=True)
class Seen:
    """One query: its facts [7], and of the documents of both legs [n] BM25 and cosine as the rule sums them, and their labels."""

    facts: np.ndarray
    terms: np.ndarray
    dense: np.ndarray
    gains: np.ndarray
    ideal: float  # DCG@10 of the best order


@dataclass(frozen=True, slots=True)
class Block:
    """Queries of a collection, padded to the longest: [Q, F], [Q, N], and what each counts."""

    facts: np.ndarray
    terms: np.ndarray
    dense: np.ndarray
    gains: np.ndarray
    there: np.ndarray  # bool
    ideal: np.ndarray  # [Q]
    weight: np.ndarray  # [Q]


@dataclass(frozen=True, slots=True)
class Constants:
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: float

    def __str__(self) -> str:
        rows = {"MEAN": self.mean, "SCALE": self.scale, "WEIGHTS": self.weights}
        lines = [f"{name} = np.array([{', '.join(f'{v:.4g}' for v in values)}])" for name, values in rows.items()]
        return "\n".join([*lines, f"BIAS = {self.bias:.4g}"])


def shipped() -> Constants:
    return Constants(fusion.MEAN, fusion.SCALE, fusion.WEIGHTS, fusion.BIAS)


def block(queries: Sequence[Seen], weight: float) -> Block:
    some = queries[:MOST]
    longest = max(len(q.terms) for q in some)

    def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([np.pad(np.asarray(r, float), (0, longest - len(r))) for r in rows])

    return Block(
        np.stack([q.facts for q in some]), padded([q.terms for q in some]), padded([q.dense for q in some]),
        padded([q.gains for q in some]), padded([np.ones(len(q.terms)) for q in some]) > 0,
        np.array([q.ideal for q in some]), np.full(len(some), weight / len(some)),
    )  # fmt: skip


def fit(blocks: Sequence[Block]) -> Constants:
    """The constants that suit these best."""
    facts, weight = (np.concatenate([getattr(b, name) for b in blocks]) for name in ("facts", "weight"))
    weight = weight / weight.sum()
    mean = weight @ facts
    scale = np.sqrt(weight @ (facts - mean) ** 2) + 1e-9
    learnt = [_taught(b) for b in blocks]
    total = sum(b.weight.sum() for b in learnt)
    phis = [_phi(b.facts, mean, scale) for b in learnt]

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = L2 * float((theta[1:-1] ** 2).sum()), np.zeros(len(theta))
        slope[1:-1] = 2 * L2 * theta[1:-1]
        for b, phi in zip(learnt, phis, strict=True):
            more, steeper = _loss(theta, b, phi, total)
            value, slope = value + more, slope + steeper
        return value, slope

    start = np.zeros(facts.shape[1] + 2)
    start[0], start[-1] = -1.4, 3.0
    theta = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return Constants(mean, scale, theta[1:-1], float(theta[0]))


def _taught(b: Block) -> Block:
    """The queries of which a leg found something relevant."""
    some = b.gains.sum(axis=1) > 0
    return Block(*(getattr(b, name)[some] for name in Block.__slots__))


def _phi(facts: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    away = np.clip((facts - mean) / scale, -fusion.LIMIT, fusion.LIMIT)
    return np.concatenate([np.ones((len(away), 1)), away], axis=1)


def _loss(theta: np.ndarray, b: Block, phi: np.ndarray, total: float) -> tuple[float, np.ndarray]:
    sharp, log_w = np.exp(theta[-1]), phi @ theta[:-1]
    worth = np.clip(np.exp(log_w), fusion.LOW, fusion.HIGH)[:, None]
    scores = np.where(b.there, sharp * (b.dense + worth * b.terms), -1e9)
    scores -= scores.max(axis=1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    target, heavy = b.gains / b.gains.sum(axis=1, keepdims=True), b.weight / total
    steep = heavy[:, None] * np.where(b.there, np.exp(log_p) - target, 0.0)  # of the loss, by score
    free = (worth[:, 0] > fusion.LOW) & (worth[:, 0] < fusion.HIGH)
    by_log_w = (steep * sharp * worth * b.terms).sum(axis=1) * free
    by_sharp = float((steep * sharp * (b.dense + worth * b.terms)).sum())
    value = -float((heavy * np.where(b.there, target * log_p, 0.0).sum(axis=1)).sum())
    return value, np.concatenate([by_log_w @ phi, [by_sharp]])


def ndcg(b: Block, constants: Constants) -> np.ndarray:
    """[Q] nDCG@10 of the first line of the rule."""
    phi = _phi(b.facts, constants.mean, constants.scale)
    worth = np.exp(phi @ np.concatenate([[constants.bias], constants.weights]))
    scores = np.where(b.there, b.dense + np.clip(worth, fusion.LOW, fusion.HIGH)[:, None] * b.terms, -1e9)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return dcg(np.take_along_axis(b.gains, best, axis=1)) / np.maximum(b.ideal, 1e-12)


def dcg(gains: np.ndarray) -> np.ndarray:
    """Of gains [..., k], best first, k at most 10."""
    found: np.ndarray = (gains / np.log2(np.arange(2, gains.shape[-1] + 2))).sum(axis=-1)
    return found
