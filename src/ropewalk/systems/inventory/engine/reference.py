"""A second opinion on step.py: one item in plain Python, slow and obvious, written from the contract alone.

Goods are lots that know their last day of sale and shipments that know their day of arrival, on a calendar of periods 0, 1, ...; nothing is
shifted from column to column. The records are those of step.py with plain numbers: [...] is a number, [...,S] a list of S.
Only clock="periods" is known here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ropewalk.systems.inventory.engine.step import Flow, Period, Seen, State, Terms, refuse_gaps
from ropewalk.systems.inventory.engine.world import World
from ropewalk.systems.inventory.rules import Order

Decide = Callable[[Seen], Sequence[float] | Order]
"""What is seen, in lists -> units wanted of each source, or an order of units and lines as they are."""


@dataclass
class Lot:
    units: float
    last: float  # period in which it can be sold for the last time


@dataclass
class Shipment:
    units: float  # that can be used
    promised: float  # units, as far as anyone knows before it arrives
    ordered: int  # period
    arrives: int  # period


@dataclass
class Site:
    lots: list[Lot]
    owed: float
    coming: list[Shipment]

    @property
    def on_hand(self) -> float:
        return sum(lot.units for lot in self.lots)


def simulate(
    world: World, decide: Decide, terms: Terms, periods: Sequence[Period], state: State | None = None
) -> tuple[list[Flow], State, float]:
    """The flows of each period, the state at the end and what it is worth then (USD). Without `state`: from nothing."""
    state = state or _written(world, Site([], 0.0, []), 0)
    for period in periods:
        refuse_gaps(world, terms, period, state)
    site = _opened(world, state)
    flows = [_live(world, decide, terms, site, now, period) for now, period in enumerate(periods)]
    worth = (terms.salvage or 0.0) * (site.on_hand + sum(shipment.units for shipment in site.coming))
    return flows, _written(world, site, len(periods)), worth


def as_known(seen: Seen) -> Sequence[float]:
    """The policy for orders that are given: Period.known holds them."""
    orders: Sequence[float] = seen.known
    return orders


def _live(world: World, decide: Decide, terms: Terms, site: Site, now: int, period: Period) -> Flow:
    received = _receive(world, site, now)
    wanted = decide(Seen(_shelf(world, site, now), site.owed, _outstanding(world, site, now), period.known))
    ordered, lines = _ordered(world, terms, wanted, period)
    for source, units in enumerate(ordered):
        site.coming += _shipments(world, terms, source, units, now, period)
    received += _receive(world, site, now)
    served, lost = _serve(world, terms, site, period)
    left = site.on_hand
    wasted = _throw_away(site, now)
    spent = sum(_purchase(world, terms, source, units) for source, units in enumerate(ordered))
    profit = (period.price or 0.0) * served - spent
    profit -= sum(cost * count for cost, count in zip(terms.order_cost or [0.0, 0.0], lines, strict=False))
    time = 1.0 if period.elapsed is None else period.elapsed
    profit -= time * (terms.holding or 0.0) * left + time * (terms.backlog or 0.0) * site.owed
    profit -= (terms.lost_sale or 0.0) * lost + (terms.waste or 0.0) * wasted
    shadow = 0.0
    if world.capacity:
        shadow += period.budget_price * spent
        shadow += period.inbound_price * terms.volume * received
        shadow += time * period.storage_price * terms.volume * site.on_hand
    return Flow(received, ordered, lines, served, lost, site.owed, left, wasted, profit, shadow)


def _receive(world: World, site: Site, now: int) -> float:
    """Units that arrive now, put on the shelf with their full life."""
    units = sum(shipment.units for shipment in site.coming if shipment.arrives == now)
    site.coming = [shipment for shipment in site.coming if shipment.arrives != now]
    site.lots.append(Lot(units, now + world.life - 1 if world.life else math.inf))
    return units


def _ordered(
    world: World, terms: Terms, wanted: Sequence[float] | Order, period: Period
) -> tuple[list[float], list[float]]:
    """Units and order lines of each source."""
    if isinstance(wanted, Order):
        closed = world.review and not period.review
        return [0.0 if closed else units for units in wanted.units], [0.0 if closed else n for n in wanted.lines]
    ordered = [_placed(world, terms, source, units, period) for source, units in enumerate(wanted)]
    return ordered, [1.0 if units > 0 else 0.0 for units in ordered]


def _placed(world: World, terms: Terms, source: int, wanted: float, period: Period) -> float:
    """Units that are ordered, of those wanted."""
    if world.review and not period.review:
        return 0.0
    most = math.inf if terms.max_order is None else terms.max_order[source]
    if not world.lots:
        return min(max(wanted, 0.0), most)
    pack = 1.0 if terms.pack is None else terms.pack[source]
    packs = math.floor(wanted / pack + 0.5)
    if packs < 1:
        return 0.0
    if terms.min_order is not None:
        packs = max(packs, math.ceil(terms.min_order[source] / pack))
    if most < math.inf:
        packs = min(packs, math.floor(most / pack))
    return packs * pack


def _shipments(world: World, terms: Terms, source: int, units: float, now: int, period: Period) -> list[Shipment]:
    made = []
    for j, offset in enumerate(world.shipments):
        promised = units if terms.shares is None else units * terms.shares[j]
        usable = period.yields[source][j] if world.random_yield else 1.0
        wait = min(_lead(world, terms, source, period) + offset, world.columns)
        made.append(Shipment(promised * usable, promised, now, now + wait))
    return made


def _lead(world: World, terms: Terms, source: int, period: Period) -> int:
    named = {"items": terms.lead, "random": period.lead}[world.lead] if isinstance(world.lead, str) else world.lead
    return int(named[source])


def _purchase(world: World, terms: Terms, source: int, units: float) -> float:
    """USD paid for the units."""
    if terms.unit_cost is None:
        return 0.0
    rebate = 0.0
    if world.discounts:
        for least, share in zip(terms.breaks[source], terms.rebates[source], strict=True):
            if units >= least:
                rebate = share
    spent: float = terms.unit_cost[source] * units * (1.0 - rebate)
    return spent


def _serve(world: World, terms: Terms, site: Site, period: Period) -> tuple[float, float]:
    """Units served and lost; what is owed comes before the demand."""
    old = min(site.owed, site.on_hand)
    new = min(period.demand, site.on_hand - old)
    unmet = period.demand - new
    waits = {"lost": 0.0, "backlog": 1.0, "partial": terms.kept}[world.unmet] * unmet
    site.owed += waits - old
    oldest_first = {"fifo": math.inf, "lifo": 0.0, "mixed": period.fifo}[world.issuing]
    from_oldest = min(oldest_first, old + new)
    oldest = sorted(site.lots, key=lambda lot: lot.last)
    _take(oldest, from_oldest)
    _take(oldest[::-1], old + new - from_oldest)
    return old + new, unmet - waits


def _take(lots: list[Lot], units: float) -> None:
    for lot in lots:
        taken = min(lot.units, units)
        lot.units -= taken
        units -= taken


def _throw_away(site: Site, now: int) -> float:
    """Units whose last day of sale this was."""
    wasted = sum(lot.units for lot in site.lots if lot.last == now)
    site.lots = [lot for lot in site.lots if lot.last != now]
    return wasted


def _opened(world: World, state: State) -> Site:
    """The site before period 0."""
    lots = [Lot(units, m if world.life else math.inf) for m, units in enumerate(state.shelf)]
    promised = state.promised if world.random_yield else state.due
    rows = zip(state.due, promised, strict=True) if world.lead == "random" else [(state.due, promised)]
    coming = [
        Shipment(units, as_ordered, -1 - age, k)
        for age, row in enumerate(rows)
        for k, (units, as_ordered) in enumerate(zip(*row, strict=True))
    ]
    return Site(lots, state.owed, coming)


def _written(world: World, site: Site, now: int) -> State:
    """The site before period `now`, as a record."""
    promised = _due(world, site, now, "promised") if world.random_yield else None
    return State(_shelf(world, site, now), site.owed, _due(world, site, now), promised)


def _shelf(world: World, site: Site, now: int) -> list[float]:
    """Units by the periods that they can be sold, this one only first."""
    if not world.life:
        return [site.on_hand]
    return [sum(lot.units for lot in site.lots if lot.last == now + m) for m in range(world.life)]


def _due(world: World, site: Site, now: int, units: str = "units") -> list[float] | list[list[float]]:
    """Units (or those promised) by the periods until they arrive, none first; with random lead times a row for each age of the order, 1
    period first."""
    columns = range(world.columns)
    if world.lead != "random":
        return [sum(getattr(s, units) for s in site.coming if s.arrives == now + k) for k in columns]
    return [
        [
            sum(getattr(s, units) for s in site.coming if s.ordered == now - 1 - age and s.arrives == now + k)
            for k in columns
        ]
        for age in columns
    ]


def _outstanding(world: World, site: Site, now: int) -> list[float]:
    """What the policy sees of the orders: units promised by the period of arrival, the next one first, or by age, 1 period first."""
    if world.lead == "random":
        return [sum(s.promised for s in site.coming if s.ordered == now - 1 - age) for age in range(world.columns)]
    return [sum(s.promised for s in site.coming if s.arrives == now + 1 + k) for k in range(world.columns)]
