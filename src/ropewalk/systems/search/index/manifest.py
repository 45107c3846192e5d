"""What a collection consists of at one moment: a small JSON, committed by putting it where nothing was.

Which rows are gone is kept beside: per segment a bitmap under the hash of its bytes, named by the manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ropewalk.errors import StoreError
from ropewalk.systems.search.index.layout import Layout

FORMAT = "ropewalk manifest 1"


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment in a manifest. `deletes`: hash of the bitmap of its `deleted` rows, None where there are none."""

    hash: str  # sha256 of the packed file
    documents: int  # rows, also the deleted ones
    bytes: int  # of the packed file
    text_bytes: int  # of its text fields
    layout: str  # what it was built with: `Manifest.built`
    deletes: str | None = None
    deleted: int = 0

    @property
    def live(self) -> int:
        return self.documents - self.deleted


@dataclass(frozen=True)
class Manifest:
    """Segments in the order of their rows. `time`: seconds since 1970; `analyzers`: language -> name of its analyzer.

    `trained`: a training made it from its dataset, and nobody has written to it since.
    """

    number: int
    parent: int | None
    time: float
    layout: Layout
    analyzers: Mapping[str, str]
    segments: tuple[SegmentInfo, ...] = ()
    trained: bool = False

    @cached_property
    def built(self) -> str:
        """The layout and its analyzers as sixteen characters: segments of one manifest agree in them."""
        body = json.dumps([self.layout.to_json(), dict(self.analyzers)], sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:16]

    @cached_property
    def rows(self) -> int:
        return sum(segment.documents for segment in self.segments)

    @cached_property
    def live(self) -> int:
        return sum(segment.live for segment in self.segments)

    def dump(self) -> bytes:
        body = {
            "format": FORMAT,
            "number": self.number,
            "parent": self.parent,
            "time": self.time,
            "layout": self.layout.to_json(),
            "analyzers": dict(self.analyzers),
            "rows": self.rows,
            "live": self.live,
            "bytes": sum(segment.bytes for segment in self.segments),
            "segments": [asdict(segment) for segment in self.segments],
            **({"trained": True} if self.trained else {}),
        }
        return json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False).encode()


def load(data: bytes, where: str) -> Manifest:
    try:
        body: dict[str, Any] = json.loads(data)
        if body["format"] != FORMAT:
            raise ValueError(body["format"])
        segments = tuple(SegmentInfo(**segment) for segment in body["segments"])
        layout, trained = Layout.from_json(body["layout"]), bool(body.get("trained"))
        return Manifest(body["number"], body["parent"], body["time"], layout, body["analyzers"], segments, trained)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{where} is no manifest of a collection ({FORMAT!r}): {error}.") from None


def pack_deletes(dead: np.ndarray) -> tuple[str, bytes]:
    """(name, bytes) of bool [rows]."""
    import zstandard

    data = zstandard.ZstdCompressor(level=3).compress(np.packbits(dead, bitorder="little").tobytes())
    return hashlib.sha256(data).hexdigest(), data


def unpack_deletes(data: bytes, rows: int) -> np.ndarray:
    """bool [rows]: which are dead."""
    import zstandard

    bits = np.frombuffer(zstandard.ZstdDecompressor().decompress(data), np.uint8)
    return np.unpackbits(bits, count=rows, bitorder="little").astype(bool)
