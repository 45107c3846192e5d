"""All of a plan or none of it: failed, killed or stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from ropewalk.systems.inventory.bulk import files
from ropewalk.systems.inventory.bulk.toys import ASSUMED, made, planned

ROWS = 3_000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_failure_in_between_leaves_the_last_plan_and_nothing_else(folder):
    plan, _ = planned(made(ROWS))

    def broken(seen):
        if seen.on_hand[0] == marked:
            raise ZeroDivisionError("a policy of one's own")
        return files.network(seen)

    table = made(ROWS, seed=1).with_columns(on_hand=pl.int_range(pl.len()).cast(pl.Float64))
    marked = 2_100.0  # the first row of the last row group but one
    with pytest.raises(ZeroDivisionError, match="a policy of one's own"):
        planned(table, policy=broken)
    assert pl.read_parquet("orders.parquet").equals(plan)
    assert sorted(p.name for p in folder.iterdir()) == ["items.parquet", "orders.parquet"]


SLOW = """
import sys, time
from pathlib import Path
from ropewalk.systems.inventory.bulk import files
from ropewalk.systems.inventory.bulk.source import parquet_files
from ropewalk.systems.inventory.bulk.toys import ASSUMED

def slow(seen):
    print("on", flush=True)
    time.sleep(0.3)
    return files.network(seen)

files.plan_files(["items.parquet"], Path("orders.parquet"), ASSUMED, policy=slow)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process")
def test_a_killed_plan_is_not_visible_and_the_next_one_sweeps_up(folder):
    made(ROWS).write_parquet("items.parquet", row_group_size=100)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "POLARS_MAX_THREADS": "2"}
    with subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, env=environment) as child:
        for _ in range(4):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
    left = [p.name for p in folder.iterdir() if p.name != "items.parquet"]
    assert all(name.startswith(".orders.parquet.") for name in left)
    assert left
    files.plan_files(["items.parquet"], Path("orders.parquet"), ASSUMED)
    assert sorted(p.name for p in folder.iterdir()) == ["items.parquet", "orders.parquet"]


SLOW_COMMAND = """
import sys, time
from ropewalk import cli
from ropewalk.systems.inventory.bulk import files

plan = files.plan

def slow(*given):
    print("on", flush=True)
    time.sleep(0.2)
    return plan(*given)

files.plan = slow
sys.exit(cli.main(["inventory", "orders", "--items", "items.parquet", "--store", "store", "--quiet"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_plan_leaves_nothing_and_says_so(folder, number):
    made(ROWS).with_columns(
        on_hand=pl.when(pl.int_range(pl.len()) % 50 == 0).then(-1).otherwise("on_hand")
    ).write_parquet("items.parquet", row_group_size=30)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "POLARS_MAX_THREADS": "2"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", SLOW_COMMAND], env=environment, **pipes) as child:
        for _ in range(4):
            child.stdout.readline()
        child.send_signal(number)
        _, err = child.communicate(timeout=120)
    assert child.returncode == 130
    assert err.strip() == "ropewalk: interrupted: nothing is half-written"
    assert sorted(p.name for p in folder.iterdir()) == ["items.parquet"]
