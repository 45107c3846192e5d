"""From an entry to what is in it: the format by its ending or its first bytes, archives member by member."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ropewalk.systems.search.collect.fields import USUAL
from ropewalk.systems.search.collect.found import Bad, Entry, Found, Item
from ropewalk.systems.search.collect.lines import read_csv, read_json, read_jsonl
from ropewalk.systems.search.collect.pages import read_page
from ropewalk.systems.search.collect.settings import CollectSettings
from ropewalk.systems.search.collect.streams import Unreadable, tar_members, unpacked, zip_members
from ropewalk.systems.search.collect.tables import read_table, read_warc
from ropewalk.systems.search.collect.texts import marked

ENDINGS = {
    ".html": "html", ".htm": "html", ".xhtml": "html",
    ".md": "markdown", ".markdown": "markdown", ".mdx": "markdown",
    ".txt": "text", ".text": "text", ".rst": "text",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".ipc": "arrow", ".feather": "arrow",
    ".pdf": "pdf", ".warc": "warc",
    ".zip": "zip", ".tar": "tar", ".tgz": "tar",
}  # fmt: skip
PACKS = {".gz": "gz", ".gzip": "gz", ".zst": "zst", ".zstd": "zst"}
ARCHIVES = ("zip", "tar")
UNKNOWN = "its ending is of no format that is read"
KNOWN = f"Endings that are read: {' '.join(ENDINGS)}, also with .gz or .zst."


def format_of(name: str) -> tuple[str, str]:
    """(format, pack) by a file's name; '' for what is not known."""
    suffixes = [s.lower() for s in Path(name).suffixes]
    pack = PACKS.get(suffixes[-1], "") if suffixes else ""
    if suffixes and suffixes[-1] == ".tgz":
        return "tar", "gz"
    rest = suffixes[:-1] if pack else suffixes
    return (ENDINGS.get(rest[-1], "") if rest else ""), pack


def sniffed(head: bytes) -> tuple[str, str]:
    """(format, pack) by the first bytes of a file; text where nothing else fits."""
    for mark, found in (
        (b"\x1f\x8b", ("", "gz")),
        (b"\x28\xb5\x2f\xfd", ("", "zst")),
        (b"%PDF", ("pdf", "")),
        (b"PK\x03\x04", ("zip", "")),
        (b"PAR1", ("parquet", "")),
        (b"ARROW1", ("arrow", "")),
        (b"WARC/", ("warc", "")),
    ):
        if head.startswith(mark):
            return found
    if head[257:262] == b"ustar":
        return "tar", ""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if start.startswith((b"{", b"[")):
        return ("jsonl" if start.startswith(b"{") else "json"), ""
    if start.startswith((b"<!doctype html", b"<html")):
        return "html", ""
    return "text", ""


def read(entry: Entry, settings: CollectSettings, file_time: float | None = None) -> Iterator[Item]:
    """Everything that is in an entry, in order; what breaks is told, and what came before it stays."""
    if entry.problem:
        yield Bad(entry.label, 0, entry.problem)
        return
    limit = int(settings.max_unpacked_gb * 2**30)
    if entry.format in ARCHIVES:
        members = zip_members if entry.format == "zip" else tar_members
        for member in members(entry, limit):
            if isinstance(member, Bad):
                yield member
            else:
                timed = member.time if settings.file_times else None
                yield from _member(member.stream, member.label, member.size, settings, timed)
        return
    try:
        if entry.format in ("parquet", "arrow") and not entry.pack:
            yield from read_table(entry.path, entry.label, entry.format, entry.start, entry.stop)
            return
        with open(entry.path, "rb") as file:
            file.seek(entry.start)
            stream = unpacked(file, entry.pack, entry.size, limit)
            length = None if entry.stop is None else entry.stop - entry.start
            if entry.format == "jsonl":
                yield from _guarded(_jsonl(stream, entry.label, settings, entry.first, length), entry.label)
            else:
                yield from _timed(_stream(stream, entry.label, entry.format, settings), file_time)
    except OSError as error:
        yield Bad(entry.label, 0, f"it can not be read ({error.strerror or error})")


def _member(
    stream: IO[bytes], label: str, size: int, settings: CollectSettings, file_time: float | None
) -> Iterator[Item]:
    kind, pack = format_of(label)
    if kind in ARCHIVES:
        yield Bad(label, 0, "an archive inside an archive is not opened: unpack it first")
    elif not kind:
        yield Bad(label, 0, UNKNOWN)
    else:
        limit = int(settings.max_unpacked_gb * 2**30)
        inner = unpacked(stream, pack, size, limit) if pack else stream
        yield from _timed(_stream(inner, label, kind, settings), file_time)


def _stream(stream: IO[bytes], label: str, kind: str, settings: CollectSettings) -> Iterator[Item]:
    return _guarded(_by_kind(stream, label, kind, settings), label)


def _by_kind(stream: IO[bytes], label: str, kind: str, settings: CollectSettings) -> Iterator[Item]:
    if kind in ("html", "markdown", "text", "pdf"):
        yield from read_page(stream, label, settings, kind)
    elif kind == "jsonl":
        yield from _jsonl(stream, label, settings)
    elif kind == "json":
        yield from read_json(stream, label, settings)
    elif kind in ("csv", "tsv"):
        yield from read_csv(stream, label, settings, "\t" if kind == "tsv" else settings.separator)
    elif kind in ("parquet", "arrow"):
        data = stream.read((settings.max_file_mb << 20) + 1)
        fits = len(data) <= settings.max_file_mb << 20
        yield from read_table(data, label, kind) if fits else [Bad(label, 0, f"larger than {settings.max_file_mb} MB")]
    else:
        yield from read_warc(stream, label, settings)


def _jsonl(
    stream: IO[bytes], label: str, settings: CollectSettings, first: int = 1, length: int | None = None
) -> Iterator[Item]:
    """Lines of JSON; those of a file that is marked as UTF-16 are recoded in memory first."""
    head = stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b""
    if first == 1 and marked(head).startswith(("utf-16", "utf-32")):
        data = stream.read((settings.max_file_mb << 20) + 1)
        if len(data) > settings.max_file_mb << 20:
            yield Bad(label, 0, f"larger than {settings.max_file_mb} MB in {marked(head)}: write it as UTF-8")
            return
        stream, length = io.BytesIO(data.decode(marked(head), "replace").encode()), None
    yield from read_jsonl(stream, label, settings, first, length)


def _guarded(items: Iterator[Item], label: str) -> Iterator[Item]:
    """The items; a stream that breaks ends with the reason, at the line after the last good one."""
    at = -1
    try:
        for item in items:
            at = getattr(item, "position", at)
            yield item
    except Unreadable as error:
        yield Bad(label, at + 1, str(error))
    except (OSError, EOFError, UnicodeError) as error:
        yield Bad(label, at + 1, f"it can not be read on ({error})")


def _timed(items: Iterator[Item], seconds: float | None) -> Iterator[Item]:
    """The items, with the file's time where a record has none of its own and the user asked for it."""
    if seconds is None:
        yield from items
        return
    when = datetime.fromtimestamp(int(seconds), UTC)
    for item in items:
        if isinstance(item, Found) and not any(v and k.lower() in USUAL["time"] for k, v in item.record.items()):
            item = Found(item.source, item.position, {**item.record, "time": when})
        yield item


def head_of(path: str | Path, pack: str = "") -> bytes:
    """The first bytes of a file, unpacked; b'' where there are none to be had."""
    try:
        with open(path, "rb") as file:
            stream = unpacked(file, pack, 1 << 40, 1 << 40) if pack else io.BufferedReader(file)
            return stream.read(512)
    except (OSError, Unreadable):
        return b""
