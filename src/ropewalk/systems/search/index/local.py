"""What a searcher or writer keeps of a collection on its own disk, next to the store: all of it can be made again.

    ids/<segment>/          its ids, laid out to be mapped         (a writer needs no more)
    terms/<segment>/        tantivy's files of the segment
    open/<manifest>/        one index of tantivy: hard links to those files, meta.json, bitmaps of deleted rows

A folder appears under its name when it is whole; it is named by the hash of what it holds, so whoever finds it uses it without
looking again, and two that make it at the same time make the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ropewalk.errors import CorruptError, MissingError
from ropewalk.store import Store
from ropewalk.systems.search.index.ids import PARTS, Ids, make_files
from ropewalk.systems.search.index.manifest import SegmentInfo, unpack_deletes
from ropewalk.systems.search.index.pack import Pack, read_table, unpack
from ropewalk.systems.search.index.segment import segment_id


class Local:
    """The local files of one collection. Safe from several threads and processes."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.root = f"collections/{name}"
        self.folder = store.cache("search")
        self._ids: dict[str, Ids] = {}
        self._deletes: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()

    def segment_key(self, hash: str) -> str:
        return f"{self.root}/segments/{hash}"

    def deletes_key(self, hash: str) -> str:
        return f"{self.root}/deletes/{hash}"

    def made(self, name: str, make: Callable[[Path], None]) -> Path:
        """The folder `name`, filled by `make` when it is not there."""
        final = self.folder / name
        if final.exists():
            return final
        final.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{os.getpid()}-", dir=final.parent))
        try:
            make(half)
            half.chmod(0o755)
            with contextlib.suppress(FileExistsError):
                _rename(half, final)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        return final

    def pack(self, info: SegmentInfo) -> Pack:
        return Pack(self.store.object_file(self.segment_key(info.hash)))

    def terms(self, info: SegmentInfo) -> Path:
        """The folder of tantivy's files. The pack is hashed when they are taken out of it, once."""

        def make(folder: Path) -> None:
            path = self.store.object_file(self.segment_key(info.hash))
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != info.hash:
                raise CorruptError(info.hash, str(path), found)
            pack = Pack(path)
            for name in pack.names("terms/"):
                (folder / f"{segment_id(info.hash)}.{name.removeprefix('terms/')}").write_bytes(pack.bytes(name))

        return self.made(f"terms/{info.hash}", make)

    def ids(self, info: SegmentInfo) -> Ids:
        """Its ids, by reading no more of the pack than those."""
        with self._lock:
            if info.hash not in self._ids:
                self._ids[info.hash] = Ids.open(self.made(f"ids/{info.hash}", lambda to: self._make_ids(info, to)))
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
        """bool [rows]: which rows are deleted."""
        if info.deletes is None:
            return np.zeros(info.documents, bool)
        if info.deletes not in self._deletes:
            data = self.store.get_object(self.deletes_key(info.deletes))
            if data is None:
                raise MissingError(
                    "bitmap of deleted rows", info.deletes, hint="Was the collection's garbage removed by hand?"
                )
            if len(self._deletes) > 100:
                self._deletes.clear()
            self._deletes[info.deletes] = unpack_deletes(data, info.documents)
        return self._deletes[info.deletes]


def _rename(half: Path, final: Path) -> None:
    try:
        os.rename(half, final)
    except OSError:
        if not final.is_dir():
            raise
