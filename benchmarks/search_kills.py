"""A thousand times kill -9 on writers of the search index, and a thousand random batches against a dict.

    python benchmarks/search_kills.py [1000] [1000]     # kills, batches: some ten minutes on two cores

What tests do with thirty kills and a hundred batches: kills_test.py and collection_test.py beside the index. A failure is an
AssertionError with its seed.
"""

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import sys
import tempfile
import time

from ropewalk.store import open_store
from ropewalk.systems.search.index.collection_test import random_batches
from ropewalk.systems.search.index.kills_test import Forks, Trial
from rows import tell

ROUND = 100  # kills of one store


def main(kills, batches):
    begun, died, orders = time.monotonic(), 0, 0
    with Forks() as forks:
        for seed in range(-(-kills // ROUND)):
            with tempfile.TemporaryDirectory() as folder:
                trial = Trial(folder, forks, seed)
                wanted = min(kills, died + ROUND)
                while died < wanted:
                    died += trial.death()
                    orders += 1
                trial.nothing_left()
    print(
        f"{died} deaths in {orders} orders: nothing committed was lost, nothing torn, every retry wrote the same segment"
    )
    print(f"{time.monotonic() - begun:.0f} s\n")
    tell(
        "kill -9 at every write point: nothing committed lost, nothing torn, a retry writes the same contents",
        f"{died:,} deaths in {orders:,} orders, none failed", "1,000 deaths", holds=True if died >= 1_000 else None,
    )  # fmt: skip
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        manifests = random_batches(store, batches, seed=7)
    print(
        f"{batches} random batches: live ids exact at {manifests} manifests; after merges ids and scores are a rebuild's"
    )
    print(f"{time.monotonic() - begun:.0f} s")
    tell(
        "random batches of add, replace, delete: live ids exact at every manifest; merged, ids and scores are a rebuild's",
        f"{batches:,} batches, {manifests:,} manifests, none failed", "1,000 batches",
        holds=True if batches >= 1_000 else None,
    )  # fmt: skip


if __name__ == "__main__":
    main(*(int(sys.argv[i]) if len(sys.argv) > i else 1000 for i in (1, 2)))
