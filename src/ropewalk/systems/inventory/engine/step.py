"""The engine: one step of one site's items, as plain arithmetic on arrays, in NumPy and in JAX alike.

The contract. Letters: ... any batch (scenarios, items), M remaining lives (1 where goods do not perish), K pipeline columns,
S sources (regular first, then expedited), J shipments of an order, B price breaks. `World` says which features are on; what
is off is left out of the records (None).

State, at the moment before a step:
- shelf [...,M]: units on hand; column m can be sold in m + 1 more periods, this one included. Without perishing M = 1.
- owed [...]: units of past demand that wait; 0 where unmet is "lost".
- due [...,K]: units that arrive at the start of the period k from now, k = 0, 1, ..., K - 1. With random lead times due is
  [...,K,K]: row a holds the orders of a + 1 periods ago. No lead time is longer than K, so row a is empty from column K - a on.
- promised, of the shape of due, with random yield only: the same orders before their yields. What can be used is known when it
  arrives, not before.

Events of a period, in this order:
1. Receipts: due column 0 comes onto the shelf with its full life; the pipeline moves up by one.
2. Decision: the policy sees `Seen`: shelf, owed, outstanding [...,K] (by the period in which it arrives, the next one first;
   with random lead times by age, 1 period first; with random yield what is promised) and `Period.known`. It never sees the
   demand of the period, nor the yield of what has not arrived. It wants [...,S] units. Where `review` is on and Period.review
   is 0, it gets nothing. Units are rounded to packs and raised to the minimum by rules.round_order and capped at max_order (in
   whole packs, after the minimum), or, without `lots`, cut at 0 and at max_order where one is given; they are one order line for
   each source with units > 0. A policy that rounds by itself returns a rules.Order instead: its units and lines [...,S], neither
   below 0, are taken as they are, where there is a review.
3. Orders: units * unit_cost is paid at once for what is ordered (less the rebate of the highest break that units reach),
   and order_cost * lines. Shipment j is units * shares[j] (* yields[j] of the source, with random yield; promised are
   units * shares[j]) and arrives lead + shipments[j] periods from now; what arrives 0 periods from now is on the shelf, with full
   life, before the demand.
4. Demand: what is owed is served first, then the demand, as far as the shelf reaches. Of the unmet demand all is lost
   ("lost"), all is owed ("backlog"), or the share `kept` is owed and the rest lost ("partial").
5. Issuing, where goods perish: oldest first, freshest first, or Period.fifo units of the units served oldest first and the
   others freshest first ("mixed"; at most as many as are served).
6. Cost: holding * units on the shelf now, times Period.elapsed (1 if None); backlog * owed, times elapsed; lost_sale * lost;
   then, where goods perish, column 0 is thrown away at `waste` a unit and the lives move by one.
   With capacity prices: budget_price * purchase spend + inbound_price * volume * units received in 1 and (lead 0) 3
   + storage_price * volume * units on the shelf after waste, times elapsed; kept apart as `shadow`.
7. Profit = price * units served - purchase spend - order costs - holding - backlog - lost sales - waste. (Units served
   include those that were owed: they pay the price of the day.)
End (`closing`): shelf and everything due (what really comes, not what is promised) are worth `salvage` a unit; what is owed costs
nothing more.

What would arrive more than K periods after its order arrives K periods after it. Units need not be whole. Where there is one shipment
`shares` may be None: it is all units. `received` of the flow are the units that came onto the shelf in 1 and (lead 0) 3. A field that
the World needs and a record lacks is refused (`refuse_gaps`).
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.world import World
from ropewalk.systems.inventory.rules import Order, round_order

Array = Any


class State(NamedTuple):
    shelf: Array  # [...,M] units
    owed: Array  # [...] units
    due: Array  # [...,K] units, or [...,K,K] with random lead times
    promised: Array = None  # as due, before yields; with random yield only


class Terms(NamedTuple):
    """What stays the same over the periods; each [...] unless it says otherwise. None: 0, or not in this World."""

    unit_cost: Array = None  # [...,S] USD a unit
    order_cost: Array = None  # [...,S] USD an order line
    holding: Array = None  # USD a unit and period
    backlog: Array = None  # USD a unit and period
    lost_sale: Array = None  # USD a unit, beyond the margin
    waste: Array = None  # USD a unit
    salvage: Array = None  # USD a unit at the end
    kept: Array = None  # share of unmet demand that waits
    pack: Array = None  # [...,S] units
    min_order: Array = None  # [...,S] units
    max_order: Array = None  # [...,S] units
    lead: Array = None  # [...,S] periods, int
    shares: Array = None  # [...,J] of an order in each shipment; None where there is one
    breaks: Array = None  # [...,S,B] units, rising
    rebates: Array = None  # [...,S,B] share of the purchase price
    volume: Array = None  # of a unit


class Period(NamedTuple):
    """What comes from outside in one step; stacked with a leading T for a rollout."""

    demand: Array  # [...] units
    price: Array = None  # [...] USD a unit sold
    known: Any = None  # what the policy may see besides, of any structure
    review: Array = None  # [...] 1 where orders are placed
    lead: Array = None  # [...,S] periods, of the orders of this step
    yields: Array = None  # [...,S,J] usable share, of the orders of this step
    fifo: Array = None  # [...] units of the demand that take the oldest
    elapsed: Array = None  # [...] time of the step
    budget_price: Array = None  # USD a USD spent
    storage_price: Array = None  # USD a unit of volume and period
    inbound_price: Array = None  # USD a unit of volume


class Seen(NamedTuple):
    """What a policy decides on."""

    shelf: Array  # [...,M]
    owed: Array  # [...]
    outstanding: Array  # [...,K] as promised
    known: Any
    age: Array = None  # [...,K] time since each outstanding order was placed; with clock "events" (events.py) only

    @property
    def on_hand(self) -> Array:
        """[...] units of any remaining life."""
        return total(self.shelf)

    @property
    def position(self) -> Array:
        """[...] on hand and outstanding, less what is owed."""
        return self.on_hand + total(self.outstanding) - self.owed


class Flow(NamedTuple):
    """What happened in one step, [...] each."""

    received: Array  # units
    ordered: Array  # [...,S] units
    lines: Array  # [...,S] order lines
    served: Array  # units
    lost: Array  # units
    owed: Array  # units that wait at the end
    left: Array  # units on the shelf at the end, before waste
    wasted: Array  # units
    profit: Array  # USD, without shadow
    shadow: Array  # USD charged by capacity prices


Policy = Callable[[Seen], Array | Order]


def step(
    world: World, policy: Policy, terms: Terms, state: State, period: Period, xp: ModuleType = jnp
) -> tuple[State, Flow]:
    """One period, as in the contract above."""
    _check(world)
    refuse_gaps(world, terms, period, state)
    received, due = _receive(world, state.due, xp)
    promised = _receive(world, state.promised, xp)[1] if world.random_yield else due
    shelf = _put(state.shelf, received, xp)
    seen = Seen(shelf, state.owed, promised.sum(-1) if world.lead == "random" else promised, period.known)
    units, lines = placed(world, policy(seen), terms, period, xp)
    at_once, due = _ship(world, units, due, terms, period, period.yields if world.random_yield else None, xp)
    promised = _ship(world, units, promised, terms, period, None, xp)[1] if world.random_yield else None
    shelf = _put(shelf, at_once, xp)
    available = total(shelf)
    served, lost, owed = _serve(world, available, state, period, terms, xp)
    left = available - served
    wasted = shadow = xp.zeros_like(left)
    if world.life:
        shelf = _issue(world, shelf, served, period, xp)
        wasted, shelf = shelf[..., 0], xp.concatenate([shelf[..., 1:], xp.zeros_like(shelf[..., :1])], axis=-1)
    else:
        shelf = left[..., None]
    spend = spend_of(world, units, terms, xp)
    held, waited = (left, owed) if period.elapsed is None else (period.elapsed * left, period.elapsed * owed)
    profit = times(period.price, served) - spend - lines_cost(terms, lines)
    for rate, count in ((terms.holding, held), (terms.backlog, waited), (terms.lost_sale, lost), (terms.waste, wasted)):
        profit = profit if rate is None else profit - rate * count
    received = received + at_once
    if world.capacity:
        stored = left - wasted if period.elapsed is None else period.elapsed * (left - wasted)
        moved = period.storage_price * stored + period.inbound_price * received
        shadow = period.budget_price * spend + terms.volume * moved
    flow = Flow(received, units, lines, served, lost, owed, left, wasted, profit, shadow)
    return State(shelf, owed, due, promised), flow


def objective(world: World, flow: Flow) -> Array:
    """[...] USD: what a policy is to make greatest, the profit less what capacity prices charge."""
    return flow.profit - flow.shadow if world.capacity else flow.profit


def closing(terms: Terms, state: State) -> Array:
    """[...] USD: what is left is worth at the end."""
    due = state.due.sum((-1, -2)) if state.due.ndim == state.shelf.ndim + 1 else state.due.sum(-1)
    units = total(state.shelf) + due
    return 0.0 * units if terms.salvage is None else terms.salvage * units


def start(world: World, shape: tuple[int, ...], xp: ModuleType = jnp) -> State:
    """Nothing anywhere."""
    _check(world)
    pipeline = (world.columns, world.columns) if world.lead == "random" else (world.columns,)
    shelf, owed, due = xp.zeros((*shape, world.lives)), xp.zeros(shape), xp.zeros((*shape, *pipeline))
    return State(shelf, owed, due, xp.zeros_like(due) if world.random_yield else None)


def refuse_gaps(world: World, terms: Terms, period: Period, state: Any) -> None:
    """ConfigError with all that the world needs and the records lack, and for shares of an order that are not 1 in all. It looks at no
    number of a compiled step, which would pay for it."""
    records = {"Terms": terms, "Period": period, "State": state}
    lacking = [f"{name}.{field}: {why}" for name, field, why in world.needs if getattr(records[name], field) is None]
    if isinstance(terms.shares, np.ndarray | list | tuple):
        whole = np.ravel(np.sum(terms.shares, axis=-1))
        worst = whole[np.abs(whole - 1.0).argmax()]
        if abs(worst - 1.0) > 1e-6:
            lacking.append(
                f"Terms.shares: {worst:g} in all; an order is divided, so 1 in all (what is lost on the way: random_yield)"
            )
    if lacking:
        raise ConfigError(lacking, "the step")


def placed(world: World, wanted: Array | Order, terms: Terms, period: Period, xp: ModuleType = jnp) -> Order:
    """[...,S] the units that are ordered, of those wanted, and their order lines."""
    if not isinstance(wanted, Order):
        most, pack = terms.max_order, 1.0 if terms.pack is None else terms.pack
        if world.lots:
            units = round_order(wanted, pack, 0.0 if terms.min_order is None else terms.min_order, xp)
            most = None if most is None else xp.floor(most / pack) * pack
        else:
            units = xp.maximum(wanted, 0.0)
        units = units if most is None else xp.minimum(units, most)
        wanted = Order(units, 1.0 * (units > 0.0))
    return Order(*(part * period.review[..., None] for part in wanted)) if world.review else wanted


def _receive(world: World, due: Array, xp: ModuleType) -> tuple[Array, Array]:
    """Units that arrive, and the pipeline moved up; the rows of random lead times stay until the next order is shipped."""
    moved = xp.concatenate([due[..., 1:], xp.zeros_like(due[..., :1])], axis=-1)
    received = due[..., 0]
    return (received.sum(-1) if world.lead == "random" else received), moved


def _put(shelf: Array, units: Array, xp: ModuleType) -> Array:
    """Fresh units join the last column."""
    if shelf.shape[-1] == 1:
        return shelf + units[..., None]
    return xp.concatenate([shelf[..., :-1], (shelf[..., -1] + units)[..., None]], axis=-1)


def _ship(
    world: World, units: Array, due: Array, terms: Terms, period: Period, yields: Array, xp: ModuleType
) -> tuple[Array, Array]:
    """What is on the shelf at once, and the pipeline with the rest; without `yields` as promised."""
    at_once = xp.zeros_like(units[..., 0])
    added: list[Any] = [0.0] * due.shape[-1]  # by column
    for source, (j, offset) in itertools.product(range(world.sources), enumerate(world.shipments)):
        part = units[..., source]
        if terms.shares is not None:
            part = part * terms.shares[..., j]
        if yields is not None:
            part = part * yields[..., source, j]
        if isinstance(world.lead, tuple):
            lead = min(world.lead[source] + offset, len(added))
            at_once, *added = (units + part if lead == k else units for k, units in enumerate((at_once, *added)))
        else:
            lead = (terms.lead if world.lead == "items" else period.lead)[..., source] + offset
            lead = xp.minimum(lead, len(added))
            at_once, *added = (units + part * (lead == k) for k, units in enumerate((at_once, *added)))
    if world.lead == "random":
        newest = xp.stack([units + xp.zeros_like(due[..., 0, 0]) for units in added], axis=-1)
        return at_once, xp.concatenate([newest[..., None, :], due[..., :-1, :]], axis=-2)
    return at_once, xp.stack([due[..., k] + units for k, units in enumerate(added)], axis=-1)


def _serve(
    world: World, available: Array, state: State, period: Period, terms: Terms, xp: ModuleType
) -> tuple[Array, ...]:
    """Units served, units lost, and units that wait then."""
    need = period.demand if world.unmet == "lost" else state.owed + period.demand
    served = xp.minimum(need, available)
    short = need - served
    if world.unmet == "lost":
        return served, short, state.owed
    unmet = xp.minimum(short, period.demand)  # the rest was owed before and still is
    kept = kept_of(world, terms, unmet)
    return served, unmet - kept, short - unmet + kept


def _issue(world: World, shelf: Array, served: Array, period: Period, xp: ModuleType) -> Array:
    """The shelf of goods that perish, after `served` units have left it."""
    if world.issuing == "fifo":
        return _take(shelf, served, xp)
    oldest = xp.minimum(period.fifo, served) if world.issuing == "mixed" else 0.0 * served
    left = xp.flip(_take(xp.flip(shelf, -1), served - oldest, xp), -1)
    return _take(left, oldest, xp)


def _take(shelf: Array, units: Array, xp: ModuleType) -> Array:
    """`units` [...] taken from the first columns of the shelf on."""
    before = xp.cumsum(shelf, -1) - shelf
    return shelf - xp.minimum(xp.maximum(units[..., None] - before, 0.0), shelf)


def kept_of(world: World, terms: Terms, unmet: Array) -> Array:
    """[...] of the unmet demand, the units that wait."""
    if world.unmet == "partial":
        return terms.kept * unmet
    return unmet if world.unmet == "backlog" else 0.0 * unmet


def spend_of(world: World, units: Array, terms: Terms, xp: ModuleType) -> Array:
    """[...] USD paid for the units ordered."""
    if terms.unit_cost is None:
        return xp.zeros_like(units[..., 0])
    spend = terms.unit_cost * units
    if world.discounts:
        reached = units[..., None] >= terms.breaks
        higher = xp.concatenate([reached[..., 1:], xp.zeros_like(reached[..., :1])], axis=-1)
        spend = spend * (1.0 - xp.where(reached & ~higher, terms.rebates, 0.0).sum(-1))
    return total(spend)


def lines_cost(terms: Terms, lines: Array) -> Array | float:
    """[...] USD."""
    return 0.0 if terms.order_cost is None else total(terms.order_cost * lines)


def times(rate: Array, units: Array) -> Array | float:
    """Nothing where there is no rate."""
    return 0.0 if rate is None else rate * units


def total(columns: Array) -> Array:
    """[...] the sum over the last axis; few columns one by one, since NumPy is slow along a short axis."""
    count = columns.shape[-1]
    return functools.reduce(operator.add, (columns[..., k] for k in range(count))) if count < 8 else columns.sum(-1)


def _check(world: World) -> None:
    if world.clock != "periods":
        raise ConfigError(
            [f'clock: {world.clock!r}; events.step and events.start take it, step.py "periods"'], "the world"
        )
