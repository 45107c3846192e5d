"""The law of a demand that the sales show only in part: a day that sold out says no more than that it was at least what was sold.

A day's demand is negative binomial with mean m of the item and weekday and variance m + a m^2, a the item's own excess;
towards a = 0 it is Poisson. The mean is that of the likelihood with days in stock seen and days sold out censored, found by
the expectation-maximisation step: a day sold out counts E[D | D >= sold] (Conrad, Operational Research Quarterly 27(1),
1976, for Poisson; Agrawal & Smith, Naval Research Logistics 43(6), 1996, for the negative binomial; Dempster, Laird & Rubin,
JRSS B 39(1), 1977), lengthened to Newton's by how much of the variance is unseen (Louis, JRSS B 44(2), 1982).

One shelf says little of its own excess: all items share a law of it, found from their profile likelihoods (empirical Bayes:
Laird, JASA 73(364), 1978) and near Poisson where they say nothing. A weekday that sold out has one day more, at the item's
mean in the pattern of the week that all items share; so one that always sold out has an estimate, and it is finite.

What it does not know: fewer than Poisson's surprises. Of demand that is the same each day it expects too much.
Letters: I items, C cells (an item's weekday), K kinds of days sold out, S kinds of days in stock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import betainc, betaln

Array = np.ndarray
EXCESS = np.geomspace(1e-4, 3.0, 9)  # at which the likelihood is taken: from Poisson to a variance of 3 m^2
BETWEEN = np.geomspace(1e-4, 3.0, 65)  # at which it is read between them
BELIEF = 1.0 / (1.0 + 10.0 * BETWEEN)  # before any day is seen: 0.05 in the mean, and slow to rule out much
BELIEVED = 5.0  # items that the belief is worth
MOST = 2.0  # a mean is at most this many times the item's largest day: shelves that never last show no bound
LITTLE = 1e-9


class Days(NamedTuple):
    """What the days of items show."""

    item: Array  # [C] int, the item of a cell
    weekday: Array  # [C] int, from 0
    days: Array  # [C] in stock
    units: Array  # [C] sold on them
    cell: Array  # [K] int, of days sold out
    sold: Array  # [K] units > 0 on each
    times: Array  # [K] such days
    seen_item: Array  # [S] int, of days in stock
    seen: Array  # [S] units > 0 on each
    seen_times: Array  # [S] such days


class Law(NamedTuple):
    """Letters as above."""

    mean: Array  # [C] units a day
    excess: Array  # [I] a


def fitted(given: Days) -> Law:
    """The law of each cell. A cell without days sold out has the mean of its days."""
    items, sums = int(given.item.max(initial=-1)) + 1, given.units + _by_cell(given, given.sold)
    start = np.maximum(sums / np.maximum(given.days + _by_cell(given, 1.0), 1.0), LITTLE)
    mean, found = start, []
    for excess in EXCESS:  # a mean near the best is enough: there the likelihood is flat
        mean = means(given, np.full(len(start), excess), mean, 2)
        found.append(_likelihood(given, mean, excess, items))
    excess = _shared(np.stack(found, axis=1))
    most = np.zeros(items)
    np.maximum.at(most, given.seen_item, given.seen)
    np.maximum.at(most, given.item[given.cell], given.sold)
    mean = means(given, excess[given.item], start, 8)
    return Law(np.minimum(mean, np.maximum(MOST * most[given.item], start)), excess)


def at_least(sold: Array, mean: Array, excess: Array | float) -> tuple[Array, Array, Array]:
    """E[D | D >= sold], Var[D | D >= sold] and P(D >= sold) for sold > 0.

    From (k + 1) p(k + 1) = q (k + r) p(k), q = m / (m + r), r = 1 / a, summed over k >= sold, once as it is and once times k + 1;
    P(D >= s) is I_q(s, r) (Johnson, Kemp & Kotz, Univariate Discrete Distributions, 3rd ed., eq. 5.30).
    """
    r = 1.0 / np.asarray(excess)
    q, more = mean / (mean + r), 1.0 + mean / r
    chance = betainc(sold, r, q)
    at = np.exp(sold * np.log(q) - r * np.log(more) - betaln(sold, r)) / sold
    far = 1.0 - q * (sold + r) / (sold + 1.0)  # the limit of the ratio far above the mean
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(chance > 1e-250, at / chance, np.maximum(far, 0.0))
    expected = mean + sold * more * ratio
    squared = more * sold**2 * ratio + mean * (1.0 + 1.0 / r) * expected + mean
    return np.maximum(expected, sold), np.maximum(squared - expected**2, 0.0), chance


def means(given: Days, excess: Array, mean: Array, rounds: int) -> Array:
    """[C] the means after so many rounds, from `mean`; excess [C]."""
    out = _by_cell(given, 1.0)
    number, extra = given.days + out, 1.0 * (out > 0)
    for _ in range(rounds):
        expected, variance, _ = at_least(given.sold, mean[given.cell], excess[given.cell])
        sums = given.units + _by_cell(given, expected)
        own = _share(np.bincount(given.item, sums), np.bincount(given.item, number))[given.item]
        week = _share(np.bincount(given.weekday, sums), np.bincount(given.weekday, number * own))[given.weekday]
        next_ = _share(sums + extra * own * week, number + extra)
        unseen = _share(_by_cell(given, variance), number + extra) / (mean * (1.0 + excess * mean))
        step = (next_ - mean) / np.clip(1.0 - unseen, 0.1, 1.0)
        mean = np.maximum(mean + step, np.maximum(mean / 4.0, LITTLE))
    return mean


def _likelihood(given: Days, mean: Array, excess: float, items: int) -> Array:
    """[I] logarithm of the likelihood of each item's days, but for what no law changes."""
    r = 1.0 / excess
    chance = at_least(given.sold, mean[given.cell], excess)[2]
    out = given.times * np.log(np.maximum(chance, 1e-250))
    cells = given.units * np.log(mean / (mean + r)) - given.days * r * np.log1p(mean / r)
    seen = -given.seen_times * betaln(given.seen, r)
    parts = ((given.item[given.cell], out), (given.item, cells), (given.seen_item, seen))
    return np.sum([np.bincount(at, each, items) for at, each in parts], axis=0)


def _shared(likelihood: Array) -> Array:
    """[I] mean excess of each item, given its likelihood [I,EXCESS] and those of the others."""
    between = CubicSpline(np.log(EXCESS), likelihood, axis=1)(np.log(BETWEEN))
    like = np.exp(between - between.max(axis=1, keepdims=True))
    belief = BELIEF / BELIEF.sum()
    shared = belief
    for _ in range(30):
        odds = like * shared
        shared = ((odds / odds.sum(axis=1, keepdims=True)).sum(0) + BELIEVED * belief) / (len(like) + BELIEVED)
    odds = like * shared
    return (odds @ BETWEEN) / odds.sum(axis=1)


def _by_cell(given: Days, each: Array | float) -> Array:
    return np.bincount(given.cell, given.times * each, len(given.item))


def _share(part: Array, whole: Array) -> Array:
    return part / np.maximum(whole, LITTLE)
