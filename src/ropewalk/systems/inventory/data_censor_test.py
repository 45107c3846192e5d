"""Demand that a shelf did not show: found again where the law is known, never under what was sold, and left alone in stock."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ropewalk.systems.inventory import data_censor_law as law
from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.data_censor import uncensor

START = date(2024, 1, 1)  # a Monday
ITEMS, DAYS = 60, 210
LAWS = {
    "poisson": lambda rng, mean, shape: rng.poisson(mean, shape),
    "negative binomial": lambda rng, mean, shape: rng.negative_binomial(4, 4 / (4 + np.broadcast_to(mean, shape))),
}
STOCKS = {
    "the mean each day": lambda rng, shape: np.full(shape, 10),
    "at random": lambda rng, shape: rng.integers(0, 21, shape),
    "none on a fifth of the days": lambda rng, shape: np.where(rng.random(shape) < 0.2, 0, 60),
}


def sales(sold, **columns):
    """A line an item and day; `columns`: grids like `sold`."""
    items, days = np.shape(sold)
    table = {
        "item": np.repeat([f"i{i:03d}" for i in range(items)], days),
        "date": [START + timedelta(days=d) for d in range(days)] * items,
        "units": np.ravel(sold).astype(float),
        **{name: np.ravel(grid) for name, grid in columns.items()},
    }
    period = ((pl.col("date") - START).dt.total_days() // 7).cast(pl.Int64)
    lines = pl.DataFrame(table).with_columns(site=pl.lit("main"), period=period)
    lacking = {"stocked_out": pl.Boolean, "on_hand": pl.Float64}
    return lines.with_columns(pl.lit(None, k).alias(n) for n, k in lacking.items() if n not in lines.columns)


def found(lines, train_days=DAYS, **settings_):
    last = START + timedelta(days=train_days - 1)
    return uncensor(Config(sales="t", **settings_), lines, (0, (train_days - 1) // 7), last)


def demand_of(lines, shape):
    table, _ = found(lines)
    return table["demand"].to_numpy().reshape(shape), table["out"].to_numpy().reshape(shape)


def marks(how, demand, stock):
    sold = np.minimum(demand, stock)
    if how == "marked":
        return sold, {"stocked_out": demand >= stock}
    return sold, {"on_hand": (stock - sold).astype(float)}


@pytest.mark.parametrize("how", ["marked", "inferred"])
@pytest.mark.parametrize("stock", STOCKS)
@pytest.mark.parametrize("demand", LAWS)
def test_the_mean_is_found_within_two_per_cent(demand, stock, how):
    rng, shape = np.random.default_rng(1), (ITEMS, DAYS)
    true, there = LAWS[demand](rng, 10.0, shape), STOCKS[stock](rng, shape)
    sold, columns = marks(how, true, there)
    estimate, out = demand_of(sales(sold, **columns), shape)
    assert sold.mean() < 0.9 * true.mean()
    assert estimate.mean() == pytest.approx(true.mean(), rel=0.02)
    np.testing.assert_array_equal(out, true >= there)


@pytest.mark.parametrize("demand", LAWS)
def test_a_weekday_that_sells_more_is_found_so(demand):
    rng, shape = np.random.default_rng(2), (ITEMS, DAYS)
    week = 10 * np.array([0.5, 0.5, 0.7, 1.0, 1.3, 1.5, 1.5])[np.arange(DAYS) % 7]
    true, stock = LAWS[demand](rng, week, shape), np.full(shape, 13)
    sold, columns = marks("inferred", true, stock)
    estimate, _ = demand_of(sales(sold, **columns), shape)
    for day in range(7):
        assert estimate[:, day::7].mean() == pytest.approx(true[:, day::7].mean(), rel=0.04), day


def test_items_may_differ_in_their_law():
    rng, shape = np.random.default_rng(3), (ITEMS, DAYS)
    true = np.where(np.arange(ITEMS)[:, None] % 2, *(draw(rng, 10.0, shape) for draw in LAWS.values()))
    sold, columns = marks("inferred", true, np.full(shape, 12))
    estimate, _ = demand_of(sales(sold, **columns), shape)
    for part in (0, 1):
        assert estimate[part::2].mean() == pytest.approx(true[part::2].mean(), rel=0.03)


def test_a_mark_only_where_somebody_was_turned_away_costs_four_per_cent_at_most_and_nothing_beside_on_hand():
    """A mark is read as a shelf that was empty; then the last unit may have been the last that was asked for."""
    rng, shape = np.random.default_rng(4), (ITEMS, DAYS)
    true, stock = rng.poisson(10.0, shape), np.full(shape, 10)
    sold, columns = marks("inferred", true, stock)
    alone, beside = (demand_of(sales(sold, stocked_out=true > stock, **c), shape)[0].mean() for c in ({}, columns))
    assert 0.96 * true.mean() < alone < true.mean()
    assert beside == pytest.approx(true.mean(), rel=0.02)


def test_what_sold_out_after_the_training_days_has_the_law_of_the_training_days():
    rng, shape = np.random.default_rng(5), (ITEMS, 2 * DAYS)
    true, stock = rng.poisson(10.0, shape), np.where(np.arange(2 * DAYS) < DAYS, 60, 10)
    sold, columns = marks("inferred", true, np.broadcast_to(stock, shape))
    estimate = found(sales(sold, **columns))[0]["demand"].to_numpy().reshape(shape)
    assert estimate.mean() == pytest.approx(true.mean(), rel=0.01)
    later = np.where(np.arange(2 * DAYS) < DAYS, sold, 3)
    again = found(sales(later, **columns))[0]["demand"].to_numpy().reshape(shape)
    np.testing.assert_array_equal(estimate[:, :DAYS], again[:, :DAYS])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(0.05, 200.0), st.floats(0.0, 3.0))
def test_demand_is_never_below_what_was_sold_and_never_far_above_all_that_was_seen(seed, days, mean, cover):
    rng, shape = np.random.default_rng(seed), (3, days)
    sold, columns = marks("inferred", rng.poisson(mean, shape), rng.poisson(mean * cover, shape))
    columns["stocked_out"] = rng.random(shape) < 0.1
    table = sales(sold, **columns)
    estimate = found(table, days)[0]
    assert (estimate["demand"] >= estimate["units"]).all()
    assert estimate.filter(~pl.col("out")).select((pl.col("demand") == pl.col("units")).all()).item()
    most = pl.col("units").max().over("item")
    bound = (
        (1 + law.MOST) * (1 + law.EXCESS[-1] * law.MOST * most) * (most + 1)
    )  # of the law's expectation at its bounds
    assert estimate.select((pl.col("demand") <= bound).all()).item()
    shuffled = found(table.sample(fraction=1.0, shuffle=True, seed=1), days)[0].sort("item", "date")
    np.testing.assert_allclose(shuffled["demand"], estimate["demand"], rtol=1e-9)


def test_without_days_out_of_stock_demand_is_sales():
    sold = np.random.default_rng(6).poisson(5.0, (4, DAYS))
    for columns in ({}, {"on_hand": sold + 1.0}, {"stocked_out": np.zeros(sold.shape, bool)}):
        table, counts = found(sales(sold, **columns))
        assert table["demand"].equals(table["units"].rename("demand"))
        assert not table["out"].any()
        assert counts == {"days_marked": 0, "days_inferred": 0, "units_added": 0.0}


@pytest.mark.parametrize("how", ["marked", "inferred"])
def test_a_day_empty_from_the_start_has_the_usual_demand_exactly(how):
    rng, shape = np.random.default_rng(7), (3, DAYS)
    true, stock = rng.poisson(5.0, shape), np.where(rng.random(shape) < 0.3, 0, 60)
    sold, columns = marks(how, true, stock)
    estimate, out = demand_of(sales(sold, **columns), shape)
    np.testing.assert_array_equal(out, stock == 0)
    for item in range(3):
        for day in range(7):
            inside = np.arange(DAYS) % 7 == day
            usual = sold[item][inside & ~out[item]].mean()
            np.testing.assert_allclose(estimate[item][inside & out[item]], usual)


def test_a_column_of_nothing_on_hand_is_no_sign_and_a_shelf_that_always_sold_out_shows_no_bound():
    sold = np.random.default_rng(8).poisson(5.0, (2, DAYS))
    table, counts = found(sales(sold, on_hand=np.zeros(sold.shape)))
    assert table["demand"].equals(table["units"].rename("demand"))
    assert counts["days_inferred"] == 0
    marked, counts = found(sales(sold, stocked_out=np.ones(sold.shape, bool)))
    assert marked["demand"].equals(marked["units"].rename("demand"))
    assert counts["days_marked"] == sold.size


def test_a_shelf_that_nearly_always_sold_out_stays_within_bounds():
    sold = np.full((1, DAYS), 10)
    sold[0, 3] = 2
    estimate, _ = demand_of(sales(sold, on_hand=np.where(sold < 10, 8.0, 0.0)), sold.shape)
    assert 10 < estimate.mean() <= 10 * (law.MOST + 1)


def test_weeks_work_as_days_do_and_rows_that_are_not_there_are_zero_sales_or_unknown():
    rng, shape = np.random.default_rng(9), (ITEMS, 52)
    true, stock = rng.negative_binomial(4, 4 / (4 + 2.0), shape), rng.integers(1, 6, shape)
    sold, columns = marks("inferred", true, stock)
    lines = sales(sold, **columns).with_columns(
        date=pl.lit(START) + pl.duration(days=7 * (pl.col("date") - START).dt.total_days()),
        period=(pl.col("date") - START).dt.total_days().cast(pl.Int64),
    )
    last = START + timedelta(days=7 * 52 - 1)
    whole, less = (uncensor(Config(sales="t"), t, (0, 51), last)[0] for t in (lines, lines.filter(pl.col("units") > 0)))
    assert whole["demand"].mean() == pytest.approx(true.mean(), rel=0.03)
    assert less["demand"].sum() == pytest.approx(
        whole["demand"].sum(), rel=0.01
    )  # weeks before the first sale are not known
    unknown = uncensor(Config(sales="t", missing_rows="unknown"), lines.filter(pl.col("units") > 0), (0, 51), last)[0]
    assert unknown["demand"].sum() > less["demand"].sum()


@pytest.mark.parametrize("mean", [0.3, 8.0, 400.0])
@pytest.mark.parametrize("excess", [1e-4, 0.2, 3.0])
def test_what_is_expected_of_a_censored_day_is_the_sum_over_its_law(mean, excess):
    r = 1.0 / excess
    known = stats.nbinom(r, r / (r + mean))
    units = np.arange(int(known.isf(1e-16)) + 200)
    for sold in {1, max(1, int(mean)), int(known.isf(1e-6)) + 1}:
        chance = known.pmf(units) * (units >= sold)
        expected = (chance * units).sum() / chance.sum()
        variance = (chance * (units - expected) ** 2).sum() / chance.sum()
        got = law.at_least(np.array([float(sold)]), np.array([mean]), excess)
        np.testing.assert_allclose(np.concatenate(got), [expected, variance, known.sf(sold - 1)], rtol=1e-4)


def test_far_above_the_mean_hardly_more_is_expected_than_was_sold():
    got = law.at_least(np.array([1e4, 1e6]), np.array([5.0, 5.0]), np.array([1e-4, 1e-4]))[0]
    assert (got >= [1e4, 1e6]).all()
    np.testing.assert_allclose(got, [1e4, 1e6], rtol=1e-3)
