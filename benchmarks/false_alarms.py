"""How often monitoring raises an alarm where nothing has changed, beside the rate that it promises.

python benchmarks/false_alarms.py --worlds 1000
"""

from __future__ import annotations

import argparse

import numpy as np

from ropewalk.methods.stats.bootstrap import pairs_interval
from ropewalk.methods.stats.calibration import calibration
from ropewalk.methods.stats.drift import Sample, shifts
from ropewalk.methods.stats.shares import share_above
from ropewalk.spine.monitoring import checks, made


def columns(rng, key, level):
    own, n = level[key], len(key)
    return {
        "number": rng.normal(size=n) + 2 * own,
        "mostly zero": rng.poisson(np.exp(own - 1)).astype(float),
        "tied": np.round(own),
        "rare": (rng.random(n) < 0.03).astype(float),
        "long tail, 10 % missing": np.where(rng.random(n) < 0.1, np.nan, np.exp(1.5 * rng.normal(size=n))),
        "text": np.array(["a", "b", "c", "d"], object)[np.clip((own + 2 + 0.3 * rng.normal(size=n)).astype(int), 0, 3)],
    }


def drift(keys, before, now, overlap):
    def p_value(seed):
        rng = np.random.default_rng([1, seed])
        level = rng.normal(size=2 * keys)
        old_key, new_key = (
            np.repeat(np.arange(keys), before),
            np.repeat(np.arange(keys) + int(keys * (1 - overlap)), now),
        )
        old, new = columns(rng, old_key, level), columns(rng, new_key, level)
        found = shifts([Sample(c, old[c], new[c]) for c in old], old_key, new_key, seed=seed, draws=500)
        return min(s.p_value for s in found)

    return p_value


def odds(together, top, keys=80):
    def p_value(seed):
        rng = np.random.default_rng([2, seed])
        key = np.repeat(np.arange(keys), 6)
        p = rng.uniform(0, top, len(key))
        luck, own = rng.random(keys)[key], rng.random(len(key))
        y = np.where(rng.random(len(key)) < together, luck, own) < p
        return calibration(p, y.astype(float), key, seed=seed, draws=500).p_value

    return p_value


def share(seed):
    rng = np.random.default_rng([3, seed])
    key = np.repeat(np.arange(200), 10)
    return share_above(rng.random(200)[key] < 0.02, key, 0.02)


def promise(weeks, rho):
    def p_value(seed):
        rng = np.random.default_rng([4, seed])
        shared = np.zeros(weeks + 20)
        for t in range(1, weeks + 20):
            shared[t] = rho * shared[t - 1] + np.sqrt(1 - rho**2) * rng.normal()
        d = rng.normal(size=(100, 1)) + 0.2 * shared[None, 20:] + 2 * rng.normal(size=(100, weeks))
        rows, columns_ = np.indices(d.shape)
        found = pairs_interval(
            rows.ravel(), columns_.ravel(), d.ravel(), 0 * d.ravel(), seed=seed, draws=2_000, block=2
        )
        return found.p_value

    return p_value


def line(name, p_value, worlds):
    found = np.array([p_value(seed) for seed in range(worlds)])
    print(f"{name:58}{(found <= 0.01).mean():8.1%}{(found <= 0.05).mean():8.1%}", flush=True)


def call(seed, level):
    every = [
        checks.drift(), checks.out_of_range(), checks.latency(p99_ms=10), checks.errors(), checks.followed("profit_usd"),
        checks.promise("expected_profit_usd", "profit_usd"), checks.calibration("p_stock_out", "stocked_out"),
    ]  # fmt: skip
    counters = {"requests": 10_000, "errors": int(np.random.default_rng([5, seed]).binomial(10_000, 0.001))}
    found = checks.run_checks(every, made.events(seed, weeks=8), made.requests(seed, 60, 4, 0), made.CONTRACT, made.ANSWERS,
                              seed=seed, level=level, counters=counters)  # fmt: skip
    return any(f.severity != "info" for f in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=400)
    worlds = parser.parse_args().worlds
    print(f"{worlds} worlds in which nothing changed: share with an alarm{'at 1 %':>10}{'at 5 %':>8}")
    line("drift, 6 columns: 200 items, 1 row before, 11 now", drift(200, 1, 11, 1.0), worlds)
    line("drift, 6 columns: 40 items, 3 rows before, 5 now", drift(40, 3, 5, 1.0), worlds)
    line("drift, 6 columns: 100 rows before, 100 others now", drift(100, 1, 1, 0.0), worlds)
    line("drift, 6 columns: 60 items, half of them new", drift(60, 8, 1, 0.5), worlds)
    line("calibration: answers independent", odds(0.0, 0.3), worlds)
    line("calibration: half of an item's answers share their luck", odds(0.5, 0.3), worlds)
    line("calibration: all of them do", odds(1.0, 0.3), worlds)
    line("calibration: half, rare events, 60 expected", odds(0.5, 0.05, 400), worlds)
    line("calibration: all, rare events, 60 expected", odds(1.0, 0.05, 400), worlds)
    line("share above its limit: items all or nothing", share, worlds)
    line("promise: 8 weeks, independent", promise(8, 0.0), worlds)
    line("promise: 8 weeks, rho 0.3 from week to week", promise(8, 0.3), worlds)
    line("promise: 26 weeks, rho 0.3", promise(26, 0.3), worlds)
    for level in (0.01, 0.05):
        print(
            f"a whole call of seven checks at {level:.0%}: {np.mean([call(s, level) for s in range(worlds)]):.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
