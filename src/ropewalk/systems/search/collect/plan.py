"""Addresses become pieces of work: folders walked in sorted order, large files cut, small ones gathered.

The pieces depend on the files and the settings alone, never on the number of workers.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ropewalk.errors import DataError, MissingError
from ropewalk.systems.search.collect.found import Entry
from ropewalk.systems.search.collect.readers import UNKNOWN, format_of, head_of, sniffed
from ropewalk.systems.search.collect.settings import CollectSettings
from ropewalk.systems.search.collect.streams import CHUNK

MANY = 256  # files of one piece
ROWS = 50_000  # rows of a table that one piece reads


def entries_of(named: Sequence[tuple[str, Path]], settings: CollectSettings) -> list[Entry]:
    """Every file behind (label, path) pairs; a folder's files in sorted order, hidden ones left out."""
    found: list[Entry] = []
    for label, path in named:
        if path.is_dir():
            found.extend(_walk(label, path, settings))
        elif path.exists():
            found.append(_entry(label, path, settings, alone=True))
        else:
            near = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
            raise MissingError("file or folder", path.name, near, f"It was looked for at {path.absolute()}.")
    if not found:
        raise DataError([f"{', '.join(label for label, _ in named)}: there is no file in it."])
    return found


def labels_of(addresses: Sequence[str]) -> list[str]:
    """A label an address: its last part, with as many parts before it as tell it from the others."""
    parts = [[p for p in Path(a).expanduser().absolute().parts if p != os.sep] or ["files"] for a in addresses]
    labels = [p[-1] for p in parts]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        labels = ["/".join(p[-depth:]) if labels.count(one) > 1 else one for p, one in zip(parts, labels, strict=True)]
    return labels


def _walk(label: str, folder: Path, settings: CollectSettings) -> Iterator[Entry]:
    root = folder.resolve()
    for name in sorted(os.listdir(folder)):
        if name.startswith(".") or name == "__MACOSX":
            continue
        path, own = folder / name, f"{label}/{_printable(name)}"
        if path.is_symlink() and (reason := _link(path, root)):
            yield Entry(own, str(path), "", problem=reason)
        elif path.is_dir() and not path.is_symlink():
            yield from _walk(own, path, settings)
        elif path.is_file() and not path.is_symlink():
            yield _entry(own, path, settings, alone=False)
        elif not path.is_dir() and not path.is_symlink():
            yield Entry(own, str(path), "", problem="it is no regular file")


def _link(path: Path, root: Path) -> str:
    """Why a link in a folder is not read: what lies inside is read where it lies."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "it is a link that leads nowhere"
    return "" if target.is_relative_to(root) else "it is a link that leads out of the folder, which is not followed"


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _entry(label: str, path: Path, settings: CollectSettings, alone: bool) -> Entry:
    """A file as an entry. One that was named by itself may have any ending: its first bytes tell."""
    kind, pack = format_of(path.name)
    size = path.stat().st_size if path.is_file() else 0
    if settings.format != "auto":
        if kind not in ("zip", "tar"):
            kind = settings.format
    elif not kind and alone:
        if not pack:
            kind, pack = sniffed(head_of(path))
        kind = kind or sniffed(head_of(path, pack))[0]
    problem = "" if kind else UNKNOWN
    if alone and not path.is_file():
        problem = "it is no regular file"
    return Entry(label, str(path), kind, pack, size, problem=problem)


def is_large(entry: Entry, settings: CollectSettings) -> bool:
    """Whether a packed file of lines is worth unpacking to be cut."""
    return entry.format == "jsonl" and bool(entry.pack) and entry.size * 4 > settings.part_mb << 20


def pieces_of(entries: Iterable[Entry], settings: CollectSettings) -> list[tuple[Entry, ...]]:
    """What one task reads: a range of a large file, or small files up to `part_mb` together."""
    limit = settings.part_mb << 20
    pieces: list[tuple[Entry, ...]] = []
    gathered: list[Entry] = []
    weight = 0
    for entry in entries:
        cut = _cut(entry, limit)
        if len(cut) == 1 and cut[0].size <= limit // 4:
            if gathered and (weight + entry.size > limit or len(gathered) >= MANY):
                pieces.append(tuple(gathered))
                gathered, weight = [], 0
            gathered.append(cut[0])
            weight += entry.size
            continue
        if gathered:
            pieces.append(tuple(gathered))
            gathered, weight = [], 0
        pieces.extend((one,) for one in cut)
    return [*pieces, *([tuple(gathered)] if gathered else [])]


def _cut(entry: Entry, limit: int) -> list[Entry]:
    if entry.problem or entry.pack:
        return [entry]
    if entry.format == "jsonl" and entry.size > 2 * limit:
        return list(_by_lines(entry, limit))
    if entry.format in ("parquet", "arrow"):
        return _by_rows(entry)
    if entry.format == "zip" and entry.size > limit:
        return _by_members(entry)
    return [entry]


def _by_lines(entry: Entry, limit: int) -> Iterator[Entry]:
    """Ranges of whole lines of about `limit` bytes, each with the number of its first line."""
    with open(entry.path, "rb") as file:
        head = file.read(4)
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            yield entry
            return
        file.seek(0)
        start, first, at = 0, 1, 0
        count = 0
        while piece := file.read(CHUNK):
            at += len(piece)
            count += piece.count(b"\n")
            if at - start >= limit:
                rest = file.readline()
                at += len(rest)
                count += rest.endswith(b"\n")
                yield replace(entry, start=start, stop=at, first=first)
                start, first, count = at, first + count, 0
        if start < at:
            yield replace(entry, start=start, stop=at, first=first)


def _by_rows(entry: Entry) -> list[Entry]:
    import polars as pl

    from ropewalk.systems.search.collect.tables import rows_of

    try:
        rows = rows_of(pl.scan_parquet(entry.path) if entry.format == "parquet" else pl.scan_ipc(entry.path))
    except (pl.exceptions.PolarsError, OSError):
        return [entry]  # its reader says what is wrong
    starts = range(0, max(rows, 1), ROWS)
    return [replace(entry, start=s, stop=min(rows, s + ROWS)) for s in starts]


def _by_members(entry: Entry) -> list[Entry]:
    try:
        with zipfile.ZipFile(entry.path) as archive:
            count = len(archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return [entry]
    return [replace(entry, start=s, stop=s + MANY) for s in range(0, max(count, 1), MANY)]
