"""A searcher that has nothing on its disk opens a collection on S3 and answers; requests counted, cost worked out.

    python benchmarks/search_cold.py [--documents 50000] [--runs 3]

A real S3 server (SeaweedFS) on this machine; documents and queries of search_million.py. Cold: a new process with a new local folder, from the
first request to the first hybrid answer; starting Python and importing is not in it. Cost: what was measured here, at the prices below.
Requests: those of a look of a searcher that is asked all the time, of the hold that it renews, and of a commit of one document by a
writer that wrote before.
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
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import servers
from ropewalk.store import open_store
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.index.readers import RENEWED_S
from ropewalk.systems.search.live import REFRESH_S, SURE_S, Live
from rows import tell
from search_million import Made, build, cpu

URL = "s3://ropewalk/cold"
# On demand in us-east-1, 20 July 2026: a core is half of a c7a.large (USD 0.10264 an hour); S3 standard.
CORE_USD_H, PUT_USD, GET_USD, GB_MONTH_USD = 0.05132, 5e-6, 4e-7, 0.023
QUICKWIT_USD = 0.0002  # a query on a TB, as published
TB = 1e12


LOOKS, COMMITS = 20, 5  # that are counted
KINDS = ("put", "get", "head", "list", "delete")


def usd(requests: Mapping[str, float]) -> float:
    """What requests cost; deleting is free."""
    dear, cheap = (sum(requests.get(kind, 0) for kind in kinds) for kinds in (("put", "list"), ("get", "head")))
    return dear * PUT_USD + cheap * GET_USD


def said(requests: Mapping[str, float]) -> str:
    counts = {kind: requests[kind] for kind in KINDS if requests.get(kind)}
    return ", ".join(f"{n:,.0f} {kind.upper()}" if n >= 10 else f"{n:.3g} {kind.upper()}" for kind, n in counts.items())


def built(count: int) -> dict[str, Any]:
    with open_store(URL) as store:
        made = build(Collection(store, "cold"), Made(), count)
        return {**made, "requests": dict(store.requests)}


def commits() -> dict[str, float]:
    """Requests of a commit of one document."""
    with open_store(URL) as store:
        collection, (documents, vectors, _) = Collection(store, "written"), Made().part(0, COMMITS + 1)
        collection.create(Layout((Field("text", "text"),), encoder="made", dims=vectors.shape[1]))
        for number in range(COMMITS + 1):
            if number == 1:
                before = Counter(store.requests)
            collection.write(documents[number : number + 1], vectors=vectors[number : number + 1])
        return {kind: count / COMMITS for kind, count in (Counter(store.requests) - before).items()}


def cold() -> None:
    """In a process of its own: open, answer once, then a hundred times; prints JSON."""
    from ropewalk.systems.search.retrieve.engine import Engine, Wanted
    from ropewalk.systems.search.retrieve.fused import fuse

    texts, vectors = Made().queries(np.arange(100))
    with open_store(URL) as store:
        begun, spent = time.perf_counter(), cpu()
        live = Live(store, "cold", "cold", refresh_s=0)
        engine = Engine(live.now()[0], None, fuse)
        found = engine.search(Wanted(texts[0], 100, count=False), vectors[0])
        ids = engine.snapshot.ids(found.rows)
        first, first_cpu, requests = time.perf_counter() - begun, cpu() - spent, dict(store.requests)
        spent = cpu()
        for text, vector in zip(texts, vectors, strict=True):
            engine.snapshot.ids(engine.search(Wanted(text, 100, count=False), vector).rows)
        each, before = (cpu() - spent) / len(texts), Counter(store.requests)
        for _ in range(LOOKS):
            live.now()
        looks = {kind: count / LOOKS for kind, count in (Counter(store.requests) - before).items()}
        print(
            json.dumps(
                {
                    "seconds": first,
                    "cpu": first_cpu,
                    "requests": requests,
                    "hits": len(ids),
                    "each": each,
                    "looks": looks,
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
        committed = commits()
    worst = max(run["seconds"] for run in runs)
    seconds = ", ".join(f"{run['seconds']:.2f}" for run in runs)
    print(
        f"built: {options.documents / made['cpu']:,.0f} documents per CPU-s with vectors, {made['bytes'] / 1e6:,.1f} MB, requests: {said(made['requests'])}"
    )
    print(
        f"cold: {seconds} s, {runs[0]['cpu']:.2f} CPU-s, requests: {said(runs[0]['requests'])}, {runs[0]['hits']} hits; warm {1000 * runs[0]['each']:.2f} ms CPU a query"
    )
    tell(
        f"cold start from S3, {options.documents:,} documents",
        f"{worst:.2f} s (worst of {options.runs})",
        "1 s",
        "",
        "turbopuffer 0.87 s at 1 M",
        worst <= 1 if options.documents >= 50_000 else None,
    )
    per_tb = TB / made["text"]
    index_usd = per_tb * (made["cpu"] / 3600 * CORE_USD_H + usd(made["requests"]))
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
        anchor=f"Quickwit USD {QUICKWIT_USD * made['text'] / TB * 1e6:.4f} for {made['text'] / 1e6:,.0f} MB",
    )
    asked = {kind: count * 3600 / REFRESH_S for kind, count in runs[0]["looks"].items()}
    asked["list"] = 3600 / SURE_S  # all lists of callers anew
    held = {"put": 3600 / RENEWED_S}
    tell(
        "requests of a searcher an hour: its manifest held; and where it is asked all the time",
        f"{said(held)}, USD {usd(held):.5f}; {said(asked)} more, USD {usd(asked):.4f}",
    )
    tell("requests of a commit of one document", f"{said(committed)}: USD {usd(committed):.6f}")


if __name__ == "__main__":
    main()
