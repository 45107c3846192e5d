"""Past demands of one item from a file: every row a whole number of units, or a sentence that names the row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ropewalk.errors import DataError, MissingError

MARKS = ",;\t"  # between the values of a row
KINDS = (".csv", ".parquet")


@dataclass(frozen=True)
class Past:
    """What was wanted, a row a period."""

    file: str
    column: str
    rows: Sequence[int]  # [T] where each stands in the file
    units: np.ndarray  # [T] whole


def past(file: str, column: str | None = None) -> Past:
    """DataError names file, row and value."""
    path = Path(file)
    if path.suffix.lower() not in KINDS:
        raise DataError([f"{file}: the name must end in one of {', '.join(KINDS)}"])
    if not path.exists():
        raise MissingError("file", file, hint=f"It was looked for at {path.absolute()}.")
    try:
        if path.suffix.lower() == ".csv":
            return _of_text(file, path.read_text(encoding="utf-8-sig"), column)
        table = pl.read_parquet(path)
    except (OSError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as error:
        raise DataError(
            [f"{file} can not be read as {path.suffix[1:]}: {' '.join(str(error).split())[:200]}"]
        ) from None
    name = _column(file, table.columns, [n for n in table.columns if table[n].dtype.is_numeric()], column)
    return _checked(file, name, range(1, table.height + 1), table[name].to_list())


def demands(file: str, column: str | None = None) -> np.ndarray:
    """[T] whole units of a table of past demands."""
    return past(file, column).units


def _of_text(file: str, text: str, column: str | None) -> Past:
    lines = text.splitlines()
    mark = max(MARKS, key=lines[0].count) if lines else ","
    reader = csv.reader(text.rstrip().splitlines(), delimiter=mark)
    every = [(reader.line_num, row or [""]) for row in reader]
    if not every:
        raise DataError([f"{file} is empty"])
    heads, rows = [name.strip() for name in every[0][1]], every[1:]
    if any(_number(name) is not None for name in heads):
        first = next(name for name in heads if _number(name) is not None)
        raise DataError(
            [
                f"{file}, row 1: {first!r} is a number, and the first row names the columns. Put a row of names above it, as `units`."
            ]
        )
    for line, row in rows:
        if len(row) != len(heads):
            said, noun = mark.join(row), "value" if len(heads) == 1 else "values"
            hint = " A part of a unit? Count in whole units." if len(row) == len(heads) + 1 and mark == "," else ""
            raise DataError(
                [
                    f"{file}, row {line}: {said!r} are {len(row)} values, where the first row names {len(heads)} {noun}.{hint}"
                ]
            )
    values = {name: [row[i].strip() for _, row in rows] for i, name in enumerate(heads)}
    numeric = [
        name for name in heads if len(heads) == 1 or 2 * sum(_number(v) is not None for v in values[name]) > len(rows)
    ]
    name = _column(file, heads, numeric, column)
    return _checked(file, name, [line for line, _ in rows], [_read(value) for value in values[name]])


def _column(file: str, names: list[str], numeric: list[str], asked: str | None) -> str:
    if asked is None and len(numeric) != 1:
        which = " or ".join(numeric) or "NAME"
        raise DataError([f"{file}: which column is the demand? --column {which}; it has {', '.join(names)}"])
    name = asked or numeric[0]
    if name not in names:
        raise MissingError(f"column of {file}", name, names)
    return name


def _checked(file: str, name: str, rows: Sequence[int], values: list[object]) -> Past:
    for row, value in zip(rows, values, strict=True):
        if not isinstance(value, (int, float)) or not 0 <= value < float("inf") or value != round(value):
            said = "is empty" if value is None else f"{value!r} is not a whole number of units, 0 or more"
            raise DataError([f"{file}, row {row}: {name} {said}. Leave out what is not known; count in whole units."])
    units = np.array(values, float)
    if not units.sum():
        raise DataError([f"{file}: {name} holds no demand"])
    return Past(file, name, rows, units.astype(np.int64) if units.max() < 2.0**62 else units)


def _read(text: str) -> object:
    """A number, None for nothing, or the text itself."""
    number = _number(text)
    return (text or None) if number is None else number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
