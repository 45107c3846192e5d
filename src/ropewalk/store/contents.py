"""Blobs on a place: written once, hashed again when they come back, and known to be on the disk or not yet.

Who relies on them, and for how long, is store.py's business: here nobody knows of sessions or records.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ropewalk.errors import CorruptError, MissingError, StoreError
from ropewalk.store.blobs import CHUNK, Folder, Place, explain, temporary, write
from ropewalk.types import Blob

SMALL = 8 << 20  # bytes that a file may have to be read at once
PART = 4 << 20  # bytes of an object asked for at once
AT_ONCE = 4  # parts under way


class Contents:
    """The blobs of a place, and the local files of those that are wanted as files: its own, or those of a cache."""

    def __init__(self, place: Place, local: Path) -> None:
        self._place = place
        self._local = local
        self._cache = place if isinstance(place, Folder) else Folder(local)
        self._loose: set[str] = set()  # put without fsync
        self._verified: dict[str, tuple[int, int, int]] = {}  # hash -> inode, mtime, size of the file that was hashed

    # --- in ------------------------------------------------------------------------------------------------------

    def put(self, blob: Blob, data: bytes | Path, durable: bool) -> None:
        """Write bytes, or a file's, unless they are there."""
        if not self._is_wanted(blob, durable, small=isinstance(data, bytes)):
            return
        if isinstance(data, bytes):
            self._place.put(blob_key(blob.hash), data, durable=durable, absent=True)
            return
        half = self._stage(_chunks(data), blob.size, blob.hash, str(data))
        try:
            self._place.put(blob_key(blob.hash), half, durable=durable, absent=True)
        finally:
            half.unlink(missing_ok=True)

    def _is_wanted(self, blob: Blob, durable: bool, small: bool) -> bool:
        """Must the bytes still be written? A torn file (the machine lost power before its fsync) is written again."""
        key = blob_key(blob.hash)
        if not durable:
            self._loose.add(blob.hash)
        if small and self._place.cheap_put:
            return True
        size = self._place.size(key)
        if size is not None and size != blob.size:
            self._place.delete(key)
            return True
        if size is not None and durable:
            self._place.sync((key,))
            self._loose.discard(blob.hash)
        return size is None

    def _stage(self, pieces: Iterable[bytes], size: int, expected: str, source: str) -> Path:
        """A temporary local file with these bytes, made sure to hash to `expected`."""
        half = temporary(self._local / "tmp")
        digest = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in pieces:
                digest.update(piece)
                yield piece

        try:
            write(half, hashed(), durable=False)
        except OSError as error:
            raise explain(error, half, size) from error
        if digest.hexdigest() != expected:
            half.unlink()
            raise CorruptError(expected, source, digest.hexdigest())
        return half

    # --- on the disk or not yet ----------------------------------------------------------------------------------

    def must_hold(self, hash: str) -> None:
        """MissingError unless it is there, put by whomever; it counts as not on the disk yet."""
        if self._place.size(blob_key(hash)) is None:
            raise self._missing(hash)
        self._loose.add(hash)

    def loose(self, hashes: set[str]) -> set[str]:
        """Those that may not be on the disk yet."""
        return self._loose & hashes

    def flush(self, hashes: set[str], *keys: str) -> None:
        """Have these blobs, and other keys of the place, on the disk."""
        loose = self._loose & hashes
        self._place.sync([*map(blob_key, sorted(loose)), *keys])
        self._loose -= loose

    # --- out -----------------------------------------------------------------------------------------------------

    def get(self, hash: str) -> bytes:
        """The bytes, hashed again on the way."""
        data = self._place.get(blob_key(hash))
        if data is None:
            raise self._missing(hash)
        if (found := hashlib.sha256(data).hexdigest()) != hash:
            raise CorruptError(hash, self._place.where(blob_key(hash)), found)
        return data

    def read(self, hash: str, start: int, length: int) -> bytes:
        """A range of the bytes; shorter only at their end. A range is not hashed."""
        data = self._place.read(blob_key(hash), start, length)
        if data is None:
            raise self._missing(hash)
        return data

    def path(self, hash: str) -> Path:
        """A local, read-only file of the bytes, hashed once per process and again whenever the file has changed."""
        local = isinstance(self._place, Folder)
        path = self._local / (blob_key(hash) if local else _cache_key(hash))
        if not local and not path.exists():
            self._fill_cache(hash)
        try:
            state = path.stat()
            seen = (state.st_ino, state.st_mtime_ns, state.st_size)
            if self._verified.get(hash) != seen:
                if (found := hash_file(path).hash) != hash:
                    raise CorruptError(hash, str(path), found)
                self._verified[hash] = seen
        except FileNotFoundError:
            raise self._missing(hash) from None
        return path

    def _fill_cache(self, hash: str) -> None:
        size = self._place.size(blob_key(hash))
        if size is None:
            raise self._missing(hash)
        pieces = (self._place.read(blob_key(hash), at, SMALL) or b"" for at in range(0, size, SMALL))
        half = self._stage(pieces, size, hash, self._place.where(blob_key(hash)))
        self._cache.put(_cache_key(hash), half, durable=False, absent=False)

    def file(self, key: str) -> Path:
        """A local file of a key that never changes: the place's own, or one of the cache. It is not hashed."""
        if isinstance(self._place, Folder):
            path = self._local / key
            if not path.exists():
                raise self._no_object(key)
            return path
        path = self._local / "cache" / key
        if not path.exists():
            self._fetch(key)
        return path

    def _fetch(self, key: str) -> None:
        """Copy a key into the cache, in parts asked for at the same time; half a file is never seen there."""
        from concurrent.futures import ThreadPoolExecutor

        size = self._place.size(key)
        if size is None:
            raise self._no_object(key)
        half = temporary(self._local / "tmp")
        try:
            with open(half, "xb") as file, ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda at: self._fetch_part(key, at, min(PART, size - at), file), range(0, size, PART)))
                os.fchmod(file.fileno(), 0o444)
            self._cache.put(f"cache/{key}", half, durable=True, absent=False)
        except OSError as error:
            raise explain(error, half, size) from error
        finally:
            half.unlink(missing_ok=True)

    def _fetch_part(self, key: str, at: int, length: int, file: BinaryIO) -> None:
        piece = self._place.read(key, at, length)
        if piece is None:
            raise self._no_object(key)
        if len(piece) != length:
            raise StoreError(
                f"{self._place.where(key)} gave {len(piece):,} bytes from {at:,} on where {length:,} were expected: it was "
                f"replaced or cut while it was read. Run the command again."
            )
        view = memoryview(piece)
        while view:
            written = os.pwrite(file.fileno(), view, at)
            view, at = view[written:], at + written

    @contextlib.contextmanager
    def staged(self, source: Path) -> Iterator[Path]:
        """A temporary copy of a file, which a place may move; removed in the end."""
        half = temporary(self._local / "tmp")
        try:
            write(half, _chunks(source), durable=False)
            yield half
        except OSError as error:
            raise explain(error, half, source.stat().st_size if source.exists() else 0) from error
        finally:
            half.unlink(missing_ok=True)

    def forget_file(self, key: str) -> None:
        """The key was removed from the place."""
        if self._cache is not self._place:
            self._cache.delete(f"cache/{key}")

    def _no_object(self, key: str) -> MissingError:
        return MissingError("object", key.removeprefix("objects/"), hint=f"It is not at {self._place.where(key)}.")

    def _missing(self, hash: str) -> MissingError:
        return MissingError("blob", hash, hint=f"It is not at {self._place.where(blob_key(hash))}.")

    # --- upkeep --------------------------------------------------------------------------------------------------

    def leftovers(self) -> list[Path]:
        """Temporary files whose writers are dead."""
        return self._cache.leftovers()

    def forget(self, hash: str) -> None:
        """A collection removed it from the place."""
        self._verified.pop(hash, None)
        self._loose.discard(hash)
        if self._cache is not self._place:
            self._cache.delete(_cache_key(hash))


def blob_key(hash: str) -> str:
    if len(hash) != 64 or not all(c in "0123456789abcdef" for c in hash):
        raise MissingError("blob", hash, hint="A blob's name is a sha256: 64 hexadecimal digits.")
    return f"blobs/{hash[:2]}/{hash}"


def _cache_key(hash: str) -> str:
    return f"cache/{hash[:2]}/{hash}"


def hash_file(path: Path) -> Blob:
    with open(path, "rb") as file:
        return Blob(hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size)


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            yield piece
