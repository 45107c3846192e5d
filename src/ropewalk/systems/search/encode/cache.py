"""Vectors kept in a store by text hash and encoder hash: what was encoded once, by any process, is not encoded again.

A block is an object `vectors/<encoder>/<hash of the block>` that never changes: the number of its texts n (8 bytes), n text
hashes (16 bytes each), n vectors (float32). Every call that encodes something new leaves a block of at most SLICE texts; writers
never meet, and the same texts make the same block.

Cost, with 384 numbers: 1.55 kB a text in the store (1.55 GB a million). Opening reads the hashes of all blocks: a listing,
one request a block and 16 bytes a text, and keeps 24 bytes a text in memory. Many small additions make many small blocks:
`tidy` joins them. What another process adds after the opening is not seen, and encoded again. An encoder that is
no longer used: delete the objects below its `vectors/<encoder>/`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from ropewalk.store import Store
from ropewalk.systems.search.encode.encoder import SLICE, Encoder

HASH = np.dtype("<u8")  # a text's hash is two of them
NONE = np.empty((0, 2), HASH)


def cached(encoder: Encoder, store: Store) -> Encoder:
    """The same encoder, which asks the store first and leaves there what it had to encode."""
    kept = _Kept(store, encoder, _blocks(encoder, store))

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = np.empty((len(texts), encoder.dims), np.float32)
        for at in range(0, len(texts), SLICE):
            vectors[at : at + SLICE] = _encode(encoder, store, kept, texts[at : at + SLICE])
        return vectors

    return Encoder(encoder.hash, encoder.dims, encode)


def tidy(encoder: Encoder, store: Store, least: int = SLICE) -> int:
    """Join blocks of fewer than `least` texts; returns how many went. Whoever reads one that went encodes again."""
    small = {key: hashes for key, hashes in _blocks(encoder, store).items() if len(hashes) < least}
    if len(small) < 2:
        return 0
    kept, joined = _Kept(store, encoder, small), set()
    for at in range(0, len(kept.hashes), SLICE):
        vectors, there = kept.get(np.arange(at, min(at + SLICE, len(kept.hashes))))
        joined.add(_put(store, encoder, kept.hashes[at : at + SLICE][there], vectors[there]))
    for key in small.keys() - joined:
        store.delete_object(key)
    return len(small.keys() - joined)


def text_hashes(texts: Sequence[str]) -> np.ndarray:
    """uint64 [texts, 2]: half of the texts' sha256."""
    digests = b"".join(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:16] for text in texts)
    return np.frombuffer(digests, HASH).reshape(-1, 2)


def _encode(encoder: Encoder, store: Store, kept: _Kept, texts: Sequence[str]) -> np.ndarray:
    hashes, first, back = np.unique(text_hashes(texts), axis=0, return_index=True, return_inverse=True)
    vectors, there = kept.get(kept.find(hashes))
    if not there.all():
        vectors[~there] = encoder.encode([texts[i] for i in first[~there]])
        key = _put(store, encoder, hashes[~there], vectors[~there])
        kept.add({key: hashes[~there]})
    return vectors[back.ravel()]


def _place(encoder: Encoder) -> str:
    return f"vectors/{encoder.hash[:32]}/"


def _put(store: Store, encoder: Encoder, hashes: np.ndarray, vectors: np.ndarray) -> str:
    data = len(hashes).to_bytes(8, "little") + hashes.tobytes() + vectors.tobytes()
    key = f"{_place(encoder)}{hashlib.sha256(data).hexdigest()[:32]}"
    store.put_object(key, data, durable=False, if_absent=True)
    return key


def _blocks(encoder: Encoder, store: Store) -> dict[str, np.ndarray]:
    """key -> the hashes of its texts."""
    return {key: _hashes(store, key) for key in store.list_objects(_place(encoder))}


def _hashes(store: Store, key: str) -> np.ndarray:
    """uint64 [n, 2]: one request for a block of SLICE texts or fewer. A block that went or is torn has none."""
    head = store.read_object(key, 0, 8 + 16 * SLICE) or b""
    count = int.from_bytes(head[:8], "little")
    return np.frombuffer(head[8 : 8 + 16 * count], HASH).reshape(-1, 2) if len(head) >= 8 + 16 * count else NONE


class _Kept:
    """The hashes of all blocks, sorted, and where their vectors lie."""

    def __init__(self, store: Store, encoder: Encoder, blocks: Mapping[str, np.ndarray]) -> None:
        self._store, self._dims = store, encoder.dims
        self._blocks: list[tuple[str, int]] = []  # key, number of texts
        self._places = np.empty((0, 2), np.int32)  # block, row
        self.hashes = NONE
        self.add(blocks)

    def add(self, blocks: Mapping[str, np.ndarray]) -> None:
        new = [
            np.stack([np.full(len(b), i), np.arange(len(b))], 1)
            for i, b in enumerate(blocks.values(), len(self._blocks))
        ]
        self._blocks += [(key, len(hashes)) for key, hashes in blocks.items()]
        hashes = np.concatenate([self.hashes, *blocks.values()])
        order = np.lexsort((hashes[:, 1], hashes[:, 0]))
        self.hashes, self._places = hashes[order], np.concatenate([self._places, *new]).astype(np.int32)[order]

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """int64 [n]: where in `self.hashes` each is, or -1 (also for the rare one that shares the first half of another)."""
        if not len(self.hashes):
            return np.full(len(hashes), -1)
        at = np.minimum(np.searchsorted(self.hashes[:, 0], hashes[:, 0]), len(self.hashes) - 1)
        return np.where((self.hashes[at] == hashes).all(axis=1), at, -1)

    def get(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [n, dims] and bool [n], which of them are there; a block's range is read at once."""
        vectors, there = np.empty((len(at), self._dims), np.float32), np.zeros(len(at), bool)
        blocks, rows = np.where(at >= 0, self._places[at].T, -1) if len(self._places) else np.full((2, len(at)), -1)
        for block in np.unique(blocks[blocks >= 0]):
            mine = np.flatnonzero(blocks == block)
            low, high = int(rows[mine].min()), int(rows[mine].max()) + 1
            key, count = self._blocks[block]
            data = (
                self._store.read_object(key, 8 + 16 * count + 4 * self._dims * low, 4 * self._dims * (high - low))
                or b""
            )
            if len(data) == 4 * self._dims * (high - low):
                vectors[mine] = np.frombuffer(data, np.float32).reshape(-1, self._dims)[rows[mine] - low]
                there[mine] = True
        return vectors, there
