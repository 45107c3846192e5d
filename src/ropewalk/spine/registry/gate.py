"""The gate: a run becomes a release when it beats the baseline and is no worse than what is live, on the same cases.

Both are paired tests of the report's first metric over units and blocks of time (methods/stats/bootstrap.py). Against
the baseline the interval has to be clear of zero in the better direction: nobody should run a model for a difference
that may not be there. Against the live release it has only not to be clearly worse: a candidate that is as good may
have other reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ropewalk.methods.html import amount, plain
from ropewalk.methods.stats.bootstrap import Interval, pairs_interval
from ropewalk.types import Metric, Report

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("unit", "block", "model", "baseline")


@dataclass(frozen=True, slots=True)
class Against:
    """One comparison: with what, how much better (positive is better), and whether it lets the run pass."""

    name: str
    interval: Interval | None  # None: there was nothing to compare
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    sentence: str
    against: tuple[Against, ...] = ()


def decide(report: Report, live: Report | None = None, *, seed: int, level: float = 0.95) -> Verdict:
    """May the run behind `report` be released? `live`: what the live release makes of the same dataset."""
    if not report.metrics:
        return Verdict(False, "The report has no metric: there is nothing to decide on.")
    metric = report.metrics[0]
    parts = [against_baseline(metric, report, seed, level)]
    if live is not None:
        parts.append(against_live(metric, report, live, seed, level))
    passed = all(part.passed for part in parts)
    return Verdict(passed, " ".join(part.sentence for part in parts), tuple(parts))


def against_baseline(metric: Metric, report: Report, seed: int, level: float) -> Against:
    """Clear of zero in the better direction, or not."""
    name = report.baseline or "the baseline"
    problem = trouble(report.pairs)
    if problem or report.pairs is None:
        return Against(name, None, False, f"{metric.name} cannot be compared with {name}: {problem}")
    found = better_by(metric, report.pairs, "model", "baseline", seed, level)
    if found.all_equal:
        return Against(
            name,
            found,
            False,
            f"Nothing beats the baseline: the model does exactly as {name} in all {found.pairs:,} pairs.",
        )
    if found.low > 0:
        return Against(name, found, True, f"{_numbers(metric)} beats {name}: {said(found)}.")
    why = "is worse than" if found.high < 0 else "is not clearly better than"
    return Against(name, found, False, f"Nothing beats the baseline: {_numbers(metric)} {why} {name}: {said(found)}.")


def against_live(metric: Metric, report: Report, live: Report, seed: int, level: float) -> Against:
    """Not clearly worse, or clearly worse."""
    name = "the live release"
    problem = trouble(report.pairs) or trouble(live.pairs)
    if problem or report.pairs is None or live.pairs is None:
        return Against(name, None, False, f"It cannot be compared with {name}: {problem}")
    ours = report.pairs.select("unit", "block", "model")
    theirs = live.pairs.select("unit", "block", baseline="model")
    both = ours.join(theirs, on=["unit", "block"], how="inner")
    if both.height < 0.5 * max(ours.height, theirs.height):
        return Against(
            name, None, False,
            f"It cannot be compared with {name}: only {both.height:,} of {ours.height:,} pairs are measured for both. "
            "Evaluate both on one dataset.",
        )  # fmt: skip
    found = better_by(metric, both, "model", "baseline", seed, level)
    if found.all_equal:
        return Against(name, found, True, f"It does exactly as {name}.")
    if found.high < 0:
        return Against(name, found, False, f"It is worse than {name}: {said(found)}.")
    kind = "better than" if found.low > 0 else "not clearly different from"
    return Against(name, found, True, f"It is {kind} {name}: {said(found)}.")


def trouble(pairs: pl.DataFrame | None) -> str:
    """What is wrong with a table of pairs, or nothing."""
    if pairs is None or pairs.height == 0:
        return "the report has no pairs. `evaluate` has to return the parts of its first metric, case by case."
    missing = [c for c in COLUMNS if c not in pairs.columns]
    if missing:
        return f"the pairs lack {', '.join(missing)}; they have {', '.join(pairs.columns)}."
    for side in ("model", "baseline"):
        bad = int((~np.isfinite(pairs[side].cast(float).fill_null(float("nan")).to_numpy())).sum())
        if bad:
            return f"{bad:,} of {pairs.height:,} pairs have no finite number for the {side}."
    doubled = pairs.height - pairs.select("unit", "block").n_unique()
    if doubled:
        return f"{doubled:,} pairs appear more than once; there is one pair for a unit and a block."
    if pairs["unit"].n_unique() < 2 and pairs["block"].n_unique() < 2:
        return "one unit in one block says nothing about the next."
    return ""


def better_by(metric: Metric, pairs: pl.DataFrame, model: str, baseline: str, seed: int, level: float) -> Interval:
    """The interval of model - baseline, turned so that more is better."""
    pairs = pairs.sort("unit", "block")
    sign = 1.0 if metric.better == "higher" else -1.0
    return pairs_interval(
        pairs["unit"].to_numpy(), pairs["block"].to_numpy(),
        sign * pairs[model].cast(float).to_numpy(), sign * pairs[baseline].cast(float).to_numpy(),
        seed=seed, level=level,
    )  # fmt: skip


def said(found: Interval) -> str:
    """'+5.2 % [+2.6 %, +7.7 %], p = 0.002, over 2,000 units x 11 blocks'. Positive is better."""
    size = abs(found.baseline)
    parts = (found.difference, found.low, found.high)
    middle, low, high = [f"{v / size:+.1%}" for v in parts] if size > 1e-12 else [f"{v:+.4g}" for v in parts]
    p = f"p = {found.p_value:.3f}" if found.p_value >= 0.001 else "p < 0.001"
    return f"{middle} [{low}, {high}] at {found.level:.0%}, {p}, over {found.units:,} units x {found.blocks:,} blocks"


def _numbers(metric: Metric) -> str:
    value = plain(amount(metric.value, metric.unit))
    against = f" against {plain(amount(metric.baseline, metric.unit))}" if metric.baseline is not None else ""
    return f"{metric.name} ({value}{against})"
