"""Documents -> segments of a collection, in parallel where there are workers, the same segments however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.systems.search import encoders
from ropewalk.systems.search.encode.encoder import SLICE
from ropewalk.systems.search.encoders import TEXTS
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.index.manifest import SegmentInfo
from ropewalk.types import Job

if TYPE_CHECKING:
    import polars as pl

    from ropewalk.store import Store

SEGMENT = 50_000  # documents that are built at once: 77 MB of vectors on the way
MAIN = "text"  # holds the words of the other texts too
BESIDE = 0.25  # weight of a text field beside it: what a word gives for standing in a title, say (docs/decisions/0034-title.md)
OWN = ("id", "title", "text", "language", "source", "licence", "time", "origin")
FEW = 0.5  # of its values that a keyword may have different ones; a text says something else each time
SHORT = 60  # characters of a keyword, on average


@dataclass(frozen=True)
class Piece:
    """Documents that become one segment, and where it goes; their vectors are kept there by text."""

    store: Store
    collection: str
    encoder: encoders.Named | None
    layout: Layout | None  # None: the collection's own
    frame: pl.DataFrame
    number: int  # of the segment


def build(
    collection: Collection,
    frames: Iterable[pl.DataFrame],
    encoder: encoders.Named | None,
    job: Job,
    total: int = 0,
    layout: Layout | None = None,
) -> list[SegmentInfo]:
    """Segments of all documents, put but not committed, in the order of the documents. What was encoded before, in this or another
    collection of its store, is not encoded again. `total`: documents, for people who wait. `layout`: of a collection that is yet
    to be made."""
    pieces = (
        Piece(collection.store, collection.name, encoder, layout, frame, number)
        for number, frame in enumerate(evenly(frames, SEGMENT))
    )
    if encoder and total > SLICE:
        job.note(f"{total:,} documents are encoded; what is done is kept, should it be interrupted")
    with _telling(job, total):
        found: list[SegmentInfo] = job.map(build_piece, pieces)
    return found


_told: ContextVar[Callable[[int], None]] = ContextVar("told", default=lambda _: None)  # in this process alone


@contextmanager
def _telling(job: Job, total: int) -> Iterator[None]:
    """Within, encoded documents are counted: a task is too large to be waited for in silence."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        job.progress("encode", done, max(done, total), "documents")

    token = _told.set(tell)
    try:
        yield
    finally:
        _told.reset(token)


def build_piece(piece: Piece, _seed: int = 0) -> SegmentInfo:
    rows = [plain(row) for row in piece.frame.to_dicts()]
    vectors = encoded(piece.encoder, rows, piece.store) if piece.encoder else None
    return Collection(piece.store, piece.collection).put_segment(rows, vectors, piece.layout)


def evenly(frames: Iterable[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """The same rows in frames of `size`, the last one shorter, wherever the given ones were cut."""
    import polars as pl

    held: list[pl.DataFrame] = []
    count = 0
    for frame in frames:
        for part in frame.iter_slices(size):
            held.append(part)
            count += part.height
            if count >= size:
                whole = pl.concat(held)
                yield whole.head(size)
                held, count = [whole.slice(size)], count - size
    if count:
        yield pl.concat(held)


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A document without what it does not say."""
    return {name: value for name, value in row.items() if value is not None and value != ""}


def encoded(named: encoders.Named, rows: Sequence[Mapping[str, Any]], store: Store) -> np.ndarray:
    """The vectors of documents, kept in the store by their text."""
    from ropewalk.systems.search.encode import cached

    encoder, texts = cached(encoders.of(named, store), store), [readable(row) for row in rows]
    vectors = np.empty((len(texts), encoder.dims), np.float32)
    for at in range(0, len(texts), SLICE):
        vectors[at : at + SLICE] = encoder.encode(texts[at : at + SLICE])
        _told.get()(len(texts[at : at + SLICE]))
    return vectors


def readable(document: Mapping[str, Any]) -> str:
    """What the encoder reads of a document: title and text."""
    return " ".join(str(document[name]) for name in TEXTS if document.get(name))


def layout_of(frame: pl.DataFrame, fields: Mapping[str, str], weights: Mapping[str, float], **more: Any) -> Layout:
    """The layout of documents like these. `fields`: kinds of columns by name; others are read off the columns' types."""
    kinds = {name: "text" for name in TEXTS if name in frame.columns and filled(frame[name])}
    for name in (*frame.columns, *(f for f in fields if f not in frame.columns)):
        if name not in TEXTS and (kind := fields.get(name) or (guessed(frame[name]) if name not in OWN else "")):
            kinds[name] = kind
    main = MAIN if kinds.get(MAIN) == "text" and list(kinds.values()).count("text") > 1 else ""
    usual = {name: BESIDE if main and kind == "text" and name != main else 1.0 for name, kind in kinds.items()}
    found = tuple(Field(name, kind, weights.get(name, usual[name])) for name, kind in kinds.items())  # type: ignore[arg-type]
    return Layout(found, main=main, **more)


def filled(column: pl.Series) -> bool:
    return column.drop_nulls().len() > 0


def guessed(column: pl.Series) -> str:
    """The kind of field that a column's values look like; '' for what cannot be one."""
    import polars as pl

    if column.dtype == pl.Boolean:
        return "bool"
    if column.dtype.is_integer():
        return "int"
    if column.dtype.is_float():
        return "float"
    if column.dtype.is_temporal():
        return "date"
    if column.dtype == pl.List(pl.String):
        return "keyword"
    if column.dtype != pl.String or not filled(column):
        return ""
    known = column.drop_nulls()
    mean = known.str.len_chars().mean()
    few = known.n_unique() <= max(20, FEW * known.len())
    return "keyword" if few and isinstance(mean, (int, float)) and mean <= SHORT else "text"
