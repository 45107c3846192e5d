"""Every row of the table of search, ours beside the anchor's: docs/results/search.md.

    make bench-search                                        an hour or two on two cores; what is done is not done again
    python benchmarks/search.py --only quality million          some of it, again

Needs ROPEWALK_SHARED_DATA (collections with labels). Each benchmark prints its rows (rows.py); what it printed is kept in
out/search/bench/, whole or not at all. Interrupted, it goes on with the next one.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import table

TARGET = Path(__file__).parent.parent / "docs" / "results" / "search.md"
KEPT = Path("out", "search", "bench")
CALLS = {
    "quality": ["search_quality.py"],
    "index": ["search_index.py"],
    "encode": ["search_encode.py", "--quality"],
    "vectors": ["search_vectors.py"],
    "million": ["search_million.py"],
    "cold": ["search_cold.py"],
    "answers": ["search_answers.py"],
    "reader": ["reader.py"],
    "collect": ["search_collect.py", "--peers"],
    "kills": ["search_kills.py"],
    "ray": ["search_ray.py"],
}
INTRO = "Written by `make bench-search`: every row ours beside the anchor's. An anchor that was measured in the same run says `here`; others are published. CPU-seconds of all threads, one thread each; best of several rounds."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these, and again")
    options = parser.parse_args()
    unknown = set(options.only or ()) - CALLS.keys()
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(CALLS)}")
    if not os.environ.get("ROPEWALK_SHARED_DATA"):
        parser.error("set ROPEWALK_SHARED_DATA to the folder of collections with labels")
    KEPT.mkdir(parents=True, exist_ok=True)
    failed = [name for name in options.only or CALLS if not table.run(KEPT, name, CALLS[name], bool(options.only))]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(table.page(KEPT, CALLS, "Search and question answering", INTRO))
    print(TARGET)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
