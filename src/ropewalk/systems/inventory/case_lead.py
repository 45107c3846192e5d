"""Lead times that are drawn for each order by itself, so that a later order can arrive before an earlier one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.exact import Outcomes

if TYPE_CHECKING:
    from ropewalk.systems.inventory.instance import Instance

LONGEST = 60  # periods


def lead_times(given: Instance) -> dict[int, float]:
    """Periods -> chance: one alone where the lead time is certain. ConfigError where a law is none."""
    return {given.lead_time: 1.0} if given.lead_time_law is None else _read(given.lead_time_law)


def _read(said: str) -> dict[int, float]:
    """2:0.5,3:0.3,5:0.2"""
    found: dict[int, float] = {}
    try:
        for part in said.split(","):
            periods, chance = part.split(":")
            if int(periods) in found:
                raise _wrong(said, f"{int(periods)} periods stand there twice")
            found[int(periods)] = float(chance)
    except ValueError:
        raise _wrong(said, "it is not read") from None
    if not all(0 <= periods <= LONGEST for periods in found):
        raise _wrong(said, f"a lead time is 0 to {LONGEST} periods")
    if not all(chance >= 0.0 for chance in found.values()) or abs(sum(found.values()) - 1.0) > 1e-6:
        raise _wrong(said, f"chances are 0 or more and 1 in all, not {sum(found.values()):g}")
    return {periods: chance for periods, chance in sorted(found.items()) if chance > 0.0}


def _wrong(said: str, why: str) -> ConfigError:
    return ConfigError(
        [f"lead_time_law: {said!r}: {why}. Say periods and their chances, as 2:0.5,3:0.3,5:0.2"], "the instance"
    )


def with_lead_times(found: Outcomes, law: dict[int, float]) -> Outcomes:
    """Every outcome with every lead time of an order that is placed then; they know nothing of each other."""
    size, chances = len(found.probability), np.array(list(law.values()))
    each = np.repeat(np.arange(size), len(law))
    period = type(found.period)(*(None if field is None else np.asarray(field)[each] for field in found.period))
    lead = np.tile(np.array(list(law), np.int64), size)[:, None]
    return replace(
        found,
        period=period._replace(lead=lead),
        probability=np.outer(found.probability, chances / chances.sum()).ravel(),
    )
