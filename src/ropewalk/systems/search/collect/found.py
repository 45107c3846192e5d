"""What a reader yields: a record, or why there is none, or a remark about a file; and the files that readers read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """A record of a file, its fields under the source's names. `position` 0: the file is the document."""

    source: str
    position: int  # line or row as a person counts, from 1
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """A document that could not be read."""

    source: str
    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a person should know about a file that was read: `kind` is counted, `source` is an example."""

    kind: str
    source: str


Item = Found | Bad | Remark


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a range of one, that a worker reads."""

    label: str  # its name in `source`: the address's last part and the path below it
    path: str
    format: str  # of settings.Format, 'zip', 'tar', or '' with a `problem`
    pack: str = ""  # '', 'gz' or 'zst'
    size: int = 0  # bytes on the disk
    start: int = 0  # byte, row or member
    stop: int | None = None
    first: int = 1  # number of the line at `start`
    problem: str = ""  # why it is not read at all
