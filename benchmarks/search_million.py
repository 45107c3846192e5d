"""A million documents on this machine: built, merged, opened, searched; CPU, bytes and anonymous memory of each.

    python benchmarks/search_million.py [--documents 1000000] [--folder out/search-million]

The documents are made: TOPICS topics, each with 30 words of its own and a direction in 384 dimensions. A document has 80 words, half
of them its topic's and half drawn from a vocabulary of 200,000 words with frequencies 1 / rank, and the vector of its topic with
noise; every twentieth is a copy of the one before with one word changed. A query is five words of a topic and a noisy vector of one of
its documents; relevant are the documents of that topic. Vectors are given, so no encoder runs.

Recall is of relevant documents among the first 100, beside that of the same search with every vector compared in float32.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import resource
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ropewalk.store import open_store
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.index.upkeep import merge
from ropewalk.systems.search.retrieve.engine import Engine, Leg, Ranked, Wanted
from ropewalk.systems.search.retrieve.fused import fuse
from rows import tell

TOPICS, OWN, WORDS, VOCABULARY, DIMS, QUERIES = 20_000, 30, 80, 200_000, 384, 200
PART = 50_000
MILLION = 1_000_000
GB = 1e9


class Memory:
    """The largest anonymous memory of this process inside the block, in bytes, looked at twenty times a second."""

    def __enter__(self) -> Memory:
        self.most, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            self.most = max(self.most, anonymous())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, anonymous())


def anonymous() -> int:
    line = next(text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def cpu() -> float:
    """CPU-seconds of all threads of this process, system time included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Made:
    """The generator. The same number gives the same document, whatever was made before."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        letters = np.array(list("abcdefghijklmnoprstuvwz"))
        self.words = np.array(["".join(w) for w in letters[rng.integers(0, len(letters), (VOCABULARY, 6))]], object)
        self.chance = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
        self.chance /= self.chance[-1]
        self.own = rng.integers(1_000, VOCABULARY, (TOPICS, OWN))
        self.centres = unit(rng.standard_normal((TOPICS, DIMS)))

    def part(self, start: int, count: int) -> tuple[list[dict], np.ndarray, np.ndarray]:
        """(documents, vectors float32 [count, DIMS], topics [count])."""
        rng = np.random.default_rng([1, start])
        topics = rng.integers(0, TOPICS, count)
        copies = np.flatnonzero(np.arange(count) % 20 == 19)
        topics[copies] = topics[copies - 1]
        mine = self.own[topics[:, None], rng.integers(0, OWN, (count, WORDS // 2))]
        common = np.searchsorted(self.chance, rng.random((count, WORDS // 2)))
        ids = np.concatenate([mine, common], axis=1)
        ids = np.take_along_axis(ids, rng.random(ids.shape).argsort(axis=1), axis=1)
        noise = rng.standard_normal((count, DIMS)) * (0.7 / np.sqrt(DIMS))
        vectors = self.centres[topics] + noise
        ids[copies, 1:], vectors[copies] = ids[copies - 1, 1:], vectors[copies - 1] + noise[copies] / 50
        texts = [" ".join(row) for row in self.words[ids]]
        documents = [{"id": f"d{start + i}", "text": text} for i, text in enumerate(texts)]
        return documents, unit(vectors), topics

    def queries(self, topics: np.ndarray, seed: int = 2) -> tuple[list[str], np.ndarray]:
        """Texts, and vectors float32 [n, DIMS], of queries about some topics."""
        rng = np.random.default_rng(seed)
        texts = [" ".join(self.words[self.own[t, rng.choice(OWN, 5, replace=False)]]) for t in topics]
        return texts, unit(self.centres[topics] + rng.standard_normal((len(topics), DIMS)) * (0.9 / np.sqrt(DIMS)))


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def parts(made: Made, count: int) -> Iterator[tuple[list[dict], np.ndarray, np.ndarray]]:
    for start in range(0, count, PART):
        yield made.part(start, min(PART, count - start))


def build(collection: Collection, made: Made, count: int) -> dict[str, float]:
    """Segments and their commit; what the generator takes is not in the CPU-seconds."""
    collection.create(Layout((Field("text", "text"),), encoder="made", dims=DIMS))
    segments, spent, text = [], 0.0, 0
    for documents, vectors, _ in parts(made, count):
        begun = cpu()
        segments.append(collection.put_segment(documents, vectors))
        spent += cpu() - begun
        text += sum(len(d["text"]) for d in documents)
    begun = cpu()
    collection.commit(segments)
    return {"cpu": spent + cpu() - begun, "text": text, "bytes": sum(s.bytes for s in segments)}


def exact(made: Made, count: int, queries: np.ndarray, k: int) -> list[Leg]:
    """The best k rows of each query by float32 products with every vector, as they were given."""
    rows, scores = np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.float32)
    at = 0
    for _, vectors, _ in parts(made, count):
        found = queries @ vectors.T
        top = np.argpartition(-found, k - 1, axis=1)[:, :k]
        rows = np.concatenate([rows, top + at], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(found, top, axis=1)], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        rows, scores = np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
        at += len(vectors)
    return [Leg(r, s) for r, s in zip(rows, scores, strict=True)]


def search(collection: Collection, made: Made, count: int, topics: np.ndarray) -> None:
    collection.open().close()  # what is local is there afterwards
    begun, wall = cpu(), time.perf_counter()
    engine = Engine(collection.open(), None, fuse)
    asked = rng_topics(topics)
    texts, vectors = made.queries(asked)
    engine.search(Wanted(texts[0], 100, count=False), vectors[0])
    seconds, spent = time.perf_counter() - wall, cpu() - begun
    tell(
        f"cold start from the local cache, {count:,} documents: open and the first hybrid answer", f"{seconds:.2f} s ({spent:.2f} CPU-s)",
        "1 s", "", "turbopuffer 0.87 s at 1 M from object storage", seconds <= 1 if count >= MILLION else None,
    )  # fmt: skip
    begun = cpu()
    found = [engine.search(Wanted(t, 100, count=False), v) for t, v in zip(texts, vectors, strict=True)]
    each = 1000 * (cpu() - begun) / len(texts)
    truth = exact(made, count, vectors, engine.depth)
    best = [
        engine.order(engine, replace(legs_of(engine, t, v), dense=leg))
        for t, leg, v in zip(texts, truth, vectors, strict=True)
    ]
    relevant = [set(np.flatnonzero(topics == t).tolist()) for t in asked]
    ours = np.mean([len(r & set(f.rows.tolist())) / len(r) for r, f in zip(relevant, found, strict=True)])
    theirs = np.mean([len(r & set(f.rows[:100].tolist())) / len(r) for r, f in zip(relevant, best, strict=True)])
    same = np.mean(
        [
            len(set(f.legs["dense"].rows[:100].tolist()) & set(leg.rows[:100].tolist())) / 100
            for f, leg in zip(found, truth, strict=True)
        ]
    )
    print(
        f"recall of relevant documents {ours:.5f}, exact {theirs:.5f}; of the exact first 100 by vector {same:.5f} are ours"
    )
    alone = products(engine, vectors)
    tell(
        f"hybrid, {count:,} vectors x {DIMS}: relevant-document recall against exact, term leg and re-scoring included",
        f"{ours / theirs:.5f} at {each:.1f} ms CPU a query, ratio {each / alone:.2f}", "0.999 at 30 ms", "22 ms",
        f"bare int8 products (numkong) {alone:.1f} ms here, 18 ms published",
        ours / theirs >= 0.999 and each <= 30 if count >= MILLION else None,
    )  # fmt: skip


def products(engine: Engine, queries: np.ndarray) -> float:
    """CPU-milliseconds of a query's products with every code, without choosing any: the median of 15."""
    import numkong

    times = []
    for query in queries[:15]:
        short = np.rint(127 * query / np.abs(query).max()).astype(np.int8)[None]
        begun = cpu()
        for part in engine.snapshot.vectors:
            numkong.cdist(short, np.asarray(part.codes), "dot")
        times.append(1000 * (cpu() - begun))
    return float(np.median(times))


def legs_of(engine: Engine, text: str, vector: np.ndarray) -> Ranked:
    """What is fused for a query."""
    return engine.ranked(Wanted(text, 100, count=False), vector)


def rng_topics(topics: np.ndarray) -> np.ndarray:
    return np.random.default_rng(3).choice(topics, QUERIES, replace=False)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--documents", type=int, default=1_000_000)
    arguments.add_argument("--folder", type=Path, default=Path("out/search-million"))
    options = arguments.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    made, count = Made(), options.documents
    with Memory() as memory, open_store(str(options.folder)) as store:
        base = anonymous()
        collection = Collection(store, "million")
        built = build(collection, made, count)
        print(f"built: {count:,} documents, {built['text'] / GB:.2f} GB of text, {count / built['cpu']:,.0f} documents per CPU-s, "
              f"{built['bytes'] / GB:.2f} GB with vectors, {len(collection.manifest().segments)} segments")  # fmt: skip
        begun = cpu()
        merged = merge(collection)
        print(
            f"merged: {merged.merges} merges, {merged.before} -> {merged.after} segments, {merged.rows:,} rows written, {cpu() - begun:.0f} CPU-s"
        )
        topics = np.concatenate([t for _, _, t in parts(made, count)])
        search(collection, made, count, topics)
    print(f"requests to the store: {dict(store.requests)}; the generator's own {base / GB:.2f} GB are in the memory")
    tell(
        f"{count:,} documents on 2 cores: built, merged, served; anonymous memory",
        f"{memory.most / GB:.2f} GB",
        "2 GB",
        holds=memory.most <= 2e9 if count >= MILLION else None,
    )


if __name__ == "__main__":
    main()
