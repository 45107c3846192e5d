"""Do live requests look like the training's? A test for many columns at once whose false-alarm rate is what it says.

Letters: K keys (items), B features, R rearrangements. A column becomes features between 0 and 1: for numbers the shares
below up to nine quantiles, and the rank; for text the share of each common value; for any column the share that is
missing. A key counts once, however often it asks: D[k, b] is its mean feature when live less its mean in the reference.

Requests of one item resemble each other, so keys, not rows, are rearranged:
  a key that is in both samples: what is live and what is reference may be exchanged, D[k] -> -D[k];
  keys that are in one sample only: their labels are permuted among them.
(For this, a key is given as many rows on either side: a mean of eight rows is not exchangeable with a single one.)
The statistic of a feature is the sum of D over its root of squares; a column's is the largest of its features'; and its
p-value is adjusted for all columns by how often a rearrangement's largest statistic of *all* columns reaches it
(Westfall and Young's maxT). So the chance that any column is flagged at `level` where nothing has changed is at most
`level` (measured: drift_test.py, and docs/decisions/0003-false-alarms.md), whatever the columns have to do with each other,
and with ties, zeros and few rows too.

A large sample finds any difference, however small. The `distance` says how large: the share of requests that would have
to change for the two to agree, as far as the features see (Kolmogorov-Smirnov for numbers, total variation for text).

What it does not know: whether a change is a season or here to stay. What moves all items alike in the live weeks is
drift to it, once the weeks' own wobble is larger than `distance` is asked to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_KEYS = 4_000  # more are drawn from at random
MOST_ROWS = 60_000  # of each sample; the same
QUANTILES = np.arange(1, 10) / 10
MOST_VALUES = 12  # of text: the others are one
LEAST_KEYS = 20  # fewer cannot reach a p-value of 1 % across columns


@dataclass(frozen=True, slots=True)
class Sample:
    """A column of both samples. Numbers: float arrays with NaN where missing; text: object arrays with None."""

    name: str
    reference: np.ndarray  # [m]
    live: np.ndarray  # [n]


@dataclass(frozen=True, slots=True)
class Shift:
    """What became of a column. p_value is adjusted for all columns that were looked at together."""

    name: str
    distance: float
    p_value: float
    what: str  # where the largest difference is: "below 3.2", "is 'A'", "missing"
    reference: float  # the mean, or the share of that value
    live: float


@dataclass(frozen=True, slots=True)
class _Features:
    """[rows, B] of one column, and for each feature its name and whether it counts for the distance."""

    reference: np.ndarray
    live: np.ndarray
    names: list[str]
    kind: str  # number, text


def shifts(
    samples: Sequence[Sample], reference_key: np.ndarray, live_key: np.ndarray, *, seed: int, draws: int = 2_000
) -> list[Shift]:
    """One Shift a column, in order. Keys: the item of each row (or a number of its own, if rows are independent)."""
    rng = np.random.default_rng([seed, 0xD21F])
    m, n = len(reference_key), len(live_key)
    if not m or not n or any((len(s.reference), len(s.live)) != (m, n) for s in samples):
        raise ValueError(f"each column needs {m:,} reference and {n:,} live rows, and there has to be a row of each")
    keys, code = np.unique(np.concatenate([reference_key, live_key]).astype(str), return_inverse=True)
    at, now = _drawn(code.ravel()[:m], code.ravel()[m:], len(keys), rng)
    made = [features(s.reference[at], s.live[now]) for s in samples]
    before = _by_key(np.concatenate([f.reference for f in made], axis=1), code.ravel()[:m][at], len(keys))
    after = _by_key(np.concatenate([f.live for f in made], axis=1), code.ravel()[m:][now], len(keys))
    even, alike = _matched(code.ravel()[:m][at], code.ravel()[m:][now], len(keys), rng)
    observed, highest = _rearranged(
        _by_key(np.concatenate([f.reference[even] for f in made], axis=1), code.ravel()[:m][at][even], len(keys)),
        _by_key(np.concatenate([f.live[alike] for f in made], axis=1), code.ravel()[m:][now][alike], len(keys)),
        rng,
        draws,
    )
    change = np.nanmean(after, axis=0) - np.nanmean(before, axis=0)
    found, start = [], 0
    for sample, f in zip(samples, made, strict=True):
        stop = start + len(f.names)
        top = observed[start:stop].max(initial=0.0)
        p_value = (1 + int((highest >= top - 1e-6).sum())) / (1 + draws)
        found.append(_shift(sample, f, change[start:stop], p_value, at, now))
        start = stop
    return found


def keys_shared(reference_key: np.ndarray, live_key: np.ndarray) -> int:
    """How many keys the test can lean on: in both samples, or the smaller of those in one only."""
    before, after = set(reference_key.astype(str).tolist()), set(live_key.astype(str).tolist())
    return max(len(before & after), min(len(before - after), len(after - before)))


def _drawn(before: np.ndarray, after: np.ndarray, keys: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of at most MOST_KEYS keys and MOST_ROWS rows on each side."""
    kept = np.ones(keys, bool)
    if keys > MOST_KEYS:
        kept[rng.permutation(keys)[MOST_KEYS:]] = False
    sides = []
    for code in (before, after):
        rows = np.flatnonzero(kept[code])
        sides.append(rows if len(rows) <= MOST_ROWS else np.sort(rng.choice(rows, MOST_ROWS, replace=False)))
    return sides[0], sides[1]


def _matched(
    before: np.ndarray, after: np.ndarray, keys: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows such that a key has as many on either side, and keys of one side only as many as each other.

    A mean of eight rows and a single row are not exchangeable: rare values and long tails would raise false alarms.
    """
    old, new = np.bincount(before, minlength=keys), np.bincount(after, minlength=keys)
    single = [count[(count > 0) & (other == 0)] for count, other in ((old, new), (new, old))]
    each = int(min((np.quantile(c, 0.1, method="lower") for c in single if len(c)), default=0))
    wanted = np.where((old > 0) & (new > 0), np.minimum(old, new), np.where(np.maximum(old, new) >= each, each, 0))
    return _first_of_each(before, wanted, rng), _first_of_each(after, wanted, rng)


def _first_of_each(code: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each key as many of its rows as wanted, drawn at random."""
    mixed = rng.permutation(len(code))
    order = mixed[np.argsort(code[mixed], kind="stable")]
    _, starts, counts = np.unique(code[order], return_index=True, return_counts=True)
    place = np.arange(len(code)) - np.repeat(starts, counts)
    return order[place < wanted[code[order]]]


def features(reference: np.ndarray, live: np.ndarray) -> _Features:
    """A column as numbers between 0 and 1. Where a value is missing, the features of values are at their mean."""
    pooled = np.concatenate([reference, live])
    cut = len(reference)
    if pooled.dtype == object:
        missing = np.array([v is None for v in pooled])
        values, count = np.unique(pooled[~missing].astype(str), return_counts=True)
        common = values[np.argsort(-count, kind="stable")[:MOST_VALUES]]
        made = [np.where(missing, False, pooled.astype(str) == v).astype(float) for v in common]
        names, kind = [f"is {v!r}" for v in common], "text"
    else:
        pooled = pooled.astype(float)
        missing = ~np.isfinite(pooled)
        there = pooled[~missing]
        marks = np.unique(np.quantile(there, QUANTILES, method="lower")) if len(there) else np.empty(0)
        marks = marks[marks < there.max()] if len(there) else marks
        made = [np.where(missing, (there <= v).mean(), pooled <= v) for v in marks]
        names, kind = [f"at or below {v:.4g}" for v in marks], "number"
        if len(there) and there.min() < there.max():
            order = np.sort(there)
            rank = (np.searchsorted(order, pooled, "left") + np.searchsorted(order, pooled, "right")) / (2 * len(order))
            made.append(np.where(missing, rank[~missing].mean(), rank))
            names.append("rank")
    if missing.any() and not missing.all():
        made.append(missing.astype(float))
        names.append("missing")
    table = np.stack(made, axis=1) if made else np.zeros((len(pooled), 0))
    return _Features(table[:cut], table[cut:], names, kind)


def _by_key(table: np.ndarray, code: np.ndarray, keys: int) -> np.ndarray:
    """[K, B] means of each key's rows; NaN for a key without one."""
    out = np.full((keys, table.shape[1]), np.nan)
    order = np.argsort(code, kind="stable")
    present, starts, counts = np.unique(code[order], return_index=True, return_counts=True)
    out[present] = np.add.reduceat(table[order], starts, axis=0) / counts[:, None] if len(present) else 0.0
    return out


def _rearranged(
    before: np.ndarray, after: np.ndarray, rng: np.random.Generator, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """|t| of each feature [B], and the largest |t| of all features in each rearrangement [R]."""
    if not before.shape[1]:
        return np.zeros(0), np.zeros(draws)
    old, new = ~np.isnan(before[:, 0]), ~np.isnan(after[:, 0])
    d = (after - before)[old & new]
    single = np.concatenate([after[new & ~old], before[old & ~new]])
    n_new = int((new & ~old).sum())
    usable = 0 < n_new < len(single)
    x = single - single.mean(axis=0) if usable else single[:0]
    scale = n_new * (len(x) - n_new) / (len(x) * (len(x) - 1)) if usable else 0.0
    root = np.sqrt((d**2).sum(axis=0) + scale * (x**2).sum(axis=0))
    root[root < 1e-9] = np.inf
    observed = np.abs(d.sum(axis=0) + x[:n_new].sum(axis=0)) / root
    d, x = (d / root).astype(np.float32), (x / root).astype(np.float32)
    highest = np.empty(draws)
    for start in range(0, draws, 250):
        some = min(250, draws - start)
        total = (rng.integers(0, 2, (some, len(d)), dtype=np.int8) * 2 - 1).astype(np.float32) @ d
        if len(x):
            label = np.zeros((some, len(x)), np.float32)
            label[:, :n_new] = 1
            total += rng.permuted(label, axis=1) @ x
        highest[start : start + some] = np.abs(total).max(axis=1)
    return observed, highest


def _shift(sample: Sample, f: _Features, change: np.ndarray, p_value: float, at: np.ndarray, now: np.ndarray) -> Shift:
    values = [i for i, name in enumerate(f.names) if name not in ("rank", "missing")]
    gaps = np.abs(change)
    if f.kind == "text":
        rest = abs(change[values].sum())
        distance = float((gaps[values].sum() + rest) / 2)
    else:
        distance = float(gaps[values].max(initial=0.0))
    what = f.names[max(values, key=lambda i: gaps[i])] if values else ""
    if "missing" in f.names and gaps[f.names.index("missing")] >= distance:
        what, distance = "missing", float(gaps[f.names.index("missing")])
    if f.kind == "number" and what != "missing":
        old, new = (_mean(v[rows].astype(float)) for v, rows in ((sample.reference, at), (sample.live, now)))
    else:
        i = f.names.index(what) if what else 0
        old, new = (float(t[:, i].mean()) if f.names else 0.0 for t in (f.reference, f.live))
    return Shift(sample.name, distance, p_value, what, old, new)


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
