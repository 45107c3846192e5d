"""What is wrong with a file that can not be read: the line, the reason, the way out."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ropewalk.errors import DataError

if TYPE_CHECKING:
    import polars as pl

NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
HEAD = 65_536  # bytes looked at before a file is read


def check_text(name: str, separator: str) -> None:
    """Refuse a text file whose first bytes show that it is empty, not UTF-8 or separated by something else."""
    with _open(name) as file:
        try:
            head = file.read(HEAD)
        except (OSError, EOFError) as error:
            raise DataError([f"{name}: it can not be unpacked ({error}). Is it a whole .gz file?"]) from None
    if not head.strip():
        raise DataError(
            [f"{name}: the file is empty. It needs a line with the names of the columns, then a line a row."]
        )
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError([f"{name}: the text is UTF-16. Save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')."])
    if head[:4] == b"PK\x03\x04":
        raise DataError([f"{name}: this is a spreadsheet or a zip file, not text. Export the sheet as CSV."])
    header = head.split(b"\n", 1)[0].decode("utf-8", errors="replace").strip().lstrip("\ufeff")
    _check_header(name, header, separator)


def _check_header(name: str, header: str, separator: str) -> None:
    columns = [c.strip().strip('"') for c in header.split(separator)]
    if len(columns) == 1:
        other = max(NAMES, key=header.count)
        if other != separator and other in header:
            raise DataError(
                [
                    f"{name}: its first line has no {NAMES.get(separator, repr(separator))} but {header.count(other)} "
                    f"{NAMES[other]}s ({header[:60]!r}). If the {NAMES[other]} separates the columns, set separator={other!r}."
                ]
            )
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise DataError(
            [
                f"{name}: the column {twice[0]!r} is there {columns.count(twice[0])} times. Give each column its own name."
            ]
        )


def readable(name: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    """`frame` if the schema of the file at `name` can be read."""
    import polars as pl

    try:
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        size = "" if name.startswith("s3://") else f" ({Path(name).stat().st_size} bytes)"
        raise DataError(
            [f"{name}{size}: it can not be read: {_first_line(error)}. Was it written to the end?"]
        ) from None
    return frame


def explain(address: str, found: list[str], separator: str, error: Exception) -> DataError:
    """The sentence for an error that came while rows were read."""
    for name in found:
        if name.startswith("s3://") or not name.lower().endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
            continue
        try:
            problem = _first_bad_line(name, "\t" if ".tsv" in name.lower() else separator)
        except (OSError, EOFError) as broken:
            problem = f"{name}: it can not be unpacked ({broken}). Is it a whole .gz file?"
        if problem:
            return DataError([problem])
    return DataError([f"{address}: it can not be read: {_first_line(error)}"])


def _first_bad_line(name: str, separator: str) -> str | None:
    with _open(name) as file:
        for number, raw in enumerate(file, 1):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as error:
                near = raw[max(0, error.start - 12) : error.start + 8].decode("latin-1")
                return (
                    f"{name}, line {number}: the byte {raw[error.start]:#04x} is not UTF-8 (near {near!r}). "
                    f"The file is probably Windows-1252: save it as UTF-8."
                )
    with _open(name) as file:
        rows = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""), delimiter=separator)
        width = len(next(rows, []))
        for row in rows:
            if len(row) > width:
                return f"{name}, line {rows.line_num}: has {len(row)} values, the header has {width} names. Quote values that hold {separator!r}."
    return None


def _open(name: str) -> IO[bytes]:
    return gzip.open(name, "rb") if name.lower().endswith(".gz") else open(name, "rb")  # type: ignore[return-value]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")
