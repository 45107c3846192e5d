"""Do probabilities keep their promise? Of the answers that said 20 %, did 20 % come true?

Letters: n answers, p their probabilities, y what came true (0 or 1), K keys (items), b a bin of p.

    error   sum_b (n_b / n) |mean of y in b - mean of p in b|           what a decision sees
    Brier   mean (y - p)^2                                              calibration and sharpness in one number

The test: t_b = sum_k r_kb / sqrt(max(sum_k r_kb^2, sum p (1 - p))), with r_kb the sum of y - p over key k's answers in
bin b; once over all answers and once in each bin, and the largest |t| counts. Adding up within a key first lets the
outcomes of one item depend on each other; the second root is for bins in which nothing happened yet. What the largest
|t| does by chance is drawn, not assumed: outcomes are drawn from p themselves, and with a chance that is estimated from
the data an answer shares the luck of its key. So rare events and bins of few answers keep the false-alarm rate at what
it says (measured in calibration_test.py), as long as some twenty events are expected: of fewer, nobody can tell whether
they come together.

What it does not know: weeks in which everything sells out at once. With few weeks of truths, a season looks like a
broken promise; that is why the monitor asks for a size of the error, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_ROWS = 20_000  # more are drawn from at random, key by key


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose probability lies close together."""

    promised: float  # mean of p
    seen: float  # mean of y
    rows: int


@dataclass(frozen=True, slots=True)
class Calibration:
    bins: tuple[Bin, ...]
    error: float
    brier: float
    brier_constant: float  # of answering always what happens on average
    p_value: float
    rows: int
    keys: int


def calibration(
    p: np.ndarray,  # [n] probabilities
    y: np.ndarray,  # [n] 0 or 1
    key: np.ndarray,  # [n] answers of one key may depend on each other
    *,
    seed: int,
    draws: int = 1_000,
    bins: int = 10,
) -> Calibration:
    """The reliability of `p`, and how surprising it is if every probability is true."""
    p, y = np.asarray(p, float), np.asarray(y, float)
    if not len(p) == len(y) == len(key) or not len(p):
        raise ValueError(f"p, y and key need one length > 0; got {len(p)}, {len(y)}, {len(key)}")
    if not ((p >= 0) & (p <= 1)).all() or not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("p has to lie within [0, 1], and y has to be 0 or 1")
    code = np.unique(np.asarray(key).astype(str), return_inverse=True)[1].ravel()
    place = bins_of(p, bins)
    count = np.bincount(place)
    promised, seen = np.bincount(place, p) / count, np.bincount(place, y) / count
    return Calibration(
        bins=tuple(Bin(float(a), float(b), int(n)) for a, b, n in zip(promised, seen, count, strict=True)),
        error=float((count * np.abs(seen - promised)).sum() / len(p)),
        brier=float(((y - p) ** 2).mean()),
        brier_constant=float(y.mean() * (1 - y.mean())),
        p_value=_p_value(p, y, code, bins, np.random.default_rng([seed, 0xCA11]), draws),
        rows=len(p),
        keys=int(code.max()) + 1,
    )


def bins_of(p: np.ndarray, bins: int) -> np.ndarray:
    """[n] -> 0, 1, ...: about as many answers in each; equal probabilities stay together."""
    edges = np.unique(np.quantile(p, np.arange(1, bins) / bins))
    return np.unique(np.searchsorted(edges, p, side="left"), return_inverse=True)[1].ravel()


def _p_value(p: np.ndarray, y: np.ndarray, code: np.ndarray, bins: int, rng: np.random.Generator, draws: int) -> float:
    if len(p) > MOST_ROWS:
        first = rng.permutation(int(code.max()) + 1)[code]  # a place in line for each key
        kept = np.argsort(first, kind="stable")[:MOST_ROWS]
        p, y, code = p[kept], y[kept], code[kept]
    place = bins_of(p, bins)
    width = int(place.max()) + 1
    order = np.lexsort((place, code))
    p, y, code, place = p[order], y[order], code[order], place[order]
    cells = np.flatnonzero(np.diff(code * width + place, prepend=-1))
    keys = np.flatnonzero(np.diff(code[cells], prepend=-1))
    members = [np.flatnonzero(place[cells] == b) for b in range(width)]
    floors = np.bincount(place, p * (1 - p))
    floors = np.concatenate([[floors.sum()], floors])
    seen = _largest((y - p)[None], cells, keys, members, floors)[0]
    together = _together(p, y, code)
    reached = 0
    for start in range(0, draws, 50):
        some = min(50, draws - start)
        luck = rng.random((some, len(p)))
        if together > 0:
            shared = rng.random((some, int(code.max()) + 1))[:, code]
            luck = np.where(rng.random((some, len(p))) < together, shared, luck)
        drawn = (luck < p).astype(float) - p
        reached += int((_largest(drawn, cells, keys, members, floors) >= seen - 1e-9).sum())
    return (1 + reached) / (1 + draws)


def _together(p: np.ndarray, y: np.ndarray, code: np.ndarray) -> float:
    """The chance that an answer takes its key's luck instead of its own, from how much more the keys' sums vary than
    independent outcomes would. [n] sorted by code."""
    residual = y - p
    sums = np.bincount(code, residual)
    order = np.lexsort((p, code))  # within a key by p: the smaller of two is the earlier
    behind = np.bincount(code)[code] - 1 - (np.arange(len(p)) - np.searchsorted(code, code, "left"))
    pairs = 2 * float((p[order] * behind).sum())  # sum over i != j of min(p_i, p_j)
    products = float((np.bincount(code, p) ** 2).sum() - (p**2).sum())
    shared = float((sums**2).sum() - (residual**2).sum())
    return float(np.sqrt(np.clip(shared / max(pairs - products, 1e-12), 0.0, 1.0))) if pairs > products else 0.0


def _largest(
    residual: np.ndarray, cells: np.ndarray, keys: np.ndarray, members: list[np.ndarray], floors: np.ndarray
) -> np.ndarray:
    """[draws, n] -> [draws]: the largest |t| over everything and over each bin."""
    cell = np.add.reduceat(residual, cells, axis=1)
    parts = [np.add.reduceat(cell, keys, axis=1), *[cell[:, m] for m in members]]
    found = np.zeros(len(residual))
    for part, floor in zip(parts, floors, strict=True):
        root = np.sqrt(np.maximum((part**2).sum(axis=1), floor))
        found = np.maximum(found, np.abs(part.sum(axis=1)) / np.where(root > 1e-12, root, np.inf))
    return found
