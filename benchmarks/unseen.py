"""Instances that stand in no table, drawn by a seed and solved here: a check on the published ones, some of which were looked at while the
settings of the learner were chosen.

Lost sales: mean 1 to 8 and p 2 to 60, both even on a logarithmic scale; Poisson, geometric or negative binomial (R 1 to 10); lead time 1 to 4.
Perishables: life 2 to 4, lead time 0 or 1, mean 2 to 5, variance 1 to 4 times the mean, first in first out, last in first out or half of the
buyers each; waste 5 to 100, lost sales 10 to 100. Two sources: lead times 2 to 4 and 0, expedited 2 to 20 dearer (the price that all
units have is left out), backlog 50 to 500, holding 2 to 10, demand 0 to 4 with probabilities drawn evenly from all there are. Those that cannot be solved in 2 GB are passed over.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from kept import kept
from published import Instance, buyers, lost_sales
from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine.classic_tune import tune
from ropewalk.systems.inventory.engine.exact import Problem, outcomes
from ropewalk.systems.inventory.engine.optimum import optimum
from ropewalk.systems.inventory.engine.step import Terms
from ropewalk.systems.inventory.engine.world import World

SEED, EACH, MEMORY = 20_261_123, 12, 2e9  # instances of each kind; bytes


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Even on a logarithmic scale, to three digits."""
    return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")


def lost(rng: np.random.Generator) -> tuple[str, Problem]:
    mean, penalty, lead = between(rng, 1, 8), between(rng, 2, 60), int(rng.integers(1, 5))
    kind = str(rng.choice(["poisson:", "geometric:", "negbin:"]))
    demand = kind + (f"{between(rng, 1, 10):g}," if kind == "negbin:" else "") + f"{mean:g}"
    return f"{demand} L={lead} p={penalty:g}", lost_sales(demand, penalty, lead)


def perishable(rng: np.random.Generator) -> tuple[str, Problem]:
    life, lead, share = int(rng.integers(2, 5)), int(rng.integers(0, 2)), float(rng.choice([0.0, 0.5, 1.0]))
    mean, spread, waste, penalty = (between(rng, *ends) for ends in ((2, 5), (1, 2), (5, 100), (10, 100)))
    issuing = {0.0: "lifo", 1.0: "fifo"}.get(share, "mixed")
    world, terms = World(life=life, lead=(lead,), issuing=issuing), Terms(lost_sale=penalty, waste=waste)
    name = f"life={life} L={lead} mean={mean:g} cvr={spread:g} fifo={share:g} waste={waste:g} p={penalty:g}"
    return name, Problem(world, terms, buyers(spread, share, mean))


def two_sources(rng: np.random.Generator) -> tuple[str, Problem]:
    lead, (dearer, backlog, holding) = int(rng.integers(2, 5)), (between(rng, *ends) for ends in ((2, 20), (50, 500), (2, 10)))  # fmt: skip
    law = rng.dirichlet(np.ones(5)).round(3)
    terms = Terms(unit_cost=np.array([0.0, dearer]), holding=holding, backlog=backlog)
    problem = Problem(World(unmet="backlog", lead=(lead, 0), sources=2), terms, outcomes(law / law.sum()))
    return f"L={lead} dearer={dearer:g} b={backlog:g} h={holding:g} {','.join(f'{p:g}' for p in law)}", problem


def instances(name: str) -> list[Instance]:
    """EACH of a kind that can be solved; solved once."""
    kind, rng = KINDS[name], np.random.default_rng([SEED, list(KINDS).index(name)])
    drawn = dict(kind(rng) for _ in range(3 * EACH))
    which = hashlib.sha256("\n".join(drawn).encode()).hexdigest()[:12]
    found = kept(Path("out", "beds", name, f"optima-{which}.json"), partial(solved, drawn))
    return [Instance(each, drawn[each], *costs) for each, costs in found.items()]


def solved(drawn: dict[str, Problem]) -> dict[str, tuple[float, float]]:
    """Optimum and best base-stock cost of the first EACH that can be solved."""
    found: dict[str, tuple[float, float]] = {}
    for name, problem in drawn.items():
        try:
            best = optimum(problem, MEMORY).chain.average_cost(1e-6).middle
            base = tune(problem, "base-stock").cost.middle if problem.world.sources == 1 else float("nan")
        except (ConfigError, RuntimeError):  # too large, or its bounds do not meet
            continue
        found[name] = best, base
        if len(found) == EACH:
            break
    return found


KINDS = {"unseen-lost-sales": lost, "unseen-perishables": perishable, "unseen-dual": two_sources}
BEDS = {name: partial(instances, name) for name in KINDS}
