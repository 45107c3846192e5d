"""What the store promises about bytes: blobs, ranges, folders and named objects, on every kind of storage."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import ropewalk
from ropewalk.errors import CorruptError, MissingError, StoreError
from ropewalk.store import open_store

SOURCE = str(Path(ropewalk.__file__).parents[1])


def blob_file(store, hash):
    return store.local / "blobs" / hash[:2] / hash


def hashes_in(store):
    """Every blob that lies in the store."""
    return {key.rpartition("/")[2] for key, _ in store._place.keys("blobs/")}


def run_child(code, *args, **options):
    """Run Python with the package importable; its standard output."""
    env = {**os.environ, "PYTHONPATH": SOURCE, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, env=env, timeout=60, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_blob_is_named_by_its_hash_and_comes_back(store):
    blob = store.put(b"strand")
    assert blob.hash == hashlib.sha256(b"strand").hexdigest()
    assert blob.size == 6
    assert store.get(blob.hash) == b"strand"
    assert store.put(b"") == store.put(b"")
    assert store.get(store.put(b"").hash) == b""


def test_a_range_is_read_without_the_rest(store):
    blob = store.put(b"0123456789")
    assert store.read(blob.hash, 2, 3) == b"234"
    assert store.read(blob.hash, 8, 5) == b"89"
    assert store.read(blob.hash, 0, 0) == b""
    with pytest.raises(ValueError, match="not negative"):
        store.read(blob.hash, -1, 3)


def test_a_blob_can_be_had_as_a_local_file(store):
    blob = store.put(b"strand")
    path = store.path(blob.hash)
    assert path.read_bytes() == b"strand"
    assert path.is_relative_to(store.local)
    assert path.stat().st_mode & 0o222 == 0
    assert store.path(blob.hash) == path


def test_a_large_file_is_kept_without_being_read_at_once(store, tmp_path):
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * 40_000)
    blob = store.put(file)
    assert blob.size == 10_240_000
    assert store.put(file) == blob
    assert store.path(blob.hash).read_bytes() == file.read_bytes()
    assert store.read(blob.hash, 10_239_990, 10) == bytes(range(246, 256))


def test_what_is_not_there_is_said_so(store):
    absent = "0" * 64
    for ask in (store.get, store.path, lambda h: store.read(h, 0, 1), store.tree):
        with pytest.raises(MissingError, match=f"there is no blob '{absent}'"):
            ask(absent)
    with pytest.raises(MissingError, match="64 hexadecimal digits"):
        store.get("../../etc/passwd")


def test_requests_are_counted_by_kind(store):
    before = dict(store.requests)
    blob = store.put(b"counted")
    store.get(blob.hash)
    after = dict(store.requests)
    assert after["put"] > before.get("put", 0)
    assert after["get"] == before.get("get", 0) + 1


def test_a_put_outside_a_session_leaves_no_pin(memory):
    blob = memory.put(b"nobody's")
    assert memory.gc().blobs == (blob.hash,)


def folder_of(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def test_a_folder_is_one_hash_and_comes_back_whole(store, tmp_path):
    files = {"a": b"A", "deep/er/b": b"B", "deep/ä c": b"C", "empty": b""}
    with store.session("test"):
        manifest = store.put_tree(folder_of(tmp_path / "in", files))
        assert store.put_tree(folder_of(tmp_path / "again", files)) == manifest
        assert list(store.tree(manifest)) == sorted(files)
        store.get_tree(manifest, tmp_path / "out" / "model")
    found = {
        p.relative_to(tmp_path / "out" / "model").as_posix(): p.read_bytes()
        for p in (tmp_path / "out").rglob("*")
        if p.is_file()
    }
    assert found == files
    assert os.listdir(tmp_path / "out") == ["model"]


def test_a_folder_replaces_an_older_one(local, tmp_path):
    with local.session("test"):
        old = local.put_tree(folder_of(tmp_path / "1", {"a": b"1", "gone": b"x"}))
        new = local.put_tree(folder_of(tmp_path / "2", {"a": b"2"}))
        local.get_tree(old, tmp_path / "out")
        local.get_tree(new, tmp_path / "out", link=True)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == {"a": b"2"}


def test_a_copied_file_may_be_edited_without_touching_the_store(local, tmp_path):
    with local.session("test"):
        manifest = local.put_tree(folder_of(tmp_path / "in", {"a": b"A"}))
        local.get_tree(manifest, tmp_path / "out")
        (tmp_path / "out" / "a").write_bytes(b"edited")
        assert local.get(local.tree(manifest)["a"].hash) == b"A"


def test_an_address_is_named_and_not_copied(local, tmp_path):
    folder = folder_of(tmp_path / "in", {"a": b"A"})
    manifest = local.put_tree(folder, addresses={"huge.parquet": "s3://elsewhere/huge.parquet"})
    assert local.addresses(manifest) == {"huge.parquet": "s3://elsewhere/huge.parquet"}
    assert list(local.tree(manifest)) == ["a"]


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "", "a\\b"])
def test_a_manifest_cannot_write_outside_its_folder(memory, tmp_path, name):
    import json

    body = {"format": "ropewalk tree 1", "files": {name: ["0" * 64, 1]}, "addresses": {}}
    manifest = memory.put(json.dumps(body).encode())
    with pytest.raises(StoreError, match="no file inside a folder"):
        memory.get_tree(manifest.hash, tmp_path / "out")


def test_a_blob_that_is_no_manifest_is_said_so(memory):
    with pytest.raises(StoreError, match="no manifest"):
        memory.tree(memory.put(b"[1]").hash)


def test_a_folder_that_is_not_there_is_said_so(memory, tmp_path):
    with pytest.raises(StoreError, match="is not a folder"):
        memory.put_tree(tmp_path / "absent")
    with pytest.raises(StoreError, match="No such file"):
        memory.put(tmp_path / "absent")


def test_an_object_is_replaced_listed_and_deleted(store):
    assert store.get_object("checkpoints/k/1") is None
    assert store.put_object("checkpoints/k/1", b"one")
    assert store.put_object("checkpoints/k/1", b"two")
    assert store.get_object("checkpoints/k/1") == b"two"
    assert not store.put_object("checkpoints/k/1", b"three", if_absent=True)
    assert store.put_object("checkpoints/k/2", b"three", if_absent=True)
    store.put_object("events/e", b"e")
    assert store.list_objects() == ["checkpoints/k/1", "checkpoints/k/2", "events/e"]
    assert store.list_objects("checkpoints/k/") == ["checkpoints/k/1", "checkpoints/k/2"]
    assert store.list_objects("checkpoints/k/2") == ["checkpoints/k/2"]
    assert store.list_objects("none/") == []
    store.delete_object("checkpoints/k/1")
    store.delete_object("checkpoints/k/1")
    assert store.list_objects("checkpoints/") == ["checkpoints/k/2"]


def test_an_object_can_be_a_file_read_in_ranges_and_had_as_a_local_file(store, tmp_path):
    data = bytes(range(256)) * 40_000  # three parts of a download
    source = tmp_path / "large"
    source.write_bytes(data)
    assert store.put_object("a/large", source)
    assert not store.put_object("a/large", source, if_absent=True)
    assert source.read_bytes() == data
    assert store.object_size("a/large") == len(data)
    assert store.read_object("a/large", len(data) - 3, 10) == data[-3:]
    assert store.read_object("a/none", 0, 3) is None
    assert store.object_size("a/none") is None
    with pytest.raises(ValueError, match="not negative"):
        store.read_object("a/large", -1, 3)
    path = store.object_file("a/large")
    assert path.read_bytes() == data
    assert path.is_relative_to(store.local)
    assert path.stat().st_mode & 0o222 == 0
    before = store.requests["get"]
    assert store.object_file("a/large") == path
    assert store.requests["get"] == before
    assert list((store.local / "tmp").iterdir()) == []
    with pytest.raises(MissingError, match="there is no object 'a/none'"):
        store.object_file("a/none")
    with pytest.raises(StoreError, match="cannot be kept: No such file"):
        store.put_object("a/none", tmp_path / "none")
    store.delete_object("a/large")
    assert not path.exists()


def test_an_object_that_many_fetch_at_once_is_whole_for_each(make_address):
    data = os.urandom(9_000_000)
    with make_address("s3+sqlite").open() as store:
        store.put_object("a", data)
        found = []
        threads = [threading.Thread(target=lambda: found.append(store.object_file("a").read_bytes())) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [data] * 5
        store.object_file("a").unlink()
        store.put_object("a", data[:-1])
        size = type(store._place).size
        store._place.size = lambda key: size(store._place, key) + 1
        with pytest.raises(StoreError, match="were expected"):
            store.object_file("a")
        assert not (store.local / "cache" / "objects" / "a").exists()
        assert list((store.local / "tmp").iterdir()) == []


def test_a_cached_folder_appears_whole_and_is_made_once(local):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "a").write_text("a")
        if len(made) == 1:
            raise ValueError("as when it is interrupted")
        (folder / "b").write_text("b")

    with pytest.raises(ValueError, match="interrupted"):
        local.cached("toy/one", make)
    for _ in range(2):
        folder = local.cached("toy/one", make)
        assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]
    assert len(made) == 2
    assert folder.parent == local.cache("toy")
    assert list((local.local / "tmp").iterdir()) == []


def test_a_cache_of_an_earlier_boot_is_not_trusted(local, monkeypatch):
    from ropewalk.store import store as module

    folder = local.cached("toy/one", lambda to: None)
    with open_store(local.url) as again:
        assert again.cached("toy/one", lambda to: None) == folder
    monkeypatch.setattr(module, "boot_tag", lambda: "another")
    with open_store(local.url) as later:
        assert later.cache("toy") != folder.parent
        assert not folder.exists()


def test_scratch_is_gone_at_the_end_and_after_a_death(local):
    for small in (False, True):
        with local.scratch(small) as folder:
            (folder / "a").write_text("a")
        assert not folder.exists()
        code = "import os, sys; from ropewalk.store import open_store\n"
        code += f"with open_store(sys.argv[1]) as s, s.scratch({small}) as f: print(f, flush=True); os._exit(0)"
        left = Path(run_child(code, local.url).strip())
        assert left.exists()
        local.gc()
        assert not left.exists()


def test_an_object_knows_when_it_was_put(store):
    assert store.object_time("checkpoints/k") is None
    store.put_object("checkpoints/k", b"1")
    assert abs(store.object_time("checkpoints/k") - time.time()) < 10


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a\\b"])
def test_a_key_that_leads_elsewhere_is_refused(memory, key):
    with pytest.raises(StoreError, match="no key of an object"):
        memory.put_object(key, b"")


def test_a_corrupt_blob_is_named_with_its_place(local):
    blob = local.put(b"strand")
    file = blob_file(local, blob.hash)
    file.chmod(0o644)
    file.write_bytes(b"strane")
    for ask in (local.get, local.path):
        with pytest.raises(CorruptError) as caught:
            ask(blob.hash)
        assert blob.hash in str(caught.value)
        assert str(file) in str(caught.value)


def test_a_corrupt_blob_on_s3_is_named_and_never_cached(make_address):
    import obstore

    with make_address("s3+sqlite").open() as store:
        blob = store.put(b"strand")
        obstore.put(store._place._store, f"blobs/{blob.hash[:2]}/{blob.hash}", b"strane")
        for ask in (store.get, store.path):
            with pytest.raises(CorruptError, match=f"{blob.hash} at {store.url}"):
                ask(blob.hash)
        assert not (store.local / "cache").exists()


def test_a_file_that_changed_after_it_was_checked_is_checked_again(local):
    blob = local.put(b"strand")
    file = local.path(blob.hash)
    file.chmod(0o644)
    file.write_bytes(b"changed")
    with pytest.raises(CorruptError):
        local.path(blob.hash)


def test_a_blob_torn_by_a_power_cut_is_written_again(local):
    blob = local.put(b"strand")
    file = blob_file(local, blob.hash)
    file.chmod(0o644)
    file.write_bytes(b"")
    assert local.put(b"strand") == blob
    assert local.get(blob.hash) == b"strand"


FULL = """
import resource, sys
from ropewalk.errors import StoreError
from ropewalk.store import open_store
store = open_store(sys.argv[1])
store.put(b"small")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
for what in (lambda: store.put(b"x" * 2_000_000), lambda: store.put_object("a", b"x" * 2_000_000)):
    try:
        what()
    except StoreError as error:
        print(error)
"""


def test_a_full_disk_is_one_sentence_and_leaves_nothing_behind(tmp_path):
    """A limit on the size of files stands for the disk: the kernel refuses the write in the middle alike."""
    sentences = run_child(FULL, tmp_path / "s").splitlines()
    assert len(sentences) == 2
    for sentence in sentences:
        assert "2,000,000 bytes were to be written at" in sentence
        assert "Free some space" in sentence
    assert os.listdir(tmp_path / "s" / "tmp") == []
    with open_store(tmp_path / "s") as store:
        assert store.gc().kept == 0


def test_no_space_left_is_told_with_the_way_out(local, monkeypatch):
    import errno

    def full(fd, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    local.put(b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"the disk is full: 6 bytes were to be written at .* are free there"):
        local.put(b"strand", durable=True)
    assert os.listdir(local.local / "tmp") == []


DENIED = """
import hashlib, os, secrets, shutil, socket, sqlite3, sys
import ropewalk.store.store  # before the rights are gone: the interpreter's own files may be closed to others
os.setgroups([]) if os.geteuid() == 0 else None
os.setuid(65534) if os.geteuid() == 0 else None
from ropewalk.errors import StoreError
from ropewalk.store import open_store
try:
    open_store(sys.argv[1]).put(b"x")
except StoreError as error:
    print(error)
"""


def test_a_folder_without_permission_is_one_sentence(tmp_path):
    tmp_path.chmod(0o555)
    for parent in tmp_path.parents[:2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    assert "may not be written" in run_child(DENIED, tmp_path / "s")
    tmp_path.chmod(0o755)


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path):
    (tmp_path / "s").write_text("")
    with pytest.raises(StoreError, match="there is a file in its place"):
        open_store(tmp_path / "s")


@pytest.mark.parametrize("url", ["gs://bucket", "http://host/x"])
def test_an_address_of_an_unknown_kind_is_one_sentence(url):
    with pytest.raises(StoreError, match="neither a folder"):
        open_store(url)


def test_a_bucket_must_have_a_name(tmp_path, monkeypatch):
    pytest.importorskip("obstore")
    monkeypatch.setenv("ROPEWALK_LOCAL", str(tmp_path))
    with pytest.raises(StoreError, match="names no bucket"):
        open_store("s3://")


def test_a_missing_extra_is_told_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("ROPEWALK_LOCAL", str(tmp_path))
    with pytest.raises(MissingError, match=r"pip install 'ropewalk\[s3\]'"):
        open_store("s3://bucket")
    with pytest.raises(MissingError, match=r"pip install 'ropewalk\[postgres\]'"):
        open_store(tmp_path, index="postgresql://localhost/x")


def test_importing_the_store_loads_nothing_heavy():
    code = "import sys, ropewalk.store; print(*sys.modules)"
    loaded = set(run_child(code).split())
    assert not loaded & {"numpy", "polars", "obstore", "psycopg", "sqlite3", "pydantic", "yaml"}


def test_a_store_travels_to_another_process_as_its_address(local):
    import pickle

    blob = local.put(b"strand")
    with pickle.loads(pickle.dumps(local)) as other:
        assert other.get(blob.hash) == b"strand"


@pytest.mark.parametrize("kind", ["local+sqlite", "local+postgres"])
def test_a_forked_child_may_go_on_with_its_parents_store(make_address, kind):
    """Connections are made anew in the child and the parent's stay as they are. (obstore's threads do not survive.)"""
    address = make_address(kind)
    code = """
import os, sys
from ropewalk.store import open_store
store = open_store(sys.argv[1], sys.argv[2] or None)
with store.session("both"):
    mine = store.put(b"parent")
    pid = os.fork()
    if pid == 0:
        blob = store.put(b"child")
        os._exit(0 if store.get(blob.hash) == b"child" else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert store.get(mine.hash) == b"parent"
    assert store.gc().blobs == ()
"""
    run_child(code, address.url, address.index or "")
