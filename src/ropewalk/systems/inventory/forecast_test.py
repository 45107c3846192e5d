"""The forecast: calibrated on demand it was not fitted to, sober about new items, blind to the future."""

import numpy as np
import pytest
from scipy import stats

from ropewalk.systems.inventory import features, forecast
from ropewalk.systems.inventory.features import BLOCK, PART, in_blocks, pack, window_at
from ropewalk.systems.inventory.forecast_fit import fit
from ropewalk.systems.inventory.panel import toy_panel


@pytest.fixture(scope="module")
def fitted():
    records = toy_panel(200, 40, seed=1)
    return records, fit(records, 30, steps=300, size=512)


def test_chances_come_true_on_later_weeks(fitted):
    records, model = fitted
    for horizon in (1, 3):
        inside = []
        for t in range(30, 40 - horizon + 1):
            seen = forecast.outlook(model, pack(window_at(records, t, 3)))
            mean, sd = seen.each[:, :horizon].sum(1), seen.spread[:, horizon - 1]
            demand = records.demand[:, t : t + horizon].sum(1)
            r = forecast.shape(mean, sd)
            inside.append([(demand <= stats.nbinom(r, r / (r + mean)).ppf(p)).mean() for p in (0.5, 0.9)])
        half, most = np.mean(inside, axis=0)
        assert 0.46 < half < 0.66  # whole units: the share at or under a quantile is at least its level
        assert 0.86 < most < 0.96


def test_a_planned_promotion_raises_the_forecast(fitted):
    records, model = fitted
    window = window_at(records, 30, 3)
    plan = np.zeros_like(window.plan)
    plan[:, 1] = 1.0
    without = forecast.outlook(model, pack(window._replace(plan=np.zeros_like(plan)))).each
    promoted = forecast.outlook(model, pack(window._replace(plan=plan))).each
    assert np.median(promoted[:, 1] / without[:, 1]) > 1.3
    assert abs(np.median(promoted[:, 0] / without[:, 0]) - 1) < 0.2


def test_an_item_without_history_is_forecast_at_the_pooled_level(fitted):
    records, model = fitted
    window = window_at(records, 30, 3)
    blank = window._replace(known=np.zeros_like(window.known))
    each = forecast.outlook(model, pack(blank)).each
    assert np.isfinite(each).all()
    assert 0.2 * model.prior < np.median(each) < 5 * model.prior


def test_nothing_after_the_cut_changes_the_forecast(fitted):
    """Future demand, prices and promotions beyond the plan may be anything."""
    from dataclasses import replace

    records, model = fitted
    junk = {name: getattr(records, name).copy() for name in ("demand", "price", "promo")}
    for values in junk.values():
        values[:, 30:] = 99.0
    again = fit(replace(records, **junk), 30, steps=300, size=512)
    np.testing.assert_array_equal(again.hidden, model.hidden)
    later = {name: getattr(records, name).copy() for name in ("demand", "price")}
    for values in later.values():
        values[:, 20:] = 99.0
    seen, blind = (forecast.known(model, r, 20, 21) for r in (records, replace(records, **later)))
    for a, b in zip(seen, blind, strict=True):
        np.testing.assert_array_equal(a, b)


def test_censored_periods_are_not_demand():
    records = toy_panel(3, 30)
    hidden = records.demand.copy()
    hidden[:, 20:23] = 0.0
    censored = np.zeros(records.shape, bool)
    censored[:, 20:23] = True
    from dataclasses import replace

    first = pack(window_at(replace(records, censored=censored), 30, 3))
    second = pack(window_at(replace(records, demand=hidden, censored=censored), 30, 3))
    np.testing.assert_array_equal(first, second)


def test_a_row_has_the_same_bits_in_any_batch(fitted):
    records, model = fitted
    rows = pack(window_at(records, 30, 3))
    whole = forecast.outlook(model, rows)
    for size in (1, 7, BLOCK, BLOCK + 1):
        parts = [forecast.outlook(model, rows[i : i + size]) for i in range(0, 64, size)]
        for name in ("each", "spread", "features", "sd"):
            joined = np.concatenate([getattr(p, name) for p in parts])
            np.testing.assert_array_equal(joined, getattr(whole, name)[: len(joined)])


@pytest.mark.parametrize("size", [0, 1, BLOCK, 5 * BLOCK - 3, PART + 1])
def test_any_number_of_rows_comes_in_whole_blocks(size):
    seen = []
    (out,) = in_blocks(lambda rows: (seen.append(len(rows)), rows)[1:], np.arange(1.0 * size)[:, None])
    assert all(rows % BLOCK == 0 and rows <= PART for rows in seen)
    assert out[:, 0].tolist() == list(range(size))


def test_a_row_of_a_product_has_the_same_bits_wherever_it_stands():
    rows, weights = (
        np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in ((7 * BLOCK, 45), (45, 33))
    )
    whole = features.product(rows, weights)
    np.testing.assert_allclose(whole, rows @ weights, rtol=1e-5, atol=1e-5)
    for size in (1, 3, 12, BLOCK):
        for at in range(0, len(rows) - size + 1):
            np.testing.assert_array_equal(features.product(rows[at : at + size], weights), whole[at : at + size])


def test_the_cover_runs_to_the_arrival_of_the_order_after_this_one():
    review = np.array([[1, 0, 0, 1, 0, 1]], bool)
    records = toy_panel(1, 6, review=review, lead_time=np.array([2]))
    assert forecast.cover(records)[0].tolist() == [5, 4, 3, 4, 3, 3]


def test_features_have_their_names():
    records = toy_panel(BLOCK, 30)
    seen = features.describe(pack(window_at(records, 20, 3)), 4.0, False)
    assert seen.features.shape == (BLOCK, len(features.FEATURES))
    sd = features.deviation(seen)
    assert (sd > 0).all()
