"""How often the 95 % interval of the paired bootstrap holds the truth, and how wide it is against one that knew it all.

    python benchmarks/bootstrap_coverage.py --worlds 2000

Worlds with a known truth of zero: d[i, t] = item_i + week_t + noise, weeks as an AR(1) with correlation `rho` from week
to week. Beside it the plain percentile of the same bootstrap, without the corrections for few weeks.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from ropewalk.methods.stats import bootstrap

WORLDS = {  # standard deviation of items, of weeks, of noise; rho; items with a long tail
    "items vary": (1.0, 0.0, 1.0, 0.0, False),
    "items vary, long tail": (1.0, 0.0, 1.0, 0.0, True),
    "items and weeks, rho 0.3": (1.0, 0.1, 3.0, 0.3, False),
    "weeks only, rho 0": (0.1, 1.0, 3.0, 0.0, False),
    "weeks only, rho 0.3": (0.1, 1.0, 3.0, 0.3, False),
    "weeks only, rho 0.6": (0.1, 1.0, 3.0, 0.6, False),
    "noise alone": (0.0, 0.0, 1.0, 0.0, False),
}
SHAPES = ((30, 11), (200, 11), (200, 26), (200, 52))


def world(rng, items, weeks, item_sd, week_sd, noise_sd, rho, long_tail):
    own = rng.normal(size=items)
    if long_tail:  # lognormal, sigma 1.2: the largest of 200 items weighs as much as 25 usual ones
        own = (np.exp(1.2 * own) - np.exp(0.72)) / np.sqrt((np.exp(1.44) - 1) * np.exp(1.44))
    shared = np.zeros(weeks + 30)
    for t in range(1, weeks + 30):
        shared[t] = rho * shared[t - 1] + np.sqrt(1 - rho**2) * rng.normal()
    return item_sd * own[:, None] + week_sd * shared[None, 30:] + noise_sd * rng.normal(size=(items, weeks))


def plain(d, seed, draws):
    """The textbook form: items and moving blocks drawn again, the middle 95 % of the draws."""
    rng = np.random.default_rng(seed)
    items, weeks = d.shape
    u, z = d.mean(axis=1), d.mean(axis=0)
    by_unit = u[rng.integers(0, items, (draws, items))].mean(axis=1)
    starts = rng.integers(0, weeks - 3, (draws, -(-weeks // 4)))
    by_week = z[(starts[:, :, None] + np.arange(4)).reshape(draws, -1)[:, :weeks]].mean(axis=1)
    return np.quantile(by_unit + by_week - d.mean(), [0.025, 0.975])


def measure(name, items, weeks, worlds, draws=400):
    rng = np.random.default_rng(7)
    held = held_plain = width = 0.0
    means = []
    for seed in range(worlds):
        d = world(rng, items, weeks, *WORLDS[name])
        found = bootstrap.paired_interval(d, np.zeros_like(d), seed=seed, draws=draws)
        low, high = plain(d, seed, draws)
        held += found.low <= 0 <= found.high
        held_plain += low <= 0 <= high
        width += found.high - found.low
        means.append(found.difference)
    return held / worlds, held_plain / worlds, width / worlds / (2 * 1.96 * np.std(means))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=500)
    worlds = parser.parse_args().worlds
    d = np.random.default_rng(0).normal(size=(2_000, 11))
    start = time.perf_counter()
    bootstrap.paired_interval(d, np.zeros_like(d), seed=0)
    print(f"2,000 items x 11 weeks, 2,000 draws: {time.perf_counter() - start:.3f} s (required: 0.2)")
    print(f"\n{worlds} worlds: share of intervals that hold the truth (plain percentile), width / ideal width")
    print(f"{'':28}" + "".join(f"{f'{i} x {t}':>24}" for i, t in SHAPES))
    for name in WORLDS:
        cells = [measure(name, items, weeks, worlds) for items, weeks in SHAPES]
        print(
            f"{name:28}" + "".join(f"{f'{100 * a:.1f} % ({100 * b:.1f}) {w:.2f}':>24}" for a, b, w in cells), flush=True
        )


if __name__ == "__main__":
    main()
