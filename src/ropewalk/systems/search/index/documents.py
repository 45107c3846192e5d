"""Stored documents: JSON in zstd blocks with a dictionary that the blocks of a segment share.

A block holds BLOCK bytes of documents, so that ten documents of a page of results cost ten small reads; what they have in
common with their neighbours is in the dictionary instead (a quarter less than blocks without, measured on product texts).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ropewalk.systems.search.index.pack import Pack, Writer

BLOCK = 16_384  # bytes of JSON
LEVEL = 3
DICTIONARY = 65_536  # bytes
SAMPLES = 1_000  # documents that a dictionary is made from
WORTH = 1 << 20  # bytes of JSON from which on a dictionary saves more than it takes


def write_documents(pack: Writer, documents: Sequence[Mapping[str, Any]], text_bytes: int) -> None:
    """Documents without their ids. `text_bytes`: about how long they are together."""
    import msgspec
    import zstandard

    encode = msgspec.json.Encoder().encode

    def line(document: Mapping[str, Any]) -> bytes:
        return encode({name: value for name, value in document.items() if name != "id"})

    samples = map(line, documents[:: max(1, len(documents) // SAMPLES)])
    dictionary = _dictionary(list(samples)) if text_bytes >= WORTH else b""
    pack.add("documents/dictionary", dictionary)
    known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=known, write_checksum=False, write_dict_id=False)
    blocks, first, edges = [], [0], [0]
    for block, last in _blocks(map(line, documents)):
        blocks.append(compressor.compress(block))
        first.append(last)
        edges.append(edges[-1] + len(blocks[-1]))
    pack.add_array("documents/first", np.array(first, np.int64))
    pack.add_array("documents/edges", np.array(edges, np.int64))
    pack.add("documents/blocks", b"".join(blocks))


def _blocks(lines: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """(lines of about BLOCK bytes, number of the line after them)."""
    block: list[bytes] = []
    size, last = 0, 0
    for last, line in enumerate(lines, 1):
        block.append(line)
        size += len(line)
        if size >= BLOCK:
            yield b"\n".join(block), last
            block, size = [], 0
    if block:
        yield b"\n".join(block), last


def _dictionary(samples: list[Any]) -> bytes:
    import zstandard

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
