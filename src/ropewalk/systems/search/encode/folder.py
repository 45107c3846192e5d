"""Any sentence encoder exported to ONNX: a folder with model.onnx and tokenizer.json."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ropewalk.errors import DataError, MissingError
from ropewalk.systems.search.encode.encoder import (
    LONGEST,
    MOST,
    WHOLE,
    Encoder,
    Run,
    encoder,
    pooled,
    session,
    tokeniser,
    unit,
)

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
POOLED, TOKENS = "sentence_embedding", "last_hidden_state"


def from_folder(path: str | Path, threads: int = 1, longest: int = LONGEST, whole: bool = False) -> Encoder:
    """The encoder of a folder as exported for sentence-transformers; vectors get the length 1. `whole`: long texts are the mean of
    their windows of `longest` tokens."""
    place = Path(path)
    for name in ("model.onnx", "tokenizer.json"):
        if not (place / name).is_file():
            raise MissingError(
                "file",
                name,
                hint=f"An encoder's folder holds model.onnx and tokenizer.json; it was looked for in {place}.",
            )
    digest = hashlib.sha256(f"{longest} {WHOLE} {MOST}".encode() if whole else str(longest).encode())
    for file in sorted(p for p in place.iterdir() if p.name.startswith("model.onnx") or p.name == "tokenizer.json"):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    try:
        running = session(place / "model.onnx", threads)
    except Exception as error:  # onnxruntime has a class for each of its codes, all directly below Exception
        told = " ".join(str(error).split())
        raise DataError([f"{place / 'model.onnx'}: onnxruntime can not read it: {told}"]) from None
    run = _run(running, place)
    dims = run(np.ones((1, 2), np.int64)).shape[1]
    return encoder(digest.hexdigest(), dims, tokeniser(place / "tokenizer.json", longest, whole), run)


def _run(running: Any, place: Path) -> Run:
    inputs = [one.name for one in running.get_inputs()]
    outputs = [one.name for one in running.get_outputs()]
    output = next((name for name in (POOLED, TOKENS) if name in outputs), None)
    if unknown := [name for name in inputs if name not in INPUTS]:
        raise DataError(
            [f"{place / 'model.onnx'}: its input {unknown[0]!r} is not known. Inputs are {', '.join(INPUTS)}."]
        )
    if output is None:
        raise DataError([f"{place / 'model.onnx'}: it gives {', '.join(outputs)}, not {POOLED} or {TOKENS}."])

    def run(ids: np.ndarray) -> np.ndarray:
        made = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        found = running.run([output], {name: made[name] for name in inputs})[0]
        return pooled(found) if output == TOKENS else unit(found)

    return run
