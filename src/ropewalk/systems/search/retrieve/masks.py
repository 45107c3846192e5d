"""A filter as a mask of rows, for the leg that knows no words: the same documents that `filtered.py` names, from the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.systems.search.index.columns import Keywords, Numbers
from ropewalk.systems.search.retrieve.filters import Between, Every, Filter, No, OneOf, Some

if TYPE_CHECKING:
    from ropewalk.systems.search.index.snapshot import Snapshot


def mask(wanted: Filter, snapshot: Snapshot, kinds: Mapping[str, str]) -> np.ndarray:
    """bool [rows of the snapshot], deleted ones not considered."""
    if isinstance(wanted, Every):
        parts = [mask(part, snapshot, kinds) for part in wanted.parts]
        return np.logical_and.reduce(parts) if parts else np.ones(snapshot.rows, bool)
    if isinstance(wanted, Some):
        parts = [mask(part, snapshot, kinds) for part in wanted.parts]
        return np.logical_or.reduce(parts) if parts else np.zeros(snapshot.rows, bool)
    if isinstance(wanted, No):
        return ~mask(wanted.part, snapshot, kinds)
    column = snapshot.column(wanted.field)
    if isinstance(wanted, Between):
        assert isinstance(column, Numbers)
        return _between(wanted, column)
    return _with_keyword(wanted.values, column) if isinstance(column, Keywords) else _equal(wanted, column)


def _between(wanted: Between, column: Numbers) -> np.ndarray:
    inside = column.present.copy()
    if wanted.low is not None:
        low = _number(wanted.low)
        inside &= column.values >= low if wanted.with_low else column.values > low
    if wanted.high is not None:
        high = _number(wanted.high)
        inside &= column.values <= high if wanted.with_high else column.values < high
    return inside


def _equal(wanted: OneOf, column: Numbers) -> np.ndarray:
    values = np.array([_number(value) for value in wanted.values], column.values.dtype)
    return column.present & np.isin(column.values, values)


def _with_keyword(values: Sequence[Any], column: Keywords) -> np.ndarray:
    """Rows with at least one of the values among their keywords."""
    places = {value: code for code, value in enumerate(column.vocabulary)}
    codes = [places[value] for value in values if value in places]
    hits = np.zeros(len(column.vocabulary) + 1, bool)
    hits[codes] = True
    before = np.concatenate([[0], np.cumsum(hits[column.codes])])
    return before[column.edges[1:]] > before[column.edges[:-1]]


def _number(value: Any) -> Any:
    return int(value.timestamp()) if isinstance(value, datetime) else value
