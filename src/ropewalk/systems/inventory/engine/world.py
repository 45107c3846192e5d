"""Which kind of inventory problem is simulated: one record switches every feature of the engine on or off.

What is off costs nothing: the step is written for the features that are on when it is compiled. What cannot be meant together
is refused here, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Literal

from ropewalk.errors import ConfigError


@dataclass(frozen=True)
class World:
    """Static, hashable: a compiled step belongs to one World. Numbers that vary by item are in step.Terms."""

    unmet: Literal["lost", "backlog", "partial"] = (
        "lost"  # partial: Terms.kept of the unmet demand waits, the rest is lost
    )
    lead: tuple[int, ...] | Literal["items", "random"] = (1,)
    """Periods from an order to its arrival: one number a source for all items; "items": Terms.lead; "random": drawn for each
    order (Period.lead), so that a later order can arrive before an earlier one, and the policy sees the age of what is
    outstanding, not when it comes."""
    longest: int = 0  # periods: the longest lead time with the last shipment; 0: follows from `lead` and `shipments`
    sources: int = 1  # 2: regular, and expedited
    shipments: tuple[int, ...] = (0,)  # periods after the lead time at which the shipments of an order arrive
    random_yield: bool = False  # Period.yields of a shipment can be used, which is known when it arrives
    life: int = 0  # periods that goods can be sold, the one of their arrival included; 0: they do not perish
    issuing: Literal["fifo", "lifo", "mixed"] = (
        "fifo"  # mixed: Period.fifo of the demand takes the oldest, the rest the freshest
    )
    review: bool = False  # orders only where Period.review is 1
    lots: bool = True  # whole packs, minimum and greatest order (rules.round_order); off: as wanted, never negative
    discounts: bool = False  # Terms.rebates of the purchase price from Terms.breaks units on, on all units
    capacity: bool = False  # Period.budget_price, storage_price and inbound_price are charged
    clock: Literal["periods", "events"] = "periods"
    """periods: a step is one period. events: a step is the time Period.elapsed between two decisions, lead times are real
    numbers, and cost is integrated over time (events.py)."""
    slots: int = 32  # events: orders that can be outstanding at once

    def __post_init__(self) -> None:
        wrong = [sentence for is_wrong, sentence in self._refused() if is_wrong]
        if wrong:
            raise ConfigError(wrong, "the world of the simulation")

    def _refused(self) -> list[tuple[bool, str]]:
        by_source = isinstance(self.lead, tuple)
        leads = self.lead if isinstance(self.lead, tuple) else ()
        events = self.clock == "events"
        last = self.shipments[-1] if self.shipments else 0
        named = {
            "unmet": ("lost", "backlog", "partial"), "issuing": ("fifo", "lifo", "mixed"), "clock": ("periods", "events"),
        } | ({} if by_source else {"lead": ("items", "random")})  # fmt: skip
        whole = {"lead": leads, "shipments": self.shipments} | {
            name: (getattr(self, name),) for name in ("longest", "sources", "life", "slots")
        }
        return [
            *(
                (getattr(self, name) not in ways, f"{name}: {getattr(self, name)!r} is none of {', '.join(ways)}"
                 + ", nor a tuple of periods, such as (4,)" * (name == "lead"))
                for name, ways in named.items()
            ),
            *(
                (not all(isinstance(number, Integral) for number in numbers), f"{name}: {getattr(self, name)!r}; whole numbers (int) only")
                for name, numbers in whole.items()
            ),
            (self.longest < 0, f"longest: {self.longest}; periods, or 0 where it follows from the lead times"),
            (self.sources not in (1, 2), f"sources: {self.sources}; there are one, or two (regular and expedited)"),
            (by_source and len(leads) != self.sources, f"lead: {self.lead} names {len(leads)} lead times for {self.sources} source(s)"),
            (any(lead < 0 for lead in leads), f"lead: {self.lead}; a lead time is 0 periods or more"),
            (not by_source and self.longest < 1 and not events, f"longest: with lead={self.lead!r} say the longest lead time that can come, 1 or more"),
            (bool(leads) and 0 < self.longest < max(leads, default=0) + last, f"longest: {self.longest} is shorter than the lead times {leads} with their shipments"),
            (not self.shipments or self.shipments[0] < 0 or list(self.shipments) != sorted(set(self.shipments)), f"shipments: {self.shipments}; offsets in periods, rising, from 0"),
            (self.life < 0, f"life: {self.life}; 0 (goods keep) or the periods that they can be sold"),
            (self.issuing != "fifo" and not self.life, f"issuing: {self.issuing!r} makes no difference where goods do not perish; leave it out"),
            (events and self.life > 0, "clock: with events goods cannot perish, since their life is counted in periods"),
            (events and len(self.shipments) > 1, "clock: with events an order arrives at once, since shipments are counted in periods"),
            (events and self.review, "clock: with events every event is a chance to order; leave review out"),
            (events and self.capacity, "clock: with events there are no capacity prices, since capacity is counted in periods"),
            (events and self.lead != "random", 'clock: with events lead times come with each order; use lead="random" (a law may be certain)'),
            (self.slots < 1, f"slots: {self.slots}; at least 1"),
        ]  # fmt: skip

    @cached_property
    def needs(self) -> tuple[tuple[str, str, str], ...]:
        """What a step of this world cannot do without: record, field, and what it is for with the way out."""
        charged = "with capacity=True it is charged; say USD {} (0: nothing), or capacity=False"
        fields = (
            (self.review, "Period", "review", "with review=True orders are placed where it is 1; say 1 or 0, or review=False"),
            (self.random_yield, "Period", "yields", "with random_yield=True it says what can be used; say a share for each source and shipment, or random_yield=False"),
            (self.random_yield, "State", "promised", "with random_yield=True policies see what was ordered; begin with start(world, shape), or say it for all that is due"),
            (self.lead == "items", "Terms", "lead", 'with lead="items" each item has its own; say its periods for each source, or name one for all items in World.lead'),
            (self.lead == "random", "Period", "lead", 'with lead="random" each order has its own; say it for each source, or name one for all orders in World.lead'),
            (self.unmet == "partial", "Terms", "kept", 'with unmet="partial" it says what waits; say a share of the unmet demand, or unmet="lost" or "backlog"'),
            (self.issuing == "mixed", "Period", "fifo", 'with issuing="mixed" it says how many take the oldest; say units of the demand, or issuing="fifo" or "lifo"'),
            (self.capacity, "Terms", "volume", "with capacity=True prices are by volume; say that of a unit, or capacity=False"),
            (self.capacity, "Period", "budget_price", charged.format("a USD spent")),
            (self.capacity, "Period", "storage_price", charged.format("a unit of volume and period")),
            (self.capacity, "Period", "inbound_price", charged.format("a unit of volume received")),
            (self.discounts, "Terms", "unit_cost", "with discounts=True rebates are of it; say USD a unit for each source, or discounts=False"),
            (self.discounts, "Terms", "breaks", "with discounts=True rebates begin there; say units for each source, rising, or discounts=False"),
            (self.discounts, "Terms", "rebates", "with discounts=True they come off the price; say a share for each break, or discounts=False"),
            (len(self.shipments) > 1, "Terms", "shares", "with several shipments it divides an order; say a share for each, 1 in all, or shipments=(0,)"),
            (self.clock == "events", "Period", "elapsed", 'with clock="events" it is the time of a step; say it, or clock="periods"'),
        )  # fmt: skip
        return tuple(field[1:] for field in fields if field[0])

    @property
    def columns(self) -> int:
        """K: columns of the pipeline."""
        if self.longest or not isinstance(self.lead, tuple):
            return self.longest
        return max(max(self.lead) + self.shipments[-1], 1)

    @property
    def lives(self) -> int:
        """M: columns of the shelf."""
        return max(self.life, 1)
