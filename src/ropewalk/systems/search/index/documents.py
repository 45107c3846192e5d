"""Stored documents: JSON in zstd blocks with a dictionary that the blocks of a segment share.

A block holds BLOCK bytes of documents, so that ten documents of a page of results cost ten small reads; what they have in
common with their neighbours is in the dictionary instead (a quarter less than blocks without, measured on product texts).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ropewalk.systems.search.index.pack import Pack, Writer

BLOCK = 16_384  # bytes of JSON
LEVEL = 3
DICTIONARY = 65_536  # bytes
SAMPLES = 1_000  # documents that a dictionary is made from
WORTH = 1 << 20  # bytes of JSON from which on a dictionary saves more than it takes


def write_documents(pack: Writer, lines: Sequence[bytes]) -> None:
    """Lines of JSON, one a document."""
    import zstandard

    dictionary = _dictionary(lines)
    pack.add("documents/dictionary", dictionary)
    known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=known, write_checksum=False, write_dict_id=False)
    blocks, first, edges = [], [0], [0]
    for block, last in _blocks(lines):
        blocks.append(compressor.compress(block))
        first.append(last)
        edges.append(edges[-1] + len(blocks[-1]))
    pack.add_array("documents/first", np.array(first, np.int64))
    pack.add_array("documents/edges", np.array(edges, np.int64))
    pack.add("documents/blocks", b"".join(blocks))


def _blocks(lines: Sequence[bytes]) -> Iterable[tuple[bytes, int]]:
    """(lines of about BLOCK bytes, number of the line after them)."""
    start, size = 0, 0
    for i, line in enumerate(lines):
        size += len(line) + 1
        if size >= BLOCK or i + 1 == len(lines):
            yield b"\n".join(lines[start : i + 1]), i + 1
            start, size = i + 1, 0


def _dictionary(lines: Sequence[bytes]) -> bytes:
    import zstandard

    if sum(map(len, lines)) < WORTH:
        return b""
    samples: list[Any] = [line for line in lines[:: max(1, len(lines) // SAMPLES)] if len(line) >= 8]
    try:
        return zstandard.train_dictionary(DICTIONARY, samples, k=256, d=8, level=LEVEL).as_bytes()
    except zstandard.ZstdError:  # too few of them, or all alike
        return b""


class Documents:
    """The stored documents of a local pack."""

    def __init__(self, pack: Pack) -> None:
        import zstandard

        dictionary = pack.bytes("documents/dictionary")
        known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self._decompressor = zstandard.ZstdDecompressor(dict_data=known)
        self._first = pack.array("documents/first").tolist()
        self._edges = pack.array("documents/edges").tolist()
        self._blocks = pack.view("documents/blocks")

    def lines(self, rows: Sequence[int]) -> list[bytes]:
        """The JSON of some rows, in their order; a block is unpacked once a call."""
        found: dict[int, list[bytes]] = {}
        out = []
        for row in rows:
            number = bisect_right(self._first, row) - 1
            if number not in found:
                found[number] = self.block(number)
            out.append(found[number][row - self._first[number]])
        return out

    def block(self, number: int) -> list[bytes]:
        data = self._blocks[self._edges[number] : self._edges[number + 1]]
        return self._decompressor.decompress(data).split(b"\n")

    @property
    def blocks(self) -> int:
        return len(self._edges) - 1


def encode(document: dict[str, Any]) -> bytes:
    import msgspec

    return msgspec.json.encode(document)
