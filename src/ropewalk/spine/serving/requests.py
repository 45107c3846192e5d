"""A contract as a decoder: JSON bytes -> checked rows -> columns for a model, in microseconds, without a data frame.

A request is one row (a JSON object) or a list of rows (a JSON array). Beside the contract's columns a row may carry
`event_id`: who sends the same row twice under one id has it counted once.

Columns of optional fields whose default is null: float and int become float64 with NaN, date becomes NaT, str and bool
become object with None. The type of a column depends on the contract only, never on the rows at hand.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from datetime import date
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from ropewalk.errors import ConfigError, RequestError
from ropewalk.spine.serving.explain import problems, repeated_keys
from ropewalk.types import Column, Columns, Contract

RESERVED = ("event_id", "release")
INT64 = (-(2**63), 2**63 - 1)
_PYTHON: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool, "date": date}
_NUMPY: dict[str, Any] = {"int": "i8", "float": "f8", "str": "O", "bool": "?", "date": "M8[D]"}
_NULLABLE: dict[str, Any] = {**_NUMPY, "int": "f8", "bool": "O"}
_EPOCH = date(1970, 1, 1).toordinal()

EventId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")]


class NotJsonError(RequestError):
    """The body is not JSON at all (HTTP 400)."""


class Requests:
    """The decoder of one contract. Its parts are made once; `decode` and `columns` are all that a request costs."""

    def __init__(self, contract: Contract) -> None:
        if taken := [name for name in contract.names if name in RESERVED]:
            raise ConfigError([f"the column {taken[0]!r} has a name that the service needs; rename it"], "the contract")
        self.contract = contract
        self.row = _struct(contract)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self.row | list[self.row])  # type: ignore[name-defined]
        self.lines: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self.row)
        self._makers = [(c.name, _maker(c)) for c in contract.columns]
        self._secret = [f"f{i}" for i, c in enumerate(contract.columns) if c.secret]
        fields = [f"f{contract.names.index(key)}" for key in contract.keys]
        self._key = attrgetter(*fields) if fields else None

    def decode(self, body: bytes) -> tuple[list[Any], bool]:
        """Checked rows, and whether it was one object. RequestError has a sentence for each problem."""
        try:
            found = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise RequestError("\n".join(self.explain(body, error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotJsonError(_not_json(body, error)) from None
        if not isinstance(found, list):
            return [found], True
        if len(found) > 1:
            self.check_keys(found)
        return found, False

    def check_keys(self, rows: Sequence[Any]) -> None:
        """RequestError when two rows agree in all keys, or carry the same event id."""
        ids = [(i, row.event_id) for i, row in enumerate(rows) if row.event_id is not msgspec.UNSET]
        if len({value for _, value in ids}) < len(ids):
            raise RequestError(repeated_keys(("event_id",), [(value,) for _, value in ids], [i for i, _ in ids]))
        if self._key is not None and len(set(map(self._key, rows))) < len(rows):
            keys = [key if isinstance(key, tuple) else (key,) for key in map(self._key, rows)]
            raise RequestError(repeated_keys(self.contract.keys, keys))

    def hide(self, rows: Sequence[Any]) -> None:
        """Put a short hash in the place of each secret: what is written down gives nobody a caller's rights."""
        for name in self._secret:
            for row in rows:
                if value := getattr(row, name):
                    setattr(row, name, f"sha256:{hashlib.sha256(value.encode()).hexdigest()[:12]}")

    def explain(self, body: bytes, refused: Exception) -> list[str]:
        """The sentences for a body that `decode` refused. Slow, and only then."""
        try:
            raw = msgspec.json.decode(body)
        except msgspec.ValidationError as error:  # a number that no float can hold
            return [f"{error}."]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotJsonError(_not_json(body, error)) from None
        return problems(self.contract, raw) or [f"{refused}."]

    def columns(self, rows: Sequence[Any]) -> Columns:
        """Rows as a model reads them: one array a column, in the order of the contract."""
        values = zip(*map(msgspec.structs.astuple, rows), strict=True)
        return {name: make(value) for (name, make), value in zip(self._makers, values, strict=False)}


def _maker(column: Column) -> Callable[[Sequence[Any]], np.ndarray[Any, Any]]:
    """The function that makes a column's array of its values; a null list is a row of nulls."""
    dtype = np.dtype((_NULLABLE if not column.required and column.default is None else _NUMPY)[column.kind])
    length = column.length
    if length is not None:
        nulls = [None] * length
        return lambda value: np.array([nulls if v is None else v for v in value], dtype).reshape(len(value), length)
    if column.kind == "date" and column.required:  # four times as fast as from date objects
        return lambda value: np.array([v.toordinal() - _EPOCH for v in value], np.int64).view(dtype)
    return lambda value: np.array(value, dtype)


def _struct(contract: Contract) -> Any:
    """A msgspec Struct of the contract: the columns in order, then `event_id`. Null or absent becomes the default."""
    fields: list[Any] = [
        (f"f{i}", _annotation(c)) if c.required else (f"f{i}", _annotation(c) | None, None)
        for i, c in enumerate(contract.columns)
    ]
    fields.append(("event_id", EventId | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(
        "Row",
        fields,
        rename={f"f{i}": name for i, name in enumerate(contract.names)},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
        namespace=_fill(contract),
    )


def _fill(contract: Contract) -> dict[str, Callable[[Any], None]]:
    """`__post_init__` that puts in the defaults; nothing when there are none."""
    defaults = [
        (f"f{i}", default_of(c)) for i, c in enumerate(contract.columns) if not c.required and c.default is not None
    ]

    def fill(row: Any) -> None:
        for name, default in defaults:
            if getattr(row, name) is None:
                setattr(row, name, default)

    return {"__post_init__": fill} if defaults else {}


def default_of(column: Column) -> Any:
    """The default as a decoder would have read it: a date for '2024-01-31', n times the value for a list."""
    value = column.default
    if column.length is not None and not isinstance(value, (list, tuple)):
        value = [value] * column.length
    if column.length is not None:
        value = list(value)
    return msgspec.convert(value, _annotation(column))


def _annotation(column: Column) -> Any:
    kind = _PYTHON[column.kind]
    if column.choices:
        kind = Literal[column.choices]
    elif column.kind == "int":
        low, high = (
            (math.ceil(column.low) if column.low is not None and math.isfinite(column.low) else INT64[0]),
            (math.floor(column.high) if column.high is not None and math.isfinite(column.high) else INT64[1]),
        )
        kind = Annotated[int, msgspec.Meta(ge=max(low, INT64[0]), le=min(high, INT64[1]))]
    elif column.kind == "float" and (column.low is not None or column.high is not None):
        kind = Annotated[float, msgspec.Meta(ge=column.low, le=column.high)]
    if column.length is not None:
        kind = Annotated[list[kind], msgspec.Meta(min_length=column.length, max_length=column.length)]  # type: ignore[valid-type]
    return kind


def _not_json(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "the body is empty; send one row as a JSON object, or a list of rows as a JSON array."
    if isinstance(error, RecursionError):
        return "the body is nested too deeply; a row is a flat JSON object."
    why = str(error).removeprefix("JSON is malformed: ")
    return f"the body is not JSON: {why}. Send one row as an object, or a list of rows as an array."
