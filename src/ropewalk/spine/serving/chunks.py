"""A file's rows in stretches that a model can be asked at once: checked, in order, whole groups only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from ropewalk.errors import DataError, RequestError
from ropewalk.spine.serving import files
from ropewalk.spine.serving.requests import Requests
from ropewalk.types import Contract

Bad = tuple[int, str, str]  # number of the row, why it is refused, the row as JSON


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a file, checked. Rows count from 1."""

    numbers: list[int]
    rows: list[Any]
    bad: list[Bad] = field(default_factory=list)


def chunks(frame: pl.LazyFrame, requests: Requests, source: str | Path, chunk_rows: int) -> Iterator[Chunk]:
    """The rows in order, in chunks that hold whole groups."""
    number = 1
    for part in _whole_groups(frame, requests.contract.joint_by, source, chunk_rows):
        chunk = Chunk([], [])
        for line in files.json_lines(part, requests.contract):
            try:
                row = requests.lines.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                chunk.bad.append((number, _why(requests, line, error), line.decode()))
            else:
                chunk.rows.append(row)
                chunk.numbers.append(number)
            number += 1
        if chunk.bad:
            chunk = _without_broken_groups(chunk, requests.contract)
        try:
            requests.check_keys(chunk.rows)
        except RequestError as error:
            raise DataError([f"{source}, from row {chunk.numbers[0]:,} on (as row 0): {error}"]) from None
        yield chunk


def _why(requests: Requests, line: bytes, error: Exception) -> str:
    try:
        return " ".join(requests.explain(line, error))
    except RequestError:
        return "a list in this row cannot be read; write it as a JSON list in one cell."


def _without_broken_groups(chunk: Chunk, contract: Contract) -> Chunk:
    """A group that lacks a row cannot be answered: its other rows are set aside as well."""
    if not contract.joint_by:
        return chunk
    places = [contract.names.index(name) for name in contract.joint_by]
    broken = {tuple(json.loads(line).get(name) for name in contract.joint_by) for _, _, line in chunk.bad}
    kept = Chunk([], [], chunk.bad)
    for number, row in zip(chunk.numbers, chunk.rows, strict=True):
        if tuple(msgspec.to_builtins(getattr(row, f"f{p}")) for p in places) in broken:
            kept.bad.append((number, "another row of its group is refused.", msgspec.json.encode(row).decode()))
        else:
            kept.rows.append(row)
            kept.numbers.append(number)
    kept.bad.sort()
    return kept


def _whole_groups(
    frame: pl.LazyFrame, joint_by: Sequence[str], source: str | Path, chunk_rows: int
) -> Iterator[pl.DataFrame]:
    """Stretches of about `chunk_rows` rows, cut where a group ends. DataError when a group comes back later."""
    held: pl.DataFrame | None = None
    closed: set[tuple[Any, ...]] = set()
    names = [name for name in joint_by if name in frame.collect_schema().names()]

    def checked(part: pl.DataFrame) -> pl.DataFrame:
        if names:
            groups = set(part.select(names).unique().rows())
            if again := groups & closed:
                group = ", ".join(f"{n} {v!r}" for n, v in zip(names, min(again, key=repr), strict=True))
                raise DataError(
                    [f"{source}: the rows of {group} are not together; sort the file by {', '.join(names)}"]
                )
            closed.update(groups)
        return part

    for part in frame.collect_batches(chunk_size=chunk_rows, maintain_order=True):
        held = part if held is None else pl.concat([held, part])
        while held.height > chunk_rows:
            cut = _cut(held, names, chunk_rows)
            if cut is None:
                break
            yield checked(held.head(cut))
            held = held.slice(cut)
    if held is not None and held.height:
        yield checked(held)


def _cut(held: pl.DataFrame, names: Sequence[str], chunk_rows: int) -> int | None:
    """Where the first chunk ends: at `chunk_rows`, or before the group that is open there; None: no group has ended."""
    if not names:
        return chunk_rows
    keys = pl.struct(names)
    starts = held.select((keys != keys.shift()).fill_null(False).alias("start"))["start"].arg_true()
    before = starts.filter(starts <= chunk_rows)
    if len(before):
        return int(before[-1])
    return int(starts[0]) if len(starts) else None
