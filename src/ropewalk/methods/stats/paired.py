"""Means over queries with what they may be, and one run beside another on the same queries: any [Q] values, a query each.

The intervals are those of bootstrap.py with one week, the test is Fisher's (randomisation.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ropewalk.errors import DataError
from ropewalk.methods.stats.bootstrap import Interval, paired_interval
from ropewalk.methods.stats.randomisation import randomisation_p


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a measure over queries, with what it may be for other queries like these."""

    value: float
    low: float  # 95 %, by bootstrap over queries
    high: float
    queries: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside another on the same queries, in the measure's unit."""

    difference: float  # mean(run - other)
    low: float  # 95 %, by bootstrap over queries
    high: float
    p_value: float  # Fisher's randomisation test, two-sided
    loss_bound: float  # with 95 % certainty run is worse than other by no more than this
    better: int  # queries
    worse: int
    equal: int


def mean(values: np.ndarray, *, seed: int = 0, weights: np.ndarray | None = None) -> Mean:
    """The mean of [Q] values with its interval; `weights` [Q] say how much each query counts (how often it is asked).

    One query says nothing about others: its interval is not a number.
    """
    values = _weighed(values, weights)
    found = _paired(values, np.zeros(len(values)), seed, 0.95)
    return Mean(found.difference, float(np.clip(found.low, 0, 1)), float(np.clip(found.high, 0, 1)), len(values))


def compare(run: np.ndarray, other: np.ndarray, *, seed: int = 0, weights: np.ndarray | None = None) -> Comparison:
    """A run's [Q] values beside another's, query by query."""
    d = np.asarray(run, float) - np.asarray(other, float)
    run, other = _weighed(run, weights), _weighed(other, weights)
    found = _paired(run, other, seed, 0.95)
    return Comparison(
        found.difference, found.low, found.high, randomisation_p(run, other, seed=seed),
        _paired(other, run, seed, 0.90).high, int((d > 0).sum()), int((d < 0).sum()), int((d == 0).sum()),
    )  # fmt: skip


def _paired(model: np.ndarray, baseline: np.ndarray, seed: int, level: float) -> Interval:
    """The upper end of a two-sided interval of 90 % is a one-sided bound of 95 %."""
    found = paired_interval(model[:, None], baseline[:, None], seed=seed, level=level)
    return found if len(model) > 1 else replace(found, low=np.nan, high=np.nan)


def _weighed(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    values = np.asarray(values, float)
    if not values.size:
        raise DataError(
            ["there is nothing to take a mean of: no query has a relevant document. Label some, or check the ids."]
        )
    if weights is None:
        return values
    weights = np.asarray(weights, float)
    if weights.shape != values.shape or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(f"weights are {values.shape} numbers >= 0 that are not all 0; got {weights.shape}")
    return values * weights / weights.mean()


def by_slice(
    values: np.ndarray, queries: Sequence[str], slices: Mapping[str, Mapping[str, Sequence[str]]], *, seed: int = 0
) -> list[dict[str, Any]]:
    """A row {slice, value, queries, mean, low, high} for every part of every slice that has a query here."""
    place = {query: index for index, query in enumerate(queries)}
    rows = []
    for name, parts in slices.items():
        for part, members in parts.items():
            inside = [place[query] for query in members if query in place]
            if inside:
                found = mean(np.asarray(values)[inside], seed=seed)
                rows.append(
                    {"slice": name, "value": part, "queries": found.queries, "mean": found.value, "low": found.low, "high": found.high}
                )  # fmt: skip
    return rows
