"""The exceptions. Each builds its own sentence: what, where, which value, and the way out.

RopewalkError               anything a person can mend; the shell prints the sentence, never a traceback
├── ConfigError             a setting is unknown, of the wrong type or out of bounds
├── DataError               a table, file or row breaks its contract
├── RequestError            a row sent to a model breaks the contract (HTTP 422)
├── MissingError            a record, blob, system or extra is not there
├── StoreError              the storage answered wrongly, is full or is gone
│   ├── CorruptError        bytes do not have the hash that they are named by
│   ├── ConflictError       somebody else was faster: a conditional write lost
│   └── VersionError        what is kept was made by another version than can run it now
├── StageError              a stage of a system failed: which, on what, and how to see more
└── GateError               a release was refused, and why
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

LISTED = 40  # names that a sentence holds: every policy and every setting of an item


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: one that begins alike, else the most similar one that is near enough."""
    known = sorted(known)
    starts = (
        [k for k in known if k.lower().startswith(name.lower()) or name.lower().startswith(k.lower())] if name else []
    )
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if len(starts) == 1:
        return starts[0]
    return close[0] if close else None


class RopewalkError(Exception):
    """A mistake or mishap that a person can mend. `str(error)` is a sentence; `exit_code` is the shell's."""

    exit_code = 2

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels between processes as its sentence and fields, whatever it was built from."""
        return _again, (type(self), str(self)), dict(self.__dict__)


def _again(kind: type[RopewalkError], sentence: str) -> RopewalkError:
    error = kind.__new__(kind)
    Exception.__init__(error, sentence)
    return error


class ConfigError(RopewalkError):
    """All problems of a configuration at once, one a line."""

    def __init__(self, problems: Iterable[str], source: str = "the configuration") -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {p}" for p in self.problems))


class DataError(RopewalkError):
    """Problems of tables, one a line: file, column, number of bad rows, the first of them, the way out."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RequestError(RopewalkError):
    """A request that the contract does not allow."""


class MissingError(RopewalkError):
    """Something asked for by name is not there; names what there is when it is close."""

    def __init__(self, what: str, name: str, known: Iterable[str] = (), hint: str = "") -> None:
        self.what, self.name = what, name
        known = sorted(known)
        close = closest(name, known)
        parts = [f"there is no {what} {name!r}."]
        if close:
            parts.append(f"Did you mean {close!r}?")
        elif known:
            parts.append(f"There is: {', '.join(known[:LISTED])}{', ...' if len(known) > LISTED else ''}.")
        if hint:
            parts.append(hint)
        super().__init__(" ".join(parts))


class StoreError(RopewalkError):
    """The storage could not do what it was asked."""

    exit_code = 3


class CorruptError(StoreError):
    """A blob's bytes do not match its name."""

    def __init__(self, name: str, place: str, found: str) -> None:
        self.name = name
        super().__init__(
            f"the blob {name} at {place} is corrupt: its bytes hash to {found[:16]}... . "
            f"Delete that file and run the verb again: the stage that made it is repeated."
        )


class ConflictError(StoreError):
    """A conditional write found that somebody else had written first."""


class VersionError(StoreError):
    """What is kept was made by another version of ropewalk, or of what it runs, and this one cannot run it."""


class StageError(RopewalkError):
    """A stage raised something of its own."""

    exit_code = 4


class GateError(RopewalkError):
    """The gate refused a release."""

    exit_code = 5
