"""Which kind of inventory problem is simulated: one record switches every feature of the engine on or off.

What is off costs nothing: the step is written for the features that are on when it is compiled. What cannot be meant together
is refused here, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        leads = self.lead if isinstance(self.lead, tuple) else ()
        events = self.clock == "events"
        last = self.shipments[-1] if self.shipments else 0
        named = {
            "unmet": ("lost", "backlog", "partial"), "issuing": ("fifo", "lifo", "mixed"), "clock": ("periods", "events"),
        } | ({} if isinstance(self.lead, tuple) else {"lead": ("items", "random")})  # fmt: skip
        return [
            *(
                (getattr(self, name) not in ways, f"{name}: {getattr(self, name)!r} is none of {', '.join(ways)}")
                for name, ways in named.items()
            ),
            (self.longest < 0, f"longest: {self.longest}; periods, or 0 where it follows from the lead times"),
            (self.sources not in (1, 2), f"sources: {self.sources}; there are one, or two (regular and expedited)"),
            (bool(leads) and len(leads) != self.sources, f"lead: {self.lead} names {len(leads)} lead times for {self.sources} source(s)"),
            (any(lead < 0 for lead in leads), f"lead: {self.lead}; a lead time is 0 periods or more"),
            (not leads and self.longest < 1 and not events, f"longest: with lead={self.lead!r} say the longest lead time that can come, 1 or more"),
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
