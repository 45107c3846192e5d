"""Documents -> a segment: one packed file, named by the hash of its bytes. Pure: the same input gives the same bytes.

Terms are indexed by one thread of tantivy in one commit, so that rows are the documents in their order. Its files are taken into
the pack under names without tantivy's random segment id; nothing inside them tells it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ropewalk.errors import DataError
from ropewalk.systems.search.index import columns
from ropewalk.systems.search.index.documents import write_documents
from ropewalk.systems.search.index.ids import write_ids
from ropewalk.systems.search.index.layout import Layout, register, schema
from ropewalk.systems.search.index.pack import Writer

FORMAT = "ropewalk segment 1"
LONGEST_ID = 512  # bytes
LISTED = 10  # problems that an error names
HEAP = 20_000_000  # bytes that tantivy's writer takes at least
HEAP_MOST = 2_000_000_000

# tantivy's thread takes documents from a queue of 10,000. Once it is full, every document wakes this thread for one more, which
# costs a sixth of the CPU time of indexing; so whoever waited at it stays away for some hundred documents.
FED = 256  # documents, between two looks at the clock
WAITED, PAUSE = 0.002, 0.03  # seconds


@dataclass(frozen=True, slots=True)
class Built:
    """A packed segment on the local disk."""

    path: Path
    hash: str
    bytes: int
    documents: int
    text_bytes: int  # of the text fields, UTF-8


def build_segment(layout: Layout, documents: Sequence[Mapping[str, Any]], vectors: Any | None, folder: Path) -> Built:
    """Pack documents, and their vectors (float32 [n, dims], or quantised already), as a file in `folder`.

    DataError names what breaks the layout: document, field and value.
    """
    rows = _checked(layout, documents)
    quantised = _quantised(layout, vectors, len(documents))
    scratch = Path(tempfile.mkdtemp(prefix="segment-", dir=folder))
    try:
        _index(layout, rows, scratch)
        target = Path(folder, f"{scratch.name}.pack")
        with open(target, "wb") as file:
            pack = Writer(file)
            _write_terms(pack, scratch)
            write_ids(pack, rows.ids)
            if layout.stored:
                write_documents(pack, documents, rows.text_bytes)
            for field in layout.typed:
                columns.write_column(pack, field, rows.typed[field.name])
            if quantised is not None:
                for name in ("codes", "scales", "rest", "rest_scales"):
                    pack.add_array(f"vectors/{name}", getattr(quantised, name))
            pack.finish({"format": FORMAT, "documents": len(documents), "text_bytes": rows.text_bytes})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    with open(target, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Built(target, digest, target.stat().st_size, len(documents), rows.text_bytes)


# --- what is fed -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rows:
    """Checked documents: what tantivy is fed, ids, and the values of typed fields."""

    fed: list[dict[str, Any]]
    ids: list[bytes]
    typed: dict[str, list[Any]]
    text_bytes: int


def _checked(layout: Layout, documents: Sequence[Mapping[str, Any]]) -> _Rows:
    put_texts = _texts_of(layout)
    typed: dict[str, list[Any]] = {field.name: [] for field in layout.typed}
    fed, ids, problems, text_bytes = [], [], [], 0
    for number, document in enumerate(documents):
        id = document.get("id")
        raw = _raw_id(id)
        if raw is None:
            problems.append(f"document {number}: its id is {_short(id)}; an id is a text of 1 to {LONGEST_ID} bytes.")
            continue
        row = {"id": id}
        try:
            text_bytes += put_texts(document, row)
        except ValueError as error:
            problems.append(f"document {number} ({id!r}), field {error}.")
        for field in layout.typed:
            value = document.get(field.name)
            try:
                parsed = None if value is None else columns.parse(value, field.kind)
            except ValueError as error:
                problems.append(f"document {number} ({id!r}), field {field.name!r}: {_short(value)} is not {error}.")
                continue
            typed[field.name].append(parsed)
            if parsed is not None and parsed != []:
                row[field.name] = parsed
        fed.append(row)
        ids.append(raw)
    problems += _repeated(ids)
    if problems:
        more = [f"... and {len(problems) - LISTED:,} more."] if len(problems) > LISTED else []
        raise DataError([*problems[:LISTED], *more])
    return _Rows(fed, ids, typed, text_bytes)


def _texts_of(layout: Layout) -> Callable[[Mapping[str, Any], dict[str, Any]], int]:
    """A function that puts a document's texts into the row for tantivy and gives their bytes. ValueError: what is no text."""
    from ropewalk.methods.text.analysis import prepare

    by_language = {lang: [(f.name, layout.text_field(f.name, lang)) for f in layout.texts] for lang in layout.languages}
    main = layout.main if len(layout.texts) > 1 else ""

    def put(document: Mapping[str, Any], row: dict[str, Any]) -> int:
        total, language = 0, document.get("language")
        read = language if isinstance(language, str) and language in by_language else layout.language
        for name, field in by_language[read]:
            value = document.get(name)
            if value is None:
                continue
            if not isinstance(value, str) or (size := _size(value)) is None:
                raise ValueError(f"{name!r}: {_short(value)} is no text in Unicode")
            row[field] = prepare(value, read)
            total += size
        if main and (texts := [row[field] for _, field in by_language[read] if field in row]):
            row[layout.text_field(main, read)] = texts
        return total

    return put


def _raw_id(id: Any) -> bytes | None:
    try:
        raw = id.encode()
    except (AttributeError, UnicodeEncodeError):
        return None
    return raw if isinstance(raw, bytes) and 0 < len(raw) <= LONGEST_ID else None


def _size(text: str) -> int | None:
    """Bytes in UTF-8; None where it holds half a character."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None


def _repeated(ids: Sequence[bytes]) -> list[str]:
    if len(set(ids)) == len(ids):
        return []
    seen: set[bytes] = set()
    twice = next(id for id in ids if id in seen or seen.add(id))  # type: ignore[func-returns-value]
    return [f"the id {twice.decode()!r} is there twice in one segment; keep the last of equal ids."]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _quantised(layout: Layout, vectors: Any | None, count: int) -> Any | None:
    from ropewalk.methods.text.vectors import quantise

    if not layout.dims:
        if vectors is not None:
            raise DataError(
                ["vectors were given, and the layout has none: say its dims and encoder when it is created."]
            )
        return None
    shape = None if vectors is None else np.shape(getattr(vectors, "codes", vectors))
    if shape != (count, layout.dims):
        given = "none were given" if shape is None else f"the shape given is {list(shape)}"
        raise DataError([f"vectors: {count} documents need vectors of the shape [{count}, {layout.dims}]; {given}."])
    if hasattr(vectors, "codes"):
        return vectors
    try:
        return quantise(np.ascontiguousarray(vectors, np.float32))
    except ValueError as error:
        raise DataError([f"vectors: {error}."]) from None


# --- tantivy -----------------------------------------------------------------------------------------------------


def _index(layout: Layout, rows: _Rows, folder: Path) -> None:
    """Leave tantivy's files of exactly one segment in the folder."""
    heap = min(HEAP_MOST, HEAP + 3 * rows.text_bytes + 200 * len(rows.fed))
    while not _index_once(layout, rows.fed, folder, heap):
        if heap == HEAP_MOST:
            raise DataError(
                [
                    f"{len(rows.fed):,} documents of {rows.text_bytes:,} bytes are too many for one segment; write fewer at a time."
                ]
            )
        heap = min(HEAP_MOST, 2 * heap)
        for path in folder.iterdir():
            path.unlink()


def _index_once(layout: Layout, fed: Sequence[dict[str, Any]], folder: Path, heap: int) -> bool:
    """False when the heap was too small for one segment."""
    from tantivy import Document, Index

    index = Index(schema(layout), str(folder))
    register(index, layout)
    writer = index.writer(heap, 1)
    add, make = writer.add_document, Document.from_dict
    try:
        for start in range(0, len(fed), FED):
            begun, used = time.monotonic(), time.thread_time()
            for row in fed[start : start + FED]:
                add(make(row))
            if time.monotonic() - begun - (time.thread_time() - used) > WAITED:
                time.sleep(PAUSE)
        writer.commit()
    finally:
        writer.wait_merging_threads()
    return len(json.loads((folder / "meta.json").read_bytes())["segments"]) == (1 if fed else 0)


def _write_terms(pack: Writer, folder: Path) -> None:
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix):
        if path.name[0] != "." and path.suffix != ".json":
            pack.add(f"terms/{path.suffix[1:]}", path.read_bytes(), compress=True)


def segment_id(hash: str) -> str:
    """A segment's name in tantivy, and so of its files."""
    return hash[:32]
