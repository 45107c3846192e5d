"""The same documents indexed by this process, by Ray with 1, 2 and 8 tasks, and on a cluster that loses tasks and a node: the same bits.

    ROPEWALK_SHARED_DATA=... python benchmarks/search_ray.py [--documents 4000] [--segment 400] [--encoder minilm]

Documents and queries are those of Chorus; every build collects, encodes and indexes into a store of its own. The cluster is a real one
of Ray's on this machine (ray.cluster_utils): a head that does no work, two nodes with two workers each. Every third segment's task kills its worker
the first time, and a node is killed once a quarter is done. Compared are the hashes of the segments, and for every query the ids and the scores of
hybrid search, to the last bit. What is done here with 48 documents in the suite: build_test.py.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import gzip
import hashlib
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ropewalk.spine.compute import workers
from ropewalk.spine.compute.job import StageJob
from ropewalk.spine.compute.workers_test import cluster_of
from ropewalk.store import open_store
from ropewalk.systems.search import build
from ropewalk.systems.search.build_test import dying
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.measure import files
from ropewalk.systems.search.retrieve.engine import Wanted
from ropewalk.systems.search.texts import add, reading
from rows import tell

Built = tuple[list[str], list[tuple[list[str], bytes]]]  # hashes of segments; ids and scores of each query
TASKS = (1, 2, 8)


def made(name: str, docs: str, queries: list[str], config: Config, given: Any, told: Callable[..., None]) -> Built:
    """One build in a store of its own, and what it finds."""
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        collection, begun = Collection(store, "ray"), time.monotonic()
        job = StageJob(store, "search", "build", workers=given, on_progress=told)
        add(collection, docs, config, job)
        seconds = time.monotonic() - begun
        engine, _, _ = reading(collection, config).opened()
        found = [engine.search(Wanted(text, 100, count=False)) for text in queries]
        answers = [(engine.snapshot.ids(f.rows), f.scores.tobytes()) for f in found]
        hashes = [info.hash for info in collection.manifest().segments]
    mark = hashlib.sha256(repr((hashes, answers)).encode()).hexdigest()[:12]
    print(
        f"  {name:46} {len(hashes)} segments, {sum(len(ids) for ids, _ in answers):,} hits, {mark}, {seconds:.0f} s",
        flush=True,
    )
    return hashes, answers


@contextmanager
def ray_of_ours() -> Iterator[None]:
    """Ray's sockets want a short path; nobody is told of it."""
    with tempfile.TemporaryDirectory(prefix="rw-", dir="/tmp", ignore_cleanup_errors=True) as short:
        os.environ |= {"RAY_TMPDIR": short, "RAY_USAGE_STATS_ENABLED": "0", "HOME": short}
        os.environ.pop("RAY_ADDRESS", None)
        yield
        workers.release()


def on_a_dying_cluster(docs: str, queries: list[str], config: Config, pieces: int) -> tuple[Built, int]:
    """The build where tasks and a node are killed, and how many nodes were."""
    import ray

    lost: list[Any] = []
    whole, build.build_piece = build.build_piece, dying
    try:
        with cluster_of(2) as (cluster, nodes):

            def told(what: str, done: float, total: float, unit: str) -> None:
                if total >= pieces and done >= pieces / 4 and not lost:
                    ours = ray.get_runtime_context().get_node_id()  # the one that this process talks through
                    lost.append(next(node for node in nodes if node.node_id != ours))
                    cluster.remove_node(lost[0], allow_graceful=False)

            found = made("two nodes, tasks and a node killed", docs, queries, config, f"ray:{cluster.address}", told)
    finally:
        build.build_piece = whole
    return found, len(lost)


def quiet(*_):
    """Progress that nobody wants to see."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--documents", type=int, default=4_000)
    arguments.add_argument("--segment", type=int, default=400)
    arguments.add_argument("--encoder", default="minilm")
    options = arguments.parse_args()
    shared = os.environ.get("ROPEWALK_SHARED_DATA")
    if not shared:
        sys.exit("set ROPEWALK_SHARED_DATA to the folder of collections with labels")
    root, build.SEGMENT = Path(shared) / "search" / "chorus", options.segment
    queries = list(files.read_queries(str(root / "queries.tsv")).values())
    config, pieces = Config(encoder=options.encoder, language="en"), -(-options.documents // options.segment)
    with ray_of_ours(), tempfile.TemporaryDirectory() as folder:
        docs = Path(folder, "docs.jsonl")
        with gzip.open(root / "docs.jsonl.gz", "rt") as every, open(docs, "w") as some:
            some.writelines(itertools.islice(every, options.documents))
        print(f"{options.documents:,} documents in segments of {options.segment:,}, {len(queries)} queries")
        alone = made("this process", str(docs), queries, config, 1, quiet)
        builds = {
            count: made(f"Ray, {count} tasks", str(docs), queries, config, f"ray:{count}", quiet) for count in TASKS
        }
        workers.release()
        dead, nodes = on_a_dying_cluster(str(docs), queries, config, pieces)
    same = all(one == alone for one in (*builds.values(), dead))
    tell(
        "built by Ray with 1, 2 and 8 tasks, and on a two-node cluster with tasks and a node killed: segments, ids and scores",
        f"{'identical' if same else 'NOT identical'} to the serial build: {len(alone[0])} segments, {len(queries)} queries; "
        f"{-(-pieces // 3)} tasks and {nodes} node killed", "identical", holds=same and nodes == 1,
    )  # fmt: skip


if __name__ == "__main__":
    main()
