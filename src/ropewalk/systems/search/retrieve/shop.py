"""A toy collection in memory: what tests of retrieval read, and a user who tries something out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.retrieve.engine import Engine
from ropewalk.systems.search.retrieve.fused import fuse

if TYPE_CHECKING:
    from ropewalk.store import Store

DIMS = 32
LAYOUT = Layout(
    (
        Field("title", "text", 2.0), Field("text", "text"), Field("brand", "keyword"), Field("tags", "keyword"), Field("stock", "int"),
        Field("price", "float"), Field("sold", "date"), Field("new", "bool"), Field("tenant", "keyword"),
    ),
    encoder="toy/none/32/0", dims=DIMS,
)  # fmt: skip
DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"id": "1", "title": "Red running shoes", "text": "Light shoes for running on roads.", "brand": "Alder", "tags": ["shoe", "red"],
     "stock": 3, "price": 79.5, "sold": "2024-01-31", "new": True, "tenant": "a"},
    {"id": "2", "title": "Leather shoes", "text": "Shoes of brown leather. Running in them is no pleasure.", "brand": "Birch",
     "tags": ["shoe"], "stock": 0, "price": 120.0, "sold": "2024-02-10T12:00:00Z", "new": False, "tenant": "a"},
    {"id": "3", "title": "Trekking boots", "text": "Waterproof boots for hiking in the mountains.", "brand": "Alder", "tags": ["boot"],
     "stock": 12, "price": 149.0, "sold": "2023-11-05", "new": False, "tenant": "b"},
    {"id": "4", "title": "Rain jacket", "text": "A waterproof jacket, red or blue.", "brand": "Cedar", "price": 60.0, "tenant": "b"},
    {"id": "5", "title": "Secret plan", "text": "The running costs of the secret warehouse.", "brand": "Cedar", "stock": 3, "tenant": "c"},
)  # fmt: skip


def encode(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors [n, DIMS]: each word of a text adds its own direction, so that texts with common words are near."""
    rows = np.stack([sum((_direction(word) for word in text.lower().split()), np.full(DIMS, 1e-3)) for text in texts])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _direction(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.strip(".,").encode()).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(DIMS)


def shop(store: Store, documents: Sequence[dict[str, Any]] = DOCUMENTS, name: str = "shop") -> Collection:
    """The collection, written in two commits."""
    collection = Collection(store, name)
    collection.create(LAYOUT)
    half = max(1, len(documents) // 2)
    for part in (documents[:half], documents[half:]):
        if part:
            collection.write(part, vectors=encode([f"{d.get('title', '')} {d.get('text', '')}" for d in part]))
    return collection


def engine(collection: Collection, **more: Any) -> Engine:
    return Engine(collection.open(), encode, fuse, **more)
