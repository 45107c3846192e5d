"""Tails of the binomial and of Student's t, without a scientific library: the regularised incomplete beta function."""

from __future__ import annotations

import math


def beta_cdf(x: float, a: float, b: float) -> float:
    """I_x(a, b), by Lentz's continued fraction (Numerical Recipes, 6.4), to about 12 digits."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - beta_cdf(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1.0 / _off_zero(1 - (a + b) * x / (a + 1), tiny)
    total = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _off_zero(1 + even * d, tiny)
        c = _off_zero(1 + even / c, tiny)
        total *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _off_zero(1 + odd * d, tiny)
        c = _off_zero(1 + odd / c, tiny)
        total *= c * d
        if abs(c * d - 1) < 1e-13:
            break
    return min(1.0, front * total)


def _off_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def binomial_upper(k: float, n: float, p: float) -> float:
    """P(X >= k) for X ~ Binomial(n, p); k and n need not be whole (an effective number of independent cases)."""
    if k <= 0:
        return 1.0
    if k > n or p <= 0:
        return 0.0
    return 1.0 if p >= 1 else beta_cdf(p, k, n - k + 1)


def binomial_least(k: float, n: float, level: float) -> float:
    """The least p that k of n does not rule out at one-sided `level` (Clopper and Pearson's lower end), by bisection."""
    if k <= 0:
        return 0.0
    low, high = 0.0, min(1.0, k / n)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if binomial_upper(k, n, middle) < level else (low, middle)
    return low
