"""The engine with clock "events": continuous time, a decision after each demand, lead times real-valued and drawn per order.

The contract. Letters: ... any batch (paths, items), K orders that can be outstanding (World.slots), S sources (regular first,
then expedited). Terms, Period and the rules of an order are those of step.py, whose contract holds where this one is silent.

State, at the moment before a step (just after the last demand):
- shelf [...,1]: units on hand.
- owed [...]: units of past demand that wait (unmet "backlog" or "partial").
- units, until, age [...,K]: the outstanding order in each slot: its units (0: the slot is free), the time until it arrives and
  the time since it was placed. A free slot is 0 in all three.
- promised [...,K], with random yield only: the units that were ordered, of which `units` can be used, perhaps none. Here a slot is free
  where promised is 0.

Events of a step, in this order:
1. Decision: the policy sees `Seen`: shelf, owed, `outstanding` units and `age` by slot, and `Period.known`; never when an
   order arrives (which slot an order is in says nothing about that), nor, with random yield, how much of it can be used:
   outstanding is what is promised, until it arrives. It wants [...,S] units, which step.placed rounds and caps, or returns
   a rules.Order, which is taken as it is.
2. Orders, source by source: what is usable of the units (yields, with random yield) arrives Period.lead from now. With a lead
   time of 0 it arrives at once; otherwise it takes the first free slot. Where no slot is free the order is not placed, costs
   nothing, and its units are counted as `refused`. What is placed is paid for as in step.py. Period.lead is [...,S], one lead
   time an order; or [...,S,U], a lead time for each unit: the first U - 1 units of an order go, as orders of their own, by the first
   U - 1 lead times, the rest by the last one. (They are one order line, and reach a rebate together.)
3. Time: Period.elapsed passes. An order whose time comes within it, its last moment included, arrives at its moment. What
   is on the shelf, now or when an order arrives, serves what is owed at once; so a unit is on hand or a unit is owed, never both.
   holding * on hand and backlog * owed are charged for exactly as long as each level lasts, after what arrived at once.
4. Demand: Period.demand units come (usually 1) and are served as far as the shelf reaches. Of the unmet demand all is lost
   ("lost"), all is owed ("backlog"), or the share `kept` is owed and the rest lost ("partial"). lost_sale * lost is charged.
5. Profit = price * units served - purchase spend - order costs - holding - backlog - lost sales. (Units served include those
   that were owed: they pay the price of the step in which they are served.)
End (`closing`): shelf and everything outstanding (what really comes, not what is promised) are worth `salvage` a unit; what is owed
costs nothing more.

Where it is the periodic engine: with elapsed 1 and whole lead times, an order with lead time L + 1 here meets the demands that
one with lead time L meets in step.py, since here an order joins the shelf at the end of a step, just before the demand, and
there at the start of the next one, before the decision. Under a policy that looks at `position` alone every step then orders,
serves, loses and owes the same; and since time here passes before the demand, the holding and backlog of a step are those of
the step before it there. This holds for all three kinds of unmet demand and for one and two sources. It does not hold for
lead time 0 here (on the shelf, and held, while the time passes), nor for policies that look at the shelf by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.step import (
    Period,
    Seen,
    Terms,
    kept_of,
    lines_cost,
    placed,
    refuse_gaps,
    spend_of,
    times,
)
from ropewalk.systems.inventory.engine.world import World

Array = Any
LeadTimes = Callable[[Array], Array]
"""Lead times from numbers that are uniform on [0, 1)."""


class State(NamedTuple):
    shelf: Array  # [...,1] units
    owed: Array  # [...] units
    units: Array  # [...,K] that come; 0: a free slot
    until: Array  # [...,K] time until the order arrives
    age: Array  # [...,K] time since it was placed
    promised: Array = None  # [...,K] units before yields; with random yield only

    @property
    def ordered(self) -> Array:
        """[...,K] units of each order, whatever of it can be used; 0: a free slot."""
        return self.units if self.promised is None else self.promised


class Flow(NamedTuple):
    """What happened in one step, [...] each."""

    received: Array  # units
    ordered: Array  # [...,S] units
    refused: Array  # [...,S] units of orders for which no slot was free
    served: Array  # units
    lost: Array  # units
    owed: Array  # units that wait at the end
    left: Array  # units on the shelf at the end
    held: Array  # units on hand * time
    waited: Array  # units owed * time
    profit: Array  # USD


Policy = Callable[[Seen], Array]


def start(world: World, shape: tuple[int, ...], xp: ModuleType = jnp) -> State:
    """Nothing anywhere."""
    _check(world)
    none = xp.zeros((*shape, world.slots))
    return State(xp.zeros((*shape, 1)), xp.zeros(shape), none, none, none, none if world.random_yield else None)


def step(
    world: World, policy: Policy, terms: Terms, state: State, period: Period, xp: ModuleType = jnp
) -> tuple[State, Flow]:
    """From one decision to the next, as in the contract above."""
    _check(world)
    refuse_gaps(world, terms, period, state)
    seen = Seen(state.shelf, state.owed, state.ordered, period.known, state.age)
    wanted, lines = placed(world, policy(seen), terms, period, xp)
    units, at_once, state = _place(world, wanted, state, period, xp)
    lines = lines * ((units > 0.0) | (wanted == 0.0))
    level = state.shelf.sum(-1) + at_once - state.owed  # on hand where positive, owed where negative
    held, waited, arrived = _pass(level, state, period.elapsed, xp)
    level = level + arrived.sum(-1)
    available, waiting = xp.maximum(level, 0.0), xp.maximum(-level, 0.0)
    at_demand = xp.minimum(period.demand, available)
    unmet = period.demand - at_demand
    kept = kept_of(world, terms, unmet)
    owed, lost, left = waiting + kept, unmet - kept, available - at_demand
    served = state.owed - waiting + at_demand
    profit = (
        times(period.price, served) - spend_of(world, units, terms, xp) - lines_cost(terms, lines)
        - times(terms.holding, held) - times(terms.backlog, waited) - times(terms.lost_sale, lost)
    )  # fmt: skip
    received = at_once + arrived.sum(-1)
    flow = Flow(received, units, wanted - units, served, lost, owed, left, held, waited, profit)
    return _later(state, left, owed, period.elapsed, xp), flow


def closing(terms: Terms, state: State) -> Array:
    """[...] USD: what is left is worth at the end."""
    units = state.shelf.sum(-1) + state.units.sum(-1)
    return 0.0 * units if terms.salvage is None else terms.salvage * units


def _place(world: World, wanted: Array, state: State, period: Period, xp: ModuleType) -> tuple[Array, Array, State]:
    """[...,S] units placed, [...] units that arrive at once, and the state with the others in their slots."""
    by_source, at_once, taken = [], 0.0 * state.owed, 0.0 * state.owed
    leads = period.lead if period.lead.ndim > state.owed.ndim + 1 else period.lead[..., None]  # [...,S,U]
    last = leads.shape[-1] - 1
    free = state.ordered == 0.0
    place = xp.cumsum(1.0 * free, -1) - 1.0  # [...,K] of a free slot among the free ones
    room = free.sum(-1)
    for source in range(world.sources):
        total = 0.0 * state.owed
        for u in range(last + 1):
            lead = leads[..., source, u]
            units = xp.maximum(wanted[..., source] - u, 0.0)
            units = units if u == last else xp.minimum(units, 1.0)
            units = units * ((lead == 0.0) | (taken < room))
            usable = units * period.yields[..., source, 0] if world.random_yield else units
            total, at_once = total + units, at_once + usable * (lead == 0.0)
            on_the_way = (lead > 0.0) & (units > 0.0)
            here = free & (place == taken[..., None]) & on_the_way[..., None]
            state = state._replace(
                units=xp.where(here, usable[..., None], state.units), until=xp.where(here, lead[..., None], state.until)
            )
            if world.random_yield:
                state = state._replace(promised=xp.where(here, units[..., None], state.promised))
            taken = taken + on_the_way
        by_source.append(total)
    return xp.stack(by_source, axis=-1), at_once, state


def _pass(level: Array, state: State, elapsed: Array, xp: ModuleType) -> tuple[Array, Array, Array]:
    """[...] units on hand * time and [...] units owed * time over `elapsed`, and [...,K] units that arrive in it.

    An arrival raises the two levels for the rest of the time; how much of it goes to the shelf depends on what came before it.
    """
    rest = xp.maximum(elapsed[..., None] - state.until, 0.0)
    arrived = state.units * (state.until <= elapsed[..., None])
    slot = xp.arange(arrived.shape[-1])
    before = level[..., None] + 0.0 * arrived  # [...,K] the level just before each arrival
    for k in range(arrived.shape[-1]):  # a loop over columns compiles to a sixth of the time of one [...,K,K] array
        other = state.until[..., k, None]
        earlier = (other < state.until) | ((other == state.until) & (k < slot))
        before = before + xp.where(earlier, arrived[..., k, None], 0.0)
    shelved = xp.maximum(before + arrived, 0.0) - xp.maximum(before, 0.0)
    held = xp.maximum(level, 0.0) * elapsed + (shelved * rest).sum(-1)
    waited = xp.maximum(-level, 0.0) * elapsed - ((arrived - shelved) * rest).sum(-1)
    return held, waited, arrived


def _later(state: State, left: Array, owed: Array, elapsed: Array, xp: ModuleType) -> State:
    """The state after `elapsed`: slots whose order has arrived are free."""
    still = (state.ordered > 0.0) & (state.until > elapsed[..., None])
    return State(
        left[..., None],
        owed,
        xp.where(still, state.units, 0.0),
        xp.where(still, state.until - elapsed[..., None], 0.0),
        xp.where(still, state.age + elapsed[..., None], 0.0),
        None if state.promised is None else xp.where(still, state.promised, 0.0),
    )


class Average(NamedTuple):
    """Cost per unit of time, over the paths of a rollout after its warm-up."""

    cost: Array  # [] USD a unit of time: all cost over all time
    error: Array  # [] its standard error across paths
    costs: Array  # [N] USD of each path
    times: Array  # [N] time of each path
    refused: (
        Array  # [] units of orders that found no free slot, the warm-up included; above 0: give the World more slots
    )


def rollout(
    world: World,
    policy: Policy,
    terms: Terms,
    state: State,
    draw: Callable[[Array], Period],
    key: Array,
    epochs: int,
    warm: int,
) -> Average:
    """`epochs` steps from `state` [N,...], the first `warm` of them not counted. `draw(key)` makes the Period of a step for all
    paths; it does not depend on the policy, so that two policies on one key are paired path by path."""

    def one(carry: tuple[State, Array, Array, Array], t: Array) -> tuple[tuple[State, Array, Array, Array], None]:
        state, cost, time, refused = carry
        period = draw(jax.random.fold_in(key, t))
        state, flow = step(world, policy, terms, state, period)
        counts = t >= warm
        cost, time = cost - counts * flow.profit, time + counts * period.elapsed
        return (state, cost, time, refused + flow.refused.sum(-1)), None

    zero = jnp.zeros_like(state.owed)
    (_, cost, time, refused), _ = jax.lax.scan(one, (state, zero, zero, zero), jnp.arange(epochs))
    return per_time(cost, time)._replace(refused=refused.sum())


def per_time(costs: Array, times: Array) -> Average:
    """Ratio of means, with the error of its linearisation. For the difference of two policies on one key, give it the
    difference of their costs."""
    ratio = costs.sum() / times.sum()
    error = (costs - ratio * times).std(ddof=1) / times.mean() / np.sqrt(costs.shape[0])
    return Average(ratio, error, costs, times, 0.0 * ratio)


def poisson(rate: Array, law: LeadTimes, paths: int, leads: tuple[int, ...] = (1,)) -> Callable[[Array], Period]:
    """Demands of one unit at `rate` a unit of time; the lead time of every order by `law`. leads: (S,), or (S, U) for a lead
    time of each unit."""

    def draw(key: Array) -> Period:
        gap, lead = jax.random.split(key)
        elapsed = jax.random.exponential(gap, (paths,)) / rate
        return Period(jnp.ones(paths), lead=law(jax.random.uniform(lead, (paths, *leads))), elapsed=elapsed)

    return draw


def exponential(mean: float) -> LeadTimes:
    return lambda u: -mean * jnp.log1p(-u)


def uniform(mean: float) -> LeadTimes:
    """On 0 to 2 * mean."""
    return lambda u: 2.0 * mean * u


def pareto(mean: float) -> LeadTimes:
    """P(lead > t) = (1 + t / (2 * mean))^-3."""
    return lambda u: 2.0 * mean * ((1.0 - u) ** (-1.0 / 3.0) - 1.0)


def base_stock(outstanding: float, holding: float, backlog: float) -> tuple[int, float]:
    """The best level S, and its cost per unit of time, under backlog where every demand is one unit and orders one unit.

    With Poisson demand the number outstanding, N, is Poisson with mean rate * mean lead time, whatever the law of the lead
    time (M/G/infinity), and the net stock is S - N: the cost is h E(S - N)+ + b E(N - S)+.
    """
    from scipy import stats

    level = int(stats.poisson.ppf(backlog / (backlog + holding), outstanding))
    return level, base_stock_cost(level, outstanding, holding, backlog)


def base_stock_cost(level: int, outstanding: float, holding: float, backlog: float) -> float:
    """Of any level; E(S - N)+ is the sum of P(N <= n) over n < S."""
    from scipy import stats

    on_hand = float(stats.poisson.cdf(np.arange(level), outstanding).sum())
    return holding * on_hand + backlog * (on_hand + outstanding - level)


def _check(world: World) -> None:
    if world.clock != "events":
        raise ConfigError([f'clock: {world.clock!r}; this engine wants "events", step.py "periods"'], "the world")
