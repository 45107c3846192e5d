"""The law of a demand as it is counted: negative binomial, with a probability of its own for no demand where that is needed.

P(X <= k) of a negative binomial is the incomplete beta function I_p(r, k + 1), p = r / (r + m). Its recurrences in r and k
(DLMF 8.17.20-21) move both arguments up by SHIFT, where the normal approximation of Peizer and Pratt is good. That is three
times as fast as SciPy's betainc, and off by at most ERROR (law_test.py looks for worse, against SciPy).

Sources: Peizer & Pratt, "A normal approximation for binomial, F, beta, and other common, related tail probabilities, I",
JASA 63, 1968; E[(X - k)^+]: worth.py says why.

Letters: N rows. All functions take rows of one block (plan.py); a row's answer depends on nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.bulk import normal

Array = np.ndarray
SHIFT = 4
ERROR = 2e-4  # of a probability; times the mean, of units short
SMALLEST, LARGEST = 1e-6, 1e5  # r, and r / max(mean, 1): beyond, the law is as good as Poisson
JUMP = 8  # units from which a new guess beats walking


class Law(NamedTuple):
    """Nothing with probability `none`, else `least` and a negative binomial number of units more. `none` and `least` are 0
    for the negative binomial itself; large r is Poisson."""

    none: Array  # [N]
    least: Array  # [N] units
    mean: Array  # [N] units, of the negative binomial
    r: Array  # [N]


def negative_binomial(mean: Array, variance: Array) -> Law:
    """[N] of these two moments; Poisson where the variance is not above the mean."""
    mean = np.maximum(mean, 1e-9)
    r = mean * mean / np.maximum(variance - mean, 1e-30)
    return Law(
        np.zeros_like(mean),
        np.zeros_like(mean),
        mean,
        np.minimum(np.maximum(r, SMALLEST), LARGEST * np.maximum(mean, 1.0)),
    )


def exceeding(law: Law, level: Array) -> tuple[Array, Array]:
    """[N] P(D > level), and E(D - level)^+ in units, at levels >= 0, whole or not."""
    least, some = law.least, 1.0 - law.none
    above = np.floor(level) - least  # < 0: all of the demand that is not nothing
    k = np.maximum(above, 0.0)
    tail, at = _tail(k, law.mean, law.r)
    beyond = law.mean * (tail + at * (1.0 + k / law.r)) - (level - least) * tail
    beyond = np.where(above < 0.0, law.mean + least - level, np.maximum(beyond, 0.0))
    return some * np.where(above < 0.0, 1.0, tail), some * beyond


def quantile(law: Law, chance: Array) -> Array:
    """[N] units: the least whole number that is at least the demand with this chance, 0 <= chance < 1."""
    rest = (1.0 - chance) / (1.0 - law.none)  # may be left uncovered of the demands that are not nothing
    return np.where(rest >= 1.0, 0.0, law.least + _least(np.minimum(rest, 1.0), law.mean, law.r))


def _tail(k: Array, mean: Array, r: Array) -> tuple[Array, Array]:
    """[N] P(X > k) and P(X = k) of negative binomials at whole k >= 0."""
    share = 1.0 / (r + mean)
    p, q = r * share, mean * share
    at = np.exp(_log_probability(k, mean, r))
    up, term = 0.0, at
    for j in range(SHIFT):  # P(X <= k) = P(X <= k + SHIFT) - what lies between
        term = term * ((k + (r + j)) * q / (k + (j + 1)))
        up = up + term
    b = k + (SHIFT + 1)
    term = term * (q * (r + (b - 1.0)) / r)
    down = term
    for j in range(SHIFT - 1):  # I_p(r, b) = I_p(r + 1, b) + p^r q^b / (r B(r, b))
        term = term * (p * (b + (r + j)) / (r + (j + 1)))
        down = down + term
    return np.minimum(np.maximum(1.0 - _beta(r + SHIFT, b, p, q) - down + up, 0.0), 1.0), at


def _beta(a: Array, b: Array, p: Array, q: Array) -> Array:
    """[N] I_p(a, b) by Peizer and Pratt; p + q = 1."""
    n = a + b - 1.0
    each = 1.0 / n
    d = a - 1.0 / 3.0 - (n + 1.0 / 3.0) * p + 0.02 * (q / a - p / b + (q - 0.5) / (n + 1.0))
    spread = 1.0 + q * _skew((a - 0.5) * each / p) + p * _skew((b - 0.5) * each / q)
    return normal.tail(d * np.sqrt(spread / ((n + 1.0 / 6.0) * p * q)))


def _skew(x: Array) -> Array:
    """(1 - x^2 + 2 x log x) / (1 - x)^2, which is 0 at 1."""
    off = 1.0 - x
    return (1.0 - x * x + 2.0 * x * np.log(x)) / (off * off + 1e-14)


def _log_probability(k: Array, mean: Array, r: Array) -> Array:
    """[N] log P(X = k): Stirling's series for the three gamma functions, each moved up by 4."""
    x, y = k + r, k + 1.0
    a, b, c = x + 4.0, y + 4.0, r + 4.0
    moved = _rising(y) * _rising(r) / _rising(x)
    gamma = (x + 3.5) * np.log(a) - (y + 3.5) * np.log(b) - (r + 3.5) * np.log(c) + (5.0 - 0.9189385332046727)
    gamma += _stirling(1.0 / a) - _stirling(1.0 / b) - _stirling(1.0 / c) + np.log(moved)
    return gamma - r * np.log1p(mean / r) - k * np.log1p(r / mean)


def _rising(x: Array) -> Array:
    return x * (x + 1.0) * ((x + 2.0) * (x + 3.0))


def _stirling(x: Array) -> Array:
    square = x * x
    return x * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0)))


def _least(rest: Array, mean: Array, r: Array) -> Array:
    """[N] the least whole k with P(X > k) <= rest. A row walks there once it is near; until then it guesses again, within
    what earlier guesses have left."""
    out = np.empty_like(mean)
    rows = np.arange(len(mean))
    k = np.floor(_guess(rest, mean, r))
    low, high = np.full_like(mean, -1.0), np.full_like(mean, np.inf)
    while len(rows):
        tail, at = _tail(k, mean, r)
        step = np.log(np.maximum(tail, 1e-300) / rest) * tail / np.maximum(at, 1e-300)  # were the tail exponential
        near = (np.abs(step) <= JUMP) & (at > 1e-200)
        low, high = np.where(tail > rest, k, low), np.where(tail > rest, high, k)
        between = high - low <= 1.0
        out[rows[between]] = high[between]
        found = np.flatnonzero(near & ~between)
        out[rows[found]] = _walked(*(c[found] for c in (k, tail, at, rest, mean, r)))
        jump = np.floor(k + np.where(tail > rest, np.minimum(step, 9.0 * (k + mean) + 10.0), step))
        half = np.floor(0.5 * (low + np.where(high < np.inf, high, 2.0 * k + mean + 2.0)))
        k = np.where((jump > low) & (jump < high), jump, half)
        far = np.flatnonzero(~(near | between))
        rows, k, rest, mean, r, low, high = (c[far] for c in (rows, k, rest, mean, r, low, high))
    return out


def _walked(k: Array, tail: Array, at: Array, rest: Array, mean: Array, r: Array) -> Array:
    """[N] from k, whose tail and probability are known, to the least k with a tail of at most `rest`."""
    out, q = k.copy(), mean / (mean + r)
    rows = np.flatnonzero(tail > rest)
    now = [c[rows] for c in (k, tail, at, rest, q, r)]
    while len(rows):  # up
        k_, tail_, at_, rest_, q_, r_ = now
        at_ = at_ * ((k_ + r_) * q_ / (k_ + 1.0))
        k_, tail_ = k_ + 1.0, tail_ - at_
        out[rows] = k_
        on = np.flatnonzero(tail_ > rest_)
        rows, now = rows[on], [c[on] for c in (k_, tail_, at_, rest_, q_, r_)]
    rows = np.flatnonzero((tail + at <= rest) & (k > 0.0))
    now = [c[rows] for c in (k, tail, at, rest, q, r)]
    while len(rows):  # down
        k_, tail_, at_, rest_, q_, r_ = now
        tail_ = tail_ + at_
        at_ = at_ * (k_ / ((k_ - 1.0 + r_) * q_))
        k_ = k_ - 1.0
        out[rows] = k_
        on = np.flatnonzero((tail_ + at_ <= rest_) & (k_ > 0.0))
        rows, now = rows[on], [c[on] for c in (k_, tail_, at_, rest_, q_, r_)]
    return out


def _guess(rest: Array, mean: Array, r: Array) -> Array:
    """[N] units: Wilson and Hilferty's cube of a normal, with the first three moments of the negative binomial."""
    sd = np.sqrt(mean * (1.0 + mean / r))
    skew = np.minimum((1.0 + 2.0 * mean / r) / sd, 3.0) * (1.0 / 6.0)
    z = normal.quantile(rest)
    cube = np.maximum(skew * (z - skew) + 1.0, 0.0)
    return np.maximum(mean + sd * (cube * cube * cube - 1.0) / (3.0 * skew), 0.0)
