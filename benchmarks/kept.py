"""What a long benchmark has done is kept, whole or not at all, and is not done again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from ropewalk.whole import write_whole


def kept(path: Path, make: Callable[[], str], again: bool = False) -> str:
    """What is in the file; `make` says it where it is not there yet (or `again`)."""
    if again or not path.exists():
        write_whole(path, make().encode())
    return path.read_text()


def commit() -> str:
    """What the code is at; "+" after it where files are changed."""
    call = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(call, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
