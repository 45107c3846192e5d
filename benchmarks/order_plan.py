"""An order plan for a million items with 52 weeks of history: Parquet to Parquet, as `ropewalk inventory orders` makes it.

    python benchmarks/order_plan.py [--items 1000000] [--layout columns|list] [--json]

Required on 2 cores: 5 s for 1,000,000 items (stretch 2.5), 100 s and 4 GB for 20,000,000 (stretch 50 s). The items are made from a seed:
half of them sell in less than every second week, lead times are 1 to 8 weeks, packs 1 to 12. Making them is not timed. The
plan is a process of its own on 2 cores; `process` counts from its start to its end, imports and all, `plan` the reading,
planning and writing alone. Cores that others use as well make the wall longer; CPU says what two free ones would have to do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def job(source, target):
    """The plan, in this process; the last line says what it took."""
    from ropewalk.systems.inventory.bulk.files import plan_files
    from ropewalk.systems.inventory.bulk.table import defaults
    from ropewalk.systems.inventory.config import Config

    wall, cpu = time.perf_counter(), _cpu()
    done = plan_files([source], Path(target), defaults(Config()), word="week")
    found = {"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu, "planned": done.planned, "lines": done.lines}
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def _cpu(who=resource.RUSAGE_SELF):
    use = resource.getrusage(who)
    return use.ru_utime + use.ru_stime


def measure(source, target):
    """A process of its own, on 2 cores."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    threads = {"POLARS_MAX_THREADS": str(CORES), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--job", str(source), str(target)]
    wall, cpu = time.perf_counter(), _cpu(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **threads},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip
    process = {"process_wall": time.perf_counter() - wall, "process_cpu": _cpu(resource.RUSAGE_CHILDREN) - cpu}
    return {**process, **json.loads(done.stdout.splitlines()[-1])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--layout", choices=("columns", "list"), help="how the history is written (default: both)")
    parser.add_argument("--repeat", type=int, default=1, help="the fastest of so many runs")
    parser.add_argument("--json", action="store_true", help="one line, at the end")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job(*options.job)
        return
    required, stretch = TARGETS.get(options.items, (None, None))
    print(
        f"{options.items:,} items, {WEEKS} weeks; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    if required:
        print(f"required {required:g} s, stretch {stretch:g} s, memory {MEMORY_MB:,} MB")
    print(
        f"{'history':>8} {'wall s':>7} {'CPU s':>6} {'wall s':>7} {'CPU s':>6} {'items/s':>9} {'peak MB':>8} {'source MB':>9} {'plan MB':>8}"
    )
    print(f"{'':>8} {'process':>14} {'plan':>14}")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for layout in (options.layout,) if options.layout else ("columns", "list"):
            source, target = Path(folder, "items.parquet"), Path(folder, "orders.parquet")
            make(source, options.items, layout)
            best = min((measure(source, target) for _ in range(options.repeat)), key=lambda f: f["process_wall"])
            assert best["planned"] == options.items
            sizes = [p.stat().st_size / 1e6 for p in (source, target)]
            print(
                f"{layout:>8} {best['process_wall']:7.2f} {best['process_cpu']:6.2f} {best['wall']:7.2f} {best['cpu']:6.2f} "
                f"{options.items / best['process_wall']:9,.0f} {best['peak_mb']:8,.0f} {sizes[0]:9,.0f} {sizes[1]:8,.0f}"
            )
            found[layout] = {k: round(v, 3) for k, v in best.items()}
    if options.json:
        print(json.dumps({"items": options.items, "required_s": required, "stretch_s": stretch, **found}))


if __name__ == "__main__":
    main()
