"""Typed fields as columns: an array a field, mapped from the pack, and its missing values.

| kind | values | missing |
|---|---|---|
| int | int64 | `present` is False |
| float | float64 | |
| date | int64, whole seconds since 1970 UTC | |
| bool | uint8, 0 or 1 | |
| keyword | `codes` int32 into `vocabulary`, those of row i at `edges[i]:edges[i + 1]` | no codes |
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from ropewalk.systems.search.index.layout import Field
from ropewalk.systems.search.index.pack import Pack, Writer

DTYPES = {"int": np.int64, "float": np.float64, "date": np.int64, "bool": np.uint8}
LONGEST = 8_191  # bytes of a keyword
EARLIEST, LATEST = datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)  # what tantivy can hold


@dataclass(frozen=True, slots=True)
class Numbers:
    """An int, float, date or bool a row. `values` [rows]; `present` bool [rows]."""

    kind: str
    values: np.ndarray
    present: np.ndarray


@dataclass(frozen=True, slots=True)
class Keywords:
    """Any number of keywords a row. `edges` int64 [rows + 1] into `codes` int32, which index `vocabulary` (sorted)."""

    edges: np.ndarray
    codes: np.ndarray
    vocabulary: tuple[str, ...]


Column = Numbers | Keywords


def parse(value: Any, kind: str) -> Any:
    """A value as tantivy takes it (keywords as a list). ValueError says what it is not."""
    if kind == "keyword":
        return _keywords(value)
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    if kind == "float" and isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if kind == "date":
        return _moment(value)
    raise ValueError({"bool": "true or false", "int": "a whole number of 64 bits", "float": "a finite number"}[kind])


def _keywords(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(one, str) for one in values):
        raise ValueError("a text or a list of texts")
    if any(len(one.encode()) > LONGEST for one in values):
        raise ValueError(f"a keyword, at most {LONGEST:,} bytes; make it a text field")
    return list(dict.fromkeys(values))


def _moment(value: Any) -> datetime:
    """Whole seconds in UTC; a date without a time is its midnight, a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if not isinstance(moment, datetime):
        raise ValueError("a date such as 2024-01-31 or 2024-01-31T10:00:00Z")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"a date from {EARLIEST:%Y} to {LATEST:%Y}")
    return moment.replace(microsecond=0)


def write_column(pack: Writer, field: Field, values: Sequence[Any]) -> None:
    """The parsed values of a field, None where there is none."""
    name = f"column/{field.name}"
    if field.kind == "keyword":
        rows = [value or () for value in values]
        vocabulary = sorted({one for row in rows for one in row})
        code = {one: i for i, one in enumerate(vocabulary)}
        pack.add_array(f"{name}/edges", np.cumsum([0, *map(len, rows)], dtype=np.int64))
        pack.add_array(f"{name}/codes", np.array([code[one] for row in rows for one in row], np.int32))
        pack.add(f"{name}/vocabulary", json.dumps(vocabulary, ensure_ascii=False).encode(), compress=True)
        return
    if field.kind == "date":
        values = [None if value is None else int(value.timestamp()) for value in values]
    pack.add_array(f"{name}/values", np.array([0 if v is None else v for v in values], DTYPES[field.kind]))
    pack.add_array(f"{name}/present", np.array([value is not None for value in values], bool))


def read_column(pack: Pack, field: Field) -> Column:
    name = f"column/{field.name}"
    if field.kind == "keyword":
        vocabulary = tuple(json.loads(pack.bytes(f"{name}/vocabulary")))
        return Keywords(pack.array(f"{name}/edges"), pack.array(f"{name}/codes"), vocabulary)
    return Numbers(field.kind, pack.array(f"{name}/values"), pack.array(f"{name}/present"))


def join(parts: Sequence[Column], field: Field) -> Column:
    """The columns of segments as one."""
    if len(parts) == 1:
        return parts[0]
    if field.kind != "keyword":
        numbers = [part for part in parts if isinstance(part, Numbers)]
        values = [np.empty(0, DTYPES[field.kind]), *(part.values for part in numbers)]
        return Numbers(
            field.kind, np.concatenate(values), np.concatenate([np.empty(0, bool), *(p.present for p in numbers)])
        )
    words = [part for part in parts if isinstance(part, Keywords)]
    vocabulary = sorted(set().union(*(part.vocabulary for part in words)))
    code = {one: i for i, one in enumerate(vocabulary)}
    edges, codes = [np.zeros(1, np.int64)], [np.empty(0, np.int32)]
    for part in words:
        edges.append(part.edges[1:] + edges[-1][-1])
        codes.append(np.array([code[one] for one in part.vocabulary], np.int32)[part.codes])
    return Keywords(np.concatenate(edges), np.concatenate(codes), tuple(vocabulary))
