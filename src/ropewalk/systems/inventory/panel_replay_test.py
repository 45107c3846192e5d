"""The replay against a slow simulator in plain Python, gradients by hand, and a closed form."""

import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.systems.inventory.panel import toy_panel
from ropewalk.systems.inventory.panel_replay import earned, periods_of, replay, start_of, terms_of, total_profit
from ropewalk.systems.inventory.rules import Known, Levels, Order, place


def slow(demand, price, review, lead, pack, least, on_hand, pipeline, costs, reorder, up_to):
    """One item in plain Python, written from the contract alone: dictionaries of arrivals, no arrays."""
    cost, holding, lost_sale, line = costs
    due = dict(enumerate(pipeline))
    profit, trail = 0.0, []
    for t, asked in enumerate(demand):
        on_hand += due.pop(t, 0)
        units = 0
        if review[t] and on_hand + sum(due.values()) <= reorder:
            packs = math.floor((up_to - on_hand - sum(due.values())) / pack + 0.5)
            if packs >= 1:
                units = max(packs, math.ceil(least / pack)) * pack
        if lead == 0:
            on_hand += units
        elif units:
            due[t + lead] = due.get(t + lead, 0) + units
        sold = min(on_hand, asked)
        on_hand -= sold
        profit += price[t] * sold - cost * units - line * (units > 0) - holding * on_hand - lost_sale * (asked - sold)
        trail.append((units, sold, on_hand))
    return profit + cost * (on_hand + sum(due.values())), trail


units = st.integers(0, 12)


@st.composite
def instances(draw):
    periods = draw(st.integers(1, 8))
    column = lambda kind: draw(st.lists(kind, min_size=periods, max_size=periods))  # noqa: E731
    return {
        "demand": column(units), "price": column(st.integers(0, 500).map(lambda c: c / 100)), "review": column(st.booleans()),
        "lead": draw(st.integers(0, 4)), "pack": draw(st.integers(1, 6)), "least": draw(st.integers(0, 9)),
        "on_hand": draw(units), "pipeline": draw(st.lists(units, min_size=5, max_size=5)),
        "costs": [draw(st.integers(-20, 300)) / 100 for _ in range(4)],
        "reorder": draw(st.integers(-1, 20)) + 0.0, "up_to": draw(st.integers(0, 40)) / 2,
    }  # fmt: skip


def constant(reorder, up_to):
    """Levels that never change, as a policy; works on arrays of either kind."""

    def order(seen):
        position = seen.position
        xp = jnp if isinstance(position, jax.Array) else np
        levels = Levels(reorder + 0 * position, up_to + 0 * position, xp.full_like(position, 1e9))
        return place(levels, position, seen.known, xp).by_source

    return order


def as_panel(case):
    size = len(case["demand"])
    cost, holding, lost, line = case["costs"]
    return toy_panel(
        items=1, periods=size, demand=np.array([case["demand"]], float), price=np.array([case["price"]]),
        review=np.array([case["review"]]), lead_time=np.array([case["lead"]]), pack_size=np.array([float(case["pack"])]),
        min_order=np.array([float(case["least"])]), on_hand0=np.array([float(case["on_hand"])]),
        pipeline0=np.array([case["pipeline"]], float), unit_cost=np.array([cost]), holding_usd=np.array([holding]),
        lost_sale_usd=np.array([lost]), order_cost_usd=np.array([line]),
    )  # fmt: skip


def blind(records):
    """Known with packs and minimum only: constant levels read nothing else."""
    size, periods = records.shape
    filled = {name: np.zeros((periods, size)) for name in Known._fields}
    filled |= {n: np.broadcast_to(getattr(records, n), (periods, size)) for n in ("pack_size", "min_order")}
    return Known(**filled)


@settings(max_examples=300, deadline=None)
@given(instances())
def test_replay_equals_the_slow_simulator_to_the_cent(case):
    expected, trail = slow(**case)
    records = as_panel(case)
    result = replay(records, constant(case["reorder"], case["up_to"]), blind(records))
    assert result.profit[0] == pytest.approx(expected, abs=1e-9)
    flow = result.flow
    assert [tuple(row) for row in np.stack([flow.ordered[0], flow.served[0], flow.left[0]], 1)] == trail


@settings(max_examples=15, deadline=None)
@given(instances())
def test_the_compiled_rollout_equals_the_replay(case):
    records = as_panel(case)
    policy = constant(case["reorder"], case["up_to"])
    args = (terms_of(records, np.float32), start_of(records, np.float32),
            periods_of(records, blind(records), np.float32))  # fmt: skip
    compiled = total_profit(policy, *jax.tree.map(jnp.asarray, args))
    assert float(compiled[0]) == pytest.approx(replay(records, policy, blind(records)).profit[0], abs=5e-3)


def ordering(quantity):
    """The same quantity every period, with a slope."""
    return lambda seen: Order(quantity + 0 * seen.shelf, 1.0 + 0 * seen.shelf)


def profit_of(quantity, periods, lead):
    """One item, price 3, cost 2, holding 0.5, demand 4 a period, no start stock."""
    records = toy_panel(
        items=1, periods=periods, demand=np.full((1, periods), 4.0), price=np.full((1, periods), 3.0),
        unit_cost=np.array([2.0]), holding_usd=np.array([0.5]), lost_sale_usd=np.array([1.0]), lead_time=np.array([lead]),
        on_hand0=np.zeros(1), pipeline0=np.zeros((1, 3)),
    )  # fmt: skip
    args = (
        terms_of(records, np.float32),
        start_of(records, np.float32),
        periods_of(records, None, np.float32),
    )
    return total_profit(ordering(quantity), *jax.tree.map(jnp.asarray, args))[0]


def test_the_gradient_over_one_period_is_the_one_derived_by_hand():
    slope = jax.grad(profit_of)
    # Lead time 0. Under demand a unit more is sold: price - cost + lost sale saved = 3 - 2 + 1.
    assert float(slope(2.0, 1, 0)) == pytest.approx(2.0)
    # Over demand it is held and credited: -cost - holding + cost.
    assert float(slope(6.0, 1, 0)) == pytest.approx(-0.5)


def test_the_gradient_over_two_periods_is_the_one_derived_by_hand():
    slope = jax.grad(profit_of)
    # Lead time 1, order q each period: the first is sold in the second period, the second is credited in the pipeline.
    assert float(slope(2.0, 2, 1)) == pytest.approx(2.0)
    # Lead time 0, q = 5: period 1 leaves q - 4 (held), period 2 has 2q - 4, leaves 2q - 8 (held, credited).
    # d/dq = -2*2 (bought twice) - 0.5 - 0.5*2 + 2*2 (credit).
    assert float(slope(5.0, 2, 0)) == pytest.approx(-1.5)


def test_base_stock_without_lead_time_earns_the_newsvendor_closed_form():
    """Lead time 0, order up to S each period, Poisson(5) demand: the average profit is
    (price - cost) E[min(S, D)] - holding E[(S - D)+] - goodwill E[(D - S)+], here within 4 standard errors."""
    size, periods, level = 400, 100, 7
    demand = np.random.default_rng(1).poisson(5.0, (size, periods)).astype(float)
    each = partial(np.full, size)
    records = toy_panel(
        items=size, periods=periods, demand=demand, price=np.full((size, periods), 3.0), unit_cost=each(2.0),
        holding_usd=each(0.1), lost_sale_usd=each(0.4), order_cost_usd=each(0.0), lead_time=each(0),
        on_hand0=each(float(level)), pipeline0=np.zeros((size, 2)),
    )  # fmt: skip
    result = replay(records, constant(float(level), float(level)), blind(records))
    chance = [math.exp(-5) * 5**k / math.factorial(k) for k in range(40)]

    def mean(f):
        return sum(p * f(k) for k, p in enumerate(chance))

    sold, left, lost = (
        mean(f) for f in (lambda k: min(k, level), lambda k: max(level - k, 0), lambda k: max(k - level, 0))
    )
    expected = sold - 0.1 * left - 0.4 * lost
    flow = result.flow
    drawn = flow.served * 1.0 - 0.1 * flow.left - 0.4 * flow.lost
    assert result.profit.mean() / periods == pytest.approx(
        expected + 2.0 * level / periods, abs=4 * drawn.std() / drawn.size**0.5
    )


def test_units_are_neither_made_nor_lost():
    rng = np.random.default_rng(2)
    for lead, pack in itertools.product(range(4), (1, 5)):
        records = toy_panel(
            items=20, periods=15, demand=rng.poisson(3, (20, 15)).astype(float), lead_time=np.full(20, lead),
            pack_size=np.full(20, float(pack)), on_hand0=np.full(20, 6.0), pipeline0=np.full((20, 5), 2.0),
        )  # fmt: skip
        result = replay(records, constant(9.0, 14.0), blind(records))
        there = records.on_hand0 + records.pipeline0.sum(1) + result.flow.ordered.sum(1)
        after = result.end.shelf[:, 0] + result.end.due.sum(1)
        np.testing.assert_allclose(there, result.flow.served.sum(1) + after)


def test_profit_booked_at_the_sale_sums_to_the_profit_less_the_start_stock():
    records = toy_panel(20, 15, lead_time=np.arange(20) % 3)
    result = replay(records, constant(9.0, 14.0), blind(records))
    start = records.unit_cost * (records.on_hand0 + records.pipeline0.sum(1))
    np.testing.assert_allclose(earned(records, result).sum(1) + start, result.profit)
