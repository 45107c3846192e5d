"""The simulator of one site's items with lost sales: history replayed as exogenous demand.

Contract. Letters: ... scenarios, I items, L pipeline columns, T periods.

State: stock on hand [...,I] and the pipeline [...,I,L], whose column k arrives at the start of the period k from now.
In period t, in this order:
1. what is due is received;
2. where `review`, the policy sees what is known at the start of t (never the demand of t) with stock and pipeline, and
   orders; purchase cost and the fixed cost of the order line are paid. Lead time l: what is ordered at t can be sold
   from t + l on (l = 0: in t itself);
3. demand comes; sales = min(stock, demand); the rest is lost;
4. holding is paid on the stock left.
Profit of t = price * sales - unit_cost * ordered - order_cost * lines - holding * stock left - lost_sale * lost.
End: stock and pipeline are credited at unit cost (`credit`).

What varies, the policy, is handed in: (what is known, on hand, pipeline) -> Order. The step is plain arithmetic on arrays:
with NumPy it serves the evaluation (in float64, through the very functions that serve answers), with JAX tuning and
pathwise gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.systems.inventory.panel import Panel
from ropewalk.systems.inventory.rules import Known, Order

Array = Any


class State(NamedTuple):
    on_hand: Array  # [...,I] units
    pipeline: Array  # [...,I,L] units; column k arrives at the start of the period k from now


class Terms(NamedTuple):
    """What stays the same over the periods."""

    unit_cost: Array  # [I] USD
    holding_usd: Array  # [I] USD a unit and period
    lost_sale_usd: Array  # [I] USD a unit
    order_cost_usd: Array  # [I] USD a line
    arrival: Array  # [I,L] one where an order of now lands in the pipeline after this period; all zero: lead time 0


class Period(NamedTuple):
    """What comes from outside in one period; stacked with a leading T for a replay."""

    demand: Array  # [I] units
    price: Array  # [I] USD
    review: Array  # [I] 1 where an order may be placed
    known: Any  # what the policy sees, of whatever shape it needs


class Flow(NamedTuple):
    """What happened in one period, per item."""

    received: Array  # units
    ordered: Array  # units
    lines: Array  # order lines
    sales: Array  # units
    lost: Array  # units
    stock: Array  # units left at the end of the period
    profit: Array  # USD


Policy = Callable[[Any, Array, Array], Order]


def step(policy: Policy, terms: Terms, state: State, period: Period, xp: ModuleType = jnp) -> tuple[State, Flow]:
    """One period, as in the contract above. After event 1 the pipeline that the policy sees starts with the next period."""
    received = state.pipeline[..., 0]
    on_hand = state.on_hand + received
    pipeline = xp.concatenate([state.pipeline[..., 1:], xp.zeros_like(state.pipeline[..., :1])], axis=-1)
    order = policy(period.known, on_hand, pipeline)
    units, lines = order.units * period.review, order.lines * period.review
    available = on_hand + units * (1.0 - terms.arrival.sum(-1))
    sales = xp.minimum(available, period.demand)
    lost, left = period.demand - sales, available - sales
    profit = (
        period.price * sales
        - terms.unit_cost * units
        - terms.order_cost_usd * lines
        - terms.holding_usd * left
        - terms.lost_sale_usd * lost
    )
    after = State(left, pipeline + units[..., None] * terms.arrival)
    return after, Flow(received, units, lines, sales, lost, left, profit)


def credit(terms: Terms, state: State) -> Array:
    """[...,I] USD: what is left, on hand and on order, at purchase cost."""
    return terms.unit_cost * (state.on_hand + state.pipeline.sum(-1))


def terms_of(records: Panel, dtype: Any = np.float64) -> Terms:
    """The terms of a panel."""
    width = records.pipeline0.shape[1]
    arrival = (np.arange(width)[None, :] == records.lead_time[:, None] - 1).astype(dtype)
    money = (records.unit_cost, records.holding_usd, records.lost_sale_usd, records.order_cost_usd)
    cost, holding, lost_sale, line = (column.astype(dtype) for column in money)
    return Terms(cost, holding, lost_sale, line, arrival)


def start_of(records: Panel, dtype: Any = np.float64) -> State:
    """The stock and the pipeline that every policy starts from."""
    return State(records.on_hand0.astype(dtype), records.pipeline0.astype(dtype))


def periods_of(records: Panel, known: Any, dtype: Any = np.float64) -> Period:
    """All periods of a panel, stacked in front; `known` has its leading T already."""
    columns = (records.demand, records.price, records.review)
    demand, price, review = (np.ascontiguousarray(c.T).astype(dtype) for c in columns)
    return Period(demand, price, review, known)


def rollout(policy: Policy, terms: Terms, state: State, periods: Period) -> tuple[State, Flow]:
    """All periods in JAX, scanned: the state at the end and the flows, stacked in front [T,...,I]."""
    return jax.lax.scan(lambda at, period: step(policy, terms, at, period), state, periods)


def total_profit(policy: Policy, terms: Terms, state: State, periods: Period) -> Array:
    """[...,I] USD over all periods with the final credit, keeping no trajectory: for tuning and learning."""

    def advance(carry: tuple[State, Array], period: Period) -> tuple[tuple[State, Array], None]:
        state, flow = step(policy, terms, carry[0], period)
        return (state, carry[1] + flow.profit), None

    (state, profit), _ = jax.lax.scan(advance, (state, jnp.zeros_like(state.on_hand)), periods)
    return profit + credit(terms, state)


class Replay(NamedTuple):
    """A whole replay, per item and period [I,T], and the end [I]. Profit of an item: profit.sum(1) + credit."""

    flow: Flow  # each [I,T]
    credit: Array  # [I] USD
    end: State

    @property
    def profit(self) -> Array:
        """[I] USD with the credit of what is left."""
        return self.flow.profit.sum(1) + self.credit


def earned(records: Panel, result: Replay) -> np.ndarray:
    """[I,T] USD: the profit booked when units are sold instead of when they are bought, for statistics over weeks.

    Its sum differs from the replay's profit by the purchase value of the start stock, which is the same for every policy.
    """
    flow, column = result.flow, terms_of(records)
    cost, holding, lost_sale, line = (c[:, None] for c in column[:4])
    return (records.price - cost) * flow.sales - line * flow.lines - holding * flow.stock - lost_sale * flow.lost


def replay(records: Panel, policy: Policy, known: Known) -> Replay:
    """A panel replayed in float64 NumPy, through the functions that also serve answers; `known` is [T,I,...]."""
    terms, state = terms_of(records), start_of(records)
    periods = periods_of(records, None)
    flows = []
    for t in range(records.shape[1]):
        seen = Known(*(column[t] for column in known))
        period = Period(periods.demand[t], periods.price[t], periods.review[t], seen)
        state, flow = step(policy, terms, state, period, np)
        flows.append(flow)
    return Replay(Flow(*(np.stack(column, axis=1) for column in zip(*flows, strict=True))), credit(terms, state), state)


def summary(result: Replay) -> dict[str, float]:
    """The figures of the demo's table."""
    flow = result.flow
    asked = (flow.sales + flow.lost).sum()
    return {
        "profit_usd": float(result.profit.sum()),
        "lost_units": float(flow.lost.sum()),
        "mean_stock_units": float(flow.stock.sum(0).mean()),
        "fill_rate": float(flow.sales.sum() / max(asked, 1.0)),
        "order_lines": float(flow.lines.sum()),
    }
