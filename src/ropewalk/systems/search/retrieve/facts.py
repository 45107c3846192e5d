"""What fusion and reranking want to know of a snapshot: how its vectors spread, its documents' terms and vectors."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from ropewalk.methods.text import analysis, vectors

if TYPE_CHECKING:
    from ropewalk.systems.search.index.snapshot import Snapshot

SAMPLE = 1_000  # vectors from which the spread of a query's cosines is told, to some 3 %


_samples: WeakKeyDictionary[Snapshot, np.ndarray] = WeakKeyDictionary()
_lock = threading.Lock()


def spread(snapshot: Snapshot, query: np.ndarray) -> float:
    """Standard deviation of the cosines of a query [d] to live documents at even distances."""
    with _lock:
        if snapshot not in _samples:
            _samples[snapshot] = restored(snapshot, _evenly(np.flatnonzero(snapshot.alive), SAMPLE))
        sample = _samples[snapshot]
    return float(np.std(sample @ query)) if len(sample) else 0.0


def _evenly(rows: np.ndarray, count: int) -> np.ndarray:
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64))] if len(rows) else rows


def terms_of(snapshot: Snapshot, document: dict[str, object]) -> list[str]:
    """The terms of a document's text fields, title first, in its language."""
    language = str(document.get("language") or "")
    language = language if language in snapshot.layout.languages else snapshot.layout.language
    names = [f.name for f in snapshot.layout.fields if f.kind == "text"]
    return [term for name in names if document.get(name) for term in analysis.terms(str(document[name]), language)]


def restored(snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
    """float32 [n, d]: the vectors of rows, in their order."""
    out = np.empty((len(rows), snapshot.layout.dims), np.float32)
    numbers = np.searchsorted(snapshot.starts, rows, "right") - 1
    for number in np.unique(numbers).tolist():
        at = np.flatnonzero(numbers == number)
        out[at] = vectors.restore(snapshot.vectors[number], rows[at] - snapshot.starts[number])
    return out
