"""The classic policies, tuned and evaluated exactly, beside the optimum and what was published.

    python benchmarks/classic_rules.py [--shared FOLDER]

Lost sales: the 32 instances of Zipkin (Operations Research 56(5), 2008); two sources: the six of Gijsbrechts et al. (M&SOM 24(3),
2022). The tables are read from FOLDER/inventory, FOLDER as in ROPEWALK_SHARED_DATA. One core: about three minutes.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
LOST = ("base-stock", "capped base-stock", "myopic", "projected")
PUBLISHED = {"base-stock": "base_stock_cost", "capped base-stock": "capped_cost", "myopic": "myopic_cost"}
DUAL = ("single index", "dual index", "capped dual index", "tailored base-surge")


def table(folder, name):
    return list(csv.DictReader(Path(folder, "inventory", f"{name}.csv").read_text().splitlines()))


def percent(cost, best):
    return 100.0 * (cost / best - 1.0)


def lost_sales(folder):
    import numpy as np
    from scipy import stats

    from ropewalk.systems.inventory.engine.classic_tune import tune
    from ropewalk.systems.inventory.engine.exact import Problem, outcomes
    from ropewalk.systems.inventory.engine.step import Terms
    from ropewalk.systems.inventory.engine.world import World

    laws = {
        "poisson": stats.poisson(5).pmf(np.arange(60)),
        "geometric": stats.geom(1 / 6, loc=-1).pmf(np.arange(300)),
    }
    gaps, off, seconds = ({policy: [] for policy in LOST} for _ in range(3))
    print("lost sales: parameters, exact cost, % above the optimum")
    for row in table(folder, "lost_sales_zipkin"):
        lead, penalty = int(row["lead_time"]), float(row["penalty"])
        problem = Problem(World(lead=(lead,)), Terms(holding=1.0, lost_sale=penalty), outcomes(laws[row["demand"]]))
        print(f"{row['demand']:9} L={lead} p={penalty:<3.0f} {float(row['optimal_cost']):8.4f}", end="")
        for policy in LOST:
            begun = time.process_time()
            found = tune(problem, policy)
            seconds[policy].append(time.process_time() - begun)
            gaps[policy].append(percent(found.cost.middle, float(row["optimal_cost"])))
            if policy in PUBLISHED:
                off[policy].append(percent(found.cost.middle, float(row[PUBLISHED[policy]])))
            values = ",".join(f"{value:g}" for value in found.parameters)
            print(f" | {values:>7} {found.cost.middle:8.4f} {gaps[policy][-1]:6.2f}", end="", flush=True)
        print()
    print(
        f"\n{'% above the optimum':20} {'mean':>6} {'max':>6}   CPU s {'mean':>5} {'max':>5}   off the published cost, %: mean, max"
    )
    for policy in LOST:
        each, took, far = gaps[policy], seconds[policy], [abs(value) for value in off[policy]]
        beside = f"{sum(far) / len(far):11.3f} {max(far):6.3f}" if far else ""
        print(
            f"{policy:20} {sum(each) / len(each):6.2f} {max(each):6.2f}         "
            f"{sum(took) / len(took):5.2f} {max(took):5.1f}   {beside}"
        )


def two_sources(folder):
    import numpy as np

    from ropewalk.systems.inventory.engine.classic_tune import tune
    from ropewalk.systems.inventory.engine.exact import Problem, outcomes
    from ropewalk.systems.inventory.engine.step import Terms
    from ropewalk.systems.inventory.engine.world import World

    print("\ntwo sources: parameters, % above the optimum (published)")
    gaps, begun = {policy: [] for policy in DUAL}, time.process_time()
    for row in table(folder, "dual_sourcing"):
        lead, expedited = int(row["regular_lead_time"]), float(row["expedited_cost"])
        terms = Terms(unit_cost=np.array([100.0, expedited]), holding=5.0, backlog=495.0)
        world = World(unmet="backlog", lead=(lead, 0), sources=2)
        problem = Problem(world, terms, outcomes(np.full(5, 0.2)))
        print(f"L={lead} c={expedited:.0f}", end="")
        for policy in DUAL:
            found = tune(problem, policy, 1e-6)
            gaps[policy].append(percent(found.cost.middle, float(row["optimal_cost"])))
            values = ",".join(f"{value:g}" for value in found.parameters)
            published = float(row[policy.replace(" ", "_").replace("-", "_") + "_gap_pct"])
            print(f" | {policy} {values} {gaps[policy][-1]:.3f} ({published:.2f})", end="", flush=True)
        print()
    print("mean " + ", ".join(f"{policy} {sum(each) / len(each):.3f}" for policy, each in gaps.items()), end="; ")
    print(f"{time.process_time() - begun:.1f} CPU-seconds")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", default=os.environ.get("ROPEWALK_SHARED_DATA"))
    options = parser.parse_args()
    if not options.shared:
        print(
            "the published tables are not here: give --shared, or set ROPEWALK_SHARED_DATA, to the folder that holds inventory/"
        )
        return 2
    lost_sales(options.shared)
    two_sources(options.shared)
    return 0


if __name__ == "__main__":
    sys.exit(main())
