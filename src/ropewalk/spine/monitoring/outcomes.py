"""Checks of what came true: the promise in money, the probabilities, and whether the advice was followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from ropewalk.methods.html import amount, plain
from ropewalk.methods.stats import calibration as reliability
from ropewalk.methods.stats.bootstrap import pairs_interval
from ropewalk.spine.monitoring.watched import Watched, too_few
from ropewalk.types import Finding, Severity

LEAST_KEYS, LEAST_ROWS, LEAST_WEEKS, LEAST_EVENTS = 10, 40, 3, 20
BLOCK = 2  # weeks that are drawn together: with blocks of 4, eight weeks of truths could hardly ever raise an alarm


def promise(
    w: Watched, *, answer: str, truth: str, cluster: Sequence[str], time: str, unit: str, warn: float, error: float
) -> list[Finding]:
    """Realised against promised, over answers that were followed (or of which it is not known that they were not)."""
    rows, left_out = _known(w, answer, truth, cluster, time)
    keys = rows["key"].n_unique()
    if rows.height < LEAST_ROWS:
        return [too_few("promise", f"answers with a known {truth}", rows.height, LEAST_ROWS)]
    if keys < LEAST_KEYS:
        return [too_few("promise", f"different keys with a known {truth}", keys, LEAST_KEYS)]
    weeks = rows["week"].n_unique()
    if weeks < LEAST_WEEKS:
        return [too_few("promise", f"weeks with a known {truth}", weeks, LEAST_WEEKS)]
    got, said = rows["truth"].to_numpy(), rows["answer"].to_numpy()
    found = pairs_interval(rows["key"].to_numpy(), rows["week"].to_numpy(), got, said, seed=w.seed, level=1 - w.alpha, block=BLOCK,
                           draws=max(2_000, int(20 / w.alpha)))  # fmt: skip
    total = found.scaled(found.pairs)
    size = max(abs(total.baseline), 1e-12)
    miss = total.difference / size
    certain = found.low > 0 or found.high < 0
    severity: Severity = "info"
    if certain and miss < 0:
        severity = "error" if -miss >= error else "warning" if -miss >= warn else "info"
    elif certain and miss >= error:
        severity = "warning"
    said_in = [plain(amount(v, unit)) for v in (total.model, total.baseline)]
    sentence = (
        f"Realised {truth} is {said_in[0]}, promised was {said_in[1]} ({miss:+.1%} [{total.low / size:+.1%}, "
        f"{total.high / size:+.1%}] at {found.level:.1%}), over {found.units:,} keys x {found.blocks:,} weeks"
        + (f"; {left_out:,} answers that were not followed are left out" if left_out else "") + "."
    )  # fmt: skip
    todo = {
        "info": "",
        "warning": "See the page: is it a few items or all, one week or every week? Then train on newer data, or correct the costs.",
        "error": "Consider `ropewalk rollback` until it is understood: the advice earns far less than it says.",
    }[severity]
    parts = (pl.col("truth").sum(), pl.col("answer").sum(), pl.len().alias("rows"))
    by_week = rows.group_by("week").agg(*parts).sort("week")
    evidence = {
        "weeks": [str(v) for v in by_week["week"]], "realised": by_week["truth"].to_list(), "promised": by_week["answer"].to_list(),
        "rows": by_week["rows"].to_list(),
        "low": total.low, "high": total.high, "difference": total.difference, "unit": unit, "p_value": found.p_value,
    }  # fmt: skip
    return [Finding("promise", severity, sentence, todo, miss, -warn, evidence)]


def _known(w: Watched, answer: str, truth: str, cluster: Sequence[str], time: str) -> tuple[pl.DataFrame, int]:
    """[key, week, answer, truth] of answers whose truth is known, and how many were left out as not followed."""
    said, came = w.answer(answer), w.field("truth", truth)
    if came is None:
        came = pl.Series([None] * w.events.height, dtype=pl.Float64)
    days = [c.name for c in w.contract.columns if c.kind == "date" and c.length is None]
    time = time or w.contract.time or next(iter(days), "")
    when = w.field("request", time) if time else None  # else when it was answered
    week = (when if when is not None else w.events["at"]).cast(pl.Date).dt.truncate("1w")
    rows = pl.DataFrame(
        {
            "key": pl.Series(w.live_keys(cluster).tolist(), dtype=pl.String), "week": week,
            "answer": said.cast(pl.Float64), "truth": came.cast(pl.Float64), "followed": _followed(w),
        }
    ).filter(pl.col("answer").is_finite() & pl.col("truth").is_finite() & pl.col("week").is_not_null())  # fmt: skip
    kept = rows.filter(pl.col("followed").fill_null(True))
    return kept, rows.height - kept.height


def _followed(w: Watched) -> pl.Series:
    """True, False, or null where it is not known what was done."""
    if "followed" in w.events.columns:
        return w.events["followed"].cast(pl.Boolean)
    return pl.Series([None] * w.events.height, dtype=pl.Boolean)


def calibration(
    w: Watched, *, probability: str, truth: str, cluster: Sequence[str], warn: float, error: float
) -> list[Finding]:
    """Of the answers that said 20 %, did 20 % come true?"""
    rows, _ = _known(w, probability, truth, cluster, "")
    wrong = rows.filter((pl.col("answer") < 0) | (pl.col("answer") > 1) | ~pl.col("truth").is_in([0.0, 1.0])).height
    if wrong:
        return [
            Finding("calibration", "error", f"{wrong:,} of {rows.height:,} rows are no probability with a true or false "
                    f"{truth}.", f"Hand in {truth} as true or false.", float(wrong), 0.0)
        ]  # fmt: skip
    keys = rows["key"].n_unique()
    if rows.height < 5 * LEAST_ROWS:
        return [too_few("calibration", f"answers with a known {truth}", rows.height, 5 * LEAST_ROWS)]
    if keys < 2 * LEAST_KEYS:
        return [too_few("calibration", f"different keys with a known {truth}", keys, 2 * LEAST_KEYS)]
    said = rows["answer"].sum()
    expected = int(min(said, rows.height - said))
    if expected < LEAST_EVENTS:
        return [too_few("calibration", "expected events of the rarer kind", expected, LEAST_EVENTS)]
    found = reliability.calibration(
        rows["answer"].to_numpy(), rows["truth"].to_numpy(), rows["key"].to_numpy(), seed=w.seed,
        draws=max(1_000, int(5 / w.alpha)),
    )  # fmt: skip
    certain = found.p_value <= w.alpha and found.error >= warn
    severity: Severity = "info" if not certain else "error" if found.error >= error else "warning"
    widest = max(found.bins, key=lambda b: b.rows * abs(b.seen - b.promised))
    sentence = (
        f"{probability} is off by {found.error:.1%} on average (p = {found.p_value:.4f}, Brier {found.brier:.3f}, "
        f"{found.brier_constant:.3f} without it)" + (
            f"; where it said {widest.promised:.0%}, {widest.seen:.0%} came true." if severity != "info" else "."
        )
    )  # fmt: skip
    todo = (
        ""
        if severity == "info"
        else "Train on newer data; until then read these probabilities as the page's curve says."
    )
    return [Finding("calibration", severity, sentence, todo, found.error, warn, asdict(found))]


def followed(w: Watched, *, truth: str, share: float, unit: str) -> list[Finding]:
    """The share of advice that was followed, and what came true on either side. No claim about cause: the answers that
    people change are not like the others."""
    same = _followed(w)
    known = int(same.is_not_null().sum())
    if not known:
        return [
            Finding("followed", "info", "What was done instead of the advice is not known.",
                    "Hand in what was done as `done.<answer>` columns with `ropewalk truths`.")
        ]  # fmt: skip
    found = int(same.sum()) / known
    sentence = f"{found:.0%} of {known:,} answers were followed"
    came = w.field("truth", truth) if truth else None
    if came is not None:
        means = {flag: came.cast(pl.Float64).filter(same == flag).drop_nulls().to_numpy() for flag in (True, False)}
        parts = [f"{plain(amount(float(np.mean(v)), unit))} {name}" for name, v in
                 (("where it was followed", means[True]), ("where it was not", means[False])) if len(v)]  # fmt: skip
        sentence += f"; {truth} a line: {', '.join(parts)}" if parts else ""
    few = found < share and known >= LEAST_ROWS
    todo = "Ask the people who change it: they may know what the model does not." if few else ""
    value: dict[str, Any] = {"known": known}
    return [Finding("followed", "warning" if few else "info", sentence + ".", todo, found, share, value)]
