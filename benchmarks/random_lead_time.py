"""Random lead times, orders that cross: the learned policy of engine/crossing.py against the best base-stock level and the published
cost of Deep Controlled Learning.

    ROPEWALK_SHARED_DATA=../shared/data python benchmarks/random_lead_time.py --only 3 --seeds 3

What is done is kept in out/random_lead_time/ and not done again (--again does).

Each instance: Poisson demand, backlog, a decision after each demand, orders of at most 6 units, mean lead time 2, drawn for each
unit by itself, as the authors' simulation does (github.com/tarkantemizoz/DynaPlex, models/random_leadtimes). What was learned is
compared with base-stock on new, common seeds; the cost of base-stock in closed form stands beside it. One thread.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when NumPy and JAX are imported

import argparse
import csv
import os
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import numpy as np

from kept import commit, kept
from ropewalk.systems.inventory.engine import crossing, events
from rows import of, tell

MEAN = 2.0
LAWS = {"exponential": events.exponential(MEAN), "uniform": events.uniform(MEAN), "pareto": events.pareto(MEAN)}
FIRST = ("exponential,10,1,1", "pareto,10,1,9", "uniform,10,1,9")  # one of each law


def one(row, generations, seed):
    """Costs a unit of time of an instance, each with its error."""
    begun = time.process_time()
    rate, holding, backlog = (float(row[name]) for name in ("arrival_rate", "holding", "backorder"))
    item = crossing.Item(rate, LAWS[row["lead_time_law"]], holding, backlog, max_order=6)
    numbers = crossing.learn(item, crossing.Settings(generations), seed)
    spent = time.process_time() - begun
    both = jax.tree.map(lambda *parts: np.stack(parts), numbers, crossing.base_stock(item))
    found = crossing.simulated(replace(item, slots=96), both, 1_000_000_000 + seed, 256, 6_000, 2_000)
    less = events.per_time(found.costs[0] - found.costs[1], found.times[0])
    costs, errors = ([float(x) for x in part] for part in (found.cost, found.error))
    return {"exact": events.base_stock(rate * MEAN, holding, backlog)[1], "base_stock": [costs[1], errors[1]], "learned": [costs[0], errors[0]],
            "less": [float(x) for x in less[:2]], "refused": float(found.refused.sum()), "numbers": [float(x) for x in numbers.packed()],
            "train_cpu_s": spent, "seed": seed, "code": commit()}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, default=29, help="instances; the first three are one of each law")
    parser.add_argument("--generations", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out", "random_lead_time"))
    parser.add_argument("--again", action="store_true", help="also what is done already")
    asked = parser.parse_args()
    folder = os.environ.get("ROPEWALK_SHARED_DATA")
    if not folder:
        sys.exit("ROPEWALK_SHARED_DATA is not set: the published costs are in a folder outside the package")
    with open(Path(folder) / "inventory" / "random_lead_time_dcl.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    rows.sort(key=lambda row: ",".join(list(row.values())[:4]) not in FIRST)
    print(f"{'law':12}{'rate':>5}{'h':>4}{'b':>4}{'seed':>5}{'base stock':>12}{'simulated':>18}{'learned':>18}{'difference':>18}"
          f"{'DCL':>9}{'vs DCL':>9}{'refused':>9}{'CPU-s':>7}   level, below, above, gain, ages")  # fmt: skip
    gaps, bounds = (np.zeros((asked.seeds, len(rows[: asked.only]))) for _ in range(2))
    for at, row in enumerate(rows[: asked.only]):
        for seed in range(asked.seeds):
            file = asked.out / f"{'-'.join(list(row.values())[:4])}-{asked.generations}-{seed}.json"
            done = kept(file, partial(one, row, asked.generations, seed), asked.again)
            dcl = float(row["dcl_cost"])
            gaps[seed, at] = done["learned"][0] / dcl - 1.0
            bounds[seed, at] = done["less"][0] + 2.0 * done["less"][1]  # below 0 beyond doubt
            cells = [f"{cost:.4f} ± {error:.4f}" for cost, error in (done["base_stock"], done["learned"], done["less"])]
            law, *numbers = list(row.values())[:4]
            print(f"{law:12}{numbers[0]:>5}{numbers[1]:>4}{numbers[2]:>4}{seed:5}{done['exact']:12.4f}"
                  + "".join(f"{cell:>18}" for cell in cells)
                  + f"{dcl:9.4f}{100 * gaps[seed, at]:+8.2f}%{done['refused']:9.0f}{done['train_cpu_s']:7.0f}   "
                  + " ".join(f"{x:.2f}" for x in done["numbers"]), flush=True)  # fmt: skip
    below, near = (bounds < 0.0).sum(1).min(), (gaps <= 0.01).sum(1).min()
    tell(f"random lead times, {gaps.shape[1]} instances{of(asked.seeds)}",
         f"below on {below}; within 1 % of DCL on {near}, mean {100 * gaps.mean(1).max():+.2f} %",
         "below the best base-stock on all", "within 1 % of DCL on all", "DCL", bool(below == gaps.shape[1]))  # fmt: skip
    print(f"against DCL: {100 * gaps.mean():+.2f} % on average, {100 * gaps.min():+.2f} to {100 * gaps.max():+.2f} %")


if __name__ == "__main__":
    main()
