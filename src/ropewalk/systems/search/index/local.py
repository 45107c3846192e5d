"""What a searcher or writer keeps of a collection on its own disk, next to the store: all of it can be made again.

    by-id/<segment>/        its ids, laid out to be mapped         (a writer needs no more)
    terms/<segment>/        tantivy's files of the segment
    open/<manifest>/        one index of tantivy: hard links to those files, meta.json, bitmaps of deleted rows

A folder appears under its name when it is whole; it is named by the hash of what it holds, so whoever finds it uses it without
looking again, and two that make it at the same time make the same.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ropewalk.errors import MissingError, StoreError
from ropewalk.store import Store
from ropewalk.systems.search.index.ids import PARTS, Ids, make_files
from ropewalk.systems.search.index.manifest import SegmentInfo, unpack_deletes
from ropewalk.systems.search.index.pack import Pack, read_table, unpack
from ropewalk.systems.search.index.segment import segment_id

AT_ONCE = 4  # segments fetched at the same time


class Local:
    """The local files of one collection. Safe from several threads and processes."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.root = f"collections/{name}"
        self._cache = f"search/{name}"
        self._ids: dict[str, Ids] = {}
        self._dead: dict[tuple[str, int], np.ndarray] = {}
        self._lock = threading.Lock()

    def segment_key(self, hash: str) -> str:
        return f"{self.root}/segments/{hash}"

    def deletes_key(self, hash: str) -> str:
        return f"{self.root}/deletes/{hash}"

    def cached(self, name: str, make: Callable[[Path], None]) -> Path:
        return self.store.cached(f"{self._cache}/{name}", make)

    def pack(self, info: SegmentInfo) -> Pack:
        return Pack(self.store.object_file(self.segment_key(info.hash)))

    def fetch(self, segments: Sequence[SegmentInfo]) -> None:
        """Have all of some segments here, several at a time."""
        from concurrent.futures import ThreadPoolExecutor

        missing = [info for info in segments if not (self.folder / "terms" / info.hash).is_dir()]
        if len(missing) < 2:
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self.terms, missing))

    @property
    def folder(self) -> Path:
        return self.store.cache(self._cache)

    def terms(self, info: SegmentInfo) -> Path:
        """The folder of tantivy's files. The pack is hashed when they are taken out of it, once."""
        return self.cached(f"terms/{info.hash}", lambda folder: self._make_terms(info, folder))

    def _make_terms(self, info: SegmentInfo, folder: Path) -> None:
        path = self.store.object_file(self.segment_key(info.hash))
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != info.hash:
            self.store.forget_file(self.segment_key(info.hash))
            raise StoreError(
                f"the segment {info.hash} at {path} is corrupt: its bytes hash to {found[:16]}... . Open an older manifest, or "
                f"restore that file from a copy; a local copy of S3 is fetched again by itself."
            )
        pack = Pack(path)
        for name in pack.names("terms/"):
            (folder / f"{segment_id(info.hash)}.{name.removeprefix('terms/')}").write_bytes(pack.bytes(name))
        parts = [pack.bytes(name) for name in PARTS]
        self.cached(f"by-id/{info.hash}", lambda to: make_files(to, *parts))

    def ids(self, info: SegmentInfo) -> Ids:
        """Its ids, by reading no more of the pack than those."""
        with self._lock:
            if info.hash not in self._ids:
                if len(self._ids) > 1000:  # those of old manifests; a snapshot keeps its own
                    self._ids.clear()
                self._ids[info.hash] = Ids.open(self.cached(f"by-id/{info.hash}", lambda to: self._make_ids(info, to)))
            return self._ids[info.hash]

    def _make_ids(self, info: SegmentInfo, folder: Path) -> None:
        key = self.segment_key(info.hash)

        def read(start: int, length: int) -> bytes:
            data = self.store.read_object(key, start, length)
            if data is None:
                raise MissingError("segment", info.hash, hint=f"It is not in the store at {key}.")
            return data

        table = read_table(info.bytes, read, key)
        parts = [table.parts[name] for name in PARTS]
        make_files(folder, *(unpack(read(part.offset, part.size), part) for part in parts))

    def dead(self, info: SegmentInfo) -> np.ndarray:
        """bool [rows]: which rows are deleted. Not to be written to."""
        if info.deletes is None:
            return np.zeros(info.documents, bool)
        known = (info.deletes, info.documents)  # segments of different lengths may have the same bytes
        if known not in self._dead:
            data = self.store.get_object(self.deletes_key(info.deletes))
            if data is None:
                raise MissingError("bitmap of deleted rows", info.deletes, hint="Was it removed by hand?")
            if len(self._dead) > 100:
                self._dead.clear()
            self._dead[known] = unpack_deletes(data, info.documents)
        return self._dead[known]
