"""Every answer is an event, and no answered event is lost.

An answer's events are written to a file of this process with one `os.write` before the answer is sent: a kill -9 loses
nothing that a caller has seen. A thread seals the file into the store in batches and deletes it. When the storage is
away the files stay and are tried again; files of processes that died are taken over at the next start.

A batch is a stretch of a file, so a batch that is handed over twice (killed between the hand-over and the delete) is
the same events in the same order under the same ids: whoever keeps them counts an id once.

What it does not know: a machine that loses power. The bytes have reached the kernel, not the disk.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

log = logging.getLogger("ropewalk.serving")
Append = Callable[[Sequence[Mapping[str, Any]]], None]  # `request` and `answer` are msgspec.Raw: JSON already
SUFFIX = ".events.jsonl"


class Line(msgspec.Struct, frozen=True, gc=False):
    """An event as the journal writes it; the fields of `types.Event` that are known when a request is answered."""

    id: str
    at: datetime
    release: str
    request: Any
    answer: Any
    latency_s: float
    state: str = ""
    schema: int = 1


class _Written(Line, frozen=True, gc=False):
    """The same read back: what a caller sent and got stays JSON, since the store keeps it as it is."""

    request: msgspec.Raw
    answer: msgspec.Raw


_read = msgspec.json.Decoder(_Written)


class Segment:
    """One file of the journal, held by a lock that dies with its process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor
        self.size = os.fstat(descriptor).st_size
        self.sealed = 0  # bytes that are in the store already

    def write(self, lines: bytes) -> None:
        """All bytes or none: what a full disk took half of is cut off again."""
        try:
            written = os.write(self.descriptor, lines)
            if written != len(lines):
                raise OSError(28, "only a part of the event fitted on the disk")
        except OSError:
            os.ftruncate(self.descriptor, self.size)
            raise
        self.size += len(lines)

    def batches(self, rows: int) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """(events, offset behind them), from what is not sealed yet. A torn last line was never answered."""
        with open(self.path, "rb") as file:
            file.seek(self.sealed)
            batch: list[dict[str, Any]] = []
            offset = self.sealed
            for line in file:
                if not line.endswith(b"\n"):
                    break
                offset += len(line)
                try:
                    batch.append(msgspec.structs.asdict(_read.decode(line)))
                except msgspec.DecodeError as error:
                    log.error("%s: the line before byte %d is no event and is left out: %s", self.path, offset, error)
                if len(batch) >= rows:
                    yield batch, offset
                    batch = []
            if batch:
                yield batch, offset

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class Journal:
    """The segments of this process and those it inherited: written by the service, sealed by a thread."""

    def __init__(
        self, folder: Path, append: Append, *, batch_rows: int = 2_000, seal_s: float = 1.0, retry_s: float = 0.5
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.append = folder, append
        self.batch_rows, self.seal_s, self.retry_s = batch_rows, seal_s, retry_s
        self.written = 0  # events handed to the store
        self.pending = 0  # events answered and not yet there
        self.failures = 0  # hand-overs that failed
        self._backlog: list[Segment] = _inherit(folder)
        self._current = _create(folder)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self.pending = sum(len(events) for s in self._backlog for events, _ in s.batches(batch_rows))
        self._thread = threading.Thread(target=self._run, name="ropewalk-journal", daemon=True)
        self._thread.start()

    def write(self, lines: bytes, events: int = 1) -> None:
        """When this returns, the events have reached the kernel. OSError: none of them has."""
        with self._lock:
            self._current.write(lines)
            self.pending += events
        if self.pending >= self.batch_rows and not self.failures:
            self._wake.set()

    def close(self, wait_s: float = 10.0) -> bool:
        """Seal what there is. False: the storage is away, and the files wait for the next start."""
        if self._stopping:
            return not self.pending
        self._stopping = True
        self._wake.set()
        self._thread.join(wait_s)
        if not self.pending:
            self._current.drop()
        elif not self._thread.is_alive():  # let the next start have the files, also one in this process
            for segment in (*self._backlog, self._current):
                os.close(segment.descriptor)
        return not self.pending

    def _run(self) -> None:
        """Until stopped: seal; wait longer after each failure in a row."""
        failed = 0
        while True:
            stopping = self._stopping
            failed = 0 if self.seal() else failed + 1
            if stopping and (not self.pending or failed >= 3):
                return
            pause = min(30.0, self.retry_s * 2**failed) if failed else self.seal_s
            self._wake.wait(min(pause, 0.2) if stopping else pause)
            self._wake.clear()

    def seal(self) -> bool:
        """Hand everything that is written to the store. False when the storage refused."""
        try:
            if not self._backlog:
                self._rotate()
            while self._backlog:
                self._seal(self._backlog[0])
                self._backlog.pop(0).drop()
        except Exception as error:  # whatever the store raises, the events stay in their file and are tried again
            self.failures += 1
            log.warning("%d events wait in %s, the store refused them: %r", self.pending, self.folder, error)
            return False
        self.failures = 0
        return True

    def _seal(self, segment: Segment) -> None:
        for events, offset in segment.batches(self.batch_rows):
            self.append(events)
            segment.sealed = offset
            with self._lock:
                self.pending -= len(events)
                self.written += len(events)

    def _rotate(self) -> None:
        """The current file becomes one to seal, if there is anything in it."""
        if not self._current.size:
            return
        fresh = _create(self.folder)
        with self._lock:
            full, self._current = self._current, fresh
        self._backlog.append(full)


def _create(folder: Path) -> Segment:
    """A new file that no other process can have taken over."""
    while True:
        path = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}{SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        if _lock(descriptor):
            return Segment(path, descriptor)
        os.close(descriptor)


def _inherit(folder: Path) -> list[Segment]:
    """The files whose process is gone, oldest first."""
    found = []
    for path in sorted(folder.glob("*" + SUFFIX)):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            continue
        if _lock(descriptor):
            found.append(Segment(path, descriptor))
        else:
            os.close(descriptor)
    return found


def _lock(descriptor: int) -> bool:
    """Whether the file is ours now, and still there."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(descriptor).st_nlink > 0
