"""The learned policy on published test beds: its gap to the optimum or to the best cost known.

    python benchmarks/beds.py dual --seeds 3
    python benchmarks/beds.py zipkin --seeds 3 --only 5      one instance; long, perishables: the other published beds
    python benchmarks/beds.py unseen-perishables             instances of no table, drawn and solved here (unseen.py); -lost-sales, -dual

Needs ROPEWALK_SHARED_DATA. Each instance and seed is a process of its own on one core, so that compiling counts for each; what is
done is kept in out/beds/ with the commit it was done at, and not done again (--again does). The policy is learned from sampled
demand; optima and published costs enter the scoring alone. Chains of up to --states states are scored exactly (the bounds of the
average cost within 1e-5 of it), others by simulation until the standard error is --error of the cost.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when NumPy and JAX are imported

import argparse
import json
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from base_stock import base_stock
from kept import commit, kept
from published import BEDS as PUBLISHED
from published import Instance
from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import exact
from rows import of, tell
from unseen import BEDS as UNSEEN

BEDS = PUBLISHED | UNSEEN


def train(problem: exact.Problem, seed: int):
    """The policy: pathwise gradient, and where that pays improved from simulated pairs."""
    from ropewalk.systems.inventory.engine import improve, learn

    settings = learn.Settings(steps=1_600 if problem.world.sources == 2 else learn.Settings.steps)
    return improve.settled(problem, learn.learn(problem, settings, seed).decide, seed)


def score(instance: Instance, decide, states: int, error: float, seed: int) -> tuple[float, float]:
    """Cost a period and its standard error (0: exact)."""
    problem = instance.problem
    try:
        return exact.chain(problem, decide, states).average_cost(1e-5, 20_000).middle, 0.0
    except (ConfigError, RuntimeError):  # too many states, or several classes of them
        pass
    each = np.empty(0)
    for part in range(64):
        more = exact.path_costs(
            problem, lambda seen: decide(exact.states(seen)) * 1.0, (4_096,), 1_000 * seed + part, 1_000
        )
        each = np.concatenate([each, more])
        off = float(each.std(ddof=1) / len(each) ** 0.5)
        if part and off <= error * each.mean():
            break
    return float(each.mean()), off


def one(options: argparse.Namespace) -> dict[str, Any]:
    instance = BEDS[options.bed]()[options.only]
    begun = time.process_time()
    decide = train(instance.problem, options.seed)
    spent = time.process_time() - begun
    cost, error = score(instance, decide, options.states, options.error, options.seed)
    return {"cost": cost, "standard_error": error, "train_cpu_s": round(spent, 2), "seed": options.seed,
            "instance": instance.name, "code": commit()}  # fmt: skip


def alone(options: argparse.Namespace, number: int, seed: int) -> dict[str, Any]:
    """What a process of its own says of one instance and seed."""
    call = [sys.executable, __file__, options.bed, "--only", str(number), "--seed", str(seed), "--child",
            "--states", str(options.states), "--error", str(options.error)]  # fmt: skip
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def results(options: argparse.Namespace) -> list[list[dict[str, Any]]]:
    """[instances][seeds]; printed as they come."""
    instances = BEDS[options.bed]()
    chosen = range(len(instances)) if options.only is None else [options.only]
    print(f"{'instance':34}{'best':>10}{'ours':>10}  gap %: seeds{'':10}{'CPU s':>6}   base-stock %, others %")
    every = []
    for number in chosen:
        found = []
        for seed in range(options.seeds):
            file = Path(options.out, options.bed, f"{number}-{seed}.json")
            found.append(kept(file, partial(alone, options, number, seed), options.again))
            if found[-1].get("instance") != instances[number].name:
                sys.exit(
                    f"{file} is not of {instances[number].name} but of {found[-1].get('instance')}; remove it, or use --again"
                )
        every.append(found)
        instance = instances[number]
        gaps = "  ".join(f"{percent(each['cost'], instance.best):.4f}" for each in found)
        others = ", ".join(f"{name} {gap:.3f}" for name, gap in instance.others.items())
        base = "" if np.isnan(instance.base_stock) else f"{percent(instance.base_stock, instance.best):.2f}, "
        print(f"{instance.name:34}{instance.best:10.4f}{found[0]['cost']:10.4f}  {gaps:22}"
              f"{max(each['train_cpu_s'] for each in found):6.1f}   {base}{others}", flush=True)  # fmt: skip
    return every


def percent(cost: float, best: float) -> float:
    return 100.0 * (cost / best - 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bed", choices=tuple(BEDS))
    parser.add_argument("--only", type=int, help="number of an instance, from 0")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--states", type=int, default=400_000)
    parser.add_argument("--error", type=float, default=2e-4, help="standard error of a simulated cost, of the cost")
    parser.add_argument("--out", default="out/beds")
    parser.add_argument("--again", action="store_true", help="also what is done already")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return print(json.dumps(one(options)))
    found = results(options)
    instances = BEDS[options.bed]()
    chosen = instances if options.only is None else [instances[options.only]]
    for seed in range(options.seeds):
        gaps = [percent(each[seed]["cost"], instance.best) for each, instance in zip(found, chosen, strict=True)]
        solved = [gap for gap, instance in zip(gaps, chosen, strict=True) if instance.others]
        said = f"mean gap {statistics.mean(gaps):.4f} %, max {max(gaps):.4f} %, at or below the best on {sum(g <= 0 for g in gaps)}"
        if not np.isnan(chosen[0].base_stock):
            below = sum(each[seed]["cost"] < instance.base_stock for each, instance in zip(found, chosen, strict=True))
            said += f", below base-stock on {below} of {len(gaps)}"
        print(f"seed {seed}: {said}" + (f", mean where solved {statistics.mean(solved):.4f} %" if solved else ""))
    true = level_costs(chosen, options) if options.bed == "long" else []
    spent = [one["train_cpu_s"] for each in found for one in each]
    print(f"CPU-seconds of training: mean {statistics.mean(spent):.1f}, max {max(spent):.1f}, all {sum(spent):,.0f}; "
          f"at {', '.join(sorted({one['code'] for each in found for one in each}))}")  # fmt: skip
    if options.only is None:
        tell_all(options.bed, [[one["cost"] for one in each] for each in found], instances, max(spent), true)
    return None


def level_costs(instances: list[Instance], options: argparse.Namespace) -> list[float]:
    """The true cost of the best base-stock level of each, printed beside the published one."""
    costs = []
    for instance in instances:
        file = Path(options.out, options.bed, f"base-stock {instance.name}.json")
        cost, error = kept(file, partial(base_stock, instance), options.again)
        costs.append(cost)
        off = percent(instance.base_stock, cost)
        print(
            f"{instance.name:34} best base-stock {cost:.4f} +- {error:.4f}, published {instance.base_stock:.4f}: {off:+.3f} %",
            flush=True,
        )
    return costs


def beside(costs: list[list[float]], true: list[float], instances: list[Instance]) -> str:
    """Gaps to the best known where both are told in terms of base-stock on the same demand: the worst of the seeds."""
    gaps = [
        [percent(cost / level, case.best / case.base_stock) for cost in each]
        for each, level, case in zip(costs, true, instances, strict=True)
    ]
    off = [percent(case.base_stock, level) for level, case in zip(true, instances, strict=True)]
    below, most = sum(max(each) <= 0.0 for each in gaps), max(max(each) for each in gaps)
    return (f"; published costs of base-stock are {min(off):.2f} to {max(off):.2f} % off the true ones (decisions/0029): in terms of them at or below "
            f"on {below}, at most {most:+.3f} %")  # fmt: skip


def tell_all(bed: str, costs: list[list[float]], instances: list[Instance], spent: float, true: list[float]) -> None:
    """The row of the table: the worst of the seeds. `costs` [instances][seeds]; `true`: of base-stock, where it was looked at."""
    seeds = range(len(costs[0]))
    cases = list(zip(costs, instances, strict=True))
    gaps = [[percent(each[seed], case.best) for each, case in cases] for seed in seeds]
    mean, most = max(statistics.mean(each) for each in gaps), max(max(each) for each in gaps)
    whole = of(len(seeds))
    if bed == "zipkin":
        tell("Zipkin's 32, learned: gap to the optimum" + whole, f"mean {mean:.4f}, max {most:.4f} %, at most {spent:.0f} CPU-s each",
             "mean 0.03, max 0.10 %, 60 CPU-s", "0.009, 0.025 %", "DCL 0.026, 0.090 % (5,000 samples), 0.009, 0.025 % (20,000)",
             mean <= 0.03 and most <= 0.10 and spent <= 60.0)  # fmt: skip
    elif bed == "long":
        below = min(sum(gap <= 0.0 for gap in each) for each in gaps)
        tell("L = 6, 8, 10, 24 instances: cost above the best known" + whole, f"max {most:.3f} %, at or below it on {below}" + beside(costs, true, instances),
             "max 0.3 %, at or below on 6", "at or below on all", "best known", most <= 0.3 and below >= 6)  # fmt: skip
    elif bed == "dual":
        tell("dual sourcing, 6 optima: gap of the whole cost" + whole, f"max {most:.4f} %", "0.03 %", "0.01 %",
             "capped dual index 0.11 %, A3C 1.85 %", most <= 0.03)  # fmt: skip
    elif bed in UNSEEN:
        tell(f"{len(cases)} instances of no table, {bed.removeprefix('unseen-')}: gap to the optimum" + whole,
             f"mean {mean:.4f}, max {most:.4f} %", "-", "-", "solved here", None)  # fmt: skip
    else:
        below = min(sum(each[seed] < case.base_stock for each, case in cases) for seed in seeds)
        solved = [[each[seed] / case.best for each, case in cases if case.others] for seed in seeds]
        gap = max(100.0 * (statistics.mean(each) - 1.0) for each in solved)
        theirs = [case.best * (1.0 + case.others.get("DCL", 0.0) / 100.0) for case in instances]
        off = max(percent(cost, dcl) for each, dcl in zip(costs, theirs, strict=True) for cost in each)
        tell("perishables, 81 instances" + whole, f"below base-stock on {below}; at most {off:+.3f} % against DCL; mean gap {gap:.3f} % on {len(solved[0])} solved",
             "below base-stock on all, DCL + 0.5 %, mean 0.2 %", "0.031 %", "DCL 0.031 %", below == len(cases) and off <= 0.5 and gap <= 0.2)  # fmt: skip


if __name__ == "__main__":
    main()
