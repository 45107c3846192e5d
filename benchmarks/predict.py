"""`predict` on a file: a million rows of 20 columns (one a list of 26), Parquet to Parquet, with events and without.

    python benchmarks/predict.py [--rows 1000000]

Required: memory that does not grow with the file. Each figure is a process of its own: CPU, rows a second of it, peak RSS.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

PART = 50_000  # rows of a row group of the source


def table(rows, start):
    import numpy as np
    import polars as pl

    random = np.random.default_rng(start)
    numbers = {f"c{i:02}": random.uniform(0, 100, rows).round(2) for i in range(14)}
    others = {
        "item": [f"A-{start + n}" for n in range(rows)],
        "site": ["S-7"] * rows,
        "day": [date(2024, 3, 1)] * rows,
        "promo": random.random(rows) < 0.1,
        "pack": random.integers(1, 9, rows),
        "history": random.integers(0, 20, (rows, 26)).astype(float).tolist(),
    }
    return pl.DataFrame({**numbers, **others})


def job(source: str, target: str, with_events: bool) -> None:
    import numpy as np

    from ropewalk.spine.serving.batch import predict_file
    from ropewalk.types import Column, Contract

    contract = Contract(
        (
            *(Column(f"c{i:02}", "float", "", low=0) for i in range(14)),
            Column("item", "str", ""), Column("site", "str", ""), Column("day", "date", ""), Column("promo", "bool", ""),
            Column("pack", "int", "", low=1), Column("history", "float", "", length=26, low=0),
        ),
        keys=("item", "site"),
    )  # fmt: skip

    class Model:
        def predict(self, requests):
            level = requests["history"].mean(1) * 3
            return {"order": np.ceil(level / requests["pack"]) * requests["pack"], "level": level}

        def save(self, folder):
            raise NotImplementedError

    count = [0]

    def events(batch):
        count[0] += len(batch)

    answers = Contract((Column("order", "float", ""), Column("level", "float", "")))
    start = time.perf_counter()
    done = predict_file(Model(), contract, answers, source, Path(target), events=events if with_events else None)
    use = resource.getrusage(resource.RUSAGE_SELF)
    assert not with_events or count[0] == done.answered
    print(json.dumps([time.perf_counter() - start, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        source, target, events = options.job
        return job(source, target, events == "events")
    import polars as pl

    print(f"{'rows':>10} {'events':>7} {'wall s':>8} {'CPU s':>8} {'us a row':>9} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for rows in (options.rows // 10, options.rows):
            parts = [Path(folder, f"{rows}-{n}.parquet") for n in range(0, rows, PART)]
            for n, part in enumerate(parts):
                table(min(PART, rows), n * PART).write_parquet(part)
            source = Path(folder, f"{rows}.parquet")
            pl.scan_parquet(parts).sink_parquet(source, row_group_size=PART)
            for events in ("without", "events") if rows == options.rows else ("without",):
                command = [sys.executable, __file__, "--job", str(source), str(Path(folder, "out.parquet")), events]
                wall, cpu, peak = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(f"{rows:10,} {events:>7} {wall:8.1f} {cpu:8.1f} {1e6 * cpu / rows:9.1f} {peak:8.0f}")
    return None


if __name__ == "__main__":
    main()
