"""What leases promise: one holder at a time, across threads, processes and hosts; a dead holder does not block."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from ropewalk.errors import ConflictError
from ropewalk.store.blobs_test import SOURCE

HOLDER = """
import sys
from ropewalk.store import open_store
with open_store(sys.argv[1], sys.argv[2] or None) as store, store.lease("train"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(address):
    env = {**os.environ, "PYTHONPATH": SOURCE}
    command = [sys.executable, "-c", HOLDER, address.url, address.index or ""]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    assert process.stdout.readline() == b"held\n"
    return process


@pytest.fixture(params=["local+sqlite", "local+postgres"])
def shared(request, make_address):
    return make_address(request.param)


def test_a_second_holder_waits_and_is_told_for_whom(shared):
    process = holder(shared)
    said = []

    def let_go(sentence):
        said.append(sentence)
        process.stdin.close()

    with shared.open() as store:
        busy = f"'train' is under way already: process {process.pid} on"
        with pytest.raises(ConflictError, match=busy), store.lease("train", wait=False):
            pass
        with store.lease("evaluate"), store.lease("train", on_wait=let_go):
            pass
    process.wait()
    assert len(said) == 1
    assert f"process {process.pid}" in said[0]


def test_a_holder_that_was_killed_is_taken_over(shared):
    process = holder(shared)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with shared.open() as store:
        with store.lease("train", wait=False):
            pass
        assert store.gc().sessions == 1


def test_a_holder_on_another_host_is_taken_over_when_its_heart_is_silent(shared):
    process = holder(shared)
    with shared.open() as store:
        store._index.run(lambda sql: sql.do("UPDATE sessions SET host = 'elsewhere'"), "write")
        with pytest.raises(ConflictError), store.lease("train", wait=False):
            pass
        store._index.run(lambda sql: sql.do("UPDATE sessions SET beat = beat - 31"), "write")
        with store.lease("train", wait=False):
            pass
    process.kill()
    process.wait()


def test_a_lease_is_held_while_its_holder_lives(shared):
    process = holder(shared)
    with shared.open() as store:
        assert store.is_leased("train")
        assert not store.is_leased("evaluate")
        process.kill()
        process.wait()
        assert not store.is_leased("train")


def test_a_lease_that_was_taken_over_is_noticed_by_its_holder(memory):
    with memory.lease("train") as mine:
        mine.check()
        memory._index.run(lambda sql: sql.do("DELETE FROM leases"), "write")
        with pytest.raises(ConflictError, match="'train' was taken over"):
            mine.check()


def test_one_thread_at_a_time_is_inside(store):
    inside, most = [], []

    def work():
        with store.lease("train"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert most == [1] * 6


def test_the_heart_beats_while_a_session_is_open(memory, monkeypatch):
    monkeypatch.setattr("ropewalk.store.sessions.BEAT", 0.01)
    with memory.session("long"):
        memory._index.run(lambda sql: sql.do("UPDATE sessions SET beat = 0"), "write")
        beaten = threading.Event()
        for _ in range(1000):
            if memory._index.run(lambda sql: sql.all("SELECT 1 FROM sessions WHERE beat > 0")):
                beaten.set()
                break
            beaten.wait(0.01)
        assert beaten.is_set()


def test_sessions_may_nest_and_each_keeps_its_own(memory):
    with memory.session("outer"):
        outer = memory.put(b"outer")
        with memory.session("inner"):
            inner = memory.put(b"inner")
        assert memory.gc().blobs == (inner.hash,)
    assert memory.gc().blobs == (outer.hash,)
