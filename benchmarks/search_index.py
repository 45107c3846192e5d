"""Indexing, size, term queries and opening of the search index, next to bare tantivy in the same run.

    ROPEWALK_SHARED_DATA=... python benchmarks/search_index.py [1000000]      # documents of the large collection; 0: none

Texts are those of the Chorus and Vaswani collections, cut into pieces of about 500 bytes; the queries are theirs. CPU-seconds are
of all threads (user and system). Each figure is the best of several rounds, in which ours and bare tantivy take turns, because
the machine may be shared. The large collection repeats the pieces under new ids.

"Through our API" is from the text of a query to the ids of its hits: `Engine.search`, which parses, mends typing errors and
ranks. A bare loop over tantivy begins with the text, too; beside both what
a query costs that is parsed already.
"""

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import gzip
import json
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import tantivy

from ropewalk.methods.text import analysis
from ropewalk.store import open_store
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout, register
from ropewalk.systems.search.index.segment import build_segment
from ropewalk.systems.search.index.upkeep import merge
from ropewalk.systems.search.retrieve.engine import Engine, Wanted
from ropewalk.systems.search.retrieve.fused import fuse
from rows import tell

PIECE = 500  # bytes
BATCH = 40_000  # documents of a write of the large collection
INDEXED = {"positions and stored text": (28_000, 0.85, "65 %"), "without either": (34_000, 0.17, "")}
QUERIES, MORE_QUERIES = 3_000, 3_600  # of a CPU-second: required, stretch


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def pieces(folder):
    """Documents of 450 to some 510 bytes."""
    found = []
    for name in ("chorus", "vaswani"):
        with gzip.open(folder / name / "docs.jsonl.gz", "rt") as file:
            for line in file:
                document, part, size = json.loads(line), [], 0
                for word in document["text"].split(" "):
                    part.append(word)
                    size += len(word.encode()) + 1
                    if size >= PIECE:
                        found.append({"id": f"{name}-{document['id']}-{len(found)}", "text": " ".join(part)})
                        part, size = [], 0
                if size >= PIECE - 50:
                    found.append({"id": f"{name}-{document['id']}-{len(found)}", "text": " ".join(part)})
    return found


def queries(folder):
    files = [folder / name / "queries.tsv" for name in ("chorus", "vaswani")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    texts = [line.split("\t")[1] for line in lines]
    return ["".join(c if c.isalnum() else " " for c in text) for text in texts]


def bare(layout, documents, folder, stored):
    """tantivy alone: one thread, one commit."""
    option = "position" if layout.positions else "freq"
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic", stored=stored)
    builder.add_text_field("text_en", tokenizer_name=analysis.name("en"), index_option=option, stored=stored)
    index = tantivy.Index(builder.build(), str(folder))
    register(index, layout)
    writer = index.writer(100_000_000, 1)
    for document in documents:
        writer.add_document(tantivy.Document(id=document["id"], text_en=document["text"]))
    writer.commit()
    writer.wait_merging_threads()
    return sum(file.stat().st_size for file in folder.iterdir())


def indexing(documents, rounds=5):
    text = sum(len(document["text"].encode()) for document in documents)
    print(f"{len(documents):,} documents, {text / len(documents):.0f} bytes each\n")
    print(f"{'indexing':34} {'documents per CPU-s':>20} {'of the text':>12}")
    for name, options in (("positions and stored text", {}), ("without either", {"positions": False, "stored": False})):
        layout = Layout((Field("text", "text"),), **options)
        best = {"ropewalk": [9e9, 0], "bare tantivy": [9e9, 0]}
        for _ in range(rounds):
            for who in best:
                with tempfile.TemporaryDirectory(dir=scratch()) as place:
                    begun = cpu()
                    if who == "ropewalk":
                        size = build_segment(layout, documents, None, Path(place)).bytes
                    else:
                        size = bare(layout, documents, Path(place), layout.stored)
                    best[who] = [min(best[who][0], cpu() - begun), size]
        for who, (seconds, size) in best.items():
            print(f"{name + ', ' + who:34} {len(documents) / seconds:20,.0f} {size / text:12.1%}")
        speeds, shares = (
            [of(*best[who]) for who in best] for of in (lambda s, _: len(documents) / s, lambda _, b: b / text)
        )
        least, most, stretch = INDEXED[name]
        tell(
            f"indexing, {name}: documents per CPU-s; index of the text", f"{speeds[0]:,.0f}; {shares[0]:.1%}",
            f"{least:,}; {most:.0%}", stretch, f"bare tantivy {speeds[1]:,.0f}, ratio {speeds[0] / speeds[1]:.2f}; {shares[1]:.1%}",
            speeds[0] >= least and shares[0] <= most,
        )  # fmt: skip
    print()


def searching(collection, texts, rounds=5):
    """Queries a CPU-second: through our API, by our terms and ids alone, by a bare loop over tantivy."""
    snapshot, fields = collection.open(), ["text_en"]
    texts = [text for text in texts if analysis.terms(text, "en")]
    parsed = [snapshot.index.parse_query(text, fields) for text in texts]
    ids, starts = snapshot.ids(range(snapshot.rows)), snapshot.starts.tolist()
    held = []

    def loop(text):
        query = snapshot.index.parse_query(text, fields)
        return [
            ids[starts[at.segment_ord] + at.doc] for _, at in snapshot.searcher.search(query, 100, count=False).hits
        ]

    def ours(query):
        return snapshot.ids(snapshot.terms(query, 100)[0])

    def whole(text):
        return held[0].snapshot.ids(held[0].search(Wanted(text, 100, "terms", count=False)).rows)

    best = {
        "ropewalk: from text to ids": [whole, texts, 9e9],
        "ropewalk: parsed query to ids": [ours, parsed, 9e9],
        "bare tantivy, ids from a list": [loop, texts, 9e9],
    }
    for _ in range(rounds):
        held[:] = [Engine(collection.open(), None, fuse)]  # it remembers no word that it mended
        held[0].search(Wanted("rope", 1, "terms", count=False))
        for entry in best.values():
            begun = cpu()
            for query in entry[1]:
                entry[0](query)
            entry[2] = min(entry[2], cpu() - begun)
    print(f"{'top 100 of ' + format(snapshot.live, ',') + ' documents':34} {'queries per CPU-s':>20}")
    speeds = [len(parsed) / seconds for *_, seconds in best.values()]
    for name, speed in zip(best, speeds, strict=True):
        print(f"{name:34} {speed:20,.0f}")
    print()
    return speeds


def told(documents, whole, ours, bare_loop):
    tell(
        f"BM25 top-100 with ids, {documents:,} documents with their text stored, through our API: queries per CPU-s",
        f"{whole:,.0f} from text to ids, ratio {whole / bare_loop:.2f}; {ours:,.0f} from a parsed query, ratio {ours / bare_loop:.2f}",
        f"{QUERIES:,}", f"{MORE_QUERIES:,}", f"bare tantivy loop from text {bare_loop:,.0f}",
        whole >= QUERIES if documents >= 40_000 else None,
    )  # fmt: skip


def opening(store, documents, count, texts):
    """A large collection: written, merged, opened by a process that knows nothing of it, and again after a small commit."""
    collection = Collection(store, "large")
    collection.create(Layout((Field("text", "text"),)))
    peak, begun, wall = Peak(), cpu(), time.monotonic()
    for start in range(0, count, BATCH):
        some = [documents[i % len(documents)] for i in range(start, min(count, start + BATCH))]
        collection.write([{**document, "id": f"{start + i}-{document['id']}"} for i, document in enumerate(some)])
    written, begun = cpu() - begun, cpu()
    done = merge(collection)
    merged = cpu() - begun
    size = sum(info.bytes for info in collection.manifest().segments)
    print(
        f"{count:,} documents: written in {written:.0f} CPU-s, merged in {merged:.0f} CPU-s ({done.rows:,} rows again)"
    )
    print(
        f"in {time.monotonic() - wall:.0f} s; segments: {len(collection.manifest().segments)}; {size / 1e6:,.0f} MB; anonymous memory at most {peak.bytes / 1e6:,.0f} MB"
    )
    for what in ("from the store (nothing local)", "from the local cache"):
        cold = Collection(store, "large")
        begun, used = time.monotonic(), cpu()
        with cold.open() as now:
            rows, _ = now.terms(now.index.parse_query(texts[0], ["text_en"]), 10)
            found = now.documents(rows)
            print(
                f"opened {what}, first ten documents: {time.monotonic() - begun:.2f} s ({cpu() - used:.2f} CPU-s), {len(found)}"
            )
    collection.write([{"id": "fresh", "text": "a rope of hemp unheardof"}], deletes=["0-" + documents[0]["id"]])
    begun, used = time.monotonic(), cpu()
    with collection.open() as now:
        assert now.ids(now.terms(now.index.parse_query("unheardof", ["text_en"]), 1)[0]) == ["fresh"]
        seconds = time.monotonic() - begun
        print(f"a new document is found after its commit in {seconds:.2f} s ({cpu() - used:.2f} CPU-s)\n")
        tell(
            f"a document is found after the commit that adds it, {count:,} documents",
            f"{seconds:.2f} s",
            "1 s",
            holds=seconds <= 1,
        )
    searching(collection, texts)


class Peak(threading.Thread):
    """Bytes of this process that no file stands behind, at their most; looked at twenty times a second."""

    def __init__(self):
        super().__init__(daemon=True)
        self.bytes = 0
        self.start()

    def run(self):
        while True:
            status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
            self.bytes = max(self.bytes, 1024 * int(status["RssAnon"].split()[0]))
            time.sleep(0.05)


def deleting(documents, texts):
    """Scores while a twentieth of the documents is deleted and not merged away yet, against those of a rebuild."""
    gone = {documents[i]["id"] for i in np.random.default_rng(0).choice(len(documents), len(documents) // 20, False)}
    with open_store("memory://") as store:
        one, two = Collection(store, "one"), Collection(store, "two")
        for collection in (one, two):
            collection.create(Layout((Field("text", "text"),)))
        one.write(documents)
        one.write([], gone)
        two.write([document for document in documents if document["id"] not in gone])
        engines = [Engine(collection.open(), None, fuse) for collection in (one, two)]
        errors, same = [], 0
        for text in texts:
            found = [engine.search(Wanted(text, 100, "terms", count=False)) for engine in engines]
            ids = [engine.snapshot.ids(f.rows) for engine, f in zip(engines, found, strict=True)]
            a, b = (dict(zip(i, f.scores, strict=True)) for i, f in zip(ids, found, strict=True))
            errors += [abs(a[id] / b[id] - 1) for id in a.keys() & b.keys()]
            same += ids[0][:10] == ids[1][:10]
    tell(
        "scores with 5 % deleted and not merged, against a rebuild: largest error",
        f"{max(errors):.2%} (mean {np.mean(errors):.3%}; {same} of {len(texts)} first tens the same)",
        "1 %",
        holds=max(errors) <= 0.01,
    )


def scratch():
    """Memory, so that a slow disk does not count."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main():
    folder = os.environ.get("ROPEWALK_SHARED_DATA")
    if not folder:
        sys.exit("Set ROPEWALK_SHARED_DATA to the folder that holds search/chorus and search/vaswani.")
    shared = Path(folder) / "search" if (Path(folder) / "search").exists() else Path(folder)
    documents, texts = pieces(shared), queries(shared)
    indexing(documents)
    with tempfile.TemporaryDirectory() as place, open_store(place) as store:
        twice = documents + [{**document, "id": f"again-{document['id']}"} for document in documents]
        collection = Collection(store, "all")
        collection.create(Layout((Field("text", "text"),)))
        collection.write(twice)
        told(collection.manifest().live, *searching(collection, texts))
        deleting(documents, texts)
        count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
        if count:
            opening(store, documents, count, texts)


if __name__ == "__main__":
    main()
