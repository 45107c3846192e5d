"""kill -9 at any write: nothing committed is lost, nothing is torn, and a retry writes the same segment.

Run as a program, this file is the process that forks writers and kills them: a line of JSON an order on stdin, a line an answer
on stdout. A writer dies by its own hand right before its n-th step that leaves a trace (a file opened for writing, linked, renamed,
removed; a folder made), or by a signal from outside after a while, which also reaches the writes inside tantivy.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import ropewalk
from ropewalk.store import open_store
from ropewalk.systems.search.index import manifest as files
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.index.upkeep import Policy, collect_garbage, merge

NAME = "ropes"
TRACES = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}
WORDS = ["hemp", "rope", "strand", "yarn", "tar", "walk", "laid", "hawser", "cable", "anchor"]


class Forks:
    """The process that forks writers."""

    def __enter__(self):
        env = {**os.environ, "PYTHONPATH": str(Path(ropewalk.__file__).parents[1])}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, __file__], env=env, **pipes)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def run(self, url, order, at=0, after_s=0.0):
        """(exit status, number of steps, number of the manifest that the writer was told of): -9 when it was killed."""
        print(json.dumps([url, order, at, after_s]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def obey(url, order):
    """One order: a write, a merge or a collection of garbage."""
    with open_store(url) as store:
        collection = Collection(store, NAME)
        if order[0] == "write":
            return collection.write(order[1], order[2]).number
        if order[0] == "merge":
            return merge(collection, Policy(like=3, deleted=0.0)).number
        collect_garbage(collection, older_than_s=order[1], grace_s=0)
        return collection.latest()


def fork_and_kill():
    import msgspec  # noqa: F401
    import numpy  # noqa: F401
    import tantivy  # noqa: F401
    import zstandard  # noqa: F401

    for line in sys.stdin:
        url, order, at, after_s = json.loads(line)
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reads)
            one_writer(url, order, at, writes)
        os.close(writes)
        if after_s:
            time.sleep(after_s)
            os.kill(child, signal.SIGKILL)
        told = b""
        while piece := os.read(reads, 1000):
            told += piece
        os.close(reads)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        steps, number = json.loads(told) if told else (0, 0)
        os.write(1, (json.dumps([code, steps, number]) + "\n").encode())


def one_writer(url, order, at, out):
    steps = 0

    def count(event, arguments):
        nonlocal steps
        if event in TRACES or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            steps += 1
            if steps == at:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        sys.addaudithook(count)
        number = obey(url, order)
        os.write(out, json.dumps([steps, number]).encode())
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


class Trial:
    """A store that is written to by processes that die, next to what it should hold."""

    def __init__(self, folder, forks, seed):
        self.url, self.forks, self.dice = str(folder), forks, random.Random(seed)
        self.plain, self.history = {}, {}
        with open_store(self.url) as store:
            Collection(store, NAME).create(Layout((Field("text", "text"), Field("size", "int"))))

    def order(self):
        kind = self.dice.choice(["write", "write", "write", "merge", "garbage"])
        if kind != "write":
            return [kind, 3600.0]
        adds = {f"d{self.dice.randrange(30)}": self.dice.choices(WORDS, k=8) for _ in range(self.dice.randrange(1, 4))}
        documents = [{"id": id, "text": " ".join(words), "size": len(words)} for id, words in adds.items()]
        return [kind, documents, [f"d{self.dice.randrange(30)}"]]

    def after(self, order):
        if order[0] != "write":
            return self.plain
        plain = {id: text for id, text in self.plain.items() if id not in order[2]}
        return {**plain, **{d["id"]: d["text"] for d in order[1]}}

    def death(self):
        """One order whose writer is killed; checked, repeated, checked. Whether it died at all."""
        order = self.order()
        how = (
            {"at": self.dice.randrange(1, 45)}
            if self.dice.random() < 0.67
            else {"after_s": self.dice.uniform(0.001, 0.05)}
        )
        code, _, _ = self.forks.run(self.url, order, **how)
        assert code in (0, -signal.SIGKILL)
        with open_store(self.url) as store:
            collection = Collection(store, NAME)
            now = self.whole(store, collection)
            assert now in ([self.after(order)] if code == 0 else [self.plain, self.after(order)])
            code_again, _, number = self.forks.run(self.url, order)
            assert code_again == 0
            self.plain = self.after(order)
            assert self.whole(store, collection) == self.plain
            assert number == collection.latest()
            self.history[number] = self.plain
            if order[0] == "write":
                assert collection.put_segment(order[1]).hash in {i.hash for i in collection.manifest().segments}
        return code != 0

    def whole(self, store, collection):
        """Nothing is torn or missing, at any manifest; the documents of the newest."""
        for key in store.list_objects(f"collections/{NAME}/"):
            kind, _, name = key.removeprefix(f"collections/{NAME}/").partition("/")
            data = store.get_object(key)
            if kind in ("segments", "deletes"):
                assert hashlib.sha256(data).hexdigest() == name
            elif kind == "manifests":
                files.load(data, key)
        for number in collection.numbers():
            for info in Collection(store, NAME).manifest(number).segments:
                assert store.object_size(collection.local.segment_key(info.hash)) == info.bytes
                assert info.deletes is None or store.object_size(collection.local.deletes_key(info.deletes))
        for number in self.dice.sample(sorted(self.history), min(2, len(self.history))):
            with collection.open(number) as then:
                assert set(then.live_ids()) == set(self.history[number])
        with collection.open() as now:
            return {document["id"]: document["text"] for document in now.documents(now.alive.nonzero()[0])}

    def nothing_left(self):
        """After collections, only what the newest manifest names is there."""
        with open_store(self.url) as store:
            collection = Collection(store, NAME)
            for hold in store.list_objects(f"collections/{NAME}/readers/"):
                store.delete_object(hold)
            collect_garbage(collection, older_than_s=0, grace_s=0)
            store.gc()
            newest = collection.manifest()
            named = {collection.local.segment_key(info.hash) for info in newest.segments}
            named |= {collection.local.deletes_key(info.deletes) for info in newest.segments if info.deletes}
            manifest = f"collections/{NAME}/manifests/{newest.number:012d}.json"
            assert set(store.list_objects("collections/")) == {manifest, *named}
            assert os.listdir(store.local / "tmp") == []
            with collection.open() as now:
                assert set(now.live_ids()) == set(self.plain)


def test_thirty_kills_lose_nothing_and_leave_nothing(place):
    """benchmarks/search_kills.py makes a thousand."""
    with Forks() as forks:
        trial = Trial(place / "store", forks, seed=1)
        died = 0
        while died < 30:
            died += trial.death()
        trial.nothing_left()


if __name__ == "__main__":
    fork_and_kill()
