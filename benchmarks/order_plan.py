"""An order plan for a million items with 52 weeks of history: Parquet to Parquet, as `ropewalk inventory orders` makes it.

    python benchmarks/order_plan.py [--items 1000000] [--layout columns|list] [--json]

Required on 2 cores: 5 s for 1,000,000 items (stretch 2.5), 100 s and 4 GB for 20,000,000 (stretch 50 s). The items are made from a seed:
slow and fast movers, lumps, lead times of 1 to 8 weeks, packs of 1 to 12. Making them is not timed. Timed is the command, from
its start to its end, imports and all. Cores that others use as well make the wall longer; half of the CPU-seconds is what two
free ones need at least.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import tell

ROW_GROUP = 100_000  # rows of a row group of the source
WEEKS, CORES = 52, 2
TARGETS = {1_000_000: (5.0, 2.5), 20_000_000: (100.0, 50.0)}  # seconds: required, stretch
MEMORY_MB = 4_000


def items(start, rows, layout):
    """Made items: rates from a unit in a year to hundreds a week, weeks more or less uneven, promotions, lumps."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng([1, start])
    rate = np.exp(rng.normal(-0.2, 1.8, rows)).clip(0.02, 500.0)
    shape = rng.choice([0.4, 1.0, 3.0, 50.0], rows)  # of the weeks around the rate
    uneven = rng.gamma(shape, 1.0 / shape, (WEEKS, rows)) * rate
    demand = rng.poisson(uneven)
    lumpy = rng.random(rows) < 0.05
    demand[:, lumpy] = rng.binomial(1, 0.12, (WEEKS, int(lumpy.sum()))) * (6 + rng.poisson(18, int(lumpy.sum())))
    demand = demand.astype(np.uint16)
    lead, pack = rng.integers(1, 9, rows), rng.choice([1, 1, 1, 6, 12], rows)
    price = np.exp(rng.normal(1.5, 0.8, rows)).round(2)
    due = rng.poisson(rate[:, None] * (rng.random((rows, 4)) < 0.3)).astype(np.uint16)
    if layout == "list":
        history = {"demand_history": pl.Series(demand.T.copy()).arr.to_list()}
        due_columns = {"on_order": pl.Series(due).arr.to_list()}
    else:
        history = {f"demand_ago_{k + 1}": demand[WEEKS - 1 - k] for k in range(WEEKS)}
        due_columns = {f"on_order_{k + 1}": due[:, k] for k in range(4)}
    return pl.DataFrame(
        {
            "item": np.char.add("SKU-", np.arange(start, start + rows).astype(str)).astype(object),
            "site": rng.choice(["north", "south", "west"], rows).astype(object),
            **history, **due_columns,
            "on_hand": rng.poisson(rate * rng.uniform(0.0, 8.0, rows)).astype(np.uint32),
            "lead_time_periods": lead.astype(np.uint8),
            "review_every_periods": rng.choice([1, 1, 1, 2, 4], rows).astype(np.uint8),
            "price_usd": price, "unit_cost_usd": (price * rng.uniform(0.4, 0.85, rows)).round(2),
            "holding_usd": (price * 0.003).round(4), "lost_sale_usd": rng.choice([0.0, 0.0, 1.0], rows),
            "order_cost_usd": rng.choice([0.0, 0.25, 2.0], rows), "pack_size": pack.astype(np.uint16),
            "min_order": (pack * rng.choice([0, 0, 2], rows)).astype(np.uint16),
        },
        schema_overrides={"item": pl.String, "site": pl.String},
    )  # fmt: skip


def make(path, rows, layout):
    from polars.io.plugins import register_io_source

    def source(*_):
        for start in range(0, rows, ROW_GROUP):
            yield items(start, min(ROW_GROUP, rows - start), layout)

    schema = items(0, 2, layout).schema
    register_io_source(source, schema=schema).sink_parquet(path, row_group_size=ROW_GROUP)


def measure(source, target, store):
    """The command as a user runs it, on 2 cores: wall and CPU seconds from its start to its end, and its peak memory."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    threads = {"POLARS_MAX_THREADS": str(CORES), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ropewalk", "inventory", "orders", "--items", str(source), "--out", str(target),
               "--store", str(store), "--json", "--quiet"]  # fmt: skip
    begun = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env={**os.environ, **threads},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    said = child.stdout.read()
    _, status, use = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begun
    assert status == 0, f"the command ended with {status}"
    found = json.loads(said)
    assert found["set_aside"] == 0
    return {
        "wall_s": wall,
        "cpu_s": use.ru_utime + use.ru_stime,
        "peak_mb": use.ru_maxrss / 1024,
        "items": found["planned"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--layout", choices=("columns", "list"), help="how the history is written (default: both)")
    parser.add_argument("--repeat", type=int, default=1, help="the fastest of so many runs")
    parser.add_argument("--json", action="store_true", help="one line, at the end")
    parser.add_argument("--make", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.items, options.layout)
        return
    required, stretch = TARGETS.get(options.items, (None, None))
    print(
        f"{options.items:,} items, {WEEKS} weeks; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    if required:
        print(f"required {required:g} s, stretch {stretch:g} s on {CORES} cores, memory {MEMORY_MB:,} MB")
    print(f"{'history':>8} {'wall s':>8} {'CPU s':>8} {'items/s':>10} {'peak MB':>8} {'source MB':>10} {'plan MB':>8}")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for layout in (options.layout,) if options.layout else ("columns", "list"):
            source, target = Path(folder, f"{layout}.parquet"), Path(folder, "orders.parquet")
            sizes = ["--items", str(options.items), "--layout", layout]
            subprocess.run(
                [sys.executable, __file__, "--make", str(source), *sizes], check=True
            )  # its memory is not ours
            runs = [measure(source, target, Path(folder, "store")) for _ in range(options.repeat)]
            best = min(runs, key=lambda run: run["wall_s"])
            print(
                f"{layout:>8} {best['wall_s']:8.2f} {best['cpu_s']:8.2f} {best['items'] / best['wall_s']:10,.0f} "
                f"{best['peak_mb']:8,.0f} {source.stat().st_size / 1e6:10,.0f} {target.stat().st_size / 1e6:8,.0f}"
            )
            found[layout] = {name: round(value, 2) for name, value in best.items()}
            source.unlink()
    if required:
        slowest, most = (max(each[name] for each in found.values()) for name in ("wall_s", "peak_mb"))
        tell(f"order plan for {options.items:,} items, Parquet to Parquet, {CORES} cores", f"{slowest:.1f} s, {most / 1024:.2f} GB", f"{required:g} s, {MEMORY_MB / 1024:.0f} GB",
             f"{stretch:g} s", "-", slowest <= required and most <= MEMORY_MB)  # fmt: skip
    if options.json:
        print(json.dumps({"items": options.items, "required_s": required, "stretch_s": stretch, **found}))


if __name__ == "__main__":
    main()
