"""Rows of Parquet and Arrow files, and pages of WARC files, as records."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

from ropewalk.systems.search.collect.found import Bad, Found, Item
from ropewalk.systems.search.collect.settings import CollectSettings

ROWS = 5_000  # rows held as Python objects at a time


def read_table(source: str | bytes, label: str, kind: str, start: int = 0, stop: int | None = None) -> Iterator[Item]:
    """The rows [start, stop) of a Parquet or Arrow file given by path or bytes."""
    import polars as pl

    if not is_whole(source, kind):
        yield Bad(label, 0, f"the table can not be read: it begins or ends unlike {kind}; was it written to the end?")
        return
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        scan = pl.scan_parquet(file) if kind == "parquet" else pl.scan_ipc(file)
        stop = rows_of(scan) if stop is None else stop
        for at in range(start, stop, ROWS):
            frame = scan.slice(at, min(ROWS, stop - at)).collect()
            for number, row in enumerate(frame.iter_rows(named=True), at + 1):
                yield Found(label, number, row)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        first = str(error).strip().split("\n")[0]
        yield Bad(label, 0, f"the table can not be read ({first}): was it written to the end?")


def is_whole(source: str | bytes, kind: str) -> bool:
    """Whether a file has its format's mark at both ends; a reader may fall hard over one that has not."""
    mark = b"PAR1" if kind == "parquet" else b"ARROW1"
    if isinstance(source, bytes):
        return len(source) >= 12 and source.startswith(mark) and source.endswith(mark)
    with open(source, "rb") as file:
        head, size = file.read(len(mark)), file.seek(0, io.SEEK_END)
        file.seek(max(0, size - len(mark)))
        return size >= 12 and head == mark and file.read() == mark


def rows_of(scan: Any) -> int:
    """The number of rows of a lazy table."""
    import polars as pl

    return int(scan.select(pl.len()).collect().item())


def read_warc(stream: IO[bytes], label: str, settings: CollectSettings) -> Iterator[Item]:
    """The pages that a WARC file keeps: answers with HTML or plain text. Id and source are the address, time its date."""
    from warcio.archiveiterator import ArchiveIterator

    number = 0
    try:
        for record in ArchiveIterator(stream):
            if record.rec_type == "response":
                number += 1
                yield from _archived(record, number, label, settings)
    except Exception as error:  # what a broken archive raises depends on where it breaks
        yield Bad(label, number + 1, f"the WARC file can not be read on ({str(error).strip().splitlines()[0]})")


def _archived(record: Any, number: int, label: str, settings: CollectSettings) -> Iterator[Item]:
    from ropewalk.systems.search.collect.pages import read_page

    kind = (record.http_headers.get_header("Content-Type") or "") if record.http_headers else ""
    kinds = {"text/html": "html", "application/xhtml+xml": "html", "text/plain": "text"}
    reader = kinds.get(kind.split(";")[0].strip().lower())
    if reader is None:
        return
    url = record.rec_headers.get_header("WARC-Target-URI") or ""
    about = {"id": url, "source": url, "time": record.rec_headers.get_header("WARC-Date")}
    for item in read_page(record.content_stream(), label, settings, reader):
        if isinstance(item, Found):
            yield Found(label, number, {**about, **{k: v for k, v in item.record.items() if v}})
        else:
            yield Bad(label, number, f"{item.reason} ({url})") if isinstance(item, Bad) else item
