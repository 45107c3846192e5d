"""The panel places every number where it belongs."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from ropewalk.systems.inventory.panel import cut_periods, panel, take_items, take_periods, toy_panel, with_costs

START = dt.date(2024, 1, 1)


def tables():
    weeks = [START + dt.timedelta(days=7 * k) for k in range(4)]
    history = pl.DataFrame({
        "item": ["b", "a", "a", "b", "a"], "site": ["s"] * 5, "period": [12, 10, 11, 13, 13],
        "demand": [5, 1, 2, 7, 4], "units": [5, 1, 0, 3, 4], "censored": [False, False, True, True, None], "price": [2.0, None, 3.0, None, 4.0],
        "promo": [0.0, 1.0, 0.0, 0.5, None],
    })  # fmt: skip
    items = pl.DataFrame({
        "item": ["b", "a"], "site": ["s", "s"], "unit_cost_usd": [1.0, 2.0], "lead_time_periods": [3, 1], "pack_size": [6, 1],
        "min_order": [0, 2], "review_every_periods": [2, 1], "order_cost_usd": [0.1, 0.2], "holding_usd": [0.01, 0.02],
        "lost_sale_usd": [0, 0],
    })  # fmt: skip
    stock = pl.DataFrame({"item": ["b"], "site": ["s"], "on_hand": [9], "on_order_1": [4], "on_order_2": [None]})
    calendar = pl.DataFrame({"period": [10, 11, 12, 13], "date": weeks, "cut": ["train", "train", "choose", "replay"]})
    return {"history": history, "items": items, "stock": stock, "calendar": calendar}


def test_rows_land_in_their_place_whatever_their_order():
    records = panel(tables())
    assert records.item.tolist() == ["a", "b"]
    np.testing.assert_array_equal(records.demand, [[1, 2, 0, 4], [0, 0, 5, 7]])
    np.testing.assert_array_equal(records.listed, [[1, 1, 0, 1], [0, 0, 1, 1]])
    np.testing.assert_array_equal(records.censored, [[0, 1, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(records.unit_cost, [2.0, 1.0])
    np.testing.assert_array_equal(records.lead_time, [1, 3])


def test_a_period_that_sold_out_is_known_by_its_expected_demand_and_one_that_sold_nothing_is_not():
    """Left out of what is learned from, the weeks that sold out would leave those in which few came."""
    history = tables()["history"].filter("censored").sort("item")
    assert history["units"].to_list() == [0, 3]
    assert panel(tables()).censored.sum() == 1


def test_gaps_in_the_price_take_the_last_known_one():
    np.testing.assert_array_equal(panel(tables()).price, [[3, 3, 3, 4], [2, 2, 2, 2]])


def test_an_order_due_in_k_periods_arrives_in_period_k_and_an_item_without_stock_starts_empty():
    records = panel(tables())
    np.testing.assert_array_equal(records.on_hand0, [0, 9])
    np.testing.assert_array_equal(records.pipeline0, [[0, 0, 0, 0], [0, 4, 0, 0]])


def test_review_days_follow_the_period_number():
    np.testing.assert_array_equal(panel(tables()).review, [[1, 1, 1, 1], [1, 0, 1, 0]])


def test_cuts_and_slices():
    records = panel(tables())
    assert cut_periods(records, "train") == (0, 2)
    assert take_periods(records, 2, 4).demand.tolist() == [[0, 4], [5, 7]]
    assert take_items(records, np.array([1])).demand.tolist() == [[0, 0, 5, 7]]
    with pytest.raises(ValueError, match="no period in cut 'test'"):
        cut_periods(records, "test")


def test_promotions_planned_for_later_are_read_from_the_plan():
    given = tables()
    given["plan"] = pl.DataFrame({"item": ["a"], "site": ["s"], "period": [12], "promo": [0.75]})
    assert panel(given).promo[0].tolist() == [1.0, 0.0, 0.75, 0.0]


def test_a_lost_sale_twice_as_dear_costs_its_margin_once_more():
    records = toy_panel(2, 5, price=np.full((2, 5), 3.0), unit_cost=np.full(2, 2.0), lost_sale_usd=np.full(2, 0.5))
    np.testing.assert_allclose(with_costs(records, holding=2.0, lost_sale=2.0).lost_sale_usd, 2 * 0.5 + 1.0)
    np.testing.assert_allclose(with_costs(records, lost_sale=0.5).lost_sale_usd, 0.25 - 0.5)
    np.testing.assert_allclose(with_costs(records, holding=2.0).holding_usd, 2 * records.holding_usd)


def test_order_days_are_honoured_where_a_period_is_a_day():
    """Orders of b may be placed on Mondays and Thursdays only; a has no order days and may order every day."""
    made = tables()
    days = pl.Series([START + dt.timedelta(days=k) for k in range(4)])  # Monday to Thursday
    made["calendar"] = made["calendar"].with_columns(date=days)
    made["items"] = made["items"].with_columns(order_days=pl.Series(["mon,thu", None]), review_every_periods=pl.lit(1))
    found = panel(made)
    assert found.item.tolist() == ["a", "b"]
    assert found.review[0].all()
    assert found.review[1].tolist() == [True, False, False, True]
