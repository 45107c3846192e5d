"""What the index promises when its file is not well: one sentence that names it and says the way out."""

import resource
import sqlite3
import time

import pytest

from ropewalk.errors import StoreError
from ropewalk.store import Record, open_store
from ropewalk.store.index import index_id


@pytest.fixture
def folder(tmp_path):
    with open_store(tmp_path) as store:
        store.commit(Record("r1", "run", "toy", 1.0, {}))
    return tmp_path


def test_a_corrupt_index_is_named_with_the_way_out(folder):
    data = (folder / "index.sqlite").read_bytes()
    (folder / "index.sqlite").write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    with open_store(folder) as store, pytest.raises(StoreError, match=r"index\.sqlite is corrupt.*\.recover"):
        store.records()


def test_a_file_that_is_no_database_is_named(folder):
    for file in folder.glob("index.sqlite*"):
        file.unlink()
    (folder / "index.sqlite").write_text("hello, I am a text, not a database at all\n" * 30)
    with open_store(folder) as store, pytest.raises(StoreError, match=r"is corrupt.*not a database"):
        store.records()


def test_an_index_that_stays_locked_is_named(folder, monkeypatch):
    monkeypatch.setenv("ROPEWALK_RETRY_S", "0.1")
    holder = sqlite3.connect(folder / "index.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with open_store(folder) as store:
        assert len(store.records()) == 1  # readers do not wait
        with pytest.raises(StoreError, match=r"stayed locked by another process for 0 s.*end that process"):
            store.commit(Record("r2", "run", "toy", 1.0, {}))
        holder.execute("ROLLBACK")
        store.commit(Record("r2", "run", "toy", 1.0, {}))
        assert len(store.records()) == 2
    holder.close()


def test_an_index_of_another_version_is_refused(folder):
    with sqlite3.connect(folder / "index.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.close()
    with open_store(folder) as store, pytest.raises(StoreError, match="has schema 99, this Ropewalk knows 1"):
        store.records()


def test_a_full_disk_under_the_index_is_one_sentence(folder):
    with open_store(folder) as store:
        store.records()
        pages = store._index._connection.now.execute("PRAGMA page_count").fetchone()[0]
        store._index._connection.now.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match=r"the disk is full: the index .* could not grow\. Free some space"):
            store.commit(Record("r2", "run", "toy", 1.0, {"text": "x" * 1_000_000}))
        assert [r.id for r in store.records()] == ["r1"]


def test_a_new_index_that_cannot_be_written_is_told_at_once(tmp_path):
    """Only a lock is waited for: no file may grow here, and that does not pass by itself."""
    begun = time.monotonic()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_store(tmp_path) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(StoreError, match=r"index\.sqlite.*disk"):
                store.records()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert time.monotonic() < begun + 5
        assert store.records() == []


def test_patience_must_be_a_number(folder, monkeypatch):
    monkeypatch.setenv("ROPEWALK_RETRY_S", "soon")
    with open_store(folder) as store, pytest.raises(StoreError, match="ROPEWALK_RETRY_S is 'soon'"):
        store.records()


def test_the_address_of_an_index_may_be_a_path_or_sqlite(tmp_path, monkeypatch):
    for index in (str(tmp_path / "a" / "x.sqlite"), f"sqlite:///{tmp_path}/b/x.sqlite"):
        with open_store(tmp_path / "s", index=index) as store:
            store.records()
    assert (tmp_path / "a" / "x.sqlite").exists()
    assert (tmp_path / "b" / "x.sqlite").exists()
    with pytest.raises(StoreError, match="neither a path"):
        open_store(tmp_path / "s", index="mysql://host/db")


def test_variables_name_the_store_and_its_index(tmp_path, monkeypatch):
    monkeypatch.setenv("ROPEWALK_STORE", str(tmp_path / "here"))
    monkeypatch.setenv("ROPEWALK_INDEX", str(tmp_path / "there.sqlite"))
    with open_store() as store:
        store.records()
        assert store.url == str(tmp_path / "here")
    assert (tmp_path / "there.sqlite").exists()


def test_tables_are_made_once_when_many_come_at_once(make_address):
    import threading

    for kind in ("local+sqlite", "local+postgres"):
        address = make_address(kind)
        ids, errors = [], []

        def first(address=address, ids=ids, errors=errors):
            try:
                with address.open() as store:
                    ids.append(index_id(store._index))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=first) for _ in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert errors == []
        assert len(set(ids)) == 1
