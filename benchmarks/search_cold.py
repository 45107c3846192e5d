"""A searcher that has nothing on its disk opens a collection on S3 and answers; requests counted, cost worked out.

    python benchmarks/search_cold.py [--documents 50000] [--runs 3]

A real S3 server (SeaweedFS) on this machine; documents and queries of search_million.py. Cold: a new process with a new local folder, from the
first request to the first hybrid answer; starting Python and importing is not in it. Cost: what was measured here, at the prices below.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import servers
from ropewalk.store import open_store
from ropewalk.systems.search.index.collection import Collection
from rows import tell
from search_million import Made, build, cpu

URL = "s3://ropewalk/cold"
# On demand in us-east-1, 20 July 2026: a core is half of a c7a.large (USD 0.10264 an hour); S3 standard.
CORE_USD_H, PUT_USD, GET_USD, GB_MONTH_USD = 0.05132, 5e-6, 4e-7, 0.023
TB = 1e12


def built(count: int) -> dict[str, float]:
    with open_store(URL) as store:
        return {**build(Collection(store, "cold"), Made(), count), **store.requests}


def cold() -> None:
    """In a process of its own: open, answer once, then a hundred times; prints JSON."""
    from ropewalk.systems.search.retrieve.engine import Engine, Wanted
    from ropewalk.systems.search.retrieve.fused import fuse

    texts, vectors = Made().queries(np.arange(100))
    with open_store(URL) as store:
        begun, spent = time.perf_counter(), cpu()
        engine = Engine(Collection(store, "cold").open(), None, fuse)
        found = engine.search(Wanted(texts[0], 100, count=False), vectors[0])
        ids = engine.snapshot.ids(found.rows)
        first, first_cpu, requests = time.perf_counter() - begun, cpu() - spent, dict(store.requests)
        spent = cpu()
        for text, vector in zip(texts, vectors, strict=True):
            engine.snapshot.ids(engine.search(Wanted(text, 100, count=False), vector).rows)
        print(
            json.dumps(
                {
                    "seconds": first,
                    "cpu": first_cpu,
                    "requests": requests,
                    "hits": len(ids),
                    "each": (cpu() - spent) / len(texts),
                }
            )
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--documents", type=int, default=50_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--cold", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.cold:
        cold()
        return
    with servers.s3() as environment, tempfile.TemporaryDirectory() as folder:
        os.environ |= {**environment, "ROPEWALK_LOCAL": f"{folder}/writer"}
        made = built(options.documents)
        runs = []
        for number in range(options.runs):
            env = {**os.environ, "ROPEWALK_LOCAL": f"{folder}/{number}"}
            done = subprocess.run(
                [sys.executable, __file__, "--cold"], env=env, stdout=subprocess.PIPE, text=True, check=True
            )
            runs.append(json.loads(done.stdout))
    worst = max(run["seconds"] for run in runs)
    seconds = ", ".join(f"{run['seconds']:.2f}" for run in runs)
    print(
        f"built: {options.documents / made['cpu']:,.0f} documents per CPU-s with vectors, {made['bytes'] / 1e6:,.1f} MB, requests { ({k: v for k, v in made.items() if k in ('put', 'get', 'head', 'list', 'delete')}) }"
    )
    print(
        f"cold: {seconds} s, {runs[0]['cpu']:.2f} CPU-s, requests {runs[0]['requests']}, {runs[0]['hits']} hits; warm {1000 * runs[0]['each']:.2f} ms CPU a query"
    )
    tell(
        f"cold start from S3, {options.documents:,} documents",
        f"{worst:.2f} s (worst of {options.runs})",
        "1 s",
        "",
        "turbopuffer 0.87 s at 1 M",
        worst <= 1,
    )
    per_tb = TB / made["text"]
    index_usd = per_tb * (
        made["cpu"] / 3600 * CORE_USD_H
        + made.get("put", 0) * PUT_USD
        + (made.get("get", 0) + made.get("head", 0)) * GET_USD
    )
    query_usd = 1e6 * runs[0]["each"] / 3600 * CORE_USD_H
    print(
        f"prices: USD {CORE_USD_H} a core-hour, {PUT_USD * 1e6:g} a million puts, {GET_USD * 1e6:g} a million gets, {GB_MONTH_USD} a GB-month"
    )
    tell(
        "cost of a TB of text indexed (with vectors given)",
        f"USD {index_usd:.2f}, then {per_tb * made['bytes'] / 1e9 * GB_MONTH_USD:.2f} a month to keep",
        anchor="Quickwit USD 2 a TB indexed",
    )
    tell(
        f"cost of a million queries on {options.documents:,} documents",
        f"USD {query_usd:.4f} of CPU, no request to the store",
    )


if __name__ == "__main__":
    main()
