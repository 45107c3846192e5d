"""A comparison promises the difference of each metric and, for the first one, whether it may be chance."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ropewalk.errors import DataError
from ropewalk.spine.experiments.compare import compare
from ropewalk.types import Metric, Report


def report(gain, share=0.5, seed=0, better="higher"):
    rows, columns = np.indices((40, 12))
    base = np.random.default_rng(0).normal(10, 3, rows.size)
    model = base + gain + np.random.default_rng(seed + 1).normal(size=rows.size)
    pairs = pl.DataFrame({"unit": rows.ravel(), "block": columns.ravel(), "model": model, "baseline": base})
    first = Metric("profit", model.sum() / 12, "USD", better=better)
    return Report((first, Metric("fill rate", share, "share"), Metric("only here", 1.0, "")), "rule", pairs)


def test_the_first_metric_has_an_interval_in_its_own_unit():
    found = compare(report(1.0), report(0.0, seed=5), names=("learned", "rule"), seed=0)
    row = found.rows[0]
    assert row.difference == pytest.approx(row.first - row.second)
    assert row.low < row.difference < row.high
    assert row.low > 0
    assert row.p_value < 0.05
    assert "learned is better than rule" in row.sentence


def test_other_metrics_are_shown_without_a_claim():
    row = compare(report(1.0, 0.9), report(0.0, 0.8), seed=0).rows[1]
    assert (row.low, row.p_value) == (None, None)
    assert "whether by chance is not known" in row.sentence


def test_lower_may_be_better():
    assert (
        "b is better than a"
        in compare(report(1.0, better="lower"), report(0.0, seed=5), names=("a", "b"), seed=0).rows[0].sentence
    )


def test_the_same_report_twice_is_the_same():
    row = compare(report(1.0), report(1.0), seed=0).rows[0]
    assert (row.difference, row.low, row.high, row.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert "the same for both" in row.sentence


def test_a_difference_by_chance_is_called_that():
    assert "no clear difference" in compare(report(0.0, seed=3), report(0.0, seed=5), seed=0).rows[0].sentence


def test_the_rows_are_a_table():
    frame = compare(report(1.0), report(0.0), seed=0).frame()
    assert frame.columns == ["metric", "unit", "first", "second", "difference", "low", "high", "p_value", "sentence"]


def test_reports_on_other_cases_are_refused():
    one, two = report(1.0), report(0.0)
    with pytest.raises(DataError, match="evaluate both on one dataset"):
        compare(one, Report(two.metrics, "rule", two.pairs.head(10)), seed=0)
    with pytest.raises(DataError, match="the report of second has no pairs"):
        compare(one, Report(two.metrics, "rule"), seed=0)
