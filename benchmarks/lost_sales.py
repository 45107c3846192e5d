"""A lost-sales instance: what a policy costs, exactly where the chain is small enough, else simulated.

    python benchmarks/lost_sales.py --demand poisson:5 --penalty 9 --lead-time 4 --policy learned --json
    python benchmarks/lost_sales.py --zipkin         all 32 instances of Zipkin (2008), ours beside the published figures
                                                     (needs ROPEWALK_SHARED_DATA; --seeds 3 for three of them)

Laws: poisson:M, geometric:M on 0, 1, 2, ..., negbin:R,M with mean M and R successes. A learned policy is trained on sampled
demand; the exact solution enters the scoring alone. Its CPU-seconds include compiling. One thread.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  (after the threads are set)

from ropewalk.systems.inventory.engine import exact  # noqa: E402
from ropewalk.systems.inventory.engine.laws import Law, law  # noqa: E402
from ropewalk.systems.inventory.engine.step import Terms  # noqa: E402
from ropewalk.systems.inventory.engine.world import World  # noqa: E402

LONGEST = 4  # periods: beyond, the chain has too many states, and costs are simulated
RULES = {"base-stock": "base-stock", "capped": "capped base-stock"}
POLICIES = ("learned", *RULES, "exact")


def problem(demand: Law, penalty: float, holding: float, lead: int) -> exact.Problem:
    """As the engine has it; whole orders as wanted."""
    terms = Terms(holding=float(holding), lost_sale=float(penalty))
    return exact.Problem(World(lead=(lead,)), terms, exact.outcomes(demand.probability()))


def score(case: exact.Problem, decide, lead: int, seed: int) -> tuple[float, float]:
    """Cost a period and its standard error (0: exact to 1e-6 of it)."""
    if lead <= LONGEST:
        return exact.chain(case, decide).average_cost(1e-6).middle, 0.0
    each = exact.path_costs(case, lambda seen: decide(exact.states(seen)) * 1.0, (4096,), seed + 1, 2_000)
    return float(each.mean()), float(each.std(ddof=1) / len(each) ** 0.5)


def one(options: argparse.Namespace) -> dict[str, float]:
    """Cost, standard error, CPU-seconds of training, seed."""
    demand = law(options.demand)
    case = problem(demand, options.penalty, options.holding, options.lead_time)
    begun = time.process_time()
    if options.policy == "learned":
        from ropewalk.systems.inventory.engine.learn import Settings, learn

        settings = Settings() if options.steps is None else Settings(steps=options.steps)
        decide = learn(case, settings, options.seed).decide
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


def zipkin(options: argparse.Namespace) -> None:
    """Each instance and seed in a process of its own, as a user would run it, so that compiling counts for each."""
    folder = os.environ.get("ROPEWALK_SHARED_DATA")
    if not folder:
        sys.exit("set ROPEWALK_SHARED_DATA to the folder of published tables")
    with Path(folder, "inventory", "lost_sales_zipkin.csv").open() as file:
        rows = list(csv.DictReader(file))
    print(
        f"{'instance':24}{'optimum':>9}{'ours':>9}  gap %: seeds{'':12}{'CPU s':>7}{'capped':>9}{'DCL 5k':>8}{'DCL 20k':>9}"
    )
    gaps, dcl, spent = [], [], []
    for row in rows:
        arguments = ["--demand", f"{row['demand']}:{row['mean']}", "--penalty", row["penalty"], "--holding", row["holding"],
                     "--lead-time", row["lead_time"], "--policy", "learned", "--json"]  # fmt: skip
        found = []
        for seed in range(options.seeds):
            done = subprocess.run(
                [sys.executable, __file__, *arguments, "--seed", str(seed)], capture_output=True, text=True, check=True
            )
            found.append(json.loads(done.stdout.splitlines()[-1]))
        best = float(row["optimal_cost"])
        each = [100 * (one["cost"] / best - 1) for one in found]
        spent += [one["train_cpu_s"] for one in found]
        gaps.append(each)
        cap = 100 * (float(row["capped_cost"]) / best - 1)
        dcl.append([float(row[f"dcl_gap_pct_n{n}"] or "nan") for n in (5000, 20000)])
        name = f"{row['demand']} L={row['lead_time']} p={row['penalty']}"
        shown = "  ".join(f"{gap:.3f}" for gap in each)
        print(f"{name:24}{best:9.4f}{found[0]['cost']:9.4f}  {shown:24}{max(o['train_cpu_s'] for o in found):7.1f}{cap:9.3f}"
              f"{dcl[-1][0]:8.3f}{dcl[-1][1]:9.3f}", flush=True)  # fmt: skip
    for seed, column in enumerate(zip(*gaps, strict=True)):
        print(f"seed {seed}: mean gap {statistics.mean(column):.4f} %, max {max(column):.4f} % (required 0.03, 0.10; DCL 0.026, 0.090 with "
              f"5,000 samples, 0.009, 0.025 with 20,000)")  # fmt: skip
    print(
        f"CPU-seconds an instance: mean {statistics.mean(spent):.1f}, max {max(spent):.1f} (required 60; DCL about 13 core-hours)"
    )
    print("ratio of the mean gap to DCL's with 5,000 samples, over the instances that it names: "
          f"{_ratio(gaps, dcl):.2f}")  # fmt: skip


def _ratio(gaps: list[list[float]], dcl: list[list[float]]) -> float:
    named = [
        (statistics.mean(ours), theirs[0]) for ours, theirs in zip(gaps, dcl, strict=True) if theirs[0] == theirs[0]
    ]
    return sum(ours for ours, _ in named) / sum(theirs for _, theirs in named)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zipkin", action="store_true", help="all 32 published instances")
    parser.add_argument("--seeds", type=int, default=1, help="with --zipkin: seeds of each")
    parser.add_argument("--demand", default="poisson:5", help="poisson:M, geometric:M, negbin:R,M")
    parser.add_argument("--penalty", type=float, default=9.0, help="USD a sale lost")
    parser.add_argument("--holding", type=float, default=1.0, help="USD a unit and period")
    parser.add_argument("--lead-time", type=int, default=4, help="periods")
    parser.add_argument("--policy", choices=POLICIES, default="learned")
    parser.add_argument("--steps", type=int, help="of the training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    options = parser.parse_args()
    if options.zipkin:
        return zipkin(options)
    found = one(options)
    print(json.dumps(found) if options.json else f"cost {found['cost']:.4f} +- {found['standard_error']:.4f} a period, "
          f"{found['train_cpu_s']:.1f} CPU-s of training, seed {found['seed']}")  # fmt: skip
    return None


if __name__ == "__main__":
    main()
