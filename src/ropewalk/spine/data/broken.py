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


def as_utf8(name: str, encoding: str | None) -> bytes | None:
    """The text of a file in another encoding; None where it is UTF-8 (no text in another one looks like it), or may be."""
    if encoding is None:
        return None
    data = _read(name)
    try:
        data.decode("utf-8")
        return None
    except UnicodeDecodeError:
        pass
    try:
        return data.decode(encoding).encode("utf-8")
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        raise DataError(
            [
                f"{name}, line {1 + data.count(10, 0, at)}: the byte {data[at]:#04x} is neither UTF-8 nor {encoding}. "
                "Set encoding to what it was written with."
            ]
        ) from None


def _read(name: str, size: int = -1) -> bytes:
    """All bytes of a file, or the first `size`, unpacked."""
    try:
        with _open(name) as file:
            return file.read(size)
    except (OSError, EOFError) as error:
        raise DataError([f"{name}: it can not be unpacked ({error}). Is it a whole .gz file?"]) from None


def check_text(name: str, separator: str, recoded: bytes | None = None) -> None:
    """Refuse a text file whose first bytes show that it is empty, not UTF-8 or separated by something else.

    `recoded`: what `as_utf8` made of it.
    """
    head = recoded[:HEAD] if recoded is not None else _read(name, HEAD)
    if not head.strip():
        raise DataError(
            [f"{name}: the file is empty. It needs a line with the names of the columns, then a line a row."]
        )
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(
            [f"{name}: the text is UTF-16. Save it as UTF-8 (in a spreadsheet: 'CSV UTF-8'), or set encoding=utf-16."]
        )
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


def explain(address: str, found: list[str], separator: str, error: Exception, encoding: str | None = None) -> DataError:
    """The sentence for an error that came while rows were read."""
    for name in found:
        if name.startswith("s3://") or not name.lower().endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
            continue
        try:
            problem = _first_bad_line(name, "\t" if ".tsv" in name.lower() else separator, encoding)
        except (OSError, EOFError) as broken:
            problem = f"{name}: it can not be unpacked ({broken}). Is it a whole .gz file?"
        if problem:
            return DataError([problem])
    return DataError([f"{address}: it can not be read: {_first_line(error)}"])


def _first_bad_line(name: str, separator: str, encoding: str | None) -> str | None:
    recoded = as_utf8(name, encoding)
    with _open(name) if recoded is None else io.BytesIO(recoded) as file:
        for number, raw in enumerate(file, 1):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as error:
                near = raw[max(0, error.start - 12) : error.start + 8].decode("latin-1")
                return (
                    f"{name}, line {number}: the byte {raw[error.start]:#04x} is not UTF-8 (near {near!r}). If that reads as it "
                    "should, the file is Windows-1252: set encoding=windows-1252, or save it as UTF-8."
                )
        file.seek(0)
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
