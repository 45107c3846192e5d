"""Texts -> unit vectors: tokens by `tokenizers`, the model by `onnxruntime`, batches of equally long texts.

No text is padded: a batch holds texts of one length in tokens. Which texts share a batch does not change a vector: with
`minilm` it has the same bits (on one kind of CPU and one version of onnxruntime), with any other model whatever that
model's operators hold to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ropewalk.errors import DataError

TOKENS = 512  # of a batch: more was not faster, fewer were slower
LONGEST = 256  # tokens of a text that are read, where nobody says otherwise
SLICE = 4096  # texts that are tokenised at a time

Run = Callable[[np.ndarray], np.ndarray]  # input_ids int64 [B, T] -> unit vectors float32 [B, dims]
Tokenise = Callable[[Sequence[str]], list[list[int]]]


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
        for at in range(0, len(texts), SLICE):
            ids = tokenise(texts[at : at + SLICE])
            for batch in batches([len(one) for one in ids], TOKENS):
                vectors[at + batch] = run(np.array([ids[i] for i in batch], np.int64))
        return vectors

    return Encoder(hash, dims, encode)


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


def tokeniser(path: Path, longest: int = LONGEST) -> Tokenise:
    """The texts' token ids by a tokenizer.json, cut at `longest`; on one thread unless TOKENIZERS_PARALLELISM says otherwise."""
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise DataError([f"{path}: it can not be read as a tokenizer ({error}). Export the model again."]) from None
    made.no_padding()
    made.enable_truncation(longest)

    def tokenise(texts: Sequence[str]) -> list[list[int]]:
        whole = [text.encode("utf-8", "replace").decode() for text in texts]  # a lone surrogate has no bytes
        return [one.ids for one in made.encode_batch_fast(whole)]

    return tokenise


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
