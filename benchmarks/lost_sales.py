"""A lost-sales instance: what a policy costs, exactly where its chain is small enough, else simulated.

    python benchmarks/lost_sales.py --demand poisson:5 --penalty 9 --lead-time 4 --policy learned --json

Laws: poisson:M, geometric:M on 0, 1, 2, ..., negbin:R,M with mean M and R successes. Policies are made and scored as `ropewalk inventory
compare` does; a simulated cost goes on until its standard error is --error of it (`PARTS` at most), an exact one has none. A learned
policy is trained on sampled demand and improved by pairs of paths; the exact solution enters the scoring alone. The pre-trained policy is
the network of the package as it is.

train_cpu_s, CPU-seconds with compiling, on one thread: learned: training and improvement; base-stock, capped: the search for their
parameters; exact: value iteration; pretrained: reading the network (what it took to make is in the network's record). Scoring is not
counted. How far it has come is said on stderr; with --json the JSON line is all of stdout. The published instances: beds.py.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when NumPy and JAX are imported

import argparse
import json
import math
import sys
from dataclasses import replace
from typing import NoReturn

import numpy as np

from ropewalk.errors import ConfigError, RopewalkError

POLICIES = {
    "learned": "learned",
    "pretrained": "pretrained",
    "base-stock": "base-stock",
    "capped": "capped base-stock",
    "exact": "exact",
}
PATHS, PERIODS, PARTS = 4_096, 1_000, 64  # of a simulation: paths of a part, their periods, parts at most


class Parser(argparse.ArgumentParser):
    """One sentence about a mistake, as for every other one."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([message], "lost_sales.py")


def note(text: str) -> None:
    sys.stderr.write(text + "\n")


def scored(policy, case, effort, error: float) -> tuple[float, float]:
    """Cost a period and its standard error (0: exact to 1e-6 of it)."""
    from ropewalk.systems.inventory.commands.policies import score

    found = score(
        policy, case, replace(effort, paths=2)
    )  # what it would simulate is simulated below, as long as it takes
    if found.bounds is not None:
        return found.cost, 0.0
    parts: list[np.ndarray] = []
    while True:
        parts.append(simulated(policy, case, 1_000 * effort.seed + len(parts) + 1))
        each = np.concatenate(parts, -1)
        slope = np.cov(each)[0, 1] / each[1].var(ddof=1)
        each = each[0] - slope * each[1]
        cost, off = float(each.mean()), float(each.std(ddof=1) / math.sqrt(len(each)))
        note(f"{len(each):,} simulated paths: {cost:.4f} +- {off:.4f}")
        if off <= error * cost or len(parts) == PARTS:
            return cost, off


def simulated(policy, case, seed: int) -> np.ndarray:
    """[2,PATHS] of each path: the mean cost of a period, that of a period's demand in expectation, since it is known from what is on hand
    before; and by how much the mean demand was above that of the law, which explains a part of what is left."""
    from ropewalk.systems.inventory.engine import exact
    from ropewalk.systems.inventory.engine.step import Period, start, step

    world, terms, law = case.problem.world, case.problem.terms, case.problem.outcomes
    units, draws = np.asarray(law.period.demand), np.random.default_rng(seed)
    first, (lead,) = PERIODS // 10 + 2 * world.columns, world.lead
    on_hand, costs = np.zeros(PATHS, int), np.zeros(0)
    state, total = start(world, (PATHS,), np), np.zeros((2, PATHS))

    def wants(seen) -> np.ndarray:
        nonlocal on_hand
        orders = policy.orders(exact.states(seen)).reshape(PATHS, 1) * 1.0
        on_hand = np.rint(seen.shelf[:, 0] + (0.0 if lead else orders[:, 0])).astype(int)
        return orders

    for period in range(PERIODS):
        demand = draws.choice(units, PATHS, p=law.probability)
        state, _ = step(world, wants, terms, state, Period(demand), np)
        if on_hand.max() >= len(costs):
            stock = np.arange(2 * on_hand.max() + 1)[:, None]
            left, lost = np.maximum(stock - units, 0.0), np.maximum(units - stock, 0.0)
            costs = (terms.holding * left + terms.lost_sale * lost) @ law.probability
        if period >= first:
            total += costs[on_hand], demand - units @ law.probability
    return total / (PERIODS - first)


def one(options: argparse.Namespace) -> dict[str, float]:
    """Cost, standard error, CPU-seconds of making the policy, seed."""
    from ropewalk.config import load
    from ropewalk.systems.inventory.case import case_of
    from ropewalk.systems.inventory.commands.policies import Effort, make
    from ropewalk.systems.inventory.instance import Instance

    given = {name: getattr(options, name) for name in ("demand", "penalty", "holding", "lead_time")}
    case = case_of(load(Instance, values=given, called="the instance"))
    effort = Effort(options.seed, options.steps, memory=options.memory_gb * 1e9, note=note)
    note(f"{options.policy}: {case.about}")
    policy = make(POLICIES[options.policy], case, effort)
    note(f"{policy.made}{': ' * bool(policy.text)}{policy.text}, {policy.cpu_s:.1f} CPU-s; what it costs ...")
    cost, error = scored(policy, case, effort, options.error)
    return {"cost": cost, "standard_error": error, "train_cpu_s": round(policy.cpu_s, 2), "seed": options.seed}


def finite(text: str) -> float:
    """A number, neither nan nor inf."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no number that can be counted with")
    return number


def above(text: str) -> float:
    number = finite(text)
    if number <= 0.0:
        raise argparse.ArgumentTypeError(f"must be greater than 0 (given: {text})")
    return number


def seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more (given: {text})")
    return number


def parser() -> argparse.ArgumentParser:
    options = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--demand", default="poisson:5", help="poisson:M, geometric:M, negbin:R,M")
    options.add_argument("--penalty", type=finite, default=9.0, help="USD a sale lost")
    options.add_argument("--holding", type=finite, default=1.0, help="USD a unit and period")
    options.add_argument("--lead-time", type=int, default=4, help="periods")
    options.add_argument("--policy", choices=tuple(POLICIES), default="learned")
    options.add_argument("--steps", type=int, default=3_000, help="of the training")
    options.add_argument("--seed", type=seed, default=0)
    options.add_argument("--error", type=above, default=2e-4, help="standard error of a simulated cost, of the cost")
    options.add_argument("--memory-gb", type=above, default=8.0, help="that an exact solution may take")
    options.add_argument("--json", action="store_true", help="end with one JSON line")
    return options


def main() -> int:
    try:
        options = parser().parse_args()
        found = one(options)
    except RopewalkError as error:
        note(str(error))
        return error.exit_code
    except MemoryError:
        note("the machine has not enough memory for this; count in larger units, or shorten the lead time")
        return 2
    except KeyboardInterrupt:
        note("interrupted: nothing is half-written")
        return 130
    print(json.dumps(found) if options.json else f"cost {found['cost']:.4f} +- {found['standard_error']:.4f} a period, "
          f"{found['train_cpu_s']:.1f} CPU-s of training, seed {found['seed']}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
