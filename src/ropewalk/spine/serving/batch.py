"""The answers of a service, for a file: same decoder, same checks, same model call, same events.

The file is read, answered and written in chunks, so that its size does not matter. Rows that are answered together
(`contract.joint_by`) are never in different chunks. Killed and started again, a job ends with the same target and the
same event ids; a half-written target is never visible.

What it does not know: rows of different chunks that agree in all keys.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from ropewalk.errors import DataError, RequestError
from ropewalk.spine.serving import files
from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.chunks import Bad, Chunk, chunks
from ropewalk.spine.serving.explain import MOST
from ropewalk.spine.serving.requests import Requests
from ropewalk.types import Columns, Contract, Model
from ropewalk.whole import hidden

Events = Callable[[Sequence[Mapping[str, Any]]], None]
OnBadRows = Literal["stop", "quarantine"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file."""

    rows: int
    answered: int
    set_aside: int  # rows that break the contract
    target: Path
    quarantine: Path | None  # those rows and why: JSON, one a line
    seconds: float


def predict_file(
    model: Model,
    contract: Contract,
    answers: Contract,
    source: str | Path,
    target: Path,
    *,
    chunk_rows: int = 20_000,
    on_bad_rows: OnBadRows = "stop",
    events: Events | None = None,
    release_id: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Answer every row of a CSV, Parquet or Arrow file; the target's suffix says what is written.

    A row that breaks the contract stops the job before anything is answered, or is set aside beside the target.
    """
    start = time.perf_counter()
    requests, promised = Requests(contract), Answers(answers)
    frame = files.scan(source, contract)
    suffix = files.suffix_of(target)
    total = int(frame.select(pl.len()).collect().item())
    if on_bad_rows == "stop":
        _refuse_bad_rows(source, total, (c.bad for c in chunks(frame, requests, source, chunk_rows)))
    mark = _mark(source, release_id)
    keys = [c for c in contract.columns if c.name in contract.keys and c.name not in answers.names]
    schema = files.schema_of(answers, keys, suffix)
    counted = {"answered": 0, "bad": 0}

    def frames() -> Iterator[pl.DataFrame]:
        for chunk in chunks(frame, requests, source, chunk_rows):
            aside.write(chunk.bad)
            counted["bad"] += len(chunk.bad)
            if chunk.rows:
                ids, columns = _answer(chunk, model, requests, promised, mark, release_id, events)
                extra = {"event_id": ids, "release": [release_id] * len(ids)}
                for column in keys:
                    place = contract.names.index(column.name)
                    extra[column.name] = [getattr(row, f"f{place}") for row in chunk.rows]
                yield files.answer_frame(columns, answers, extra, schema)
            counted["answered"] += len(chunk.rows)
            if progress is not None:
                progress(counted["answered"] + counted["bad"], total)

    aside = _Aside(target.with_name(target.name + ".quarantine.jsonl"))
    with aside:
        files.write(frames(), schema, target, chunk_rows)
    quarantine = aside.keep()
    return Summary(total, counted["answered"], counted["bad"], target, quarantine, time.perf_counter() - start)


def _answer(
    chunk: Chunk,
    model: Model,
    requests: Requests,
    answers: Answers,
    mark: str,
    release: str,
    events: Events | None,
) -> tuple[list[str], Columns]:
    """The ids of the rows' events, and the model's columns."""
    start = time.perf_counter()
    ids = [
        f"{mark}-{n}" if r.event_id is msgspec.UNSET else r.event_id
        for n, r in zip(chunk.numbers, chunk.rows, strict=True)
    ]
    for row in chunk.rows:
        row.event_id = msgspec.UNSET
    try:
        columns = model.predict(requests.columns(chunk.rows))
    except RequestError as error:
        raise DataError(
            [f"rows {chunk.numbers[0]:,} to {chunk.numbers[-1]:,}: the model refused them: {error}"]
        ) from error
    answers.check(columns, len(ids))
    if events is not None:
        latency, at = (time.perf_counter() - start) / len(ids), datetime.now(UTC)
        shared = {"at": at, "release": release, "latency_s": latency, "schema": 1}
        said = zip(ids, chunk.rows, answers.rows(columns, len(ids)), strict=True)
        events([{"id": i, "request": r, "answer": a, "state": a.get("state", ""), **shared} for i, r, a in said])
    return ids, columns


def _refuse_bad_rows(source: str | Path, total: int, bad: Iterator[list[Bad]]) -> None:
    """One sentence with the number of bad rows and the first of them, or nothing."""
    count = 0
    first: list[str] = []
    for found in bad:
        count += len(found)
        first += [f"row {number:,}: {why}" for number, why, _ in found[: MOST - len(first)]]
    if count:
        way_out = "Mend them, or set them aside with on_bad_rows='quarantine' (--on-bad-rows quarantine)."
        rows = "1 row breaks" if count == 1 else f"{count:,} rows break"
        raise DataError([f"{source}: {rows} the contract, of {total:,}. {way_out}", *first])


def _mark(source: str | Path, release: str) -> str:
    """Names the job by what it reads: the same file to the same release gives the same event ids."""
    digest = hashlib.sha256(release.encode() + b"\n")
    if Path(source).is_file():
        with open(source, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    else:
        digest.update(str(source).encode())
    return digest.hexdigest()[:20]


class _Aside:
    """The file of the rows that were set aside: there only when there are any, and only when the job has ended."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0

    def __enter__(self) -> _Aside:
        self._part = hidden(self.path)
        self._file = open(self._part, "w", encoding="utf-8")
        return self

    def write(self, bad: Sequence[Bad]) -> None:
        for number, why, row in bad:
            self._file.write(json.dumps({"row": number, "why": why, "request": row}, ensure_ascii=False) + "\n")
        self.count += len(bad)

    def __exit__(self, failed: object, *_: object) -> None:
        self._file.close()
        if failed or not self.count:
            self._part.unlink()

    def keep(self) -> Path | None:
        if not self.count:
            self.path.unlink(missing_ok=True)  # of an earlier job on the same target
            return None
        self._part.replace(self.path)
        return self.path
