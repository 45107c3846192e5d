"""Where a life happens: a store, somebody to tell, and the memory of what has been done already."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ropewalk
from ropewalk.errors import CorruptError, MissingError, RopewalkError, StageError
from ropewalk.spine.compute.job import StageJob
from ropewalk.store import Record, Store
from ropewalk.store.blobs import temporary
from ropewalk.types import System


class Console:
    """Tells a person what happens, on stderr; silent when asked. Progress rewrites its line on a terminal."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._last, self._open = 0.0, False

    def say(self, sentence: str) -> None:
        if self.quiet:
            return
        if self._open:
            sys.stderr.write("\n" if not self._terminal else "\r\x1b[K")
            self._open = False
        sys.stderr.write(sentence + "\n")
        sys.stderr.flush()

    def progress(self, what: str, done: float, total: float, unit: str = "") -> None:
        now = time.monotonic()
        every = 0.1 if self._terminal else 2.0
        if self.quiet or now - self._last < every:
            return
        self._last = now
        share = f"{100 * done / total:3.0f} %  " if total else ""
        line = f"  {what}: {share}{done:,.0f}{f' of {total:,.0f}' if total else ''} {unit}".rstrip()
        if self._terminal:
            sys.stderr.write("\r\x1b[K" + line)
            self._open = True
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()


@dataclass(frozen=True)
class Lane:
    """What every verb is handed. `threads` and `workers` bound the machine that a stage may use."""

    store: Store
    console: Console = field(default_factory=Console)
    seed: int = 0
    workers: int | str = 1  # what `map` runs on; see spine/compute/workers.py
    threads: int = max(1, min(2, os.cpu_count() or 1))
    actor: str = field(default_factory=lambda: os.environ.get("USER", ""))

    def job(self, stage: str, key: str) -> StageJob:
        keep_compiled(self.store)
        return StageJob(
            self.store,
            stage,
            key,
            seed=self.seed,
            workers=self.workers,
            threads=self.threads,
            on_progress=self.console.progress,
            on_note=lambda sentence: self.console.say(f"  {sentence}"),
        )


@contextmanager
def workspace(lane: Lane) -> Iterator[Path]:
    """A scratch folder on the store's disk. What a killed process leaves of it goes with the next `gc`."""
    folder = temporary(lane.store.local / "tmp")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_compiled(store: Store) -> None:
    """Let JAX keep what it compiles beside the store: a second life then compiles nothing (24 CPU-s -> 7 for a small one).

    By environment, so that nothing heavy is imported for it; whoever has set these already keeps their own.
    """
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(store.local / "cache" / "xla"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")


def digest(*parts: Any) -> str:
    """A short name for JSON values: equal values, equal names."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


STATE = "live state"  # as a MissingError names it
_code_cache: dict[str, tuple[str, tuple[Path, ...]]] = {}


def code_files(system: System[Any]) -> tuple[Path, ...]:
    """The sources whose change makes a result stale: the system's own and the methods that it stands on."""
    module = sys.modules.get(system.train.__module__)
    own = Path(module.__file__) if module is not None and module.__file__ else None
    files: list[Path] = []
    if own is not None:
        inside = (own.parent / "__init__.py").exists()
        files += [p for p in own.parent.rglob("*.py") if not p.name.endswith("_test.py")] if inside else [own]
    methods = Path(str(ropewalk.__file__)).parent / "methods"
    files += [p for p in methods.rglob("*.py") if not p.name.endswith("_test.py")]
    return tuple(sorted(set(files)))


def code_version(system: System[Any]) -> str:
    """Hash of those sources and of the package's version; computed once a process."""
    if system.name not in _code_cache:
        files = code_files(system)
        hasher = hashlib.sha256(ropewalk.__version__.encode())
        for file in files:
            hasher.update(file.name.encode() + b"\0" + file.read_bytes())
        _code_cache[system.name] = (hasher.hexdigest()[:16], files)
    return _code_cache[system.name][0]


def remember(lane: Lane, system: System[Any], stage: str, inputs: Mapping[str, Any]) -> tuple[str, Record | None]:
    """The key of a stage with these inputs, and the record that it made earlier, if it did."""
    key = digest(system.name, stage, code_version(system), lane.seed, inputs)
    memo = lane.store.record(f"stage-{key}")
    made = lane.store.record(memo.body["made"]) if memo is not None else None
    if made is not None and is_doubted(lane.store) and not _is_whole(lane.store, made):
        return key, None
    return key, made


@contextmanager
def doubting(store: Store) -> Iterator[None]:
    """When a blob or live state turns out to be corrupt or gone, the next command looks whether what it relies on is there, and repeats
    the stages whose blobs are not; otherwise nobody looks, because on S3 each look is a request."""
    try:
        yield
    except (CorruptError, MissingError) as error:
        if isinstance(error, CorruptError) or error.what in ("blob", STATE):
            with suppress(OSError):
                _doubt(store).touch()
        raise
    with suppress(OSError):
        _doubt(store).unlink(missing_ok=True)


def is_doubted(store: Store) -> bool:
    return _doubt(store).exists()


def _doubt(store: Store) -> Path:
    return store.local / "doubt"


def _is_whole(store: Store, record: Record) -> bool:
    try:
        return all(store.read(hash_, 0, 1) is not None for hash_ in record.blobs)
    except MissingError:
        return False


def memo(system: System[Any], stage: str, key: str, made: str) -> Record:
    """The record that lets `remember` find what a stage made."""
    return Record(
        id=f"stage-{key}", kind="stage", system=system.name, created=time.time(),
        body={"stage": stage, "made": made}, parents=(("made", made),), blobs=(),
    )  # fmt: skip


def keep(lane: Lane, system: System[Any], stage: str, key: str, made: Record, *before: Record) -> Record:
    """Commit what a stage made, with its memory; the record as every later life will read it."""
    lane.store.commit(*before, made, memo(system, stage, key, made.id))
    kept = lane.store.record(made.id)
    assert kept is not None
    return kept


@contextmanager
def stage(lane: Lane, system: System[Any], name: str, key: str) -> Iterator[StageJob]:
    """Run one stage: alone among all processes that want the same key, its blobs safe from `gc` until committed.

    What the system raises becomes a StageError with the sentence, the place and the way to see more; what a person can
    mend (RopewalkError) passes as it is.
    """

    def waiting(who: str) -> None:
        lane.console.say(f"  {name}: waiting for {who}, which is doing the same")

    with (
        lane.store.lease(f"stage/{key}", on_wait=waiting),
        lane.store.session(f"{name} {system.name}"),
        lane.job(name, key) as job,
    ):
        try:
            yield job
        except (RopewalkError, KeyboardInterrupt):
            raise
        except Exception as error:
            if os.environ.get("ROPEWALK_DEBUG"):
                raise
            raise StageError(_blame(system, name, key, error, lane)) from error


def _blame(system: System[Any], name: str, key: str, error: Exception, lane: Lane) -> str:
    log = lane.store.local / "failures" / f"{name}-{key}.txt"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(traceback.format_exception(error)))
        where = f"The whole trace is in {log}; what was done before is kept, and running the verb again continues."
    except OSError:
        where = "Set ROPEWALK_DEBUG=1 to see the trace."
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{name} of {system.name!r} failed: {type(error).__name__}: {' '.join(str(error).split())[:400]} "
        f"(at {Path(last.filename).name}:{last.lineno}). {where}"
    )


@contextmanager
def timed(lane: Lane, what: str, say: Callable[[float], str] | None = None) -> Iterator[None]:
    """Tell how long something took, when it took long enough to matter."""
    begun = time.monotonic()
    yield
    seconds = time.monotonic() - begun
    lane.console.say(say(seconds) if say else f"{what}: {seconds:.1f} s")
