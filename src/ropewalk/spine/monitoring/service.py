"""Checks of the service itself: how fast it answers, how often it fails, whether truths come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from ropewalk.methods.html import duration, plain
from ropewalk.methods.stats.tails import binomial_upper
from ropewalk.spine.monitoring.watched import Watched, too_few
from ropewalk.types import Finding, Severity


def latency(w: Watched, *, p99_ms: float, p50_ms: float | None) -> list[Finding]:
    """Slow if more than 1 % of answers (50 % for the median) take longer than the limit, beyond chance."""
    seconds = w.events["latency_s"].drop_nulls().to_numpy()
    seconds = seconds[np.isfinite(seconds)]
    if len(seconds) < 100:
        return [too_few("latency", "timed answers", len(seconds), 100)]
    p50, p99 = (float(q) for q in np.quantile(seconds, [0.5, 0.99]))
    evidence = {**_histogram(seconds), "p50_s": p50, "p99_s": p99, "limit_s": p99_ms / 1000}
    limits = [("99 of 100", 0.01, p99, p99_ms / 1000)] + ([("half", 0.5, p50, p50_ms / 1000)] if p50_ms else [])
    out = []
    for name, share, seen, limit in limits:
        slow = int((seconds > limit).sum())
        late = seen > limit and binomial_upper(slow, len(seconds), share) <= w.alpha
        severity: Severity = "info" if not late else "error" if seen > 2 * limit else "warning"
        out.append(
            Finding(
                "latency", severity,
                f"{name} answers take at most {plain(duration(seen))}; the limit is {plain(duration(limit))} "
                f"({slow:,} of {len(seconds):,} were slower).",
                "Look at the machine's load, then at the batch and the model's size." if late else "",
                seen, limit, evidence if share == 0.01 else {},
            )
        )  # fmt: skip
    return out


def _histogram(seconds: np.ndarray) -> dict[str, Any]:
    low = max(float(seconds.min()), 1e-6)
    high = max(float(seconds.max()) * 1.001, low * 10)
    edges = np.geomspace(low * 0.999, high, 31)
    return {"edges": edges.tolist(), "counts": np.histogram(seconds, edges)[0].tolist()}


def errors(w: Watched, *, share: float) -> list[Finding]:
    """The service's own failures (5xx); a request that the contract refuses is the caller's."""
    if not w.counters or not w.counters.get("requests"):
        return [
            Finding("errors", "info", "Failed requests are not counted here: no counters of the service were handed in.",
                    "Its /metrics has them; hand them to `monitor` as counters.")
        ]  # fmt: skip
    n, k = int(w.counters["requests"]), int(w.counters.get("errors", 0))
    seen = k / n
    high = binomial_upper(k, n, share) <= w.alpha
    severity: Severity = "info" if not high else "error" if seen >= 10 * share else "warning"
    sentence = f"{k:,} of {n:,} requests failed ({seen:.2%}); the limit is {share:.2%}."
    return [
        Finding(
            "errors", severity, sentence, "Read the service's log for the first of them." if high else "", seen, share
        )
    ]


def truths_due(w: Watched, *, after_days: float, share: float) -> list[Finding]:
    """Answers of which the truth should be known by now and is not."""
    now = w.now or w.events["at"].max()
    due = pl.col("at") + timedelta(days=after_days)
    if "truth_due" in w.events.columns:
        due = pl.coalesce("truth_due", due)
    known = pl.col("truth").is_not_null() if "truth" in w.events.columns else pl.lit(False)
    old = w.events.select((due <= now).alias("due"), known.alias("known")).filter("due")
    if not old.height:
        return [
            Finding(
                "truths_due",
                "info",
                f"No answer is older than {after_days:g} days: no truth is due yet.",
                "",
                0.0,
                share,
            )
        ]
    missing = 1 - int(old["known"].sum()) / old.height
    sentence = f"{missing:.1%} of {old.height:,} answers older than {after_days:g} days have no truth; the limit is {share:.0%}."
    severity: Severity = "warning" if missing > share else "info"
    todo = (
        "Hand them in with `ropewalk truths`: without them nobody sees whether the advice pays."
        if missing > share
        else ""
    )
    return [Finding("truths_due", severity, sentence, todo, missing, share)]
