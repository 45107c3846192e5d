"""The normal law, of one variable and of two: fast, and as exact as the plan needs.

Two variables: Drezner & Wesolowsky, "On the computation of the bivariate normal integral", J. of Statistical Computation and
Simulation 35, 1990 (the derivative by the correlation, integrated over its angle), from the nearer of independence and identity.

Letters: N rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray
NODES = [(0.5 + 0.5 * node, 0.5 * weight) for node, weight in np.stack(np.polynomial.legendre.leggauss(5)).T.tolist()]
NEARER = 0.75  # correlation from which identity is the nearer one
SURE = 1e-6  # a chance is not taken to be nearer to 0 or 1
PER_ROOT, PER_TURN = (2.0 * np.pi) ** -0.5, 0.5 / np.pi


def tail(z: Array) -> Array:
    """[N] P(Z > z) within 8e-8: Abramowitz & Stegun 26.2.17."""
    size = np.abs(z)
    t = 1.0 / (1.0 + 0.2316419 * size)
    series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    above = density(size) * series
    return np.where(z > 0.0, above, 1.0 - above)


def density(z: Array) -> Array:
    return PER_ROOT * np.exp(-0.5 * z * z)


def quantile(chance: Array) -> Array:
    """[N] z with P(Z > z) = chance, within 5e-4: Abramowitz & Stegun 26.2.23."""
    t = np.sqrt(-2.0 * np.log(np.maximum(np.minimum(chance, 1.0 - chance), 1e-300)))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    return np.where(chance < 0.5, z, -z)


class Pair(NamedTuple):
    """Two normals, each above what it is above with a chance that is known; [N] each."""

    both: Array  # chance that both are above
    share: Array  # of the second one's expected excess: what comes while the first one is above


def pair(first: Array, second: Array, correlation: Array) -> Pair:
    """[N] float32, of chances `first` and `second` and a correlation from 0 to 1."""
    first, second = (np.clip(chance, SURE, 1.0 - SURE).astype(np.float32) for chance in (first, second))
    correlation = np.minimum(correlation, 1.0 - SURE).astype(np.float32)
    a, b = quantile(first), quantile(second)
    both = np.clip(_both(first, second, a, b, correlation), 0.0, np.minimum(first, second))
    return Pair(both, _share(both, second, a, b, correlation))


def _both(first: Array, second: Array, a: Array, b: Array, correlation: Array) -> Array:
    """The integral over angles from the nearer end."""
    near = correlation > NEARER
    apart = np.sqrt(1.0 - correlation * correlation)
    angle = np.arcsin(np.where(near, apart, correlation))  # below 0.85
    product, squares, total = a * b, 0.5 * (a * a + b * b), np.zeros_like(a)
    for node, weight in NODES:
        turned = angle * node
        square = turned * turned
        sine = turned * (1.0 - square * (1.0 / 6.0 - square * (1.0 / 120.0 - square * (1.0 / 5040.0))))
        square = sine * sine
        other = 1.0 - square
        at, rest = np.where(near, np.sqrt(other), sine), np.where(near, square, other)
        total += weight * np.exp((product * at - squares) / rest)
    total *= PER_TURN * angle
    return np.where(near, np.minimum(first, second) - total, first * second + total)


def _share(both: Array, second: Array, a: Array, b: Array, correlation: Array) -> Array:
    """Tallis, "The moment generating function of the truncated multi-normal distribution", JRSS B 23, 1961."""
    apart = 1.0 / np.sqrt(1.0 - correlation * correlation)
    at = density(b)
    part = at * tail((a - correlation * b) * apart) + correlation * density(a) * tail((b - correlation * a) * apart)
    return np.clip((part - b * both) / np.maximum(at - b * second, 1e-12), 0.0, 1.0)
