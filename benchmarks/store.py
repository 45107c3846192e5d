"""What the store costs: open, put, get, commit, lease, collect; in a folder, on S3, with SQLite and PostgreSQL.

    python benchmarks/store.py [--all]      # --all starts a real S3 server and a real PostgreSQL (tests/servers.py)

Anchors: fsync of one small file on this disk (no durable commit can be cheaper), and sha256 of the same bytes in memory
(no verified read can be). The ratio is to those.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import servers
from ropewalk.store import Record, open_store

ROUNDS = 60
BIG = 64 << 20  # bytes


def median_ms(work, rounds=ROUNDS):
    times = []
    for i in range(rounds):
        begun = time.perf_counter()
        work(i)
        times.append(time.perf_counter() - begun)
    return 1e3 * sorted(times)[len(times) // 2]


def fsync_ms(folder):
    def one(i):
        with open(folder / str(i), "wb") as file:
            file.write(b"x" * 1000)
            file.flush()
            os.fsync(file.fileno())

    return median_ms(one)


def show(what, value, unit="ms", anchor=None):
    ratio = f"   {value / anchor:6.1f} x anchor {anchor:.3f}" if anchor else ""
    print(f"  {what:<52} {value:10.3f} {unit}{ratio}")


def measure(title, url, index, fsync):
    print(f"\n{title}")
    first = time.perf_counter()
    store = open_store(url, index)
    store.put(b"first")
    show("a new store, with its first blob", 1e3 * (time.perf_counter() - first))

    def reopen(_):
        with open_store(url, index) as other:
            other.record("none")

    show("open, read one record, close", median_ms(reopen, 20))
    store.commit(Record("r", "run", "toy", 1.0, {}))
    small = [os.urandom(1000) for _ in range(ROUNDS)]
    with store.session("bench"):
        show("put 1 kB in a session", median_ms(lambda i: store.put(small[i])))
        show("put 1 kB that is there", median_ms(lambda i: store.put(small[i])))
        show("put 1 kB, durable", median_ms(lambda i: store.put(os.urandom(1000), durable=True)), anchor=fsync)
        hashes = [store.put(data).hash for data in small]
        show("get 1 kB, hash checked", median_ms(lambda i: store.get(hashes[i])))
        show("range of 100 bytes", median_ms(lambda i: store.read(hashes[i], 100, 100)))
        body = {"config": {f"key{i}": i for i in range(30)}}

        def commit(i):
            record = Record(f"b{i}", "run", "toy", float(i), body, (("start", "r"),), (hashes[i],))
            store.commit(record, names={"toy@live": record.id})

        show("commit: record, edge, blob, name; all durable", median_ms(commit), anchor=fsync)
        show("record by id", median_ms(lambda i: store.record(f"b{i}")))
    show("session, opened and closed", median_ms(lambda i: session(store, i)))
    show("lease, taken and given back", median_ms(lambda i: lease(store, i)))
    big = os.urandom(BIG)
    begun = time.perf_counter()
    hashlib.sha256(big).digest()
    anchor = BIG / (time.perf_counter() - begun) / 1e6
    begun = time.perf_counter()
    with store.session("big"):
        hash = store.put(big).hash
        show("put 64 MB", BIG / (time.perf_counter() - begun) / 1e6, "MB/s", anchor)
        begun = time.perf_counter()
        store.get(hash)
        show("get 64 MB, hash checked", BIG / (time.perf_counter() - begun) / 1e6, "MB/s", anchor)
        for i in range(200):
            store.put(b"garbage %d" % i)
    begun = time.perf_counter()
    report = store.gc()
    show(f"collect {len(report.blobs)} of {len(report.blobs) + report.kept} blobs", 1e3 * (time.perf_counter() - begun))
    print(f"  requests: {dict(store.requests)}")
    begun = time.perf_counter()
    store.close()
    show("close", 1e3 * (time.perf_counter() - begun))


def lease(store, i):
    with store.lease(f"bench {i}"):
        pass


def session(store, i):
    with store.session(f"bench {i}"):
        pass


def imports():
    code = "import time; t = time.process_time(); import ropewalk.store; print(time.process_time() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    show("import ropewalk.store", 1e3 * sorted(times)[2], "ms CPU")


def main():
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ropewalk-bench-")))
        imports()
        fsync = fsync_ms(scratch)
        show("anchor: write and fsync 1 kB", fsync)
        measure("folder + SQLite", str(scratch / "store"), None, fsync)
        if "--all" not in sys.argv:
            return
        os.environ["ROPEWALK_LOCAL"] = str(scratch / "local")
        database = stack.enter_context(servers.postgres())
        measure("folder + PostgreSQL", str(scratch / "other"), database.database("bench1"), fsync)
        os.environ.update(stack.enter_context(servers.s3()))
        measure("S3 (SeaweedFS on this machine) + SQLite", "s3://ropewalk/bench1", None, fsync)
        measure("S3 + PostgreSQL", "s3://ropewalk/bench2", database.database("bench2"), fsync)


if __name__ == "__main__":
    main()
