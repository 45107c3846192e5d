"""Documents as columns: every part of a collection gets the same names and types, whatever it happened to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ropewalk.systems.search.collect.fields import Document, as_text

if TYPE_CHECKING:
    import polars as pl

OWN = ("id", "title", "text", "language", "source", "licence", "time", "origin")
Kinds = dict[str, str]  # field -> bool, int, float, str, time, list


def kind_of(value: Any) -> str:
    """The kind of a value that `fields.natural` made."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, datetime):
        return "time"
    return type(value).__name__


def wider(one: str, other: str) -> str:
    """The kind that holds both; a text where nothing narrower does."""
    if one == other:
        return one
    pair = {one, other}
    if "list" in pair:
        return "list"
    return "float" if pair == {"int", "float"} else "str"


def merged(parts: Iterable[Mapping[str, str]]) -> Kinds:
    """One kind a field over all parts, in the order in which the fields first came."""
    kinds: Kinds = {}
    for part in parts:
        for name, kind in part.items():
            kinds[name] = wider(kinds[name], kind) if name in kinds else kind
    return kinds


def frame_of(documents: Sequence[Document]) -> tuple[pl.DataFrame, Kinds]:
    """The documents as a frame, and the kind of each field besides their own."""
    import polars as pl

    kinds: Kinds = {}
    for document in documents:
        for name in document:
            value = document[name]
            if name not in OWN and value is not None:
                kind = kind_of(value)
                kinds[name] = wider(kinds[name], kind) if name in kinds else kind
    columns = [pl.Series(n, [d[n] for d in documents], dtype(_own(n))) for n in OWN]
    for name, kind in kinds.items():
        columns.append(pl.Series(name, [_as(d.get(name), kind) for d in documents], dtype(kind)))
    return pl.DataFrame(columns), kinds


def _own(name: str) -> str:
    return "time" if name == "time" else "str"


def dtype(kind: str) -> Any:
    import polars as pl

    kinds = {
        "bool": pl.Boolean,
        "int": pl.Int64,
        "float": pl.Float64,
        "str": pl.String,
        "time": pl.Datetime("us", "UTC"),
        "list": pl.List(pl.String),
    }
    return kinds[kind]


def _as(value: Any, kind: str) -> Any:
    if value is None or kind_of(value) == kind:
        return value
    if kind == "list":
        return [as_text(value)]
    return float(value) if kind == "float" else as_text(value)


def aligned(part: pl.LazyFrame, has: Mapping[str, str], kinds: Mapping[str, str]) -> pl.LazyFrame:
    """A part with the fields `has` as it is in the whole collection: missing ones null, narrower ones widened."""
    import polars as pl

    exprs = [pl.col(c) for c in OWN]
    for name, kind in kinds.items():
        if name not in has:
            exprs.append(pl.lit(None, dtype(kind)).alias(name))
        else:
            exprs.append(_widened(pl.col(name), has[name], kind))
    return part.select(exprs)


def _widened(column: pl.Expr, has: str, kind: str) -> pl.Expr:
    import polars as pl

    if has == kind:
        return column
    if kind == "float":
        return column.cast(pl.Float64)
    if has == "list":
        return column
    text = column.map_elements(as_text, pl.String) if has in ("float", "time") else column.cast(pl.String)
    return pl.when(text.is_not_null()).then(pl.concat_list(text)) if kind == "list" else text
