"""Values of a file become values of a type: for each kind, an expression that is null where the value is no such thing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from ropewalk.errors import DataError
from ropewalk.types import Column

TYPES: dict[str, Any] = {"int": pl.Int64, "float": pl.Float64, "str": pl.String, "bool": pl.Boolean, "date": pl.Date}
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
SAYS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false (or 1 and 0, yes and no)",
    "date": "a date",
}
WITH_TIME = "%Y-%m-%d and a time"  # ISO; what stands behind the day is dropped
SHAPES = (  # what the first date of a column looks like -> its format
    (r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"),
    (r"\d{4}-\d{2}-\d{2}[T ].*", WITH_TIME),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"(19|20)\d{6}", "%Y%m%d"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
)
AMBIGUOUS = re.compile(r"(\d{1,2})([/-])(\d{1,2})[/-]\d{4}")


def text(name: str) -> pl.Expr:
    """A column of strings without blanks around; an empty string is null."""
    stripped = pl.col(name).str.strip_chars()
    return pl.when(stripped.str.len_bytes() > 0).then(stripped)


def typed(column: Column, kind: pl.DataType, date_format: str | None, decimal_comma: bool = False) -> pl.Expr | None:
    """The column as `column.kind`, null where a value is not; None when no value of type `kind` could be.

    A column of strings has gone through `text` before.
    """
    name = column.name
    if column.length is not None:
        inner = TYPES[column.kind]
        return pl.col(name).cast(pl.List(inner), strict=False) if isinstance(kind, (pl.List, pl.Array)) else None
    if kind == pl.Null:
        return pl.lit(None, TYPES[column.kind])
    if isinstance(kind, (pl.Categorical, pl.Enum)):
        return pl.col(name).cast(pl.String) if column.kind == "str" else None
    if column.kind == "date":
        return _date(name, kind, date_format)
    if kind == pl.String:
        return _from_text(column.kind, pl.col(name), decimal_comma)
    if column.kind == "str":
        whole = kind.is_integer() or kind == pl.Boolean
        return pl.col(name).cast(pl.String if whole or not kind.is_float() else pl.Int64, strict=False).cast(pl.String)
    if column.kind == "bool":
        number = pl.col(name)
        return (
            pl.when(number.is_in([0, 1])).then(number == 1)
            if kind.is_numeric()
            else (number if kind == pl.Boolean else None)
        )
    if not (kind.is_numeric() or kind == pl.Boolean):
        return None
    if column.kind == "int" and kind.is_float():
        return pl.when(pl.col(name) == pl.col(name).round()).then(pl.col(name)).cast(pl.Int64, strict=False)
    return pl.col(name).cast(TYPES[column.kind], strict=False)


def _from_text(kind: str, value: pl.Expr, decimal_comma: bool) -> pl.Expr:
    if decimal_comma and kind in ("int", "float"):  # a point may then stand for thousands: no number
        value = pl.when(~value.str.contains(".", literal=True)).then(value.str.replace(",", ".", literal=True))
    if kind == "float":
        return value.cast(pl.Float64, strict=False)
    if kind == "int":
        number = value.cast(pl.Float64, strict=False)
        return value.cast(pl.Int64, strict=False).fill_null(
            pl.when(number == number.round()).then(number).cast(pl.Int64, strict=False)
        )
    if kind == "bool":
        low = value.str.to_lowercase()
        return pl.when(low.is_in(TRUE)).then(True).when(low.is_in(FALSE)).then(False)
    return value


def _date(name: str, kind: pl.DataType, date_format: str | None) -> pl.Expr | None:
    if kind == pl.Date:
        return pl.col(name)
    if isinstance(kind, pl.Datetime):
        return pl.col(name).dt.date()
    if kind != pl.String:
        return None
    value = pl.col(name)
    if date_format in (None, WITH_TIME):
        rest = value.str.slice(10, 1)
        iso = value.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        return pl.when((rest == "") | rest.is_in(["T", " "])).then(iso)
    return value.str.to_date(date_format, strict=False)


def decimal_comma(frame: pl.LazyFrame, names: Sequence[str]) -> bool | None:
    """Whether the comma is the decimal mark in these columns of text; None where no value decides.

    It is where some value can be nothing else (3,5 and not 1,234), every comma could be one, and no value has a point.
    """
    values = [text(name) for name in names]
    could = [v.str.contains(r"^[+-]?\d*,\d+$") for v in values]
    sure = [v.str.contains(r"^[+-]?(\d*,(\d{1,2}|\d{4,})|(0|\d{4,})?,\d{3})$") for v in values]
    against = [
        v.str.contains(".", literal=True) | (v.str.contains(",", literal=True) & ~c)
        for v, c in zip(values, could, strict=True)
    ]
    found = [
        pl.any_horizontal(e.any() for e in exprs).alias(n)
        for n, exprs in (("could", could), ("sure", sure), ("no", against))
    ]
    some, certain, no = frame.select(found).collect().row(0)
    return False if no or not some else True if certain else None


def date_format(frame: pl.LazyFrame, name: str, where: str) -> str | None:
    """The format of a column of date strings, from its first values; None when they look like nothing known.

    03/04/2024 is read only if some other row shows which number is the day: DataError otherwise.
    """
    first = frame.select(text(name)).drop_nulls().head(50).collect().to_series().to_list()
    if any(len(value) > 10 and re.match(r"\d{4}-\d{2}-\d{2}[T ]", value) for value in first):
        return WITH_TIME
    for value in first[:1]:
        for shape, found in SHAPES:
            if re.fullmatch(shape, value):
                return found
        slashed = AMBIGUOUS.fullmatch(value)
        if slashed:
            return _day_or_month(frame, name, where, slashed[2], value)
        if re.fullmatch(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2}", value):
            raise DataError(
                [f"{where}: {name} {value!r} has a year of two digits. Write 2024-03-31, or set date_format."]
            )
        if re.fullmatch(r"\d{5}(\.\d+)?", value):
            raise DataError(
                [f"{where}: {name} {value!r} looks like a spreadsheet's day number. Format the cells as 2024-03-31."]
            )
        if re.fullmatch(r"\d{10}|\d{13}", value):
            raise DataError([f"{where}: {name} {value!r} looks like seconds since 1970. Write dates as 2024-03-31."])
    return None


def _day_or_month(frame: pl.LazyFrame, name: str, where: str, mark: str, value: str) -> str:
    parts = text(name).str.split_exact(mark, 2).struct
    numbers = [parts.field(f"field_{i}").cast(pl.Int64, strict=False).max() for i in (0, 1)]
    one, two = frame.select(numbers[0].alias("one"), numbers[1].alias("two")).collect().row(0)
    day_first, month_first = f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y"
    if min(one or 0, two or 0) > 12:
        raise DataError([f"{where}: {name} has the day first in some rows and the month in others. Write 2024-03-31."])
    if (one or 0) > 12 and (two or 0) <= 12:
        return day_first
    if (two or 0) > 12 and (one or 0) <= 12:
        return month_first
    raise DataError(
        [
            f"{where}: {name} {value!r} may be day or month first, and no row decides. Set date_format to {day_first!r} to read "
            f"{_shown(value, day_first)}, or to {month_first!r} to read {_shown(value, month_first)}."
        ]
    )


def _shown(value: str, form: str) -> str:
    day = datetime.strptime(value, form)
    return f"{day.day} {day:%B %Y}"
