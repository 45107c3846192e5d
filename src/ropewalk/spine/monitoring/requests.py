"""Checks of what is asked: drift against the training, and requests beyond what it saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from ropewalk.methods.stats.drift import LEAST_KEYS, Sample, Shift, keys_shared, shifts
from ropewalk.methods.stats.shares import share_above
from ropewalk.spine.monitoring.watched import Watched, summaries, too_few
from ropewalk.types import Column, Finding

DRAWS = 2_000
WHAT_TO_DO = (
    "See whether it is the season (compare with the same weeks a year ago) or the feed; if it is here to stay, train on "
    "newer data: `ropewalk live`."
)


def drift(w: Watched, *, columns: Sequence[str], cluster: Sequence[str], warn: float, error: float) -> list[Finding]:
    """One finding a column that changed by enough to matter, and one about all of them."""
    names = w.cluster(cluster)
    live, trained = w.requests(), w.trained()
    samples = [s for c in _compared(w, columns, names) for s in _samples(c, trained, live)]
    if not samples or not trained.height:
        return [too_few("drift", "rows of the training that can be compared", 0, LEAST_KEYS)]
    before, after = w.keys(trained, names, "trained "), w.keys(live, names, "live ")
    enough = keys_shared(before, after)
    if enough < LEAST_KEYS:
        what = " and ".join(names) + " values" if names else "requests"
        return [too_few("drift", f"different {what}", enough, LEAST_KEYS)]
    found = shifts(samples, before, after, seed=w.seed, draws=max(DRAWS, int(20 / w.alpha)))
    changed = [s for s in found if s.p_value <= w.alpha and s.distance >= warn]
    evidence = {"columns": [asdict(s) for s in sorted(found, key=lambda s: -s.distance)], "warn": warn, "error": error}
    out = [_changed(s, w.alpha, warn, error) for s in sorted(changed, key=lambda s: -s.distance)]
    largest = max(found, key=lambda s: s.distance)
    small = sum(s.p_value <= w.alpha for s in found) - len(changed)
    sentence = (
        f"Drift: {len(changed) or 'none'} of {len(found)} columns changed by more than {warn:.0%}; the largest distance is "
        f"{largest.distance:.0%} ({largest.name})"
        + (f"; {small} changed for certain, but by less" if small else "")
        + "."
    )
    return [*out, Finding("drift", "info", sentence, "", largest.distance, warn, evidence)]


def _compared(w: Watched, columns: Sequence[str], cluster: Sequence[str]) -> list[Column]:
    """The columns named, or all but keys and dates: a date is always new, and a key is what rows are grouped by."""
    if columns:
        known = {c.name: c for c in w.contract.columns}
        missing = [c for c in columns if c not in known]
        if missing:
            from ropewalk.errors import MissingError

            raise MissingError("column", missing[0], known)
        return [known[c] for c in columns]
    return [c for c in w.contract.columns if c.kind != "date" and c.name not in (*cluster, w.contract.time)]


def _samples(column: Column, trained: pl.DataFrame, live: pl.DataFrame) -> list[Sample]:
    if column.name not in trained.columns or column.name not in live.columns:
        return []
    before, after = summaries(column, trained[column.name]), summaries(column, live[column.name])
    return [Sample(name, before[name], after[name]) for name in before]


def _changed(s: Shift, alpha: float, warn: float, error: float) -> Finding:
    if s.what.startswith("is ") or s.what == "missing":
        change = f"{s.what} in {s.live:.1%} of requests, {s.reference:.1%} in training"
    else:
        change = f"mean {s.live:.4g}, {s.reference:.4g} in training"
    return Finding(
        "drift", "error" if s.distance >= error else "warning",
        f"{s.name} has drifted: {change}; distance {s.distance:.0%} (p = {s.p_value:.4f} over all columns).",
        WHAT_TO_DO, s.distance, error if s.distance >= error else warn, asdict(s),
    )  # fmt: skip


def out_of_range(w: Watched, *, share: float, error: float, cluster: Sequence[str], room: float) -> list[Finding]:
    """Requests on which the model has to guess beyond its training."""
    live, trained = w.requests(), w.trained()
    keys = w.cluster(cluster)
    outside = np.zeros(live.height, bool)
    by_column: dict[str, float] = {}
    for column in _compared(w, (), keys):
        for s in _samples(column, trained, live):
            hit = _beyond(s, room)
            outside |= hit
            if hit.any():
                by_column[s.name] = float(hit.mean())
    found = float(outside.mean())
    p_value = share_above(outside, w.keys(live, keys, "live "), share)
    first = sorted(by_column.items(), key=lambda item: -item[1])[:5]
    named = ", ".join(f"{name} ({value:.1%})" for name, value in first)
    sentence = f"{found:.1%} of requests are outside what the training saw" + (f": {named}." if named else ".")
    severity: Any = "info" if p_value > w.alpha else "error" if found >= error else "warning"
    todo = (
        ""
        if severity == "info"
        else "Check the units and the feed of these columns; if they are right, train on newer data."
    )
    return [Finding("out_of_range", severity, sentence, todo, found, share, {"columns": by_column, "p_value": p_value})]


def _beyond(s: Sample, room: float) -> np.ndarray:
    if s.reference.dtype == object:
        known = {v for v in s.reference.tolist() if v is not None}
        return np.array([v is not None and v not in known for v in s.live.tolist()], bool)
    there = s.reference[np.isfinite(s.reference)]
    if not len(there):
        return np.zeros(len(s.live), bool)
    pad = room * (there.max() - there.min())
    hit: np.ndarray = (s.live < there.min() - pad) | (s.live > there.max() + pad)
    return hit
