"""One file of named parts: how a segment is kept.

    part, padding to 64 bytes, part, ..., table of parts (JSON), its length (8 bytes), MAGIC

A part is raw, to be mapped into memory where it lies, or a zstd frame, to be unpacked once. The table stands at the end, so that
a pack is written in one go and one read of its last bytes says where everything is.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ropewalk.errors import StoreError

MAGIC = b"rw-pack1"
ALIGN = 64  # bytes: a cache line, and more than any number needs
LEVEL = 3  # of zstd: half the time of the higher ones, within 2 % of their size
TAIL = 1 << 16  # bytes at the end that nearly always hold the whole table


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part lies. `size`: bytes in the pack; `raw`: bytes when unpacked; `dtype`, `shape`: of an array."""

    offset: int
    size: int
    raw: int
    codec: str = ""
    dtype: str = ""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The parts of a pack by name, and what its writer noted."""

    parts: Mapping[str, Part]
    notes: Mapping[str, Any]


class Writer:
    """Parts one after the other into an open file, then `finish`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self._parts: dict[str, Part] = {}

    def add(self, name: str, data: bytes | memoryview, compress: bool = False) -> None:
        import zstandard

        packed = zstandard.ZstdCompressor(level=LEVEL).compress(data) if compress else data
        self._put(name, Part(self._at, len(packed), len(data), "zstd" if compress else ""), packed)

    def add_array(self, name: str, array: np.ndarray) -> None:
        array = np.ascontiguousarray(array)
        data = array.reshape(-1).view(np.uint8).data if array.size else b""
        self._put(name, Part(self._at, array.nbytes, array.nbytes, "", array.dtype.str, array.shape), data)

    def _put(self, name: str, part: Part, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._file.write(bytes(-part.size % ALIGN))
        self._at += part.size + -part.size % ALIGN
        self._parts[name] = part

    def finish(self, notes: Mapping[str, Any]) -> None:
        rows = {n: [p.offset, p.size, p.raw, p.codec, p.dtype, list(p.shape)] for n, p in self._parts.items()}
        table = json.dumps({"notes": notes, "parts": rows}, sort_keys=True, separators=(",", ":")).encode()
        self._file.write(table + len(table).to_bytes(8, "little") + MAGIC)


def read_table(size: int, read: Callable[[int, int], bytes], where: str) -> Table:
    """The table of a pack of `size` bytes, by reading ranges of it."""
    tail = read(max(0, size - TAIL), min(size, TAIL))
    length = int.from_bytes(tail[-16:-8], "little") if tail[-8:] == MAGIC else size
    if length + 16 > size:
        raise StoreError(f"{where} is no pack of a segment, or is cut. Remove that file; it is fetched or built again.")
    if length + 16 > len(tail):
        tail = read(size - length - 16, length + 16)
    body = json.loads(tail[-16 - length : -16])
    return Table(
        {name: Part(row[0], row[1], row[2], row[3], row[4], tuple(row[5])) for name, row in body["parts"].items()},
        body["notes"],
    )


def unpack(data: bytes | memoryview, part: Part) -> bytes:
    """A part's own bytes from those in the pack."""
    import zstandard

    if part.codec != "zstd":
        return bytes(data)
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=part.raw) if part.raw else b""


class Pack:
    """A local pack, mapped into memory: what is not asked for is not read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._view = memoryview(self._map)
        self.table = read_table(len(self._map), lambda start, length: self._map[start : start + length], str(path))

    def __contains__(self, name: str) -> bool:
        return name in self.table.parts

    def names(self, prefix: str) -> Iterable[str]:
        return [name for name in self.table.parts if name.startswith(prefix)]

    def view(self, name: str) -> memoryview:
        """The bytes as they lie in the pack."""
        part = self.table.parts[name]
        return self._view[part.offset : part.offset + part.size]

    def bytes(self, name: str) -> bytes:
        """The unpacked bytes."""
        return unpack(self.view(name), self.table.parts[name])

    def array(self, name: str) -> np.ndarray:
        """A raw part as an array that is read as it is used."""
        part = self.table.parts[name]
        return np.frombuffer(self.view(name), np.dtype(part.dtype)).reshape(part.shape)
