"""What a long benchmark has done is kept, whole or not at all, and is not done again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ropewalk.whole import write_whole


def kept(path: Path, make: Callable[[], Any], again: bool = False) -> Any:
    """What is in the JSON file; what `make` returns where it is not there yet (or `again`)."""
    if again or not path.exists():
        write_whole(path, json.dumps(make()).encode())
    return json.loads(path.read_text())


def commit() -> str:
    """What the code is at; "+" after it where files are changed."""
    call = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(call, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
