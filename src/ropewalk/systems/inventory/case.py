"""An instance as the engine has it: the law of its demand, its world, its terms; and the sentences where it does not fit together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.case_history import past
from ropewalk.systems.inventory.case_lead import lead_times, with_lead_times
from ropewalk.systems.inventory.case_size import refuse_large, tail_of
from ropewalk.systems.inventory.engine import laws
from ropewalk.systems.inventory.engine.exact import Problem, outcomes
from ropewalk.systems.inventory.engine.positions import positions
from ropewalk.systems.inventory.engine.step import Terms
from ropewalk.systems.inventory.engine.world import World

if TYPE_CHECKING:
    from ropewalk.systems.inventory.instance import Instance


@dataclass(frozen=True)
class Case:
    """An instance, ready for the engine."""

    instance: Instance
    law: laws.Law
    seen: int  # periods of the history that the law was made of; 0: it was given
    problem: Problem  # every place of the pipeline a state of its own
    exact: Problem  # the same with fewer states, where there is such a thing (positions.py)

    @property
    def about(self) -> str:
        """One line: the instance in words."""
        given, law = self.instance, self.law.name
        if self.law.kind == "negbin":
            law = f"negbin:{self.law.successes:.3g},{self.law.mean:.4g}"
        law = law if len(law) <= 40 else f"{law[:37]}..."
        mean = "" if self.law.kind in ("poisson", "geometric") else f" (mean {self.law.mean:.4g})"
        mean += f", from {self.seen} periods" if self.seen else ""
        unmet = f"lost at {given.penalty:g} USD" if given.penalty else f"waiting at {given.backlog:g} USD"
        parts = [
            f"demand {law}{mean}",
            f"lead time {given.lead_time_law or given.lead_time}" + ("" if given.expedited_lead_time is None else f", expedited {given.expedited_lead_time}"),
            f"unmet demand {unmet}", f"holding {given.holding:g}",
            *([f"{given.order_cost:g} an order"] if given.order_cost else []),
            *([f"packs of {given.pack}"] if given.pack > 1 else []),
            *([f"life {given.life}"] if given.life else []),
        ]  # fmt: skip
        return ", ".join(parts)

    def state(self, on_hand: list[int], due: list[int], owed: int) -> np.ndarray:
        """[1,W] what is on hand (by remaining life where goods perish), due in the next periods, and owed, as a state. ConfigError where
        it can not be one."""
        world, wrong = self.problem.world, []
        most = world.columns - 1
        if len(due) > most:
            after = f"only the next {most}" if most else "nothing"
            wrong.append(
                f"due: {','.join(map(str, due))} names {len(due)} periods; with a lead time of {max(self.leads)} {after} can be due when "
                "an order is placed (what comes in this period is on hand)"
            )
        if len(on_hand) > world.lives:
            wrong.append(
                f"on hand: {len(on_hand)} numbers; "
                + (f"{world.life} fit a life of {world.life}" if world.life else "goods that keep have one")
            )
        if 0 < len(on_hand) < world.lives and any(on_hand):
            fresh = ",".join(["0"] * (world.lives - len(on_hand)) + list(map(str, on_hand)))
            wrong.append(
                f"on hand: {','.join(map(str, on_hand))}, of goods with a life of {world.life}: say them by remaining life, the oldest "
                f"first; all fresh is {fresh}"
            )
        if min([*on_hand, *due, owed], default=0) < 0:
            wrong.append("units are 0 or more; what customers wait for is --owed")
        if owed and world.unmet == "lost":
            wrong.append(f"owed: {owed}, but unmet demand is lost here")
        if wrong:
            raise ConfigError(wrong, "the state")
        shelf = [0] * (world.lives - len(on_hand)) + on_hand
        return np.array([[*shelf, owed, *due, *[0] * (most - len(due))]], np.int64)

    @property
    def leads(self) -> tuple[int, ...]:
        """[S] periods; where they are random the longest."""
        world = self.problem.world
        return world.lead if isinstance(world.lead, tuple) else (world.longest,)


def case_of(instance: Instance) -> Case:
    """ConfigError names all that does not fit together."""
    wrong = [sentence for is_wrong, sentence in _refused(instance) if is_wrong]
    if wrong:
        raise ConfigError(wrong, "the instance")
    law, seen = _law(instance)
    tail = tail_of(instance)
    largest = _largest(instance)
    if largest is not None and instance.backlog is not None and largest <= law.mean:
        packs = f" ({largest} in whole packs)" if largest != instance.max_order else ""
        raise ConfigError(
            [
                f"max_order: {instance.max_order} a period{packs} is not above the mean demand of {law.mean:.4g}, so that more and more is owed"
            ],
            "the instance",
        )
    two = instance.expedited_lead_time is not None
    leads = lead_times(instance)
    random = len(leads) > 1
    lead = "random" if random else (*leads, instance.expedited_lead_time) if two else tuple(leads)
    mixed = instance.life > 0 and 0.0 < instance.oldest_share < 1.0
    world = World(
        unmet="lost" if instance.penalty else "backlog", lead=lead, longest=max(leads) if random else 0, sources=1 + two, life=instance.life,  # type: ignore[arg-type]
        issuing="mixed" if mixed else "lifo" if instance.life and instance.oldest_share == 0.0 else "fifo",
    )  # fmt: skip
    each = lambda value: np.full(world.sources, float(value))  # noqa: E731
    costs = [instance.unit_cost, instance.expedited_unit_cost or 0.0][: world.sources]
    terms = Terms(
        unit_cost=np.array(costs, float) if any(costs) else None,
        order_cost=each(instance.order_cost) if instance.order_cost else None,
        holding=instance.holding, backlog=instance.backlog, lost_sale=instance.penalty,
        waste=instance.waste if instance.life else None,
        pack=each(instance.pack) if instance.pack > 1 else None,
        min_order=each(instance.min_order) if instance.min_order else None,
        max_order=each(instance.max_order) if instance.max_order else None,
    )  # fmt: skip
    found = outcomes(law.probability(tail / 10), instance.oldest_share if mixed else None, tail)
    problem = Problem(world, terms, with_lead_times(found, leads) if random else found)
    return Case(instance, law, seen, problem, positions(problem) or problem)


def _largest(given: Instance) -> int | None:
    """Units: the largest order in whole packs."""
    return None if given.max_order is None else given.max_order // given.pack * given.pack


def _refused(given: Instance) -> list[tuple[bool, str]]:
    expedited = given.expedited_lead_time is not None
    least = -(-max(given.min_order, given.pack) // given.pack) * given.pack
    return [
        (given.demand is None and given.history is None, "say the demand: --demand poisson:5 (geometric:M, negbin:R,M, given:P0,P1,...) or --history FILE.csv"),
        (given.demand is not None and given.history is not None, "demand and history: one of them says the demand"),
        (given.penalty is None and given.backlog is None, "say what unmet demand costs: --penalty (it is lost) or --backlog (it waits), USD a unit"),
        (given.penalty is not None and given.backlog is not None, "penalty and backlog: unmet demand is lost or it waits; give one of them"),
        (given.penalty is not None and given.unit_cost >= given.penalty, f"unit_cost: {given.unit_cost:g} is not below the penalty of {given.penalty or 0:g}, so that nothing would be worth ordering"),
        (given.waste > 0 and not given.life, "waste: goods that keep (life 0) are never thrown away"),
        (given.oldest_share < 1 and not given.life, "oldest_share: makes no difference where goods keep (life 0)"),
        (given.max_order is not None and given.max_order < least, f"max_order: {given.max_order} is below the least order of {least}" + (f" in packs of {given.pack}" if given.pack > 1 else "")),
        (not given.holding and not given.life, "holding: 0, with goods that keep (life 0): the more is ordered the better; say what a unit costs for each period on the shelf"),
        (expedited and (given.expedited_lead_time or 0) >= given.lead_time, f"expedited_lead_time: {given.expedited_lead_time} is not below the lead time of {given.lead_time}"),
        (not expedited and given.expedited_unit_cost is not None, "expedited_unit_cost: say its expedited_lead_time too"),
        (expedited and given.expedited_unit_cost is None, "expedited_lead_time: say its expedited_unit_cost too"),
        (given.lead_time_law is not None and given.lead_time != 1, "lead_time and lead_time_law: one of them says when an order arrives"),
        (expedited and given.lead_time_law is not None, "lead_time_law: with two sources lead times are certain"),
        (expedited and given.life > 0, "expedited_lead_time: with goods that perish the commands take one source"),
    ]  # fmt: skip


def _law(given: Instance) -> tuple[laws.Law, int]:
    if given.demand is not None:
        law = laws.law(given.demand)
        refuse_large(given, law, None)
        return law, 0
    found = past(str(given.history), given.column)
    units = found.units.astype(float)
    law = laws.fitted(float(units.mean()), float(units.var(ddof=1)) if len(units) > 1 else 0.0)
    refuse_large(given, law, found)
    if given.history_as == "is":
        law = laws.given(np.bincount(found.units) * 1.0)
    return law, len(units)
