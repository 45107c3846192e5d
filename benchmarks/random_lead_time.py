"""Random lead times, orders that cross: a policy of eight numbers, learned by simulation, against the best base-stock level and
the published cost of Deep Controlled Learning.

    ROPEWALK_SHARED_DATA=../shared/data python benchmarks/random_lead_time.py --only 3 --seeds 3

What is done is kept in out/random_lead_time/ and not done again (--again does).

Each instance: Poisson demand, backlog, a decision after each demand, orders of at most 6 units, mean lead time 2, drawn for each
unit by itself, as the authors' simulation does (github.com/tarkantemizoz/DynaPlex, models/random_leadtimes). The policy
steers what is outstanding by the net stock x: it orders

    gain * (k * (s - x) + expected - sum of outstanding units * w(age)),   k one number below s and another above,

where expected = rate * mean lead time is outstanding on average, and w(a) = 1 + sum over j of cj * (min(a / tau_j, 1) - its
mean over the ages of what is outstanding). With gain, k and w all 1 it is base stock with level s + expected; with k = 1 / r > 1
an outstanding unit counts only r of a unit on hand, so stock returns to s faster. (A level on x + r * outstanding says the
same, but then every change of r moves the best level with it, and the search stays near base stock.) The numbers are found by
the cross-entropy method, from k = 2 on, and then compared with base stock on new, common seeds; the cost of base stock in
closed form stands beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from kept import kept
from ropewalk.systems.inventory.engine import events
from ropewalk.systems.inventory.engine.step import Terms
from ropewalk.systems.inventory.engine.world import World
from rows import tell

WORLD = World(unmet="backlog", lead="random", clock="events", slots=64)
LAWS = {"exponential": events.exponential, "uniform": events.uniform, "pareto": events.pareto}
MEAN = 2.0
MOST = 6  # units of an order
TAUS = (1.0, 2.0, 4.0, 8.0)
FIRST = ("exponential,10,1,1", "pareto,10,1,9", "uniform,10,1,9")  # one of each law


def ordering(theta, expected, middle):
    """theta: s, k below s, k above s, gain, c1, c2, ...; middle: the mean of each min(a / tau, 1)."""

    def policy(seen):
        terms = zip(theta[4:], TAUS, middle, strict=True)
        weight = 1.0 + sum(c * (jnp.minimum(seen.age / tau, 1.0) - mean) for c, tau, mean in terms)
        short = theta[0] - (seen.shelf[..., 0] - seen.owed)
        wanted = jnp.where(short > 0.0, theta[1], theta[2]) * short + expected - (seen.outstanding * weight).sum(-1)
        return (theta[3] * wanted)[..., None]

    return policy


def mean_over_ages(law):
    """Of min(a / tau, 1), for each tau: over an order's life its integral is L - tau / 2, or L^2 / (2 tau) for L under tau."""
    lead = np.asarray(law((np.arange(100_000) + 0.5) / 100_000))
    return [float(np.where(lead < tau, lead**2 / (2 * tau), lead - tau / 2).mean() / lead.mean()) for tau in TAUS]


@partial(jax.jit, static_argnames=("paths", "epochs", "warm"))
def simulate(thetas, instance, key, paths, epochs, warm):
    """[C] candidates on the same seeds; an instance is (index of the law, rate, holding, backlog, best level, middle)."""
    law, rate, holding, backlog, level, middle = instance
    terms = Terms(holding=holding, backlog=backlog, max_order=1.0 * MOST)
    draw = events.poisson(rate, lambda u: jnp.stack([of(MEAN)(u) for of in LAWS.values()])[law], paths, (1, MOST))
    state = events.start(WORLD, (paths,))._replace(shelf=jnp.full((paths, 1), level))
    return jax.vmap(
        lambda theta: events.rollout(WORLD, ordering(theta, rate * MEAN, middle), terms, state, draw, key, epochs, warm)
    )(thetas)


def base_stock(instance):
    return np.array([instance[4] - instance[1] * MEAN, 1.0, 1.0, 1.0] + [0.0] * len(TAUS))


def learn(instance, generations, seed, candidates=32, elite=8):
    """Cross-entropy: the mean and covariance of the best quarter, smoothed; fresh common seeds each generation."""
    rng = np.random.default_rng(seed)
    mean = base_stock(instance)
    mean[:3] = mean[0] / np.sqrt(2.0), 2.0, 2.0  # twice as quick: the net stock varies 1 / sqrt(2) as much
    spread = np.array([1.0, 0.7, 0.7, 0.3] + [0.3] * len(TAUS))
    cov = np.diag(spread**2)
    for generation in range(generations):
        thetas = rng.multivariate_normal(mean, cov, candidates)
        thetas[0] = mean
        key = jax.random.key(100_000 * seed + generation)
        found = simulate(jnp.array(thetas, jnp.float32), instance, key, 32, 500, 150)
        best = thetas[np.argsort(np.asarray(found.cost))[:elite]]
        mean = 0.3 * mean + 0.7 * best.mean(0)
        cov = 0.3 * cov + 0.7 * np.cov(best.T) + np.diag((0.01 * spread) ** 2)
    return mean


def compare(instance, theta, seed):
    """Both on the same new seeds: the learned cost, base stock's, and their difference, each with its error."""
    thetas = jnp.array([theta, base_stock(instance)], jnp.float32)
    found = simulate(thetas, instance, jax.random.key(1_000_000_000 + seed), 256, 6_000, 2_000)
    return found, events.per_time(found.costs[0] - found.costs[1], found.times[0])


def one(row, generations, seed):
    """Costs a unit of time of an instance, each with its error."""
    begun = time.process_time()
    rate, holding, backlog = (float(row[name]) for name in ("arrival_rate", "holding", "backorder"))
    level, exact = events.base_stock(rate * MEAN, holding, backlog)
    instance = (list(LAWS).index(row["lead_time_law"]), rate, holding, backlog, 1.0 * level)
    instance += (mean_over_ages(LAWS[row["lead_time_law"]](MEAN)),)
    theta = learn(instance, generations, seed)
    spent = time.process_time() - begun
    found, less = compare(instance, theta, seed)
    costs, errors = ([float(x) for x in part] for part in (found.cost, found.error))
    return {"exact": exact, "base_stock": [costs[1], errors[1]], "learned": [costs[0], errors[0]], "less": [float(x) for x in less[:2]],
            "refused": float(found.refused.sum()), "theta": [float(x) for x in theta], "train_cpu_s": spent, "seed": seed}  # fmt: skip


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
          f"{'DCL':>9}{'vs DCL':>9}{'refused':>9}{'CPU-s':>7}   s, k below, k above, gain, c")  # fmt: skip
    gaps, bounds = (np.zeros((asked.seeds, len(rows[: asked.only]))) for _ in range(2))
    for at, row in enumerate(rows[: asked.only]):
        for seed in range(asked.seeds):
            file = asked.out / f"{'-'.join(list(row.values())[:4])}-{asked.generations}-{seed}.json"
            done = json.loads(kept(file, lambda: json.dumps(one(row, asked.generations, seed)), asked.again))  # noqa: B023
            dcl = float(row["dcl_cost"])
            gaps[seed, at] = done["learned"][0] / dcl - 1.0
            bounds[seed, at] = done["less"][0] + 2.0 * done["less"][1]  # below 0 beyond doubt
            cells = [f"{cost:.4f} ± {error:.4f}" for cost, error in (done["base_stock"], done["learned"], done["less"])]
            law, *numbers = list(row.values())[:4]
            print(f"{law:12}{numbers[0]:>5}{numbers[1]:>4}{numbers[2]:>4}{seed:5}{done['exact']:12.4f}"
                  + "".join(f"{cell:>18}" for cell in cells)
                  + f"{dcl:9.4f}{100 * gaps[seed, at]:+8.2f}%{done['refused']:9.0f}{done['train_cpu_s']:7.0f}   "
                  + " ".join(f"{x:.2f}" for x in done["theta"]), flush=True)  # fmt: skip
    below, near = (bounds < 0.0).sum(1).min(), (gaps <= 0.01).sum(1).min()
    tell(f"random lead times, {gaps.shape[1]} instances ({asked.seeds} seeds)",
         f"below on {below}; within 1 % of DCL on {near}, mean {100 * gaps.mean(1).max():+.2f} %",
         "below the best base-stock on all", "within 1 % of DCL on all", "DCL", bool(below == gaps.shape[1]))  # fmt: skip
    print(f"against DCL: {100 * gaps.mean():+.2f} % on average, {100 * gaps.min():+.2f} to {100 * gaps.max():+.2f} %")


if __name__ == "__main__":
    main()
