"""The learned policy where demand waits, beside the closed form: normal demand, fixed lead time, linear costs.

    python benchmarks/backlog.py --seeds 3

Demand N(5, 1.6) a period, at least 0, counted in tenths of a unit; lead time 4; holding 1; backlog 4, 9, 19 and 39. The optimum is a base-stock
level and costs (h + b) sigma sqrt(L + 1) phi(z) (Zipkin, Foundations of Inventory Management, 2000, section 6.2.3); it is not told to the
learner, which sees the whole pipeline. Both policies are simulated on the same demand until the standard error of the difference is a fifth
of the 0.1 % that is claimed; the gap is that difference in terms of the closed form.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when NumPy and JAX are imported

import argparse
import time

import numpy as np
from scipy.stats import norm

from ropewalk.systems.inventory.engine import exact
from ropewalk.systems.inventory.engine.learn import Settings, learn
from ropewalk.systems.inventory.engine.step import Terms
from ropewalk.systems.inventory.engine.world import World
from rows import of, tell

MEAN, DEVIATION, LEAD, GRAIN = 5.0, 1.6, 4, 0.1  # units, units, periods, units
CLAIMED = 1e-3  # of the cost


def instance(backlog: float) -> exact.Problem:
    """In tenths of a unit."""
    units = np.arange(round((MEAN + 7.0 * DEVIATION) / GRAIN))
    below = norm.cdf((units + 0.5) * GRAIN, MEAN, DEVIATION)
    law = np.diff(below, prepend=0.0)
    return exact.Problem(
        World(unmet="backlog", lead=(LEAD,)), Terms(holding=GRAIN, backlog=GRAIN * backlog), exact.outcomes(law)
    )


def difference(problem, decide, level: float, seed: int) -> tuple[float, float]:
    """What the policy costs a period more than the base-stock level, and its standard error."""

    def base_stock(seen):
        return np.maximum(level - seen.position, 0.0)[..., None]

    each = np.empty(0)
    for part in range(40):
        costs = [
            exact.path_costs(problem, policy, (4_096,), 1_000 * seed + part, 500)
            for policy in (lambda seen: decide(exact.states(seen)) * 1.0, base_stock)
        ]
        each = np.concatenate([each, costs[0] - costs[1]])
        error = float(each.std(ddof=1) / len(each) ** 0.5)
        if error <= 0.2 * CLAIMED * costs[1].mean():
            break
    return float(each.mean()), error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    options = parser.parse_args()
    gaps = []
    for backlog in (4.0, 9.0, 19.0, 39.0):
        z = norm.ppf(backlog / (backlog + 1.0))
        spread = DEVIATION * (LEAD + 1) ** 0.5
        best = (1.0 + backlog) * spread * norm.pdf(z)
        problem = instance(backlog)
        for seed in range(options.seeds):
            begun = time.process_time()
            policy = learn(problem, Settings(steps=options.steps), seed)
            spent = time.process_time() - begun
            more, error = difference(problem, policy.decide, round(((LEAD + 1) * MEAN + z * spread) / GRAIN), seed)
            gaps.append(100.0 * more / best)
            print(f"b = {backlog:g}, seed {seed}: closed form {best:.4f}, learned {best + more:.4f} +- {error:.4f}, gap {gaps[-1]:+.4f} % "
                  f"+- {100.0 * error / best:.4f}, {spent:.1f} CPU-s of training", flush=True)  # fmt: skip
    tell(
        "backlogged store, closed form: greatest gap" + of(options.seeds),
        f"{max(gaps):.3f} %",
        "0.1 %",
        "0.05 %",
        "closed form",
        max(gaps) <= 0.1,
    )


if __name__ == "__main__":
    main()
