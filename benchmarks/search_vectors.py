"""An exact scan of a million vectors: what it finds of what a search in float32 finds, and the CPU-milliseconds it takes.

    python benchmarks/search_vectors.py [--rows 1000000] [--queries 100] [--seed 1]

- Vectors: ropewalk.methods.text.made (topics, near-duplicates in groups of unequal size, directions that count unequally), 384
  numbers each, written to a temporary folder as two bytes a number and memory-mapped, in four parts of unequal size.
- Truth: every dot product in float32. A query's relevant document is the row that it was made from; it counts when the top 100 of
  float32 holds it. Overlap: the share of the exact top 100 that the scan returns.
- Also: vectors that lie around one direction (--lean), half of all rows masked away, one row in a hundred left, 32 queries at once.
- Peers, one thread, in the same run: the bare int8 products of numkong without any selection, and faiss (QT_8bit_direct_signed, no
  scales, no second pass, all in memory) where it is installed.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import tempfile
import time
from pathlib import Path

import numkong
import numpy as np

from ropewalk.methods.text.made import made_queries, made_vectors
from ropewalk.methods.text.vectors import Quantised, quantise, scan, scan_many
from rows import tell

ANCHOR, REQUIRED = 18.0, 0.999  # ms CPU of an int8 scan (numkong, faiss); recall of relevant documents
FIELDS = ("codes", "scales", "rest", "rest_scales")
K = 100


def written(x, folder):
    """The vectors as four memory-mapped parts."""
    bounds = [0, len(x) // 10, len(x) // 10 + len(x) // 33, len(x) * 6 // 10, len(x)]
    parts = []
    for i in range(4):
        kept = quantise(x[bounds[i] : bounds[i + 1]])
        for name in FIELDS:
            np.save(folder / f"{i}-{name}.npy", getattr(kept, name))
        parts.append(Quantised(*(np.load(folder / f"{i}-{name}.npy", mmap_mode="r") for name in FIELDS)))
    return parts


def truth(x, queries, mask=None):
    """[queries, K] the best rows by float32."""
    best = []
    for at in range(0, len(queries), 10):
        scores = queries[at : at + 10] @ x.T
        if mask is not None:
            scores[:, ~mask] = -np.inf
        top = np.argpartition(-scores, K, axis=1)[:, :K]
        best += [top[i][np.argsort(-scores[i, top[i]], kind="stable")] for i in range(len(top))]
    return best


def cpu_ms(work):
    begun = time.process_time()
    result = work()
    return 1e3 * (time.process_time() - begun), result


def show(what, x, parts, queries, relevant, mask=None):
    best = truth(x, queries, mask)
    scan(parts, queries[0], K, mask)  # pages and library are there
    times, found, there, overlap = [], 0, 0, []
    for query, row, top in zip(queries, relevant, best, strict=True):
        spent, (rows, _) = cpu_ms(lambda query=query: scan(parts, query, K, mask))
        times.append(spent)
        overlap.append(len(np.intersect1d(rows, top)) / K)
        there += row in top
        found += row in top and row in rows
    middle, least = float(np.median(times)), min(times)
    recall = f"relevant {found} of {there} ({found / max(1, there):.4f})"
    print(
        f"  {what:<34} {middle:6.1f} ms CPU (least {least:.1f})   {middle / ANCHOR:5.2f} x anchor {ANCHOR:.0f}   {recall}   overlap {np.mean(overlap):.4f}"
    )
    return found / max(1, there), middle


def bare(parts, query):
    """Milliseconds of the products alone."""
    short = np.rint(127 * query / np.abs(query).max()).astype(np.int8)[None]
    codes = [np.asarray(part.codes) for part in parts]
    return sorted(cpu_ms(lambda: [numkong.cdist(short, one, "dot") for one in codes])[0] for _ in range(15))[7]


def faiss_ms(parts, queries):
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(1)
    index = faiss.IndexScalarQuantizer(
        queries.shape[1], faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
    )
    for part in parts:
        for at in range(0, len(part.codes), 100_000):
            index.add(part.codes[at : at + 100_000].astype(np.float32))
    scaled = np.ascontiguousarray(127 * queries / np.abs(queries).max())
    return sorted(cpu_ms(lambda i=i: index.search(scaled[i : i + 1], 4 * K))[0] for i in range(min(15, len(queries))))[
        7
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"{given.rows:,} x 384, top {K}, one thread, {given.queries} queries")
    with tempfile.TemporaryDirectory(prefix="ropewalk-bench-") as scratch:
        recalls, spent_ms, peers = [], [], ""
        for what, lean in (("topics and near-duplicates", 0.5), ("the same, around one direction", 4.0)):
            x = made_vectors(given.rows, seed=given.seed, lean=lean)
            folder = Path(scratch) / str(lean)
            folder.mkdir()
            parts = written(x, folder)
            queries, relevant = made_queries(x, given.queries, seed=given.seed + 1)
            recall, middle = show(what, x, parts, queries, relevant)
            recalls.append(recall)
            spent_ms.append(middle)
            if lean > 1:
                continue
            random = np.random.default_rng(given.seed)
            for share in (0.5, 0.01):
                some = min(20, given.queries)
                mask = random.random(given.rows) < share
                mask[relevant[:some]] = True
                said = f"{share:.0%} of the rows may be found"
                recalls.append(show(said, x, parts, queries[:some], relevant[:some], mask)[0])
            spent, _ = cpu_ms(lambda parts=parts, queries=queries: scan_many(parts, queries[:32], K))
            print(f"  32 queries at once                 {spent / min(32, given.queries):6.1f} ms CPU a query")
            products, peer = bare(parts, queries[0]), faiss_ms(parts, queries)
            print(f"  peer: products of numkong alone    {products:6.1f} ms CPU")
            peers = f"bare int8 products (numkong) {products:.1f} ms" + (f", faiss {peer:.1f} ms" if peer else "")
            print(f"  peer: faiss                        {'not installed' if peer is None else f'{peer:6.1f} ms CPU'}")
        tell(
            f"exact scan by int8 with re-scoring, {given.rows:,} vectors x 384: recall of relevant documents, CPU a query",
            f"{min(recalls):.4f} at {spent_ms[0]:.1f} ms, ratio {spent_ms[0] / products:.2f}; around one direction {spent_ms[-1]:.1f} ms",
            f"{REQUIRED}", "", f"{peers} here (18 ms published)", min(recalls) >= REQUIRED if given.rows >= 1_000_000 else None,
        )  # fmt: skip
        print(f"  least recall {min(recalls):.4f}; required {REQUIRED}: {'yes' if min(recalls) >= REQUIRED else 'NO'}")


if __name__ == "__main__":
    main()
