"""Tables of a file as the rows that a caller would have sent: frames in, JSON lines out; and answers back into a file.

A CSV cell is text until the contract says what it is. Whatever cannot be read as that stays text, so that the sentence
about it shows what is in the file. A list in a CSV cell is `[1, 2, 3]` or `1;2;3`; an empty cell is a missing value.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from ropewalk.errors import DataError
from ropewalk.types import Column, Columns, Contract
from ropewalk.whole import whole_file

KINDS: Mapping[str, Any] = {"int": pl.Int64, "float": pl.Float64, "str": pl.String, "bool": pl.Boolean, "date": pl.Date}
SUFFIXES = (".csv", ".parquet", ".arrow", ".ipc", ".feather")
_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}
_NUMBER = r"\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\s*"
_NUMBERS = rf"^(\[{_NUMBER}(,{_NUMBER})*\]|{_NUMBER}(;{_NUMBER})*)$"


def scan(source: str | Path, contract: Contract) -> pl.LazyFrame:
    """The columns of the contract, and `event_id`, that a file holds. DataError when it cannot be such a file."""
    suffix = suffix_of(source)
    try:
        if suffix == ".csv":
            frame = pl.scan_csv(source, infer_schema=False)
        else:
            frame = pl.scan_parquet(source) if suffix == ".parquet" else pl.scan_ipc(source)
        found = frame.collect_schema().names()
    except FileNotFoundError:
        raise DataError([f"{source}: there is no such file"]) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError([f"{source}: this cannot be read as {suffix[1:]}: {str(error).splitlines()[0]}"]) from None
    _check_header(source, contract, found)
    return frame.select([name for name in (*contract.names, "event_id") if name in found])


def suffix_of(path: str | Path) -> str:
    suffix = Path(str(path)).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError([f"{path}: the name must end in one of {', '.join(SUFFIXES)}"])
    return suffix


def _check_header(source: str | Path, contract: Contract, found: Sequence[str]) -> None:
    """Every required column is there, and no optional one is there under a misspelt name."""
    others = [name for name in found if name not in contract.names]
    problems = []
    for column in contract.columns:
        if column.name in found:
            continue
        close = difflib.get_close_matches(column.name, others, n=1, cutoff=0.8)
        if column.required or close:
            hint = f"is {close[0]!r} meant?" if close else f"it has {', '.join(found[:20])}"
            problems.append(f"{source}: there is no column {column.name!r}; {hint}")
    if problems:
        raise DataError(problems)


def json_lines(frame: pl.DataFrame, contract: Contract) -> list[bytes]:
    """One JSON object a row, as a caller would send it."""
    event_id = Column("event_id", "str", "")
    members = [
        _member(event_id if name == "event_id" else contract.column(name), dtype)
        for name, dtype in frame.schema.items()
    ]
    lines = frame.select(pl.concat_str(pl.lit("{"), pl.concat_str(members, separator=","), pl.lit("}")).alias("line"))
    return [line.encode() for line in lines["line"]]


def _member(column: Column, dtype: pl.DataType) -> pl.Expr:
    """`"name":value`, as JSON writes it; text that is not what the contract says stays text."""
    value = pl.col(column.name)
    if isinstance(dtype, pl.Array):
        value = value.arr.to_list()
    if isinstance(dtype, pl.Decimal):
        value = value.cast(pl.Float64)
    if _is_natural(column, dtype):
        return _encoded(value, column.name)
    if isinstance(dtype, pl.Datetime):
        day = value.dt.truncate("1d")
        value = pl.when(day == value).then(day.dt.date().cast(pl.String)).otherwise(value.cast(pl.String))
    text = value.cast(pl.String)
    if column.kind != "str":
        text = text.str.strip_chars()
        text = pl.when(text != "").then(text)
    parsed = _parsed(column, text)
    label = pl.lit(json.dumps(column.name, ensure_ascii=False) + ":")
    return (
        pl.coalesce(label + parsed, _encoded(text, column.name)) if parsed is not None else _encoded(text, column.name)
    )


def _is_natural(column: Column, dtype: pl.DataType) -> bool:
    """Whether JSON shows a value of this type as the contract wants it."""
    if column.length is not None:
        return isinstance(dtype, (pl.List, pl.Array))
    if column.kind == "float":
        return dtype.is_numeric()
    return dtype.is_integer() if column.kind == "int" else dtype == KINDS[column.kind]


def _encoded(value: pl.Expr, name: str) -> pl.Expr:
    return pl.struct(value.alias(name)).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")


def _parsed(column: Column, text: pl.Expr) -> pl.Expr | None:
    """JSON of a text that can be read as the column's kind, null where it cannot; None: it is quoted as it is."""
    if column.length is not None and column.kind in ("int", "float"):
        inside = text.str.strip_chars("[]").str.replace_all(";", ",", literal=True)
        return pl.when(text.str.contains(_NUMBERS)).then(pl.concat_str(pl.lit("["), inside, pl.lit("]")))
    if column.length is not None:
        return pl.when(text.str.contains(r"^\[[^\[\]{}]*\]$")).then(text)
    if column.kind == "int":
        number = text.cast(pl.Float64, strict=False)
        whole = pl.when((number == number.floor()) & (number.abs() < 2**53)).then(number.cast(pl.Int64, strict=False))
        return pl.coalesce(text.cast(pl.Int64, strict=False), whole).cast(pl.String)
    if column.kind == "float":
        number = text.cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number.cast(pl.String))
    if column.kind == "bool":
        return text.str.to_lowercase().replace_strict(_BOOLEANS, default=None, return_dtype=pl.String)
    return None


def answer_frame(
    columns: Columns, contract: Contract, extra: Mapping[str, Any], schema: Mapping[str, Any]
) -> pl.DataFrame:
    """Answers and what stands beside them, as the target holds them. No number is null, as in the service."""
    series = []
    for name, dtype in schema.items():
        values = extra[name] if name in extra else columns[name]
        plain = values.tolist() if isinstance(values, np.ndarray) else values
        if dtype == pl.String and name in contract.names and contract.column(name).length is not None:
            plain = [json.dumps(value) for value in plain]
        one = pl.Series(name, plain, dtype)
        series.append(one.fill_nan(None) if dtype == pl.Float64 else one)
    return pl.DataFrame(series)


def schema_of(contract: Contract, keys: Sequence[Column], suffix: str) -> dict[str, Any]:
    """The columns of a target: the keys of the request, the answers, and what ties them to their events."""
    schema = {c.name: KINDS[c.kind] for c in keys}
    for column in contract.columns:
        listed = pl.String if suffix == ".csv" else pl.List(KINDS[column.kind])  # CSV knows no lists: JSON text
        schema[column.name] = KINDS[column.kind] if column.length is None else listed
    return {**schema, "event_id": pl.String, "release": pl.String}


def write(frames: Iterator[pl.DataFrame], schema: Mapping[str, Any], target: Path, part_rows: int) -> None:
    """All of the target or none of it."""
    suffix = suffix_of(target)

    def source(*_: Any) -> Iterator[pl.DataFrame]:
        yield from frames

    lazy = register_io_source(source, schema=schema)
    with whole_file(target) as part:
        if suffix == ".csv":
            lazy.sink_csv(part)
        elif suffix == ".parquet":
            lazy.sink_parquet(part, row_group_size=part_rows)
        else:
            lazy.sink_ipc(part)
