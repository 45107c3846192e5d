"""Filters on typed fields, once as a query of the term leg and once as a mask of rows for the dense leg. Both say the same.

    {"brand": "HP"}   {"brand": ["HP", "Dell"]}   {"price": {"gte": 10, "lt": 20}}   {"sold": {"gte": "2024-01-31"}}
    {"brand": {"not": "HP"}}   {"any": [..., ...]}   {"all": [..., ...]}   {"not": {...}}

Several names in one object have to hold together. A document without a value matches no condition on that field but `not`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ropewalk.errors import RequestError, closest
from ropewalk.systems.search.index.columns import parse

RANGE = ("gte", "gt", "lte", "lt")
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class OneOf:
    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Between:
    field: str
    low: Any = None
    high: Any = None
    with_low: bool = True
    with_high: bool = True


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Some:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class No:
    part: Filter


Filter = OneOf | Between | Every | Some | No


def both(first: Filter | None, second: Filter | None) -> Filter | None:
    """What has to hold when each of them has to."""
    parts = tuple(part for part in (first, second) if part is not None)
    return Every(parts) if len(parts) > 1 else parts[0] if parts else None


def read(text: str | Mapping[str, Any], kinds: Mapping[str, str]) -> Filter | None:
    """A filter from JSON (or what JSON gives); empty is none. `kinds`: field -> kind. RequestError says what is wrong with it."""
    if not text:
        return None
    try:
        body = json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise RequestError(f'where: {text!r} is not JSON ({error}). Write it as {{"brand": ["HP"]}}.') from None
    return _read(body, kinds, 0)


def _read(body: Any, kinds: Mapping[str, str], depth: int) -> Filter:
    if not isinstance(body, Mapping):
        raise RequestError(f'where: {body!r} is no condition; write {{"field": value}}.')
    if depth > DEEPEST:
        raise RequestError(f"where: conditions are nested more than {DEEPEST} deep.")
    parts = tuple(_condition(str(name), value, kinds, depth) for name, value in body.items())
    return parts[0] if len(parts) == 1 else Every(parts)


def _condition(name: str, value: Any, kinds: Mapping[str, str], depth: int) -> Filter:
    if name == "not":
        return No(_read(value, kinds, depth + 1))
    if name in ("any", "all"):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise RequestError(f"where: {name!r} takes a list of conditions, not {value!r}.")
        parts = tuple(_read(one, kinds, depth + 1) for one in value)
        return Some(parts) if name == "any" else Every(parts)
    if name not in kinds:
        close = closest(name, kinds)
        hint = f"Did you mean {close!r}?" if close else f"There is: {', '.join(sorted(kinds)) or 'none'}."
        raise RequestError(f"where: there is no field {name!r} to filter by. {hint}")
    return _on_field(name, value, kinds[name], depth)


def _on_field(name: str, value: Any, kind: str, depth: int) -> Filter:
    if isinstance(value, Mapping):
        if set(value) == {"not"}:
            return No(_on_field(name, value["not"], kind, depth + 1))
        return _range(name, value, kind)
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return OneOf(name, tuple(typed(name, one, kind) for one in values))


def _range(name: str, value: Mapping[str, Any], kind: str) -> Filter:
    wrong = [key for key in value if key not in RANGE]
    if wrong or not value or kind in ("keyword", "bool"):
        what = f"a {kind} has no range" if kind in ("keyword", "bool") else f"a range has {', '.join(RANGE)}"
        raise RequestError(f"where: {name!r}: {what}, not {json.dumps(dict(value), default=str)}.")
    if {"gte", "gt"} <= set(value) or {"lte", "lt"} <= set(value):
        raise RequestError(f"where: {name!r}: a range has one lower and one upper end.")
    low, high = value.get("gte", value.get("gt")), value.get("lte", value.get("lt"))
    return Between(
        name,
        None if low is None else typed(name, low, kind),
        None if high is None else typed(name, high, kind),
        "gt" not in value,
        "lt" not in value,
    )


def typed(name: str, value: Any, kind: str) -> Any:
    """A value as its field holds it: str, int, float, bool, or datetime in UTC. RequestError when it is none."""
    if kind == "int" and isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        parsed = parse(value, kind)
    except ValueError as error:
        raise RequestError(f"where: {name!r} holds {error}, not {value!r}.") from None
    return parsed[0] if kind == "keyword" else parsed
