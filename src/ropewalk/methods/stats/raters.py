"""One label from the answers of several raters, how sure it is, how good each rater is, and how far they agree.

Answers come as three columns of one length N: item, rater, label (whatever can be sorted); not every rater need see every
item. Own code: the library for this (crowd-kit) brings transformers and scikit-learn, that for alpha (krippendorff) is GPL.
Compared with both. crowd-kit 1.4.2 differs in two places: its Dawid-Skene stops after three rounds where its bound falls, and its
MACE mixes up the habits of a rater unless labels first appear in sorted order (then it gives the same figures as this one).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Agreed:
    """A label an item, the share of belief that it has, and of every rater how likely an answer is the label agreed upon."""

    labels: Mapping[Any, Any]
    certainty: Mapping[Any, float]
    raters: Mapping[Any, float]


@dataclass(frozen=True, slots=True)
class _Coded:
    """Answers as numbers: [N] indices into what stands beside them, sorted."""

    item: np.ndarray
    rater: np.ndarray
    label: np.ndarray
    items: list[Any]
    raters: list[Any]
    labels: list[Any]


def majority(items: Sequence[Any], raters: Sequence[Any], labels: Sequence[Any]) -> Agreed:
    """The label that most raters gave; of several the lowest, so that nothing is called relevant by half of the raters."""
    c = _coded(items, raters, labels)
    return _agreed(c, _shares(c))


def dawid_skene(
    items: Sequence[Any], raters: Sequence[Any], labels: Sequence[Any], *, rounds: int = 100, tolerance: float = 1e-5
) -> Agreed:
    """Each rater has a table of what they say for each truth (Dawid and Skene 1979, equations 2.3-2.5), found by EM from the majority."""
    c = _coded(items, raters, labels)
    belief, before = _shares(c), -np.inf
    for _ in range(rounds):
        prior = belief.mean(axis=0)
        said = np.zeros((len(c.raters), len(c.labels), len(c.labels)))  # [rater, said, truth]
        np.add.at(said, (c.rater, c.label), belief[c.item])
        said /= np.maximum(said.sum(axis=1, keepdims=True), 1e-300)
        logs = np.tile(np.log(np.maximum(prior, 1e-300)), (len(c.items), 1))
        np.add.at(logs, c.item, np.log(np.maximum(said[c.rater, c.label], 1e-10)))
        belief, likelihood = _normalised(logs)
        if likelihood - before < tolerance * max(1.0, abs(likelihood)):
            break
        before = likelihood
    return _agreed(c, belief)


def mace(
    items: Sequence[Any],
    raters: Sequence[Any],
    labels: Sequence[Any],
    *,
    seed: int = 0,
    rounds: int = 50,
    restarts: int = 10,
) -> Agreed:
    """A rater either knows the truth or draws from a habit of their own (Hovy et al., NAACL 2013, section 3, variational Bayes
    with Beta(0.5, 0.5) and Dirichlet(10) priors as published); the best of ten beginnings."""
    c = _coded(items, raters, labels)
    rng = np.random.default_rng([seed, 0x3ACE])
    tries = [_mace_once(c, rng, rounds) for _ in range(restarts)]
    belief, _ = max(tries, key=lambda found: found[1])
    return _agreed(c, belief)


def _mace_once(c: _Coded, rng: np.random.Generator, rounds: int) -> tuple[np.ndarray, float]:
    knows = rng.uniform(0.5, 1.0, len(c.raters))
    habit = rng.dirichlet(np.ones(len(c.labels)), len(c.raters))
    for _ in range(rounds):
        belief, likelihood, informed = _mace_expect(c, knows, habit)
        known = np.bincount(c.rater, informed, len(c.raters))
        drawn = np.full((len(c.raters), len(c.labels)), 0.0)
        np.add.at(drawn, (c.rater, c.label), 1 - informed)
        of_all = np.exp(_digamma(np.stack([known, drawn.sum(axis=1)]) + 0.5))
        knows = of_all[0] / of_all.sum(axis=0)
        habit = np.exp(_digamma(drawn + 10.0))
        habit /= habit.sum(axis=1, keepdims=True)
    belief, likelihood, _ = _mace_expect(c, knows, habit)
    return belief, likelihood


def _mace_expect(c: _Coded, knows: np.ndarray, habit: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """[items, labels] belief, its log-likelihood, and [N] how likely each answer came from knowing."""
    guess = (1 - knows[c.rater]) * habit[c.rater, c.label]
    each = np.repeat(guess[:, None], len(c.labels), axis=1)
    each[np.arange(len(guess)), c.label] += knows[c.rater]
    logs = np.zeros((len(c.items), len(c.labels)))
    np.add.at(logs, c.item, np.log(np.maximum(each, 1e-300)))
    belief, likelihood = _normalised(logs)
    informed = belief[c.item, c.label] * knows[c.rater] / np.maximum(guess + knows[c.rater], 1e-300)
    return belief, likelihood, informed


def alpha(
    items: Sequence[Any], labels: Sequence[Any], level: Literal["nominal", "ordinal", "interval"] = "nominal"
) -> float:
    """Krippendorff's alpha: 1 - observed / expected disagreement; 1 is agreement, 0 is chance (Computing Krippendorff's
    Alpha-Reliability, 2011). Items with one answer say nothing. `interval` needs labels that are numbers."""
    c = _coded(items, ["any"] * len(items), labels)
    counts = np.zeros((len(c.items), len(c.labels)))
    np.add.at(counts, (c.item, c.label), 1)
    counts = counts[counts.sum(axis=1) >= 2]
    if not counts.size:
        raise ValueError("alpha needs an item that two raters answered")
    size = counts.sum(axis=1, keepdims=True)
    together = (counts / (size - 1)).T @ counts - np.diag((counts / (size - 1)).sum(axis=0))
    n = together.sum(axis=0)
    apart = np.outer(n, n) - np.diag(n)
    distance = _distance(c.labels, n, level)
    expected = (apart * distance).sum() / (n.sum() - 1)
    return 1.0 if expected == 0 else float(1 - (together * distance).sum() / expected)


def _distance(labels: list[Any], n: np.ndarray, level: str) -> np.ndarray:
    """[labels, labels] squared differences: 0 or 1, of ranks, or of numbers."""
    if level == "nominal":
        return 1.0 - np.eye(len(labels))
    place = np.cumsum(n) - n / 2 if level == "ordinal" else np.asarray(labels, float)
    return (place[:, None] - place[None, :]) ** 2


def _coded(items: Sequence[Any], raters: Sequence[Any], labels: Sequence[Any]) -> _Coded:
    if not len(items) == len(raters) == len(labels) or not len(items):
        raise ValueError(f"three columns of one length > 0; got {len(items)}, {len(raters)}, {len(labels)}")
    (item, all_items), (rater, all_raters), (label, all_labels) = (
        _numbered(column) for column in (items, raters, labels)
    )
    return _Coded(item, rater, label, all_items, all_raters, all_labels)


def _numbered(column: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
    names = sorted(set(column))
    place = {name: index for index, name in enumerate(names)}
    return np.array([place[name] for name in column]), names


def _shares(c: _Coded) -> np.ndarray:
    """[items, labels] share of the answers."""
    counts = np.zeros((len(c.items), len(c.labels)))
    np.add.at(counts, (c.item, c.label), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def _normalised(logs: np.ndarray) -> tuple[np.ndarray, float]:
    """Beliefs from their logarithms, and the log-likelihood."""
    most = logs.max(axis=1, keepdims=True)
    belief = np.exp(logs - most)
    whole = belief.sum(axis=1, keepdims=True)
    return belief / whole, float((most + np.log(whole)).sum())


def _digamma(x: np.ndarray) -> np.ndarray:
    from scipy.special import digamma

    return np.asarray(digamma(x))


def _agreed(c: _Coded, belief: np.ndarray) -> Agreed:
    best = belief.argmax(axis=1)  # the first of several
    right = np.bincount(c.rater, belief[c.item, c.label], len(c.raters)) / np.bincount(c.rater, minlength=len(c.raters))
    return Agreed(
        {item: c.labels[k] for item, k in zip(c.items, best.tolist(), strict=True)},
        dict(zip(c.items, belief.max(axis=1).tolist(), strict=True)),
        dict(zip(c.raters, right.tolist(), strict=True)),
    )
