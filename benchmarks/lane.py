"""What the lane itself costs: to import it, to install it, to live an empty life on it, to report one number.

    python benchmarks/lane.py            # about half a minute, better on a machine that does nothing else

Prints each figure beside what is required and what others need. The life is that of a system whose stages do nothing:
data, train and evaluate, each once, stored with lineage, in a fresh store; then the same life again, with nothing
changed. The process is warm: what is measured is the lane, not the import of a table library.
"""

import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from importlib import metadata
from pathlib import Path

# name, unit, what is required, what others need (and who)
IMPORTS = ("<= 0.3", (("MLflow", 5.0), ("ZenML", 3.5)))
SIZE = ("<= 320", ())
LIFE = ("<= 50", (("Dagster", 450), ("ZenML", 1600)))
AGAIN = ("<= 10", (("ZenML", 900),))
METRIC = ("<= 0.05", (("MLflow on SQLite", 3.7),))


def row(name, value, unit, bounds):
    required, others = bounds
    beside = "; ".join(f"{who} {other:g} ({other / value:,.0f} x)" for who, other in others)
    print(f"{name:46} {value:9.3f} {unit:6} {required:8} {beside}", flush=True)


def cpu_of(program, times=9):
    """Median CPU-seconds of a fresh interpreter that runs a program, and of the same interpreter that runs nothing."""

    def once(code):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    once(program)  # compiles
    return statistics.median(once(program) for _ in range(times))


def base_size():
    """MB of the files of our package and of everything that it needs without extras."""
    from packaging.requirements import Requirement

    todo, seen, size = ["ropewalk"], {}, 0
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        with contextlib.suppress(metadata.PackageNotFoundError):
            found = metadata.distribution(name)
            bytes_ = sum(p.stat().st_size for f in found.files or () if (p := Path(f.locate())).is_file())
            if name == "ropewalk":  # installed for editing, its files are elsewhere
                import ropewalk

                package = Path(ropewalk.__file__).parent
                bytes_ = sum(
                    p.stat().st_size for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts
                )
            seen[name] = bytes_
            size += bytes_
            for text in found.requires or ():
                need = Requirement(text)
                if need.marker is None or need.marker.evaluate({"extra": ""}):
                    todo.append(need.name)
    return size / 1e6, sorted(seen.items(), key=lambda item: -item[1])


def empty_system():
    """A system whose stages do nothing."""
    import polars as pl

    from ropewalk.config import Settings
    from ropewalk.types import Contract, Metric, Report, Snapshot, System

    class Nothing:
        def predict(self, requests):
            return {}

        def save(self, folder):
            (folder / "nothing").write_bytes(b"nothing")

    table = pl.DataFrame({"x": [1, 2, 3]})
    return System(
        name="empty", about="Decides nothing.", config=Settings, small=Settings,
        data=lambda config, job: Snapshot(datetime(2026, 1, 1), {"x": table}),
        train=lambda config, dataset, job, start: Nothing(),
        evaluate=lambda config, model, dataset, job: Report((Metric("none", 1.0, "USD", baseline=0.5),), "nothing"),
        load=lambda folder: Nothing(), requests=lambda config, dataset, model: None,
        contract=Contract(()), answers=Contract(()),
    )  # fmt: skip


def lives(times=20):
    """Median ms of an empty life in a fresh store, of the same life again, and of its sum of bytes flushed."""
    from ropewalk import api

    system, first, again = empty_system(), [], []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for number in range(times + 2):
            for seconds in (first, again):
                begun = time.perf_counter()
                api.evaluate(system, store=f"{folder}/{number}")
                seconds.append(time.perf_counter() - begun)
    return 1000 * statistics.median(first[2:]), 1000 * statistics.median(again[2:])


def flushing(times=20):
    """Median ms that this disk takes to make one small file durable, which no store can be faster than."""
    taken = []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for number in range(times):
            begun = time.perf_counter()
            fd = os.open(f"{folder}/{number}", os.O_CREAT | os.O_WRONLY)
            os.write(fd, b"x" * 100)
            os.fsync(fd)
            os.close(fd)
            taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def one_metric(times=10_000):
    from ropewalk.spine.compute.job import StageJob
    from ropewalk.store import open_store

    taken = []
    with (
        tempfile.TemporaryDirectory(dir=".") as folder,
        open_store(folder) as store,
        StageJob(store, "train", "k") as job,
    ):
        for step in range(times):
            begun = time.perf_counter()
            job.report(step, loss=0.5)
            taken.append(time.perf_counter() - begun)
        assert len(job.metrics()) == times
    return 1000 * statistics.median(taken)


def main():
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; one small file made durable: {flushing():.2f} ms\n")
    print(f"{'what':46} {'here':>9} {'unit':6} {'required':8} others (ratio)")
    row("nothing but Python", cpu_of("pass"), "CPU-s", ("", ()))
    row("import ropewalk", cpu_of("import ropewalk"), "CPU-s", IMPORTS)
    help_ = "import sys; sys.argv = ['ropewalk', '--help']; from ropewalk.cli import main; main()"
    row("ropewalk --help", cpu_of(help_), "CPU-s", IMPORTS)
    size, parts = base_size()
    row("base install", size, "MB", SIZE)
    print("  " + ", ".join(f"{name} {bytes_ / 1e6:.1f}" for name, bytes_ in parts[:6]))
    first, again = lives()
    row("empty life of three stages, all stored", first, "ms", LIFE)
    row("the same life again, nothing changed", again, "ms", AGAIN)
    row("one metric, its bytes with the kernel", one_metric(), "ms", METRIC)


if __name__ == "__main__":
    main()
