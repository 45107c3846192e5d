"""How fast the learned policy nears the optimum: cost against CPU-seconds of training.

    python benchmarks/convergence.py                      Poisson 5, L = 4, p = 9; three seeds
    python benchmarks/convergence.py --steps 2000 --json out/convergence.json

One thread. After every --chunk steps the policy is scored exactly, which is not counted; compiling is. "For good" means at that
checkpoint and every later one. The optimum is found here by value iteration and enters the scoring alone. HDPO (Alvo et al., arXiv
2306.11246), its own code and settings on one core: 241 CPU-seconds to within 1 %, 440 to within 0.25 %.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when NumPy and JAX are imported

import argparse
import json
import os
import subprocess
import sys
import time

from published import lost_sales
from ropewalk.systems.inventory.engine import exact
from rows import of, tell

WITHIN = {1.0: (10.0, 4.0, 241.0), 0.25: (15.0, 6.0, 440.0)}  # per cent: required, stretch, HDPO (CPU-seconds)


def curve(options: argparse.Namespace) -> list[tuple[float, float, float]]:
    """(CPU-seconds of training, those of the whole process, cost) at each checkpoint; scoring is in neither."""
    from ropewalk.systems.inventory.engine.learn import Settings, learn

    problem = lost_sales(options.demand, options.penalty, options.lead_time)
    points, scoring = [], 0.0

    def look(done, spent, policy):
        nonlocal scoring
        begun = time.process_time()
        cost = exact.chain(problem, policy.decide).average_cost(1e-5).middle
        points.append((spent, begun - scoring, cost))
        scoring += time.process_time() - begun

    learn(problem, Settings(steps=options.steps, chunk=options.chunk), options.seed, look)
    return points


def for_good(points, limit: float, column: int) -> float | None:
    """CPU-seconds from which on the cost stays within the limit."""
    outside = [at for at, point in enumerate(points) if point[2] > limit]
    first = outside[-1] + 1 if outside else 0
    return points[first][column] if first < len(points) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demand", default="poisson:5")
    parser.add_argument("--penalty", type=float, default=9.0)
    parser.add_argument("--lead-time", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--chunk", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="file for the curves")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return print(json.dumps(curve(options)))
    problem = lost_sales(options.demand, options.penalty, options.lead_time)
    from ropewalk.systems.inventory.engine.classic_tune import tune
    from ropewalk.systems.inventory.engine.optimum import optimum

    best = optimum(problem).chain.average_cost(1e-5).middle
    rule = tune(problem, "capped base-stock").cost.middle
    print(
        f"{options.demand}, L = {options.lead_time}, p = {options.penalty:g}: optimum {best:.4f} a period, best capped base-stock {100 * (rule / best - 1):.2f} % above it; load {os.getloadavg()[0]:.1f}"
    )
    curves = []
    for seed in range(options.seeds):
        call = [sys.executable, __file__, "--demand", options.demand, "--penalty", str(options.penalty), "--lead-time",
                str(options.lead_time), "--steps", str(options.steps), "--chunk", str(options.chunk), "--seed", str(seed), "--child"]  # fmt: skip
        done = subprocess.run(call, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        points = json.loads(done.stdout.splitlines()[-1])
        curves.append(points)
        text = []
        for within, (required, stretch, hdpo) in WITHIN.items():
            training, whole = (for_good(points, best * (1 + within / 100), column) for column in (0, 1))
            text.append("never within" if training is None else f"within {within:g} % for good after {training:.1f} CPU-s ({whole:.1f} with imports; required {required:g}, stretch {stretch:g}, HDPO {hdpo:g}: {hdpo / training:.0f} times)")  # fmt: skip
        print(f"seed {seed}: " + "; ".join(text) + f"; at the end {100 * (points[-1][2] / best - 1):.4f} % after {points[-1][0]:.1f}", flush=True)  # fmt: skip
    slowest = [
        [for_good(points, best * (1 + within / 100), 0) or float("inf") for points in curves] for within in WITHIN
    ]
    worst = [max(each) for each in slowest]
    tell(f"{options.demand}, L = {options.lead_time}, p = {options.penalty:g}, one thread: within 1 % / 0.25 % for good{of(len(curves))}",
         f"{worst[0]:.1f} / {worst[1]:.1f} CPU-s", "10 / 15 CPU-s", "4 / 6", "HDPO 241 / 440", worst[0] <= 10.0 and worst[1] <= 15.0)  # fmt: skip
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"demand": options.demand, "penalty": options.penalty, "lead_time": options.lead_time, "best": best, "rule": rule, "hdpo": {limit: theirs for limit, (_, _, theirs) in WITHIN.items()}, "curves": curves}, file)  # fmt: skip
    return None


if __name__ == "__main__":
    main()
