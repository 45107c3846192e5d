"""Rows of Parquet and Arrow files, and pages of WARC files, as records."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any, cast

from ropewalk.systems.search.collect.found import Bad, Found, Item
from ropewalk.systems.search.collect.settings import CollectSettings

ROWS = 5_000  # rows held as Python objects at a time


def read_table(source: str | bytes, label: str, kind: str, start: int = 0, stop: int | None = None) -> Iterator[Item]:
    """The rows [start, stop) of a Parquet or Arrow file given by path or bytes."""
    import polars as pl

    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        scan = pl.scan_parquet(file) if kind == "parquet" else pl.scan_ipc(file)
        stop = rows_of(scan) if stop is None else stop
        for at in range(start, stop, ROWS):
            frame = scan.slice(at, min(ROWS, stop - at)).collect()
            for number, row in enumerate(frame.iter_rows(named=True), at + 1):
                yield Found(label, number, row)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).strip().split("\n")[0]
        yield Bad(label, 0, f"the table can not be read ({first}): was it written to the end?")


def rows_of(scan: Any) -> int:
    """The number of rows of a lazy table."""
    import polars as pl

    return int(scan.select(pl.len()).collect().item())


def read_warc(stream: IO[bytes], label: str, settings: CollectSettings) -> Iterator[Item]:
    """The pages that a WARC file keeps: answers with HTML or plain text. Id and source are the address, time its date."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    from ropewalk.systems.search.collect.pages import read_page

    number = 0
    try:
        for number, record in enumerate(ArchiveIterator(stream, record_types=WarcRecordType.response), 1):
            kind = (record.http_content_type or "").split(";")[0].strip().lower()
            reader = {"text/html": "html", "application/xhtml+xml": "html", "text/plain": "text"}.get(kind)
            url = record.headers.get("WARC-Target-URI") or ""
            if reader is None:
                continue
            for item in read_page(cast("IO[bytes]", record.reader), label, settings, reader):
                if isinstance(item, Found):
                    about = {"id": url, "source": url, "time": record.headers.get("WARC-Date")}
                    yield Found(label, number, {**about, **{k: v for k, v in item.record.items() if v}})
                else:
                    yield Bad(label, number, f"{item.reason} ({url})") if isinstance(item, Bad) else item
    except Exception as error:  # what a broken archive raises depends on where it breaks
        yield Bad(label, number + 1, f"the WARC file can not be read on ({error})")
