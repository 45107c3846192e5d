"""A lost-sales instance: what a policy costs, exactly where the chain is small enough, else simulated.

    python benchmarks/lost_sales.py --demand poisson:5 --penalty 9 --lead-time 4 --policy learned --json

Laws: poisson:M, geometric:M on 0, 1, 2, ..., negbin:R,M with mean M and R successes. A learned policy is trained on sampled
demand; the exact solution enters the scoring alone. Its CPU-seconds include compiling. The pre-trained policy is the network of the
package as it is. One thread. The published instances: beds.py.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when NumPy and JAX are imported

import argparse
import json
import sys
import time

import numpy as np

from published import lost_sales
from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import exact
from ropewalk.systems.inventory.engine.laws import law

LONGEST = 4  # periods: beyond, the chain has too many states, and costs are simulated
RULES = {"base-stock": "base-stock", "capped": "capped base-stock"}
POLICIES = ("learned", "pretrained", *RULES, "exact")


def score(case: exact.Problem, decide, lead: int, seed: int) -> tuple[float, float]:
    """Cost a period and its standard error (0: exact to 1e-6 of it)."""
    if lead <= LONGEST:
        return exact.chain(case, decide).average_cost(1e-6).middle, 0.0
    each = exact.path_costs(case, lambda seen: decide(exact.states(seen)) * 1.0, (4096,), seed + 1, 2_000)
    return float(each.mean()), float(each.std(ddof=1) / len(each) ** 0.5)


def one(options: argparse.Namespace) -> dict[str, float]:
    """Cost, standard error, CPU-seconds of training, seed."""
    demand = law(options.demand)
    case = lost_sales(options.demand, options.penalty, options.lead_time, options.holding)
    begun = time.process_time()
    if options.policy == "learned":
        from ropewalk.systems.inventory.engine.improve import settled
        from ropewalk.systems.inventory.engine.learn import Settings, learn

        settings = Settings() if options.steps is None else Settings(steps=options.steps)
        decide = settled(case, learn(case, settings, options.seed).decide, options.seed)
    elif options.policy == "pretrained":
        from ropewalk.systems.inventory.engine.pretrained import item_for, load

        decide = load().decide(item_for(case))
    elif options.policy == "exact":
        most = int(demand.over(options.lead_time + 1).isf(1e-4 / (options.penalty + options.holding)))
        orders = np.arange(int(demand.frozen.isf(1e-6)) + 1)[:, None]
        decide = exact.solve(case, orders, (0, most), 1e-5).decide
    else:
        from ropewalk.systems.inventory.engine.classic_tune import tune, tune_simulated

        tuned = (tune if options.lead_time <= LONGEST else tune_simulated)(case, RULES[options.policy])
        trained = round(time.process_time() - begun, 2)
        return {"cost": tuned.cost.middle, "standard_error": tuned.error, "train_cpu_s": trained, "seed": options.seed}
    trained = time.process_time() - begun
    cost, error = score(case, decide, options.lead_time, options.seed)
    return {"cost": cost, "standard_error": error, "train_cpu_s": round(trained, 2), "seed": options.seed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demand", default="poisson:5", help="poisson:M, geometric:M, negbin:R,M")
    parser.add_argument("--penalty", type=float, default=9.0, help="USD a sale lost")
    parser.add_argument("--holding", type=float, default=1.0, help="USD a unit and period")
    parser.add_argument("--lead-time", type=int, default=4, help="periods")
    parser.add_argument("--policy", choices=POLICIES, default="learned")
    parser.add_argument("--steps", type=int, help="of the training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    options = parser.parse_args()
    try:
        found = one(options)
    except ConfigError as error:
        sys.exit(str(error))
    print(json.dumps(found) if options.json else f"cost {found['cost']:.4f} +- {found['standard_error']:.4f} a period, "
          f"{found['train_cpu_s']:.1f} CPU-s of training, seed {found['seed']}")  # fmt: skip


if __name__ == "__main__":
    main()
