"""Base-stock, which plans what the network was not made for: near the best level where sales are lost, and what it does where there
is nothing to win."""

import numpy as np
import polars as pl
import pytest

from ropewalk.systems.inventory.bulk.chunk import chunk
from ropewalk.systems.inventory.bulk.law import negative_binomial
from ropewalk.systems.inventory.bulk.plan import plan
from ropewalk.systems.inventory.bulk.policy import base_stock, lost_sales_ratio, quantile
from ropewalk.systems.inventory.bulk.table import layout
from ropewalk.systems.inventory.bulk.toys import ASSUMED, made
from ropewalk.systems.inventory.bulk.twice import ROW


def cost(levels, demand, lead, review, short):
    """[G] cost a period of base-stock at levels [G], by simulation: lost sales, holding 1; demand [T,N]."""
    shape = len(levels), demand.shape[1]
    shelf = np.broadcast_to(levels[:, None] * 1.0, shape)
    due = [np.zeros(shape) for _ in range(lead)]
    total, counted = np.zeros(len(levels)), 0
    for t, asked in enumerate(demand):
        order = np.maximum(levels[:, None] - shelf - sum(due), 0.0) if t % review == 0 else np.zeros(shape)
        came, due = (due[0], [*due[1:], order]) if lead else (order, [])
        shelf = shelf + came
        lost = np.maximum(asked - shelf, 0.0)
        shelf = np.maximum(shelf - asked, 0.0)
        if t >= 40:
            total, counted = total + (shelf + short * lost).mean(1), counted + 1
    return total / counted


@pytest.mark.parametrize(
    ("mean", "over", "lead", "review", "short"),
    [(0.3, 2.5, 8, 1, 19.0), (5.0, 1.0, 3, 1, 19.0), (5.0, 2.5, 8, 1, 4.0), (1.0, 1.0, 2, 4, 4.0), (20.0, 2.5, 1, 1, 99.0)],
)  # fmt: skip
def test_a_level_costs_little_more_than_the_best_one(mean, over, lead, review, short):
    """Where the law is known: within 6 % of the best."""
    rng, periods = np.random.default_rng(0), lead + review
    shape = mean / (over - 1.0) if over > 1.0 else 1e6
    demand = rng.poisson(rng.gamma(shape, mean / shape, (340, 150)))
    law = negative_binomial(np.array([mean * periods]), np.array([mean * over * periods]))
    one = np.ones(1)
    ratio = lost_sales_ratio(short * one, one, review * one, lead * one)
    levels = np.arange(int(quantile(law, 0.9995 * one)[0]) + 1)
    costs = cost(levels, demand, lead, review, short)
    assert costs[int(quantile(law, ratio)[0])] < 1.06 * costs.min()


def planned(**changes):
    table = made(1, seed=1).with_columns(
        demand_history=pl.Series([[4.0] * 52]), on_order=pl.Series([[0, 0, 0]]), on_hand=0.0, lead_time_periods=2,
        review_every_periods=1, price_usd=5.0, unit_cost_usd=3.0, lost_sale_usd=0.0, holding_usd=0.02, order_cost_usd=0.0,
        pack_size=1, min_order=0,
    ).with_columns(**changes)  # fmt: skip
    found = layout(table.schema, "the table", lambda _: 52)
    return plan(chunk(table.with_row_index(ROW), found, ASSUMED).items, base_stock)


def test_a_sale_that_earns_nothing_is_not_stocked_for():
    assert planned(price_usd=2.9).order_units[0] == 0
    assert planned(price_usd=2.9, lost_sale_usd=0.5).order_units[0] > 0


def test_what_costs_more_to_hold_is_held_less_and_nothing_is_held_without_end():
    levels = [planned(holding_usd=h).order_up_to[0] for h in (1e-9, 0.02, 0.5, 5.0)]
    assert levels == sorted(levels, reverse=True)
    assert 12 < levels[0] < 40


def test_a_costly_line_is_ordered_for_longer_and_not_a_unit_below_the_level():
    """Harris: sqrt(2 x 8 x 4 / 0.02) = 57 units, 14 weeks."""
    free, dear = planned(), planned(order_cost_usd=8.0)
    assert dear.order_units[0] > free.order_units[0] + 45
    above = planned(order_cost_usd=8.0, on_hand=free.order_up_to[0])
    assert above.order_units[0] == 0


def test_nothing_is_ordered_for_longer_than_two_years():
    """Harris: sqrt(2 x 80 x 4 / 1e-6) = 25,000 units, 120 years."""
    long = planned(order_cost_usd=80.0, holding_usd=1e-6)
    assert long.order_up_to[0] < planned(order_cost_usd=0.0, holding_usd=1e-6).order_up_to[0] + 4 * 104 + 1


def test_what_does_not_pay_for_an_order_line_is_not_worth_having():
    """4 a week that earn 2 each and cost 0.02 to hold: Harris's order costs sqrt(2 K 0.02 x 4) a week, which is 8 at K = 400."""
    assert planned(order_cost_usd=390.0).order_units[0] > 0
    assert planned(order_cost_usd=410.0).order_units[0] == 0
    assert planned(order_cost_usd=410.0, lost_sale_usd=0.1).order_units[0] > 0


def test_units_due_after_the_next_order_could_arrive_do_not_count():
    late = planned(on_order=pl.Series([[0, 0, 50]]))
    assert (late.position[0], late.order_units[0]) == (0.0, planned().order_units[0])
    assert planned(on_order=pl.Series([[0, 50, 0]])).order_units[0] == 0
