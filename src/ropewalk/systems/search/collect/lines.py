"""Lines of JSON and rows of CSV, each read alone: a broken one is told by its number, the rest goes on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import IO, Any

import msgspec

from ropewalk.systems.search.collect.found import Bad, Found, Item, Remark
from ropewalk.systems.search.collect.settings import CollectSettings
from ropewalk.systems.search.collect.texts import FALLBACK, text_lines

decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def lines(stream: IO[bytes], longest: int, stop: int | None = None) -> Iterator[bytes | None]:
    """The lines that begin in the first `stop` bytes, without their ends; None for one of more than `longest` bytes."""
    done = 0
    while stop is None or done < stop:
        line = stream.readline(longest + 1)
        done += len(line)
        if not line:
            return
        if len(line) <= longest or line.endswith(b"\n"):
            yield line.rstrip(b"\r\n")
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(1 << 20)
            done += len(line)
        yield None


def read_jsonl(
    stream: IO[bytes], label: str, settings: CollectSettings, first: int = 1, stop: int | None = None
) -> Iterator[Item]:
    """A record a line. `first`: the number of the line at which the stream stands."""
    longest = 6 * settings.max_chars + (1 << 16)  # a character may take six bytes: \uXXXX
    for number, line in enumerate(lines(stream, longest, stop), first):
        if line is None:
            yield Bad(label, number, f"the line is longer than {longest:,} bytes")
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line and not line.isspace():
            value = parse(line)
            yield Found(label, number, value) if isinstance(value, dict) else Bad(label, number, value)


def parse(line: bytes) -> dict[str, Any] | str:
    """The object in a line of JSON, or why there is none."""
    try:
        value = decode(line)
    except UnicodeDecodeError as error:
        return f"the byte {error.object[error.start]:#04x} at column {error.start + 1} is not UTF-8"
    except RecursionError:
        return "broken JSON: nested too deeply"
    except msgspec.DecodeError as error:
        value = _tolerant(line)
        if value is None:
            return f"broken JSON: {str(error).removeprefix('JSON is malformed: ')}"
    if not isinstance(value, dict):
        return f"a line must hold an object {{...}}, not {_kind(value)}"
    return value


def _tolerant(line: bytes) -> Any:
    """What Python's own parser makes of NaN and of half of a surrogate pair, which many writers leave; None if nothing."""
    try:
        return _mended(json.loads(line))
    except (ValueError, RecursionError):
        return None


def _mended(value: Any) -> Any:
    """Text without half surrogates, numbers without NaN."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if any("\ud800" <= c <= "\udfff" for c in value) else value
    if isinstance(value, dict):
        return {_mended(k): _mended(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_mended(v) for v in value]
    return None if isinstance(value, float) and value * 0 != 0 else value


def read_json(stream: IO[bytes], label: str, settings: CollectSettings) -> Iterator[Item]:
    """One object is a document; a list holds one each; else the file is read as lines."""
    limit = settings.max_file_mb << 20
    data = stream.read(limit + 1)
    if len(data) > limit:
        yield Bad(label, 0, f"larger than {settings.max_file_mb} MB; write it as one object a line (.jsonl)")
        return
    try:
        value = decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield from read_jsonl(io.BytesIO(data), label, settings)
        return
    many = value if isinstance(value, list) else [value]
    for number, one in enumerate(many, 1 if isinstance(value, list) else 0):
        good = isinstance(one, dict)
        yield Found(label, number, one) if good else Bad(label, number, f"not an object but {_kind(one)}")


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def read_csv(stream: IO[bytes], label: str, settings: CollectSettings, separator: str) -> Iterator[Item]:
    """A record a row under the header's names; a position is the number of the line where the row ends."""
    guessed: list[str] = []
    csv.field_size_limit(max(csv.field_size_limit(), 4 * settings.max_chars))
    rows = csv.reader(text_lines(stream, settings, guessed), delimiter=separator)
    header: list[str] | None = None
    while True:
        try:
            row = next(rows)
        except StopIteration:
            break
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            yield Bad(label, rows.line_num + 1, f"the byte {byte:#04x} is neither UTF-8 nor {settings.encoding}")
            return
        except csv.Error as error:
            yield Bad(label, rows.line_num, f"broken CSV: {error}")
            continue
        if header is None:
            header = [c.strip() for c in row]
            if problem := _header_problem(header, separator):
                yield Bad(label, 1, problem)
                return
        elif row:
            yield _row(label, rows.line_num, header, row)
    if guessed:
        yield Remark(FALLBACK, label)


def _header_problem(header: list[str], separator: str) -> str:
    twice = sorted({c for c in header if header.count(c) > 1})
    if twice:
        return f"the header names the column {twice[0]!r} {header.count(twice[0])} times"
    other = next((s for s in ";\t|," if s != separator and len(header) == 1 and s in header[0]), "")
    return f"the header has no {separator!r} but {other!r}: set separator={other!r}" if other else ""


def _row(label: str, number: int, header: list[str], row: list[str]) -> Item:
    if len(row) != len(header):
        return Bad(label, number, f"has {len(row)} values where the header has {len(header)} names")
    return Found(label, number, {k: v for k, v in zip(header, row, strict=True) if v.strip()})
