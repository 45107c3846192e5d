"""From past demand to the law of the demand that an order of now has to protect.

The mean is weighted towards the recent past, so that it follows a drift. The law over the protection interval has two moments
of its own: demand of independent periods, and how uncertain the mean itself is. It is negative binomial, Poisson where nothing
says that it is wider. An item whose periods without demand are more than that law can explain (by EXCESS standard errors)
is lumpy: nothing gets a probability of its own. On the demo's items (four fifths of the weeks without a sale) that is
rarely so and makes no difference; lumps without it cost a newsvendor 1 to 13 % more (benchmarks/order_plan_choices.py).
Intermittent demand: Syntetos & Boylan, J. of the Operational Research Society 56(5), 2005; negative binomial: Snyder, Ord &
Beaumont, Int. J. of Forecasting 28(2), 2012.

What it does not know: seasons, promotions, days out of stock (a zero is a zero).

Letters: T periods, N rows. History is [T,N], the oldest period first, so that no sum depends on how rows are batched.
New items have fewer periods: weights are by age, so that they are the same beside older items.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.bulk.law import Law, negative_binomial

Array = np.ndarray
HALF_LIFE = (
    13.0  # periods, a quarter of weeks: 8 costs 1 % less on the demo's items, no weights 1 % less where nothing drifts
)
LONGEST = 520  # periods
EXCESS = 2.0  # standard errors


class Past(NamedTuple):
    """What the history says of one period's demand, each [N]."""

    mean: Array  # units
    variance: Array  # units^2, at least that of Poisson
    busy: Array  # share of the periods with demand
    lumpy: Array  # bool: periods without demand are more than the negative binomial of the two moments can explain
    periods: Array  # of equal weight, whose mean would be as uncertain


@cache
def weights() -> tuple[Array, Array, Array]:
    """[LONGEST + 1] by age in periods: the weight, float32; by how many periods there are: one over the sum of their weights, float32, and the
    number of equally weighted periods that they are worth."""
    each = 0.5 ** (np.arange(LONGEST + 1) / HALF_LIFE)
    total, squares = (np.concatenate([[1.0], np.cumsum(column[:-1])]) for column in (each, each * each))
    return each.astype(np.float32), (1.0 / total).astype(np.float32), total * total / squares


def past(history: Array) -> Past:
    """[T,N] units, float32, T > 1; NaN before an item existed. Of more than LONGEST periods the last ones count."""
    history = history[-LONGEST:]
    if history.shape[1] == 1:  # a single row NumPy would sum in another order
        return Past(*(column[:1] for column in past(np.repeat(history, 2, axis=1))))
    there, known = None, np.full(history.shape[1], len(history))
    if np.isnan(history[0]).any():
        there = ~np.isnan(history)
        known, history = there.sum(0), np.where(there, history, np.float32(0.0))
    by_age, scales, worths = weights()
    each, scale, worth = by_age[: len(history)][::-1].copy(), scales[known], worths[known]
    middle = _mean(each, history) * scale
    off = history - middle
    off *= off
    if there is not None:
        off *= there
    mean, spread = middle.astype(np.float64), (_mean(each, off) * scale).astype(np.float64)
    variance = np.maximum(spread * (worth / (worth - 1.0)), mean)
    busy = (_mean(each, np.greater(history, 0.0, out=off)) * scale).astype(np.float64)
    return Past(mean, variance, busy, _lumpy(mean, variance, busy, worth), worth)


def _mean(each: Array, values: Array) -> Array:
    """[N] weighted over the periods, one after the other: no BLAS, whose sums depend on how many rows there are."""
    return np.einsum("t,tn->n", each, values)


def _lumpy(mean: Array, variance: Array, busy: Array, worth: float) -> Array:
    law = negative_binomial(mean, variance)
    nothing = np.exp(-law.r * np.log1p(law.mean / law.r))
    error = np.sqrt(nothing * (1.0 - nothing) / worth)
    return (1.0 - busy - nothing > EXCESS * error + 1e-6) & (mean > busy)


def ahead(seen: Past, periods: Array) -> tuple[Law, Array]:
    """The law of the demand of the next `periods` [N] periods together, and its mean [N] in units."""
    mean = seen.mean * periods
    variance = seen.variance * periods * (1.0 + periods / seen.periods)
    law = negative_binomial(mean, variance)
    rows = np.flatnonzero(seen.lumpy)
    if len(rows):
        for column, values in zip(
            law, _with_nothing(seen, rows, periods[rows], mean[rows], variance[rows]), strict=True
        ):
            column[rows] = values
    return law, mean


def _with_nothing(seen: Past, rows: Array, periods: Array, mean: Array, variance: Array) -> Law:
    """The law with these moments in which nothing is as probable as the busy periods say (Jeffreys' estimate)."""
    busy = (seen.busy[rows] * seen.periods[rows] + 0.5) / (seen.periods[rows] + 1.0)
    none = (1.0 - busy) ** periods
    some = np.maximum(mean / (1.0 - none), 1.0)  # units, if any
    spread = np.maximum((variance + mean * mean) / (1.0 - none) - some * some, 0.0)
    more = negative_binomial(some - 1.0, spread)
    return Law(none, np.ones_like(none), more.mean, more.r)
