"""The gate promises to let a run pass when it is clearly better than the baseline and not clearly worse than live."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ropewalk.spine.registry.gate import decide
from ropewalk.types import Metric, Report

ITEMS, WEEKS = 60, 11


def report(gain, *, seed=0, better="higher", baseline=10.0, noise=1.0, noise_seed=None):
    """A report whose model earns `gain` more a pair, give or take."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((ITEMS, WEEKS))
    base = rng.normal(baseline, 2, ITEMS * WEEKS)
    rng = np.random.default_rng(seed + 1 if noise_seed is None else noise_seed)
    model = base + gain + noise * rng.normal(size=base.size)
    pairs = pl.DataFrame({"unit": rows.ravel(), "block": columns.ravel(), "model": model, "baseline": base})
    return Report((Metric("profit", model.sum(), "USD", baseline=base.sum(), better=better),), "(s, S)", pairs)


def test_a_clear_gain_passes_with_its_size_and_interval():
    verdict = decide(report(1.0), None, seed=0)
    assert verdict.passed
    assert verdict.against[0].interval.low > 0
    assert "profit ($" in verdict.sentence
    assert "beats (s, S): +" in verdict.sentence
    assert "60 units x 11 blocks" in verdict.sentence


def test_a_gain_that_may_be_chance_does_not_pass():
    verdict = decide(report(0.0), None, seed=0)
    assert not verdict.passed
    assert "Nothing beats the baseline" in verdict.sentence
    assert "not clearly better" in verdict.sentence


def test_a_loss_is_called_a_loss():
    assert "is worse than (s, S)" in decide(report(-1.0), None, seed=0).sentence


def test_where_lower_is_better_a_lower_number_passes():
    assert decide(report(-1.0, better="lower"), None, seed=0).passed
    assert not decide(report(1.0, better="lower"), None, seed=0).passed


def test_a_model_that_is_the_baseline_is_named_as_such():
    verdict = decide(report(0.0, noise=0.0), None, seed=0)
    assert not verdict.passed
    assert "does exactly as (s, S) in all 660 pairs" in verdict.sentence


def test_worse_than_live_is_refused_although_it_beats_the_baseline():
    verdict = decide(report(1.0), report(2.0), seed=0)
    assert not verdict.passed
    assert [a.passed for a in verdict.against] == [True, False]
    assert "worse than the live release" in verdict.sentence


def test_as_good_as_live_passes():
    verdict = decide(report(1.0), report(1.0, noise_seed=9), seed=0)
    assert verdict.passed
    assert "not clearly different from the live release" in verdict.sentence
    assert "exactly as the live release" in decide(report(1.0), report(1.0), seed=0).sentence


def test_under_no_gain_few_runs_pass():
    """One-sided at 2.5 %; of 200 worlds without a gain at most 12 pass (99.9 % of the binomial at 2.5 %)."""
    passed = sum(decide(report(0.0, seed=10 * s), None, seed=s).passed for s in range(200))
    assert passed <= 12


def test_live_on_other_cases_is_not_compared():
    other = report(1.0)
    moved = Report(other.metrics, other.baseline, other.pairs.with_columns(pl.col("block") + 100))
    verdict = decide(other, moved, seed=0)
    assert not verdict.passed
    assert "only 0 of 660 pairs" in verdict.sentence


def test_the_order_of_the_pairs_does_not_matter():
    one = report(0.3)
    mixed = Report(one.metrics, one.baseline, one.pairs.sample(fraction=1, shuffle=True, seed=3))
    assert decide(one, None, seed=0).sentence == decide(mixed, None, seed=0).sentence


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p: None, "no pairs"),
        (lambda p: p.head(0), "no pairs"),
        (lambda p: p.drop("unit"), "the pairs lack unit"),
        (
            lambda p: p.with_columns(model=pl.lit(None, pl.Float64)),
            "660 of 660 pairs have no finite number for the model",
        ),
        (lambda p: pl.concat([p, p.head(3)]), "3 pairs appear more than once"),
        (lambda p: p.head(1), "one unit in one block"),
    ],
    ids=["none", "empty", "no unit", "nulls", "doubled", "one"],
)
def test_pairs_that_cannot_be_tested_are_refused_in_a_sentence(change, sentence):
    good = report(1.0)
    verdict = decide(Report(good.metrics, good.baseline, change(good.pairs)), None, seed=0)
    assert not verdict.passed
    assert sentence in verdict.sentence


def test_a_report_without_a_metric_is_refused():
    assert not decide(Report((), "x"), None, seed=0).passed
