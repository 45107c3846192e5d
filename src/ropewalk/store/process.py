"""Who this process is, and whether another one still lives: host, pid and the moment that it started.

A pid alone is not a name, because pids are used again; a host alone is not either, because containers share names.
"""

from __future__ import annotations

import functools
import hashlib
import os
from typing import NamedTuple


class Process(NamedTuple):
    """One process of one boot of one host (or of one container: a pid means something only in its namespace)."""

    host: str
    pid: int
    start: str

    @property
    def tag(self) -> str:
        """The host as eight characters for a file name."""
        return _short(self.host)

    @property
    def start_tag(self) -> str:
        return _short(self.start)


@functools.cache
def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def here() -> Process:
    """This process (a forked child is another one)."""
    return _here(os.getpid())


@functools.lru_cache(maxsize=2)
def _here(pid: int) -> Process:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return Process(f"{os.uname().nodename} {namespace}".strip(), pid, _start(pid) or "?")


@functools.cache
def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def boot_tag() -> str:
    """This run of the machine as eight characters for a file name: what was written in an earlier one may be torn."""
    return _short(_boot())


def _start(pid: int) -> str | None:
    """When a process started, as text that only equality is asked of; None when there is no such process.

    Without /proc (macOS) it is "?": then a pid that was used again counts as alive, and its leftovers stay for longer.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            after_name = file.read().rpartition(b")")[2].split()
        if after_name[0] in (b"Z", b"X"):  # dead, its parent has not looked yet
            return None
        return f"{_boot()} {after_name[19].decode()}"
    except (FileNotFoundError, ProcessLookupError):
        if os.path.exists("/proc/self/stat"):
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "?"


def alive_here(pid: int, start: str | None = None, start_tag: str | None = None) -> bool:
    """Is the process of this host that had this pid and started then still running?"""
    now = _start(pid)
    if now is None:
        return False
    return now == start if start is not None else _short(now) == start_tag
