"""Texts -> unit vectors: tokens by `tokenizers`, the model by `onnxruntime`, batches of equally long texts.

No text is padded: a batch holds texts of one length in tokens. Which texts share a batch does not change a vector: with
`minilm` it has the same bits (on one kind of CPU and one version of onnxruntime), with any other model whatever that
model's operators hold to.

A text longer than the model reads is cut into windows, and known by the first. An encoder that reads texts `whole` knows one of more than
WHOLE tokens by the mean of its windows, each weighing its tokens; of more than MOST tokens, windows at even distances
(docs/decisions/0033-encoder.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ropewalk.errors import DataError

TOKENS = 512  # of a batch: more was not faster, fewer were slower
LONGEST = 256  # tokens of a window, where nobody says otherwise
WHOLE = 256  # tokens of a text up to which its first window stands for it: it says at its beginning what it is about
MOST = 2_048  # tokens of a text that are read at most
SLICE = 4096  # texts that are tokenised at a time
CHARACTERS = 4_000_000  # of them at most, or one text: a token takes some 100 bytes until it is a number

Run = Callable[[np.ndarray], np.ndarray]  # input_ids int64 [B, T] -> unit vectors float32 [B, dims]
Tokenise = Callable[[Sequence[str]], list[list[list[int]]]]  # texts -> the token ids of each window of each text


@dataclass(frozen=True, slots=True)
class Encoder:
    """Texts in, float32 [texts, dims] out, each row of length 1 and depending on its own text alone.

    `hash` names weights, tokenizer, graph and precision: it pins a release and keeps caches apart.
    """

    hash: str
    dims: int
    encode: Callable[[Sequence[str]], np.ndarray]


def encoder(hash: str, dims: int, tokenise: Tokenise, run: Run) -> Encoder:
    """An encoder from its two halves."""

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = np.empty((len(texts), dims), np.float32)
        for part in slices(texts):
            windows = tokenise(texts[part])
            flat = [ids for one in windows for ids in one]
            found = np.empty((len(flat), dims), np.float32)
            for batch in batches([len(ids) for ids in flat], TOKENS):
                found[batch] = run(np.array([flat[i] for i in batch], np.int64))
            vectors[part] = joined(found, windows)
        return vectors

    return Encoder(hash, dims, encode)


def slices(texts: Sequence[str]) -> Iterator[slice]:
    """Stretches of at most SLICE texts and CHARACTERS characters (or one text)."""
    start = size = 0
    for at, text in enumerate(texts):
        if at > start and (at - start == SLICE or size + len(text) > CHARACTERS):
            yield slice(start, at)
            start, size = at, 0
        size += len(text)
    if start < len(texts):
        yield slice(start, len(texts))


def joined(vectors: np.ndarray, windows: Sequence[Sequence[Sequence[int]]]) -> np.ndarray:
    """One vector a text [texts, dims] from those of all windows, text after text."""
    starts = np.cumsum([0, *(len(one) for one in windows)])[:-1]
    out: np.ndarray = vectors[starts]
    for text, one in enumerate(windows):
        if len(one) > 1:
            tokens = np.array([len(ids) for ids in one], np.float32)
            mine = vectors[starts[text] : starts[text] + len(one)]
            out[text] = unit((mine * tokens[:, None]).sum(axis=0, keepdims=True))[0]
    return out


def batches(lengths: Sequence[int], tokens: int) -> Iterator[np.ndarray]:
    """Places of equally long texts, at most `tokens` tokens together (or one text)."""
    sizes = np.asarray(lengths)
    order = np.argsort(sizes, kind="stable")
    for same in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        if len(same):
            step = max(1, tokens // max(1, int(sizes[same[0]])))
            yield from (same[at : at + step] for at in range(0, len(same), step))


def pooled(layer: np.ndarray) -> np.ndarray:
    """Last layer [B, T, dims] -> mean over the tokens, of length 1 (Reimers and Gurevych, arXiv 1908.10084).

    Here and not in the graph: numpy adds the tokens in their order, however many texts there are.
    """
    return unit(layer.mean(axis=1))


def unit(vectors: np.ndarray) -> np.ndarray:
    """[B, dims] of length 1; zeros stay zeros."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))


def tokeniser(path: Path, longest: int = LONGEST, whole: bool = False) -> Tokenise:
    """The windows of texts by a tokenizer.json, each of `longest` tokens at most: the first, or if `whole` those that are read of a
    long text. On one thread unless TOKENIZERS_PARALLELISM says otherwise."""
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise DataError([f"{path}: it can not be read as a tokenizer ({error}). Export the model again."]) from None
    made.no_padding()
    made.enable_truncation(longest)

    def tokenise(texts: Sequence[str]) -> list[list[list[int]]]:
        clean = [text.encode("utf-8", "replace").decode() for text in texts]  # a lone surrogate has no bytes
        return [[window.ids for window in _read(one, longest, whole)] for one in made.encode_batch_fast(clean)]

    return tokenise


def _read(first: Any, longest: int, whole: bool) -> Sequence[Any]:
    """Those of a text's windows that are read."""
    windows = [first, *first.overflowing] if whole else [first]
    if len(windows) * longest <= WHOLE:
        return windows[:1]
    most = max(1, MOST // longest)
    return windows if len(windows) <= most else [windows[i] for i in np.linspace(0, len(windows) - 1, most).astype(int)]


def session(model: bytes | Path, threads: int, ready: bool = False) -> Any:
    """An onnxruntime session on `threads` threads that sleep when there is nothing to do.

    `ready`: the graph is already what it should be. onnxruntime would join sum and normalisation to an operator that is
    eight times slower than the two.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if ready:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
