"""A thousand times kill -9 on writers of the search index, and a thousand random batches against a dict.

    python benchmarks/search_kills.py [1000] [1000]     # kills, batches: some ten minutes on two cores

What tests do with thirty kills and a hundred batches: kills_test.py and collection_test.py beside the index. A failure is an
AssertionError with its seed.
"""

import sys
import tempfile
import time

from ropewalk.store import open_store
from ropewalk.systems.search.index.collection_test import random_batches
from ropewalk.systems.search.index.kills_test import Forks, Trial

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
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        manifests = random_batches(store, batches, seed=7)
    print(
        f"{batches} random batches: live ids exact at {manifests} manifests; after merges ids and scores are a rebuild's"
    )
    print(f"{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main(*(int(sys.argv[i]) if len(sys.argv) > i else 1000 for i in (1, 2)))
