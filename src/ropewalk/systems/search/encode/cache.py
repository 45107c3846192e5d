"""Vectors kept by text hash and encoder hash, so that a text is encoded once."""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ropewalk.systems.search.encode.encoder import Encoder

Cached = MutableMapping[str, bytes]  # key of a block -> its bytes: a dict, or a store's objects


def text_hash(text: str) -> bytes:
    """16 bytes that name a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


@dataclass
class _Wrapped:
    encoder: Encoder
    kept: dict[bytes, np.ndarray] = field(default_factory=dict)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        keys = [text_hash(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.kept}
        for key, row in zip(new, self.encoder.encode(list(new.values())), strict=True):
            self.kept[key] = row
        return np.stack([self.kept[key] for key in keys]) if keys else np.empty((0, self.encoder.dims), np.float32)


def cached(encoder: Encoder) -> _Wrapped:
    return _Wrapped(encoder)
