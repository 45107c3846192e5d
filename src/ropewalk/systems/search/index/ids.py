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
DTYPES = {"text": "<u1", "edges": "<i8", "keys": "<u4", "rows": "<u4"}


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
    for name, array in (("edges", edges), ("keys", keys[rows]), ("rows", rows)):
        array.astype(DTYPES[name]).tofile(folder / f"ids.{name}")


@dataclass(frozen=True, slots=True)
class Ids:
    """n ids. `edges` int64 [n + 1]: where they start in `text`; `keys` uint32 [n], ascending, of the ids at `rows` uint32 [n]."""

    text: np.ndarray | bytes
    edges: np.ndarray
    keys: np.ndarray
    rows: np.ndarray

    @staticmethod
    def open(folder: Path) -> Ids:
        text, edges, keys, rows = (_mapped(folder / f"ids.{name}", dtype) for name, dtype in DTYPES.items())
        return Ids(text if len(text) else b"", edges, keys, rows)

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


def _mapped(path: Path, dtype: str) -> np.ndarray:
    """The numbers of a file without a header: numpy's own is read as Python code, which threads of Python 3.11.7 cannot do at once."""
    return np.memmap(path, dtype, "r") if path.stat().st_size else np.empty(0, dtype)
