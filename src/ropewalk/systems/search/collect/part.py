"""What one task does: read a piece, write its documents, signatures and problems, and last of all a summary.

Every file is written beside its place and renamed, the summary last: a piece with a summary is done and is not read again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropewalk.systems.search.collect import language, near
from ropewalk.systems.search.collect.columns import frame_of
from ropewalk.systems.search.collect.fields import Document, documents_of
from ropewalk.systems.search.collect.found import Bad, Entry, Remark
from ropewalk.systems.search.collect.readers import read
from ropewalk.systems.search.collect.settings import CollectSettings

if TYPE_CHECKING:
    import polars as pl

ROWS = 20_000  # documents of one file
TEXT = 24 << 20  # characters of one file
NAMED = 3  # examples that a summary names


@dataclass(frozen=True, slots=True)
class Task:
    """A piece and where its results go; it travels to a worker."""

    number: int
    entries: tuple[Entry, ...]
    settings: CollectSettings
    folder: str


@dataclass(slots=True)
class Summary:
    """What a piece held. `files`: one a part: its name, rows, and the kinds of its fields."""

    files: list[dict[str, Any]] = field(default_factory=list)
    bad: int = 0
    first: list[str] = field(default_factory=list)  # the first problems, as sentences
    remarks: dict[str, list[Any]] = field(default_factory=dict)  # kind -> [count, first sources]
    unfit: dict[str, int] = field(default_factory=dict)  # field -> values that were not of its type
    languages: dict[str, int] = field(default_factory=dict)


def read_piece(task: Task, _seed: int = 0) -> dict[str, Any]:
    """The summary of a piece, from its file when it was read before."""
    folder = Path(task.folder)
    done = folder / f"piece-{task.number:06d}.json"
    if done.exists():
        return dict(json.loads(done.read_text()))
    summary = asdict(_read(task, folder))
    _write(done, lambda path: path.write_text(json.dumps(summary)))
    return summary


def _read(task: Task, folder: Path) -> Summary:
    settings, summary = task.settings, Summary()
    document, tongue = documents_of(settings), tongue_of(settings)
    held: list[Document] = []
    bad: list[Bad] = []
    size, spoken = 0, Counter[str]()
    for item in _items(task):
        if isinstance(item, Remark):
            _remark(summary, item)
            continue
        made = item.reason if isinstance(item, Bad) else document(item, summary.unfit)
        if isinstance(item, Bad) or isinstance(made, str):
            bad.append(Bad(item.source, item.position, str(made)))
        else:
            made["language"] = tongue(made, item.record.get("declared_language"))
            spoken[made["language"] or "unknown"] += 1
            held.append(made)
            size += len(made["text"])
            if len(held) >= ROWS or size >= TEXT:
                summary.files.append(_part(task, folder, len(summary.files), held))
                held, size = [], 0
    if held:
        summary.files.append(_part(task, folder, len(summary.files), held))
    summary.bad, summary.first = len(bad), [sentence(b) for b in bad[:NAMED]]
    summary.languages = dict(sorted(spoken.items()))
    if bad:
        _write(folder / f"bad-{task.number:06d}.arrow", bad_frame(bad).write_ipc)
    return summary


def _items(task: Task) -> Any:
    for entry in task.entries:
        wanted = task.settings.file_times and not entry.problem
        yield from read(entry, task.settings, os.stat(entry.path).st_mtime if wanted else None)


def sentence(bad: Bad) -> str:
    where = f", {bad.position:,}" if bad.position else ""
    return f"{bad.source}{where}: {bad.reason}"


def bad_frame(bad: list[Bad]) -> pl.DataFrame:
    """[n] source, position, reason."""
    import polars as pl

    columns = {"source": pl.String, "position": pl.Int64, "reason": pl.String}
    return pl.DataFrame({n: [getattr(b, n) for b in bad] for n in columns}, schema=columns)


def _remark(summary: Summary, remark: Remark) -> None:
    count, sources = summary.remarks.get(remark.kind, [0, []])
    summary.remarks[remark.kind] = [count + 1, [*sources, remark.source][:NAMED]]


def tongue_of(settings: CollectSettings) -> Callable[[Document, Any], str | None]:
    """(document, declared) -> its language: what it says, else the setting's, else what its text looks like.

    `declared`: what a page's markup says, which is often the template's: it counts where the text does not tell.
    """

    def tongue(document: Document, declared: Any) -> str | None:
        said = document["language"]
        known = language.code(str(said)) if said else None
        if known or settings.language != "auto":
            return known or settings.language
        found = language.detector()(f"{document['title'] or ''} {document['text'][: language.READ]}")
        return found or (language.code(declared) if isinstance(declared, str) else None)

    return tongue


def _part(task: Task, folder: Path, number: int, documents: list[Document]) -> dict[str, Any]:
    """Write a part of the piece: its documents with a hash of title and text, and their signatures."""
    import numpy as np
    import polars as pl

    name = f"part-{task.number:06d}-{number:04d}"
    frame, kinds = frame_of(documents)
    texts = [f"{d['title'] or ''}\n{d['text']}" for d in documents]
    same = [hashlib.blake2b(t.encode(), digest_size=16).digest() for t in texts]
    frame = frame.with_columns(pl.Series("_ropewalk_same", same, pl.Binary))
    _write(folder / f"{name}.arrow", lambda path: frame.write_ipc(path, compression="lz4"))
    if task.settings.near_duplicates != "keep":
        marks = near.signatures(texts)
        _write(folder / f"{name}.npy", lambda path: _save(np, path, marks))
    return {"name": name, "rows": len(documents), "kinds": kinds}


def _save(np: Any, path: Path, array: Any) -> None:
    with open(path, "wb") as file:  # np.save would append its own ending
        np.save(file, array)


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """A file seen whole or not at all."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    write(half)
    os.replace(half, path)
