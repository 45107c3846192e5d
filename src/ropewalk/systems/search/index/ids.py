"""The ids of a segment: from row to id, and from id to row without looking at all of them.

In the pack are lengths and UTF-8 bytes. Beside it, made once and mapped: where each id starts, and the rows ordered by the
CRC-32 of their id, so that an id is looked up by halving; candidates of an equal CRC are compared in full.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from ropewalk.systems.search.index.pack import Writer

PARTS = ("ids/lengths", "ids/text")


def write_ids(pack: Writer, ids: Sequence[bytes]) -> None:
    pack.add("ids/lengths", np.fromiter(map(len, ids), np.uint32, len(ids)).tobytes(), compress=True)
    pack.add("ids/text", b"".join(ids), compress=True)


def make_files(folder: Path, lengths: bytes, text: bytes) -> None:
    """What `Ids` maps, from the parts of a pack."""
    edges = np.concatenate([[0], np.cumsum(np.frombuffer(lengths, np.uint32), dtype=np.int64)])
    bounds = edges.tolist()
    pieces = (text[a:b] for a, b in pairwise(bounds))
    keys = np.fromiter(map(zlib.crc32, pieces), np.uint32, len(bounds) - 1)
    rows = np.argsort(keys, kind="stable").astype(np.uint32)
    (folder / "ids.text").write_bytes(text)
    np.save(folder / "ids.edges.npy", edges)
    np.save(folder / "ids.keys.npy", keys[rows])
    np.save(folder / "ids.rows.npy", rows)


@dataclass(frozen=True, slots=True)
class Ids:
    """n ids. `edges` int64 [n + 1]: where they start in `text`; `keys` uint32 [n], ascending, of the ids at `rows` uint32 [n]."""

    text: np.ndarray | bytes
    edges: np.ndarray
    keys: np.ndarray
    rows: np.ndarray

    @staticmethod
    def open(folder: Path) -> Ids:
        text = folder / "ids.text"
        view = np.memmap(text, np.uint8, "r") if text.stat().st_size else b""
        return Ids(view, *(np.load(folder / f"ids.{name}.npy", mmap_mode="r") for name in ("edges", "keys", "rows")))

    def __len__(self) -> int:
        return len(self.keys)

    def raw(self, row: int) -> bytes:
        return bytes(self.text[self.edges[row] : self.edges[row + 1]])

    def all(self) -> list[str]:
        text, edges = bytes(self.text), self.edges.tolist()
        return [text[a:b].decode() for a, b in pairwise(edges)]

    def rows_of(self, wanted: Sequence[bytes], keys: np.ndarray) -> np.ndarray:
        """int64: the rows of those ids that are here. `keys` uint32: the CRC-32 of each."""
        low, high = np.searchsorted(self.keys, keys, "left"), np.searchsorted(self.keys, keys, "right")
        found = [
            int(self.rows[at])
            for i in np.flatnonzero(high > low).tolist()
            for at in range(int(low[i]), int(high[i]))
            if self.raw(int(self.rows[at])) == wanted[i]
        ]
        return np.array(found, np.int64)


def keys_of(ids: Sequence[bytes]) -> np.ndarray:
    """uint32: the CRC-32 of each."""
    return np.fromiter(map(zlib.crc32, ids), np.uint32, len(ids))
