"""The published instances as problems of the engine, read from the tables of ROPEWALK_SHARED_DATA/inventory.

Each is an Instance: its problem, and what others reached on it. Costs are a period's.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ropewalk.systems.inventory.engine.exact import Outcomes, Problem, outcomes
from ropewalk.systems.inventory.engine.laws import law, two_moments
from ropewalk.systems.inventory.engine.step import Period, Terms
from ropewalk.systems.inventory.engine.world import World


@dataclass(frozen=True)
class Instance:
    name: str
    problem: Problem
    best: float  # the optimum, or the best cost known
    base_stock: float = float("nan")  # published cost of the best base-stock policy
    others: dict[str, float] = field(default_factory=dict)  # gaps in % as published


def table(name: str) -> list[dict[str, str]]:
    folder = os.environ.get("ROPEWALK_SHARED_DATA")
    if not folder:
        sys.exit("set ROPEWALK_SHARED_DATA to the folder of published tables")
    return list(csv.DictReader(Path(folder, "inventory", f"{name}.csv").read_text().splitlines()))


def lost_sales(demand: str, penalty: float, lead: int, holding: float = 1.0) -> Problem:
    """One lost-sales instance; whole orders as wanted."""
    terms = Terms(holding=holding, lost_sale=penalty)
    return Problem(World(lead=(lead,)), terms, outcomes(law(demand).probability()))


def zipkin() -> list[Instance]:
    """32 instances of Zipkin (Operations Research 56(5), 2008), solved."""
    return [
        Instance(
            f"{row['demand']} L={row['lead_time']} p={row['penalty']}",
            lost_sales(f"{row['demand']}:{row['mean']}", float(row["penalty"]), int(row["lead_time"])),
            float(row["optimal_cost"]), float(row["base_stock_cost"]),
            {"capped": 100.0 * (float(row["capped_cost"]) / float(row["optimal_cost"]) - 1.0)}
            | {f"DCL {n}": float(row[f"dcl_gap_pct_n{n}"]) for n in (5000, 20000) if row[f"dcl_gap_pct_n{n}"]},
        )
        for row in table("lost_sales_zipkin")
    ]  # fmt: skip


def long_lead() -> list[Instance]:
    """24 instances with lead times 6, 8 and 10; the best cost known is DCL's (arXiv 2011.15122)."""
    return [
        Instance(
            f"{row['demand']} L={row['lead_time']} p={row['penalty']}",
            lost_sales(f"{row['demand']}:{row['mean']}", float(row["penalty"]), int(row["lead_time"])),
            float(row["best_known_cost"]), float(row["base_stock_cost"]),
        )
        for row in table("lost_sales_long_lead")
    ]  # fmt: skip


def dual_sourcing() -> list[Instance]:
    """Six instances of Gijsbrechts et al. (M&SOM 24(3), 2022), solved: demand 0 to 4 alike, expedited orders at once."""
    found = []
    for row in table("dual_sourcing"):
        lead, cost = int(row["regular_lead_time"]), float(row["expedited_cost"])
        world = World(unmet="backlog", lead=(lead, 0), sources=2)
        terms = Terms(unit_cost=np.array([100.0, cost]), holding=5.0, backlog=495.0)
        names = {"capped dual index": "capped_dual_index_gap_pct", "A3C": "a3c_gap_pct"}
        others = {name: float(row[column]) for name, column in names.items()}
        problem = Problem(world, terms, outcomes(np.full(5, 0.2)))
        found.append(Instance(f"L={lead} c={cost:.0f}", problem, float(row["optimal_cost"]), others=others))
    return found


def perishables() -> list[Instance]:
    """81 instances of the DCL authors: mean demand 4, waste and lost sales 100 each. `best` is the optimum where DCL's gap to it is
    known, else DCL's cost."""
    found = []
    for row in table("perishable_dcl"):
        life, lead, spread, share = int(row["life"]), int(row["lead_time"]), float(row["cvr"]), float(row["fifo_share"])
        issuing = {0.0: "lifo", 1.0: "fifo"}.get(share, "mixed")
        problem = Problem(
            World(life=life, lead=(lead,), issuing=issuing), Terms(lost_sale=100.0, waste=100.0), buyers(spread, share)
        )
        cost, gap = float(row["dcl_cost"]), row["dcl_gap_pct"]
        others = {"DCL": float(gap)} if gap else {}
        best = cost / (1.0 + float(gap) / 100.0) if gap else cost
        name = f"life={life} L={lead} cvr={spread:g} fifo={share:g}"
        found.append(Instance(name, problem, best, float(row["base_stock_cost"]), others))
    return found


def buyers(spread: float, share: float, mean: float = 4.0, tail: float = 1e-8) -> Outcomes:
    """Buyers who take the oldest and buyers who take the freshest: two streams that know nothing of each other, the variance of each
    `spread`^2 times its mean."""
    oldest, freshest = (
        two_moments(part * mean, spread**2 * part * mean, tail) if part else np.ones(1) for part in (share, 1.0 - share)
    )
    if share in (0.0, 1.0):
        return outcomes(oldest if share else freshest, tail=tail)
    first, second = (units.ravel() for units in np.indices((len(oldest), len(freshest))))
    chance = np.outer(oldest, freshest).ravel()
    kept = chance > tail / 10.0
    rising = np.argsort((first + second)[kept], kind="stable")
    total, part, chance = (column[kept][rising] * 1.0 for column in (first + second, first, chance))
    return Outcomes(Period(total, fifo=part), chance / chance.sum(), 1.0 - float(chance.sum()))


BEDS: dict[str, Callable[[], list[Instance]]] = {
    "zipkin": zipkin,
    "long": long_lead,
    "dual": dual_sourcing,
    "perishables": perishables,
}
