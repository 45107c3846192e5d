"""Why a row is refused, as sentences: which row, which field, its value, and what would be right.

The fast decoder only says no; these functions look again, slowly, and say everything that is wrong.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from ropewalk.types import Column, Contract

MOST = 20  # sentences in one answer
_WORDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "date": "a date"}


def problems(contract: Contract, raw: Any) -> list[str]:
    """All problems of a decoded body, at most MOST of them."""
    if isinstance(raw, dict):
        found = list(_row(contract, raw, ""))
    elif isinstance(raw, list):
        found = [s for i, row in enumerate(raw) for s in _row(contract, row, f"row {i}: ")]
    else:
        found = [f"the body is {show(raw)}, but must be one row (a JSON object) or a list of rows (a JSON array)."]
    rest = len(found) - MOST
    return found if rest <= 0 else [*found[:MOST], f"... and {rest} problem{'s' if rest > 1 else ''} more."]


def _row(contract: Contract, row: Any, where: str) -> Iterator[str]:
    if not isinstance(row, dict):
        yield f"{where}this is {show(row)}, but a row must be a JSON object."
        return
    known = (*contract.names, "event_id")
    for name in row:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            yield f"{where}there is no field {show(name)}. " + (
                f"Did you mean {close[0]!r}?" if close else f"There is: {', '.join(known[:20])}."
            )
    for column in contract.columns:
        value = row.get(column.name)
        if value is None:
            if column.required:
                such = show(example(column))
                yield f"{where}{column.name!r} is missing; it must be {wanted(column)}, for example {such}."
        elif wrong := _wrong(column, value):
            yield f"{where}{column.name!r} {wrong}"
    if "event_id" in row and not _is_event_id(row["event_id"]):
        yield f"{where}'event_id' is {show(row['event_id'])}, but must be 1 to 64 letters, digits or any of . _ : -"


def _wrong(column: Column, value: Any) -> str:
    """'is -3, but must be ...' or nothing."""
    if column.length is None:
        return "" if allowed(column, value) else f"is {show(value)}, but must be {wanted(column)}."
    if not isinstance(value, list):
        return f"is {show(value)}, but must be {wanted(column)}."
    if len(value) != column.length:
        return f"has {len(value)} values, but must be {wanted(column)}."
    bad = next((i for i, v in enumerate(value) if not allowed(column, v)), None)
    return "" if bad is None else f"has {show(value[bad])} at place {bad}, but must be {wanted(column)}."


def allowed(column: Column, value: Any) -> bool:
    """Whether one value (of a list: one of its values) is of the column's kind and within its bounds."""
    if column.kind in ("int", "float"):
        if isinstance(value, bool) or not isinstance(value, (int, float) if column.kind == "float" else int):
            return False
        if column.kind == "int" and not -(2**63) <= value < 2**63:
            return False
        low = column.low is None or value >= column.low
        return math.isfinite(value) and low and (column.high is None or value <= column.high)
    if column.kind == "bool":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if column.kind == "date":
        return _is_date(value)
    return not column.choices or value in column.choices


def wanted(column: Column) -> str:
    """'a number from 0 to 5 (EUR)', 'a list of 26 numbers of at least 0 (units a week)'."""
    words = _WORDS[column.kind]
    if column.choices:
        words = "one of " + ", ".join(map(repr, column.choices[:20])) + (", ..." if len(column.choices) > 20 else "")
    elif column.kind == "date":
        words += " as YYYY-MM-DD"
    elif column.kind in ("int", "float"):
        words += bounds(column)
    if column.length is not None:
        words = f"a list of exactly {column.length} values, each {words}"
    return words + (f" ({column.unit})" if column.unit else "")


def bounds(column: Column) -> str:
    """' from 0 to 5', ' of at least 0', ' of at most 5' or nothing."""
    if column.low is not None and column.high is not None:
        return f" from {_number(column.low)} to {_number(column.high)}"
    if column.low is not None:
        return f" of at least {_number(column.low)}"
    return f" of at most {_number(column.high)}" if column.high is not None else ""


def _number(value: float) -> str:
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)


def example(column: Column) -> Any:
    """A value that the contract allows, as JSON."""
    if column.default is not None:
        value = column.default.isoformat() if isinstance(column.default, date) else column.default
        if column.length is None or isinstance(value, (list, tuple)):
            return list(value) if isinstance(value, tuple) else value
    else:
        value = _example(column)
    return value if column.length is None else [value] * column.length


def _example(column: Column) -> Any:
    if column.choices:
        return column.choices[0]
    if column.kind == "int":
        low = -(2**63) if column.low is None else math.ceil(column.low)
        return min(max(1, low), 2**63 - 1 if column.high is None else math.floor(column.high))
    if column.kind == "float":
        low_, high = -math.inf if column.low is None else column.low, math.inf if column.high is None else column.high
        return float(min(max(1.0, low_), high))
    return {"str": "A1", "bool": False, "date": "2024-01-31"}[column.kind]


def repeated_keys(names: Sequence[str], keys: Sequence[tuple[Any, ...]], rows: Sequence[int] | None = None) -> str:
    """A sentence when two rows have the same key, else nothing."""
    first: dict[tuple[Any, ...], int] = {}
    for place, key in enumerate(keys):
        if (before := first.setdefault(key, place)) != place:
            i, j = (before, place) if rows is None else (rows[before], rows[place])
            values = ", ".join(f"{n} {show(v)}" for n, v in zip(names, key, strict=True))
            return f"rows {i} and {j} have the same {values}; send each of them once."
    return ""


def show(value: Any) -> str:
    """A value as JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_event_id(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 64
        and all(c.isascii() and (c.isalnum() or c in "._:-") for c in value)
    )
