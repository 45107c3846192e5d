"""Texts -> unit vectors: tokens by `tokenizers`, the model by `onnxruntime`, batches of equally long texts.

No text is padded: a batch holds texts of one length in tokens. Which texts share a batch does not change a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ropewalk.errors import MissingError

TOKENS = 512  # of a batch: more was not faster, fewer were slower
LONGEST = 256  # tokens of a text that are read; what all-MiniLM-L6-v2 was trained for
SLICE = 4096  # texts that are tokenised at a time

Run = Callable[[np.ndarray], np.ndarray]  # input_ids int64 [B, T] -> float32 [B, dims]
Tokenise = Callable[[Sequence[str]], list[list[int]]]


class Encoder:
    """Texts in, unit vectors out. `hash` changes whenever a vector may: it names the encoder in caches and releases."""

    def __init__(self, hash: str, dims: int, tokenise: Tokenise, run: Run) -> None:
        self.hash = hash
        self.dims = dims
        self._tokenise = tokenise
        self._run = run

    def __repr__(self) -> str:
        return f"Encoder({self.hash[:12]}, dims={self.dims})"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [len(texts), dims], each row of length 1; a text's row depends on the text alone."""
        vectors = np.empty((len(texts), self.dims), np.float32)
        for at in range(0, len(texts), SLICE):
            ids = self._tokenise(texts[at : at + SLICE])
            for batch in batches([len(one) for one in ids], TOKENS):
                vectors[at + batch] = self._run(np.array([ids[i] for i in batch], np.int64))
        return vectors


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
    """The texts' token ids by a tokenizer.json, cut at `longest`."""
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise MissingError("tokenizer", str(path), hint=f"It can not be read: {error}.") from None
    made.no_padding()
    made.enable_truncation(longest)
    return lambda texts: [one.ids for one in made.encode_batch_fast(list(texts))]


def session(model: bytes | str, threads: int) -> Any:
    """An onnxruntime session on `threads` threads that sleep when there is nothing to do."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
