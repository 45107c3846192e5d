"""A collection as of one manifest, open for searching: one index of tantivy over all segments, and what lies beside it.

A row counts through the segments in their order. All segments stand in one folder under one meta.json, so scores are those of
one index with all documents; rows that are deleted are skipped, but count in document frequencies until a merge.
"""

from __future__ import annotations

import hashlib
import json
import os
import weakref
import zlib
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.errors import DataError, MissingError
from ropewalk.systems.search.index import columns
from ropewalk.systems.search.index.documents import Documents
from ropewalk.systems.search.index.ids import keys_of
from ropewalk.systems.search.index.layout import Layout, check_analyzers, register, schema
from ropewalk.systems.search.index.manifest import Manifest, SegmentInfo
from ropewalk.systems.search.index.pack import Pack
from ropewalk.systems.search.index.readers import Hold
from ropewalk.systems.search.index.segment import segment_id

if TYPE_CHECKING:
    from ropewalk.systems.search.index.collection import Collection

FOOTER = 1337  # tantivy's magic number after the footer of a file


class Vectors:
    """The vectors of a segment, mapped: codes and rest int8 [n, d], scales and rest_scales float32 [n]."""

    def __init__(self, pack: Pack, start: int) -> None:
        self.start = start  # the first row of the segment
        self.codes = pack.array("vectors/codes")
        self.scales = pack.array("vectors/scales")
        self.rest = pack.array("vectors/rest")
        self.rest_scales = pack.array("vectors/rest_scales")


class Snapshot:
    """Made by `Collection.open`. Does not change; safe to use from several threads."""

    def __init__(self, collection: Collection, manifest: Manifest, index: Any, hold: Hold) -> None:
        self._close = weakref.finalize(self, hold.close)
        self._local = collection.local
        self.name = collection.name
        self.manifest = manifest
        self.number = manifest.number
        self.layout = manifest.layout
        self.rows = manifest.rows
        self.live = manifest.live
        self.index = index
        self.searcher = index.searcher()
        self.starts = np.cumsum([0, *(info.documents for info in manifest.segments)], dtype=np.int64)
        self._starts = self.starts.tolist()
        self._ids = [collection.local.ids(info) for info in manifest.segments]
        self._texts = [memoryview(ids.text) for ids in self._ids]  # type: ignore[arg-type]

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let garbage collection have what only this snapshot needed; it must not be used afterwards."""
        self._close()

    def make_ready(self) -> None:
        """Read now what the first query would: from then on it asks the store nothing."""
        _ = self.alive, self.packs

    # --- rows ----------------------------------------------------------------------------------------------------

    @cached_property
    def alive(self) -> np.ndarray:
        """bool [rows]"""
        alive = np.ones(self.rows, bool)
        for start, info in zip(self._starts, self.manifest.segments, strict=False):
            if info.deleted:
                alive[start : start + info.documents] = ~self._local.dead(info)
        return alive

    def ids(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        wanted = np.asarray(rows, np.int64)
        if len(self._ids) == 1:
            return self._ids_in(0, wanted)
        out = [""] * len(wanted)
        numbers = np.searchsorted(self.starts, wanted, "right") - 1
        for number in set(numbers.tolist()):
            places = np.flatnonzero(numbers == number)
            for place, id in zip(places.tolist(), self._ids_in(number, wanted[places]), strict=True):
                out[place] = id
        return out

    def _ids_in(self, number: int, rows: np.ndarray) -> list[str]:
        """The ids of rows of one segment."""
        edges, text, at = self._ids[number].edges, self._texts[number], rows - self._starts[number]
        pairs = zip(edges[at].tolist(), edges[at + 1].tolist(), strict=True)
        return [str(text[a:b], "utf-8") for a, b in pairs]

    def row_of(self, id: str) -> int | None:
        """The live row of an id."""
        raw = id.encode()
        key = keys_of([raw])
        for start, ids in zip(self._starts, self._ids, strict=False):
            for row in ids.rows_of([raw], key).tolist():
                if self.alive[start + row]:
                    return int(start + row)
        return None

    def live_ids(self) -> list[str]:
        """Every live id, in the order of rows."""
        return self.ids(np.flatnonzero(self.alive))

    # --- what lies beside ----------------------------------------------------------------------------------------

    @cached_property
    def packs(self) -> list[Pack]:
        return [self._local.pack(info) for info in self.manifest.segments]

    @cached_property
    def _documents(self) -> list[Documents]:
        return [Documents(pack) for pack in self.packs]

    def documents(self, rows: Sequence[int] | np.ndarray) -> list[dict[str, Any]]:
        """Stored documents, in the order of `rows`, as they were written (dates as texts)."""
        import msgspec

        if not self.layout.stored:
            raise DataError(
                [f"the collection {self.name!r} does not store its documents (stored=False in its layout)."]
            )
        wanted = np.asarray(rows, np.int64)
        out: list[dict[str, Any]] = [{"id": id} for id in self.ids(wanted)]
        numbers = np.searchsorted(self.starts, wanted, "right") - 1
        for number in np.unique(numbers).tolist():
            at = np.flatnonzero(numbers == number)
            lines = self._documents[number].lines((wanted[at] - self.starts[number]).tolist())
            for place, line in zip(at.tolist(), lines, strict=True):
                out[place].update(msgspec.json.decode(line))
        return out

    def column(self, name: str) -> columns.Column:
        """A typed field of all rows."""
        if name not in self._columns:
            field = next((field for field in self.layout.typed if field.name == name), None)
            if field is None:
                raise MissingError("typed field", name, (field.name for field in self.layout.typed))
            self._columns[name] = columns.join([columns.read_column(pack, field) for pack in self.packs], field)
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, columns.Column]:
        return {}

    @cached_property
    def vectors(self) -> list[Vectors]:
        """Per segment, in the order of rows; empty where the layout has none."""
        if not self.layout.dims:
            return []
        return [Vectors(pack, start) for start, pack in zip(self._starts, self.packs, strict=False)]

    # --- terms ---------------------------------------------------------------------------------------------------

    def terms(self, query: Any, limit: int) -> tuple[np.ndarray, np.ndarray]:
        """The best live rows of a `tantivy.Query`: (rows int64, scores float32), best first, ties to the lower row."""
        if limit < 1 or not self.rows:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        hits = self.searcher.search(query, min(limit, self.rows), count=False).hits
        starts = self._starts
        rows = np.array([starts[at.segment_ord] + at.doc for _, at in hits], np.int64)
        return rows, np.array([score for score, _ in hits], np.float32)


# --- laying it out -----------------------------------------------------------------------------------------------


def open_snapshot(collection: Collection, number: int | None) -> Snapshot:
    manifest = collection.manifest(number)
    check_analyzers(manifest.layout, manifest.analyzers, collection.name)
    return open_manifest(collection, manifest, number)


def open_manifest(collection: Collection, manifest: Manifest, number: int | None) -> Snapshot:
    """A manifest that need not be committed, nor written by the analyzers of today. `number`: one that must be kept, and is held."""
    hold = Hold(collection.store, collection.local.root, manifest.number if number is None else number)
    try:
        if number is not None:
            collection.check_kept(number)  # it may have been collected before it was held
        return Snapshot(collection, manifest, _index(collection, manifest), hold)
    except BaseException:
        hold.close()
        raise


def _index(collection: Collection, manifest: Manifest) -> Any:
    from tantivy import Index

    name = f"open/{manifest.number}-{hashlib.sha256(manifest.dump()).hexdigest()[:32]}"
    folder = collection.local.cached(name, lambda to: _lay_out(collection, manifest, to))
    index = Index.open(str(folder))
    index.config_reader("manual", 0)  # no thread that watches meta.json
    register(index, manifest.layout)
    return index


def _lay_out(collection: Collection, manifest: Manifest, folder: Path) -> None:
    """One index of tantivy from the files of all segments."""
    listed = []
    collection.local.fetch(manifest.segments)
    for info in manifest.segments:
        for path in collection.local.terms(info).iterdir():
            _link(path, folder / path.name)
        if info.deleted:
            dead = collection.local.dead(info)
            fieldnorms = (folder / f"{segment_id(info.hash)}.fieldnorm").read_bytes()
            name = f"{segment_id(info.hash)}.{manifest.number}.del"
            (folder / name).write_bytes(alive_file(dead, fieldnorms))
        listed.append(_listed(info, manifest.number))
    meta = json.loads(_empty_meta(manifest.layout))
    meta.update(segments=listed, opstamp=manifest.number)
    (folder / "meta.json").write_text(json.dumps(meta))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        os.symlink(source, target)


def _listed(info: SegmentInfo, opstamp: int) -> dict[str, Any]:
    id = segment_id(info.hash)
    uuid = "-".join((id[:8], id[8:12], id[12:16], id[16:20], id[20:]))
    deletes = {"num_deleted_docs": info.deleted, "opstamp": opstamp} if info.deleted else None
    return {"segment_id": uuid, "max_doc": info.documents, "deletes": deletes}


@lru_cache(maxsize=32)
def _empty_meta(layout: Layout) -> str:
    """What tantivy itself writes for an index of this layout."""
    from tempfile import TemporaryDirectory

    from tantivy import Index

    with TemporaryDirectory() as folder:
        Index(schema(layout), folder)
        return Path(folder, "meta.json").read_text()


def alive_file(dead: np.ndarray, like: bytes) -> bytes:
    """A tantivy `.del` file: number of rows (u32), a bit for each living row in u64 words, and the footer of `like`.

    The footer is JSON with tantivy's version and a CRC-32 of what stands before it, its length and FOOTER (u32 each).
    """
    words = -(-len(dead) // 64)
    bits = np.zeros(words * 64, bool)
    bits[: len(dead)] = ~dead
    body = len(dead).to_bytes(4, "little") + np.packbits(bits, bitorder="little").tobytes()
    length = int.from_bytes(like[-8:-4], "little")
    footer = json.loads(like[-8 - length : -8])
    footer["crc"] = zlib.crc32(body)
    text = json.dumps(footer, separators=(",", ":")).encode()
    return body + text + len(text).to_bytes(4, "little") + FOOTER.to_bytes(4, "little")
