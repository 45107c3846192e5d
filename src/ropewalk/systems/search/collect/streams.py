"""Files opened as streams of bytes: unpacked on the way, never more than asked for, broken ones told by a sentence."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from ropewalk.systems.search.collect.found import Bad, Entry

RATIO = 250  # a text that unpacks to more times its size, and to more than FREE, is taken for a bomb
FREE = 256 << 20  # bytes
CHUNK = 1 << 20


class Unreadable(Exception):
    """The stream can not be read on; str() is the reason."""


class Bounded(io.RawIOBase):
    """A stream that ends with Unreadable where it breaks or becomes larger than a text of `packed` bytes can be."""

    def __init__(self, stream: Any, packed: int, limit: int) -> None:
        self._stream, self._packed, self._limit, self._count = stream, packed, limit, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._stream.read(len(buffer))
        except Exception as error:  # zlib.error, EOFError, BadZipFile, ZstdError, RuntimeError of an encrypted member
            raise Unreadable(broken(error)) from None
        self._count += len(piece)
        if self._count > self._limit or self._count > max(FREE, RATIO * self._packed):
            raise Unreadable(f"it unpacks to more than {self._count >> 20:,} MB from {self._packed:,} bytes")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()


def broken(error: Exception) -> str:
    """The reason in an exception of an unpacking library."""
    if isinstance(error, EOFError):
        return "it ends in the middle: was it written or copied to the end?"
    if "encrypted" in str(error) or "password" in str(error).lower():
        return "it is encrypted"
    return f"it can not be unpacked ({str(error).strip() or type(error).__name__})"


def unpacked(stream: IO[bytes], pack: str, size: int, limit: int) -> IO[bytes]:
    """The bytes inside of a .gz or .zst stream of `size` bytes, or the stream itself."""
    if not pack:
        return io.BufferedReader(Bounded(stream, 1 << 60, 1 << 60), CHUNK)
    inner: Any = gzip.GzipFile(fileobj=stream, mode="rb") if pack == "gz" else _zst(stream)
    return io.BufferedReader(Bounded(inner, size, limit), CHUNK)


def _zst(stream: IO[bytes]) -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        from backports import zstd
    return zstd.ZstdFile(stream)


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive, open for one reader at a time."""

    label: str
    stream: IO[bytes]
    size: int  # packed bytes
    time: float | None  # seconds since 1970, UTC


def zip_members(entry: Entry, limit: int) -> Iterator[Member | Bad]:
    """The members [start, stop) of a .zip, sorted by name."""
    import calendar

    try:
        archive = zipfile.ZipFile(entry.path)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        yield Bad(entry.label, 0, f"it is no readable .zip file ({error})")
        return
    with archive:
        for info in sorted(archive.infolist(), key=lambda i: i.filename)[entry.start : entry.stop]:
            label = f"{entry.label}/{info.filename}"
            if info.is_dir() or _hidden(info.filename):
                continue
            if reason := _leads_out(info.filename) or ("it is encrypted" if info.flag_bits & 1 else ""):
                yield Bad(label, 0, reason)
                continue
            if (info.external_attr >> 16) & 0o170000 == 0o120000:
                yield Bad(label, 0, "it is a link, which is not followed")
                continue
            try:
                with archive.open(info) as stream:
                    bounded = io.BufferedReader(Bounded(stream, info.compress_size, limit), CHUNK)
                    yield Member(label, bounded, info.compress_size, float(calendar.timegm((*info.date_time, 0, 0, 0))))
            except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error, ValueError) as error:
                yield Bad(label, 0, broken(error))


def tar_members(entry: Entry, limit: int) -> Iterator[Member | Bad]:
    """The members of a .tar, .tar.gz or .tar.zst in its own order."""
    with open(entry.path, "rb") as file:
        stream = unpacked(file, entry.pack, entry.size, limit)
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for info in archive:
                    yield from _tar_member(archive, info, entry.label)
        except (tarfile.TarError, Unreadable, EOFError, OSError, zlib.error, ValueError) as error:
            yield Bad(entry.label, 0, f"it is no readable .tar file: {error}")


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, archive_label: str) -> Iterator[Member | Bad]:
    label = f"{archive_label}/{info.name.removeprefix('./')}"
    if info.isdir() or _hidden(info.name):
        return
    if reason := _leads_out(info.name):
        yield Bad(label, 0, reason)
    elif not info.isreg():
        yield Bad(label, 0, "it is a link, which is not followed" if info.issym() or info.islnk() else "it is no file")
    elif (stream := archive.extractfile(info)) is not None:
        yield Member(label, stream, info.size, float(info.mtime))


def _hidden(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return any(p.startswith(".") and p not in (".", "..") for p in parts) or "__MACOSX" in parts


def _leads_out(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    outside = ".." in parts or name.startswith(("/", "\\")) or name[1:2] == ":"
    return "its name leads out of the archive" if outside else ""
