"""What the store promises about records, their lineage, and names that point to them."""

import threading

import pytest

from ropewalk.errors import ConflictError, MissingError, StoreError
from ropewalk.store import Move, Record


def record(id, kind="run", system="toy", created=1.0, parents=(), blobs=(), **body):
    return Record(id, kind, system, created, body, tuple(parents), tuple(blobs))


def test_a_record_comes_back_as_it_was(store):
    with store.session("test"):
        blob = store.put(b"weights")
        made = record("r1", blobs=[blob.hash], loss=0.25, tags=["ä", None], nested={"a": {"b": 1}})
        store.commit(record("d1", "dataset"), made)
        child = record("r2", parents=[("dataset", "d1"), ("start", "r1")])
        store.commit(child)
    assert store.record("r1") == made
    assert store.record("r2") == child
    assert store.record("none") is None


def test_the_same_id_twice_is_fine_and_the_first_stays(store):
    store.commit(record("r1", loss=1))
    store.commit(record("r1", loss=2), record("r2"))
    assert store.record("r1").body == {"loss": 1}
    assert store.record("r2") is not None


def test_a_commit_is_all_or_nothing(store):
    for broken in (record("b", parents=[("dataset", "none")]), record("b", blobs=["0" * 64])):
        with pytest.raises(MissingError):
            store.commit(record("a"), broken)
    with pytest.raises(MissingError, match="there is no record 'none'"):
        store.commit(record("a"), names={"toy@live": "none"})
    assert store.records() == []


def test_a_record_never_refers_to_a_file_that_is_gone(memory, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"A")
    manifest = memory.put_tree(tmp_path / "in")
    file = memory.tree(manifest)["a"].hash
    memory._place.delete(f"blobs/{file[:2]}/{file}")
    with pytest.raises(MissingError, match=file):
        memory.commit(record("a", blobs=[manifest]))
    assert memory.record("a") is None


def test_parents_may_be_committed_along_in_any_order(memory):
    memory.commit(record("child", parents=[("dataset", "d")]), record("d", "dataset"))
    assert [r.id for _, _, r in memory.ancestors("child")] == ["d"]


def test_a_body_holds_json_only(memory):
    with pytest.raises(StoreError, match=r"run record r1 cannot be kept.*Use JSON types"):
        memory.commit(record("r1", when=object()))


def test_records_are_found_by_kind_and_system_in_order_of_time(store):
    store.commit(*(record(f"r{i}", "run", "toy" if i % 2 else "coin", created=float(i)) for i in range(6)))
    store.commit(record("d", "dataset", created=9.0))
    assert [r.id for r in store.records()] == ["d", "r5", "r4", "r3", "r2", "r1", "r0"]
    assert [r.id for r in store.records("run", limit=2)] == ["r5", "r4"]
    assert [r.id for r in store.records("run", "toy", newest_first=False)] == ["r1", "r3", "r5"]
    assert store.records("report") == []


def test_records_of_the_same_moment_come_in_order_of_commit(memory):
    memory.commit(record("b"), record("a"))
    assert [r.id for r in memory.records()] == ["a", "b"]


def test_lineage_tells_steps_role_and_record(store):
    store.commit(
        record("d", "dataset"),
        record("r", parents=[("dataset", "d")]),
        record("p", "report", parents=[("run", "r"), ("dataset", "d")]),
        record("l", "release", parents=[("report", "p"), ("run", "r")]),
    )
    assert [(n, role, r.id) for n, role, r in store.ancestors("l")] == [
        (1, "run", "r"), (1, "report", "p"), (2, "dataset", "d"),
    ]  # fmt: skip
    assert {(n, role, r.id) for n, role, r in store.descendants("d")} == {
        (1, "dataset", "r"), (1, "dataset", "p"), (2, "run", "p"), (2, "run", "l"), (2, "report", "l"),
    }  # fmt: skip
    assert store.ancestors("d") == []


def test_who_keeps_a_blob_is_known_also_through_a_folder(store, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"A")
    with store.session("test"):
        manifest = store.put_tree(tmp_path / "in")
        store.commit(record("r1", blobs=[manifest]))
    file = store.tree(manifest)["a"].hash
    assert [r.id for r in store.keepers(file)] == ["r1"]
    assert [r.id for r in store.keepers(manifest)] == ["r1"]
    assert store.keepers("0" * 64) == []


def test_a_name_moves_only_from_where_it_is_expected(store):
    store.commit(record("r1"), record("r2"))
    store.move("toy@live", "r1", None, "first")
    with pytest.raises(ConflictError, match="'toy@live' points to r1, not to nothing"):
        store.move("toy@live", "r2", None)
    store.move("toy@live", "r2", "r1", "better")
    assert store.name("toy@live") == "r2"
    assert store.names() == {"toy@live": "r2"}
    store.move("toy@live", None, "r2", "withdrawn")
    assert store.name("toy@live") is None
    log = store.history("toy@live")
    assert [(m.before, m.after, m.why) for m in log] == [
        (None, "r1", "first"), ("r1", "r2", "better"), ("r2", None, "withdrawn"),
    ]  # fmt: skip
    assert isinstance(log[0], Move)
    assert log[0].at <= log[1].at <= log[2].at


def test_a_name_points_to_a_record(store):
    with pytest.raises(MissingError, match="there is no record 'r9'"):
        store.move("toy@live", "r9", None)
    assert store.history("toy@live") == []


def test_a_commit_moves_names_in_the_same_transaction(store):
    store.commit(record("r1"), names={"toy@live": "r1", "toy@candidate": "r1"})
    store.commit(record("r1"), names={"toy@live": "r1"})
    assert store.name("toy@candidate") == "r1"
    assert len(store.history("toy@live")) == 1


def test_of_many_that_move_a_name_at_once_one_wins(address):
    if address.kind.startswith("memory"):
        pytest.skip("a store in memory is opened once")
    with address.open() as store:
        store.commit(*(record(f"r{i}") for i in range(6)))
    outcomes = []

    def race(i):
        with address.open() as mine:
            try:
                mine.move("toy@live", f"r{i}", None)
                outcomes.append(i)
            except ConflictError:
                outcomes.append(None)

    threads = [threading.Thread(target=race, args=(i,)) for i in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    winners = [i for i in outcomes if i is not None]
    assert len(outcomes) == 6
    assert len(winners) == 1
    with address.open() as store:
        assert store.name("toy@live") == f"r{winners[0]}"
        assert len(store.history("toy@live")) == 1


def test_one_store_may_be_used_by_many_threads(store):
    def work(i):
        with store.session(f"thread {i}"):
            blob = store.put(b"%d" % i)
            store.commit(record(f"r{i}", blobs=[blob.hash]), names={"toy@live": f"r{i}"})

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(store.records()) == 8
    assert store.gc().blobs == ()
