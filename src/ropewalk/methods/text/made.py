"""Made vectors that are as hard to search as real ones: topics within topics, directions that count unequally, near-duplicates.

    x = unit(lean m + topic + spread z)       z[j] ~ N(0, 1 / j), m one direction that all share, topics drawn like z
    a share `copies` of the rows is an earlier row and noise of length `apart`, in groups of very unequal size

Queries are rows with noise of length `off`: the row that a query was made from is its relevant document.
"""

from __future__ import annotations

import numpy as np


def made_vectors(
    n: int,
    d: int = 384,
    *,
    seed: int,
    topics: int = 1000,
    lean: float = 0.5,
    spread: float = 0.7,
    copies: float = 0.2,
    apart: float = 0.02,
) -> np.ndarray:
    """float32 [n, d], rows of length 1."""
    random = np.random.default_rng([seed, 0x5EC7])
    shares = np.sqrt(1 / np.arange(1, d + 1))
    shares = (shares / np.linalg.norm(shares)).astype(np.float32)
    shared = _unit(random.normal(size=d).astype(np.float32))
    centres = shares * random.standard_normal((topics, d), np.float32)
    x = np.empty((n, d), np.float32)
    for at in range(0, n, 65_536):
        rows = x[at : at + 65_536]
        topic = (topics * random.random(len(rows)) ** 2).astype(int)  # some topics hold far more than others
        rows[:] = lean * shared + centres[topic] + spread * shares * random.standard_normal(rows.shape, np.float32)
        rows[:] = _unit(rows)
    copy = np.flatnonzero(random.random(n) < copies)
    copy = copy[copy > 0]
    source = (copy * random.random(len(copy)) ** 4).astype(int)  # the earlier, the more often copied
    for at in range(0, len(copy), 65_536):
        x[copy[at : at + 65_536]] = _moved(x[source[at : at + 65_536]], apart, random)
    return x


def made_queries(x: np.ndarray, count: int, *, seed: int, off: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """(queries float32 [count, d], the row that each was made from)."""
    random = np.random.default_rng([seed, 0x90E5])
    rows: np.ndarray = random.integers(0, len(x), count)
    return _moved(x[rows], off, random), rows


def _moved(x: np.ndarray, by: float, random: np.random.Generator) -> np.ndarray:
    return _unit(x + by * _unit(random.standard_normal(x.shape, np.float32)))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
