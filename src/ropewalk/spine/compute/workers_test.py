"""Whoever does the work, the results are the same: this process, processes, Ray here, a cluster that loses tasks and a node."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.errors import ConfigError, DataError, MissingError, RopewalkError, StageError, StoreError
from ropewalk.spine.compute import workers as w
from ropewalk.spine.compute.job import StageJob, derive
from ropewalk.store import open_store

LITTLE = 100 << 20  # bytes of Ray's object store
QUICK = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_failure_threshold": 3}


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store")) as opened:
        yield opened


@pytest.fixture(scope="module")
def ray(short):
    """The module. Nobody is told of our Ray, and its token is not the user's; a process reads its token once."""
    module = pytest.importorskip("ray", reason="needs pip install 'ropewalk[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RAY_TMPDIR": short,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_gcs_server_port_wait_time_s": "120",
            "HOME": short,
        }.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        yield module
        w.release()


def job_of(store, workers, **more):
    return StageJob(store, "data", "k", seed=3, workers=workers, **more)


def draw(item, seed):
    """What a real task does: numbers from its seed, and nothing else."""
    return item, seed, np.random.default_rng([seed, item]).normal(size=3)


ITEMS = range(20)


def same(found):
    """To the last bit."""
    expected = [draw(item, derive(3, item)) for item in ITEMS]
    return [(i, s, a.tobytes()) for i, s, a in found] == [(i, s, a.tobytes()) for i, s, a in expected]


# -- what is asked for --


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (1, w.Workers("processes", 1)),
        ("4", w.Workers("processes", 4)),
        ("ray", w.Workers("ray")),
        ("ray:8", w.Workers("ray", 8, "local")),
        ("ray:auto", w.Workers("ray", None, "auto")),
        ("ray:local", w.Workers("ray", None, "local")),
        ("ray:10.0.0.1:6379", w.Workers("ray", None, "10.0.0.1:6379")),
        ("ray://head:10001", w.Workers("ray", None, "ray://head:10001")),
    ],
)
def test_workers_are_a_number_or_ray_as_ray_names_it(given, meant):
    assert w.workers_of(given) == w.workers_of(meant) == meant


@pytest.mark.parametrize(
    "given", [0, -1, 2.5, "two", "", "ray:", "ray:0", "ray:-2", "ray://", "dask:4", "ray:host", "ray:/x"]
)
def test_what_names_no_workers_gets_a_sentence(given):
    with pytest.raises(ConfigError, match=r"neither a number of processes \(1 or more\) nor Ray: ray, ray:8"):
        w.workers_of(given)


def test_ray_that_is_not_installed_is_named_with_its_command(monkeypatch, store):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingError, match=r"pip install 'ropewalk\[ray\]'"):
        job_of(store, "ray:2").map(draw, ITEMS)


# -- a window of tasks --


@given(st.integers(0, 60), st.integers(1, 9), st.randoms())
def test_no_more_tasks_are_out_than_the_window_and_every_result_comes_back(count, window, chance):
    most, out = 0, {}

    def submit(task):
        nonlocal most
        out[task] = pickle.dumps((True, task[1]))
        most = max(most, len(out))
        return task

    def finished(refs):
        assert set(refs) == set(out)
        return [(ref, out.pop(ref)) for ref in chance.sample(refs, chance.randint(1, len(refs)))]

    tasks = [(None, i, i) for i in range(count)]
    found = dict(w._windowed(tasks, submit, finished, lambda: window, lambda _: None))
    assert found == {i: i for i in range(count)}
    assert most <= window


# -- the same results --


def test_processes_change_nothing(store):
    assert same(job_of(store, 1).map(draw, ITEMS))
    assert same(job_of(store, 2).map(draw, ITEMS))


@pytest.mark.parametrize("given", [1, 2])
def test_items_of_a_generator_are_taken_as_there_is_room_for_them(store, given):
    taken, ahead = [], []
    items = (taken.append(i) or i for i in range(60))
    job = job_of(
        store, given, on_progress=lambda what, done, total, unit: ahead.append((len(taken) - done, total >= done))
    )
    assert [item for item, _, _ in job.map(draw, items)] == list(range(60))
    assert max(left for left, _ in ahead) <= w.AHEAD * given
    assert all(bound for _, bound in ahead)


@pytest.mark.parametrize("count", [1, 8, 2])
def test_ray_changes_nothing(ray, store, count):
    said, told, before = [], [], signal.getsignal(signal.SIGTERM)
    job = job_of(store, f"ray:{count}", on_note=said.append, on_progress=lambda *what: told.append(what))
    assert same(job.map(draw, ITEMS))
    assert said == [f"Ray (local): {count} tasks at once; living nodes: 1"]
    assert [done for _, done, _, _ in told] == [i + 1 for i in ITEMS]
    assert signal.getsignal(signal.SIGTERM) == before


def fails(item, seed):
    if item[0] == 1:
        with open(item[1], "a") as file:
            file.write("tried\n")
        raise DataError([f"row {item[0]}", "a second problem"])
    if item[0] == 2:
        time.sleep(600)


class Odd(Exception):
    """Pickle cannot make it again."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def fails_oddly(item, seed):
    raise Odd(item, "more")


def writable(item, seed):
    return np.arange(item)


def where(item, seed):
    return os.getcwd(), os.getpid(), item.get_object("greeting"), Path("beside.txt").read_text()


def the_promises(store, tmp_path, workers):
    """What holds for everything that is not this process."""
    tries = tmp_path / "tries"
    with pytest.raises(DataError) as raised:
        job_of(store, workers).map(fails, [(i, str(tries)) for i in range(1, 3)])
    assert raised.value.problems == ("row 1", "a second problem")
    assert "raise DataError" in raised.value.__notes__[0]
    assert tries.read_text() == "tried\n"
    with pytest.raises(RuntimeError, match="Odd: 1 and more"):
        job_of(store, workers).map(fails_oddly, [1, 1])
    for array in job_of(store, workers).map(writable, [200_000, 3]):
        array += 1
    store.put_object("greeting", b"hello")
    (tmp_path / "beside.txt").write_text("relative paths mean the same")
    for folder, process, greeting, text in job_of(store, workers).map(where, [store, store]):
        assert folder == str(tmp_path)
        assert process != os.getpid()
        assert greeting == b"hello"
        assert text == "relative paths mean the same"
    file = tmp_path / "my_system.py"
    file.write_text(
        "class Box:\n    def __init__(self, x):\n        self.x = x\n\n\ndef double(item, seed):\n    return Box(2 * item.x)\n"
    )
    from ropewalk.catalogue import _file

    module = _file(file)
    assert [box.x for box in job_of(store, workers).map(module.double, [module.Box(i) for i in range(3)])] == [0, 2, 4]
    del sys.modules[module.__name__]


def test_what_holds_for_processes(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    the_promises(store, tmp_path, 2)


def test_what_holds_for_ray(ray, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    the_promises(store, tmp_path, "ray:2")
    w.release()
    assert not ray.is_initialized()


def die(item, seed):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_is_told(store):
    with pytest.raises(StageError, match="one of 2 processes died without an error"):
        job_of(store, 2).map(die, range(2))


def test_a_folder_store_of_another_host_is_not_made_anew(store, tmp_path):
    packed = pickle.dumps(store)
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    with pytest.raises(
        StoreError, match=r"the store in .* is not on .* is on S3, or in a folder that all of them mount"
    ):
        pickle.loads(packed)
    assert not (tmp_path / "store").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "store")


def test_errors_of_ours_travel_whole():
    for error in (ConfigError(["a", "b"], "here"), MissingError("package", "x", ["y"]), RopewalkError("plain")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


# -- a cluster that dies in parts --


@contextlib.contextmanager
def cluster_of(nodes):
    """A head that does no work, and nodes with two workers each: every one with processes of its own, on this machine."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "object_store_memory": LITTLE,
            "include_dashboard": False,
            "_system_config": QUICK,
        },
    )
    try:
        added = [cluster.add_node(num_cpus=2, object_store_memory=LITTLE, wait=False) for _ in range(nodes)]
        cluster.wait_for_nodes()
        yield cluster, added
    finally:
        w.release()
        cluster.shutdown()


def draw_where_some_die(item, seed):
    """Every fifth kills its worker the first time."""
    index, folder = item
    died = Path(folder, f"died-{index}")
    if index % 5 == 0 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    return draw(index, seed)


def test_tasks_and_a_node_that_die_change_nothing(ray, store, tmp_path, monkeypatch):
    with cluster_of(2) as (cluster, nodes):
        told = []

        def lose_a_node(what, done, total, unit):
            told.append(done)
            if done == 6:
                ours = ray.get_runtime_context().get_node_id()  # the one that this process talks through
                cluster.remove_node(next(node for node in nodes if node.node_id != ours), allow_graceful=False)

        job = job_of(store, f"ray:{cluster.address}", on_progress=lose_a_node)
        assert same(job.map(draw_where_some_die, [(i, str(tmp_path)) for i in ITEMS]))
        assert told == [i + 1 for i in ITEMS]
        assert len(list(tmp_path.glob("died-*"))) == 4
        end = time.monotonic() + 60  # Ray notices a dead node by its silence
        while (alive := sum(node["Alive"] for node in ray.nodes())) > 2 and time.monotonic() < end:
            time.sleep(0.2)
        assert alive == 2
        monkeypatch.setattr(w, "RETRIES", 1)
        with pytest.raises(StageError, match=r"Ray gave a task up: WorkerCrashedError: .* tried again 1 times"):
            job.map(die, range(1))


def test_a_cluster_that_is_not_there_is_told_at_once(ray, store):
    for address in ("ray:127.0.0.1:9", "ray://127.0.0.1:9"):
        with pytest.raises(RopewalkError, match=r"Ray at .*127.0.0.1:9 cannot be used: ConnectionRefusedError"):
            job_of(store, address).map(draw, ITEMS)


# -- Ctrl-C --

SLEEPER = """
import sys, time
from ropewalk.spine.compute.workers import release, run, workers_of
from ropewalk.spine.compute.workers_test import sleeps

if __name__ == "__main__":
    try:
        list(run(workers_of(sys.argv[1]), [(sleeps, sys.argv[2], i) for i in range(50)], lambda _: None))
    finally:
        release()
"""


def sleeps(item, seed):
    Path(item, str(os.getpid())).touch()
    time.sleep(600)


@pytest.mark.parametrize("workers", ["2", "ray:2"])
def test_ctrl_c_ends_the_tasks(ray, tmp_path, workers):
    script, folder = tmp_path / "sleeper.py", tmp_path / "pids"
    script.write_text(textwrap.dedent(SLEEPER))
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, script, workers, folder], start_new_session=True, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    eventually(lambda: len(list(folder.iterdir())) == 2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all of the group
    _, said = process.communicate(timeout=60)
    assert process.returncode in (1, -signal.SIGINT)
    assert said.decode().count("Traceback") <= 2  # the parent's, and none of each task
    eventually(lambda: not any(is_alive(int(path.name)) for path in folder.iterdir()))


def eventually(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


def is_alive(process):
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
