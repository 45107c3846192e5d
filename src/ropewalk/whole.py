"""A file is there whole or not at all, also when the process dies while it writes."""

from __future__ import annotations

import glob
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_number = itertools.count()  # threads of a process have names of their own


def hidden(target: Path, kind: str = "part") -> Path:
    """A free name beside the target for what this process makes on the way to it. What processes that were killed left there goes first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.{kind}"):
        pid = left.name.removeprefix(f".{target.name}.").split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            _remove(left)
    free = target.with_name(f".{target.name}.{os.getpid()}-{next(_number)}.{kind}")
    _remove(free)  # in a container every process is the first one, and so was one that was killed
    return free


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Where to write: a hidden file beside the target, which becomes the target at the end and is gone after an error."""
    part = hidden(target)
    try:
        yield part
        with open(part, "r+b") as file:
            os.fsync(file.fileno())  # a name must not reach the disk before what it names
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_whole(target: Path, data: bytes) -> None:
    with whole_file(target) as part:
        part.write_bytes(data)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's, or no process number at all
        return True
    return True
