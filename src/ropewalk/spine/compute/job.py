"""What the spine lends a stage: workers, metrics, checkpoints, progress. No system holds a timer; this does.

Metrics and the times of starts and checkpoints go to one file a stage, a line each, written by one system call: the
bytes are with the kernel when `report` returns, so a killed process loses none. From the same lines comes goodput, the
share of the time that made preserved progress: what checkpoints, restoring and lost steps took is what is left. The time
until the first report (reading, compiling, and the first steps, which cannot be told apart) is kept beside it as start-up.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any

from ropewalk.spine.compute.travel import Task
from ropewalk.spine.compute.workers import Workers, run, workers_of
from ropewalk.store import Store

SEEN_S = 1.0  # seconds after which a sign of life is written down
_HEAD = struct.Struct(">4sQ32s")  # magic, step, sha256 of what follows


def derive(seed: int, index: int) -> int:
    """The seed of item `index`: the same wherever and in whatever order the items run."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class Times:
    """Where the wall-clock time of a stage went, over all its attempts, in seconds."""

    total: float
    useful: float
    startup: float
    checkpointing: float
    restoring: float
    lost: float
    attempts: int

    @property
    def goodput(self) -> float:
        return self.useful / self.total if self.total > 0 else 1.0


class StageJob:
    """A Job in this process; `workers` do what `map` is given. Used as a context manager by the lifecycle."""

    def __init__(
        self,
        store: Store,
        stage: str,
        key: str,
        *,
        seed: int = 0,
        workers: int | str | Workers = 1,
        threads: int = 2,
        on_progress: Callable[[str, float, float, str], None] = lambda *_: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.stage, self.key = stage, key
        self.seed, self.rank, self.size, self.threads = seed, 0, 1, threads
        self.folder = store.local / "stages" / key
        self.resumed_from: int | None = None
        self.store = store
        self._store, self._workers = store, workers_of(workers)
        self._on_progress, self._on_note = on_progress, on_note
        self._file: int | None = None
        self._started = self._seen = time.time()

    def __enter__(self) -> StageJob:
        self._started = self._seen = time.time()
        self._cpu = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk is told by who needs it
                self._line({"event": "end"})
            os.close(self._file)
            self._file = None

    # -- progress for people --

    def progress(self, what: str, done: float, total: float, unit: str = "") -> None:
        self._on_progress(what, done, total, unit)
        if time.time() > self._seen + SEEN_S:  # so that what a death loses is known, also before the first report
            self._line({"event": "seen"})

    def note(self, sentence: str) -> None:
        self._on_note(sentence)

    # -- metrics --

    def report(self, step: int, **metrics: float) -> None:
        self._line({"step": step, **metrics})

    def metrics(self) -> list[dict[str, float]]:
        """Every reported step once: a later attempt's value replaces an earlier one's."""
        steps = {line["step"]: line for line in self._lines() if "step" in line and "event" not in line}
        return [steps[s] for s in sorted(steps)]

    def _line(self, body: dict[str, Any]) -> None:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.folder / "metrics.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            self._append({"event": "start", "t": self._started})
        self._seen = time.time()
        self._append({**body, "t": self._seen})

    def _append(self, body: dict[str, Any]) -> None:
        """All of a line or nothing of it: what a full disk took half of is cut off again."""
        assert self._file is not None
        line = (json.dumps(body, default=float) + "\n").encode()
        written = os.write(self._file, line)
        if written != len(line):
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder / "metrics.jsonl"))

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = (self.folder / "metrics.jsonl").read_text()
        except FileNotFoundError:
            return []
        lines = []
        for line in text.split("\n")[:-1]:
            with contextlib.suppress(ValueError):  # a machine that lost power may have kept half of one
                lines.append(json.loads(line))
        return lines

    # -- checkpoints --

    def checkpoint(self, step: int, state: bytes) -> None:
        begun = time.time()
        head = _HEAD.pack(b"RWCK", step, hashlib.sha256(state).digest())
        self._store.put_object(self._checkpoint_key, head + state, durable=True)
        self._line({"event": "checkpoint", "step": step, "seconds": time.time() - begun})

    def resume(self) -> tuple[int, bytes] | None:
        begun = time.time()
        data = self._store.get_object(self._checkpoint_key)
        if data is None:
            return None
        state = data[_HEAD.size :]
        magic, step, digest = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (b"", 0, b"")
        if magic != b"RWCK" or hashlib.sha256(state).digest() != digest:
            self._store.delete_object(self._checkpoint_key)
            self.note(f"the checkpoint {self._checkpoint_key} is corrupt and was removed: {self.stage} begins anew")
            return None
        self.resumed_from = step
        self._line({"event": "resume", "step": step, "seconds": time.time() - begun})
        self.note(f"continuing {self.stage} from its checkpoint at step {step:,}")
        return step, state

    @property
    def _checkpoint_key(self) -> str:
        return f"checkpoints/{self.key}"

    def forget(self) -> None:
        """Remove the checkpoint and the scratch files of a stage whose result is committed."""
        import shutil

        self._store.delete_object(self._checkpoint_key)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- workers --

    def map(self, function: Callable[[Any, int], Any], items: Iterable[Any]) -> list[Any]:
        """Items are taken as workers become free: those of a generator are never all in memory."""
        taken = 0

        def tasks() -> Iterator[Task]:
            nonlocal taken
            for taken, item in enumerate(items, 1):
                yield function, item, derive(self.seed, taken - 1)

        total = len(items) if isinstance(items, Sized) else 0
        results: dict[int, Any] = {}
        for index, result in run(self._workers, tasks(), self.note):
            results[index] = result
            self.progress(self.stage, len(results), max(total, taken), "tasks")
        return [results[index] for index in range(len(results))]

    # -- time --

    def times(self) -> Times:
        """Account for the time so far. Without checkpoints or reports all of the last attempt is useful."""
        lines = self._lines() or [{"event": "start", "t": self._started}]
        starts = [i for i, line in enumerate(lines) if line.get("event") == "start"] or [0]
        total = useful = startup = saving = restoring = lost = 0.0
        for number, begin in enumerate(starts):
            final = number == len(starts) - 1
            part = lines[begin : None if final else starts[number + 1]]
            first, last = part[0]["t"], time.time() if final else part[-1]["t"]
            saved = sum(p["seconds"] for p in part if p.get("event") == "checkpoint")
            restored = sum(p["seconds"] for p in part if p.get("event") == "resume")
            kept = last if final else max((p["t"] for p in part if p.get("event") == "checkpoint"), default=first)
            reports = [p["t"] for p in part if "step" in p and "event" not in p]
            # Until the first report: start-up and compiling, and one ordinary step, which is work.
            step = (reports[-1] - reports[0]) / (len(reports) - 1) if len(reports) > 1 else 0.0
            begun = min(max(first, reports[0] - step) if reports else first, kept)
            total += last - first
            startup += begun - first
            saving += saved
            restoring += restored
            lost += last - kept
            useful += max(0.0, kept - first - saved - restored)
        return Times(total, useful, startup, saving, restoring, lost, len(starts))

    @property
    def cpu_seconds(self) -> float:
        """CPU-seconds of this process since the stage began (children of `map` are not in it)."""
        return time.process_time() - self._cpu
