"""A panel replayed: its history goes through the engine (engine/step.py) as exogenous demand.

Lost sales, the lead time of each item, orders where `review`; what is left at the end, on hand and due, is credited at unit cost.
A policy returns an Order as placed, packs and minimum honoured. With NumPy the step serves the evaluation (in float64, through the very
functions that serve answers), with JAX tuning and pathwise gradients. Letters: ... scenarios, I items, L pipeline columns, T periods.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.systems.inventory.engine.step import Flow, Period, Policy, State, Terms, closing, step
from ropewalk.systems.inventory.engine.world import World
from ropewalk.systems.inventory.panel import Panel
from ropewalk.systems.inventory.rules import Known

Array = Any


def world_of(state: State) -> World:
    """The engine's world of a panel, of which the state shows the longest lead time."""
    return World(unmet="lost", lead="items", longest=state.due.shape[-1], review=True)


def terms_of(records: Panel, dtype: Any = np.float64) -> Terms:
    """The terms of a panel [I], or [I,1] of its only source."""
    money = (records.unit_cost, records.order_cost_usd, records.holding_usd, records.lost_sale_usd)
    cost, line, holding, lost_sale = (column.astype(dtype) for column in money)
    return Terms(
        unit_cost=cost[:, None], order_cost=line[:, None], holding=holding, lost_sale=lost_sale, salvage=cost,
        lead=records.lead_time[:, None],
    )  # fmt: skip


def start_of(records: Panel, dtype: Any = np.float64) -> State:
    """The stock and the pipeline that every policy starts from."""
    on_hand = records.on_hand0.astype(dtype)
    return State(on_hand[:, None], np.zeros_like(on_hand), records.pipeline0.astype(dtype))


def periods_of(records: Panel, known: Any, dtype: Any = np.float64) -> Period:
    """All periods of a panel, stacked in front; `known` has its leading T already."""
    columns = (records.demand, records.price, records.review)
    demand, price, review = (np.ascontiguousarray(c.T).astype(dtype) for c in columns)
    return Period(demand, price, known, review)


def total_profit(policy: Policy, terms: Terms, state: State, periods: Period) -> Array:
    """[...,I] USD over all periods with the final credit, in JAX and keeping no trajectory: for tuning and learning."""
    world = world_of(state)

    def advance(carry: tuple[State, Array], period: Period) -> tuple[tuple[State, Array], None]:
        state, flow = step(world, policy, terms, carry[0], period)
        return (state, carry[1] + flow.profit), None

    (state, profit), _ = jax.lax.scan(advance, (state, jnp.zeros_like(state.owed)), periods)
    return profit + closing(terms, state)


class Replay(NamedTuple):
    """A whole replay, per item and period [I,T], and the end [I]. Profit of an item: profit.sum(1) + credit."""

    flow: Flow  # each [I,T]
    credit: Array  # [I] USD
    end: State

    @property
    def profit(self) -> Array:
        """[I] USD with the credit of what is left."""
        return self.flow.profit.sum(1) + self.credit


def replay(records: Panel, policy: Policy, known: Known | Array) -> Replay:
    """A panel replayed in float64 NumPy, through the functions that also serve answers; `known` is [T,I,...]."""
    terms, state, periods = terms_of(records), start_of(records), periods_of(records, None)
    world, flows = world_of(state), []
    for t in range(records.shape[1]):
        seen = Known(*(column[t] for column in known)) if isinstance(known, Known) else known[t]
        period = Period(periods.demand[t], periods.price[t], seen, periods.review[t])
        state, flow = step(world, policy, terms, state, period, np)
        flows.append(flow._replace(ordered=flow.ordered[:, 0], lines=flow.lines[:, 0]))
    return Replay(
        Flow(*(np.stack(column, axis=1) for column in zip(*flows, strict=True))), closing(terms, state), state
    )


def earned(records: Panel, result: Replay) -> np.ndarray:
    """[I,T] USD: the profit booked when units are sold instead of when they are bought, for statistics over weeks.

    Its sum differs from the replay's profit by the purchase value of the start stock, which is the same for every policy.
    """
    flow, rates = result.flow, (records.unit_cost, records.holding_usd, records.lost_sale_usd, records.order_cost_usd)
    cost, holding, lost_sale, line = (rate[:, None] for rate in rates)
    return (records.price - cost) * flow.served - line * flow.lines - holding * flow.left - lost_sale * flow.lost
