"""What the store promises on a bad day: many processes at once, `kill -9`, a storage that fails or hangs, a database
that goes away. Run as a program, this file is the crowd: `python faults_test.py crowd|kill url index seed count`.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from ropewalk.errors import ConflictError, StoreError
from ropewalk.store import Record, open_store
from ropewalk.store.blobs_test import SOURCE, hashes_in


def content(number):
    """Few different blobs, so that writers and collectors meet at the same ones; some are longer than a page."""
    return b"%d" % number * (1 + 3000 * (number % 3))


def one_life(store, dice, name):
    """Some blobs and a folder in a session, mostly committed; now and then a collection. The ids that were kept."""
    if dice.random() < 0.15:
        store.gc()
        return []
    with store.session(name):
        blobs = [store.put(content(dice.randrange(40))).hash for _ in range(dice.randrange(1, 4))]
        with tempfile.TemporaryDirectory() as folder:
            for i in range(2):
                Path(folder, str(i)).write_bytes(content(dice.randrange(40)))
            blobs.append(store.put_tree(Path(folder), durable=False))
        store.put_object(f"checkpoints/{name}", content(dice.randrange(40)))
        if dice.random() < 0.3:
            return []
        store.commit(Record(name, "run", "toy", 1.0, {}, (), tuple(blobs)), names={"toy@live": name})
    store.delete_object(f"checkpoints/{name}")
    return [name]


def write_ids(url, index, seed, lives, out):
    """A writer: every id goes to `out` after its commit has returned."""
    dice = random.Random(seed)
    with open_store(url, index or None) as store:
        for i in range(lives):
            for id in one_life(store, dice, f"{seed}-{os.getpid()}-{i}"):
                os.write(out, f"{id}\n".encode())


def fork(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def crowd(url, index, seed, count):
    children = [fork(lambda i=i: write_ids(url, index, seed + i, count, 1)) for i in range(8)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8


def kill(url, index, seed, count):
    dice = random.Random(seed)
    for i in range(count):
        child = fork(lambda i=i: write_ids(url, index, seed + i, 10_000, 1))
        time.sleep(dice.uniform(0.01, 0.09))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def run_program(how, address, count, seed=7):
    env = {**os.environ, "PYTHONPATH": SOURCE}
    command = [sys.executable, __file__, how, address.url, address.index or "", str(seed), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def referred(store):
    """Every blob that the records need, each one read and hashed."""
    found = set()
    for record in store.records(limit=100_000):
        *blobs, manifest = record.blobs
        found |= {*blobs, manifest, *(blob.hash for blob in store.tree(manifest).values())}
    for hash in found:
        store.get(hash)
    return found


@pytest.mark.parametrize("kind", ["local+sqlite", "local+postgres", "s3+postgres"])
def test_eight_processes_at_once_lose_nothing_and_nothing_dangles(make_address, kind):
    address = make_address(kind)
    kept = run_program("crowd", address, count=20 if kind == "local+sqlite" else 8)
    with address.open() as store:
        assert {r.id for r in store.records(limit=100_000)} == set(kept)
        needed = referred(store)
        assert needed <= hashes_in(store)
        store.gc()
        assert hashes_in(store) == needed
        again = store.gc()
        assert (again.blobs, again.temporary, again.sessions, again.leases) == ((), (), 0, 0)
        moves = store.history("toy@live")
        assert [m.before for m in moves[1:]] == [m.after for m in moves[:-1]]


def test_forty_kills_leave_nothing_torn_and_a_collection_tidies_up(make_address):
    address = make_address("local+sqlite")
    kept = run_program("kill", address, count=40)
    with address.open() as store:
        assert set(kept) <= {r.id for r in store.records(limit=100_000)}
        for key, _ in store._place.keys("blobs/"):
            store.get(key.rpartition("/")[2])
        for key in store.list_objects():
            assert store.get_object(key) in {content(n) for n in range(40)}
        needed = referred(store)
        store.gc()
        assert hashes_in(store) == needed
        assert os.listdir(store.local / "tmp") == []
        assert store._index.run(lambda sql: sql.all("SELECT * FROM sessions")) == []
        assert store._index.run(lambda sql: sql.all("SELECT * FROM pins")) == []
        assert store._index.run(lambda sql: sql.all("SELECT * FROM doomed")) == []


def test_kills_with_postgres_lose_no_commit_that_was_acknowledged(make_address):
    address = make_address("local+postgres")
    kept = run_program("kill", address, count=10)
    with address.open() as store:
        assert set(kept) <= {r.id for r in store.records(limit=100_000)}
        needed = referred(store)
        store.gc()
        assert hashes_in(store) == needed


def test_a_killed_download_is_never_seen_as_a_file(make_address, tmp_path):
    """The folder of a model appears whole or not at all, however often its writer is killed."""
    address = make_address("local+sqlite")
    code = """
import sys; from pathlib import Path; from ropewalk.store import open_store
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    for i in range(100000): store.get_tree(sys.argv[2], Path(sys.argv[3]))
"""
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(20):
        (folder / str(i)).write_bytes(content(i))
    out = tmp_path / "out" / "model"
    with address.open() as store:
        manifest = store.put_tree(folder)
        store.commit(Record("r", "run", "toy", 1.0, {}, (), (manifest,)))
        for i in range(5):
            env = {**os.environ, "PYTHONPATH": SOURCE}
            command = [sys.executable, "-c", code, address.url, manifest, str(out)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
                process.stdout.readline()
                time.sleep(0.005 * i)
                process.kill()
            if out.exists():
                assert {p.name: p.read_bytes() for p in out.iterdir()} == {str(i): content(i) for i in range(20)}
        store.gc()
        assert os.listdir(store.local / "tmp") == []


@pytest.fixture
def shaky(make_address, trouble, monkeypatch):
    """A store on S3 behind the proxy, with little patience."""
    endpoint = trouble.url
    address = make_address("s3+sqlite")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("ROPEWALK_TIMEOUT_S", "0.3")
    monkeypatch.setenv("ROPEWALK_RETRY_S", "20")
    with address.open() as store:
        store.put(b"before")
        yield store


@pytest.mark.parametrize("what", [[500], [503, 500], ["hang"], ["cut"], ["cut", 500]])
def test_a_bad_moment_of_s3_is_waited_for(shaky, trouble, what):
    trouble.plan = list(what)
    blob = shaky.put(b"strand")
    for ask in (
        lambda: shaky.get(blob.hash) == b"strand",
        lambda: shaky.read(blob.hash, 1, 2) == b"tr",
        lambda: shaky.path(blob.hash).read_bytes() == b"strand",
        lambda: blob.hash in hashes_in(shaky),
        lambda: shaky.commit(Record("r", "run", "toy", 1.0, {}, (), (blob.hash,))) is None,
    ):
        trouble.plan = list(what)
        assert ask()


def test_a_conditional_put_whose_answer_was_lost_knows_its_own_bytes(shaky, trouble):
    trouble.plan = ["cut"]
    assert shaky.put_object("mine", b"mine", if_absent=True)
    trouble.plan = ["cut"]
    assert not shaky.put_object("mine", b"other", if_absent=True)


@pytest.mark.parametrize("what", [500, "hang"])
def test_s3_that_stays_away_is_one_sentence_and_nothing_is_committed(shaky, trouble, monkeypatch, what):
    monkeypatch.setenv("ROPEWALK_RETRY_S", "1")
    trouble.always = what
    with shaky.session("test"), pytest.raises(StoreError, match=r"failed to put it \d+ times in \d+ s.*kept"):
        shaky.put(b"strand")
    trouble.always = None
    assert shaky.records() == []
    blob = shaky.put(b"strand")
    assert shaky.get(blob.hash) == b"strand"


def test_wrong_keys_are_one_sentence_at_once(make_address, monkeypatch):
    make_address("s3+sqlite")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with open_store("s3://ropewalk/x") as store, pytest.raises(StoreError, match="AWS_SECRET_ACCESS_KEY"):
        store.put(b"strand")


def test_a_database_that_goes_away_for_a_while_is_waited_for(make_address, postgres_server):
    address = make_address("local+postgres")
    with address.open() as store:
        with store.session("test"):
            blob = store.put(b"strand")
            postgres_server.stop()
            starter = threading.Timer(0.5, postgres_server.start)
            starter.start()
            store.commit(Record("r1", "run", "toy", 1.0, {}, (), (blob.hash,)), names={"toy@live": "r1"})
            starter.join()
            assert store.record("r1") is not None
        postgres_server.stop()
        postgres_server.start()
        store.move("toy@live", None, "r1", "after the restart")
        assert len(store.history("toy@live")) == 2
        assert store.gc().blobs == ()


def test_a_database_that_stays_away_is_one_sentence(make_address, postgres_server, monkeypatch):
    monkeypatch.setenv("ROPEWALK_RETRY_S", "30")
    address = make_address("local+postgres")
    with address.open() as store:
        store.commit(Record("r1", "run", "toy", 1.0, {}))
        monkeypatch.setenv("ROPEWALK_RETRY_S", "0.2")
        postgres_server.stop()
        try:
            with pytest.raises(
                StoreError, match=r"has not answered for 0 s.*Start the server.*what was finished is kept"
            ):
                store.commit(Record("r2", "run", "toy", 1.0, {}))
        finally:
            postgres_server.start()
        monkeypatch.delenv("ROPEWALK_RETRY_S")
        assert [r.id for r in store.records()] == ["r1"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_whose_answer_was_lost_is_not_done_twice(make_address, monkeypatch, moment):
    """The connection breaks just before or just after the database has committed; the work is repeated."""
    import psycopg

    from ropewalk.store.postgres import Postgres

    address = make_address("local+postgres")
    with address.open() as store:
        store.commit(Record("r1", "run", "toy", 1.0, {}))
        once = Postgres._once
        broken = []

        def breaks(self, work, mode, durable, undo):
            if not broken:
                broken.append(True)
                if moment == "after":
                    once(self, work, mode, durable, undo)
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return once(self, work, mode, durable, undo)

        monkeypatch.setattr(Postgres, "_once", breaks)
        store.move("toy@live", "r1", None, "first")
        broken.clear()
        store.commit(Record("r2", "run", "toy", 1.0, {}, (("start", "r1"),)), names={"toy@candidate": "r2"})
        assert store.name("toy@live") == "r1"
        assert len(store.history("toy@live")) == len(store.history("toy@candidate")) == 1
        with pytest.raises(ConflictError):
            store.move("toy@live", "r2", None)


def test_a_database_that_is_not_there_is_one_sentence_at_once(tmp_path, make_address, postgres_server):
    make_address("local+postgres")
    url = postgres_server.url("none").replace("ropewalk@", "ropewalk:secret@")
    with open_store(tmp_path / "s", index=url) as store, pytest.raises(StoreError, match="does not exist") as caught:
        store.records()
    assert "secret" not in str(caught.value)


if __name__ == "__main__":
    how, url, index, seed, count = sys.argv[1:]
    {"crowd": crowd, "kill": kill}[how](url, index, int(seed), int(count))
