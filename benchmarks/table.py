"""A page of benchmarks: each is run once, what it printed is kept, its rows (rows.py) become the table at the head of the page."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ropewalk.whole import write_whole
from rows import MARK

HERE = Path(__file__).parent
HEAD = ("what", "required", "stretch", "anchor", "ours", "holds")


def run(kept: Path, name: str, call: Sequence[str], again: bool, hidden: dict[str, str] | None = None) -> bool:
    """Whether it went well; what it printed is kept under its name. `hidden`: option -> what stands for its value on the page."""
    file = kept / f"{name}.txt"
    if file.exists() and not again:
        return True
    told = [(hidden or {}).get(before, word) for before, word in zip(["", *call], call, strict=False)]
    command, begun, load = f"python benchmarks/{' '.join(told)}", time.monotonic(), os.getloadavg()[0]
    print(f"{name} ...", flush=True)
    own = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}  # each sets its own
    done = subprocess.run([sys.executable, str(HERE / call[0]), *call[1:]], stdout=subprocess.PIPE, text=True, env=own)
    if done.returncode:
        print(f"{name} ended with {done.returncode}; it is begun again by the next call")
        return False
    head = f"{command}\n{time.monotonic() - begun:.0f} s, load at the start {load:.1f}\n"
    write_whole(file, (head + done.stdout).encode())
    return True


def page(kept: Path, names: Iterable[str], title: str, intro: str, shown: Sequence[str] = ()) -> str:
    """The table of all rows, and below it what each benchmark printed."""
    rows, parts = [], []
    for name in names:
        file = kept / f"{name}.txt"
        if not file.exists():
            continue
        command, took, *lines = file.read_text().rstrip().splitlines()
        rows += [line.removeprefix(MARK).split(" | ") for line in lines if line.startswith(MARK)]
        told = [line for line in lines if not line.startswith(MARK)]
        parts += [f"## {name}", "", f"`{command}`, {took}", "", "```text", *told, "```", ""]
    table = [f"| {' | '.join(row)} |" for row in (HEAD, ["---"] * len(HEAD), *rows)]
    return "\n".join([f"# {title}", "", f"{intro} Measured on {machine()}.", "", *table, "", *shown, *parts])


def machine() -> str:
    """Cores and processor, as far as the system says."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [row.split(":")[1].strip() for row in lines if row.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}"
