"""What a collection promises: what nothing refers to goes, and nothing else, also beside working processes."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ropewalk.errors import MissingError, StoreError
from ropewalk.store import Record, open_store
from ropewalk.store.blobs_test import hashes_in
from ropewalk.store.gc import doom, spare
from ropewalk.store.process import here
from ropewalk.store.sessions import insert

DAY = 86_400.0


def record(id, kind="run", created=1.0, parents=(), blobs=()):
    return Record(id, kind, "toy", created, {}, tuple(parents), tuple(blobs))


def test_what_nothing_refers_to_goes_and_the_rest_stays(store, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"A")
    with store.session("test"):
        kept, lost = store.put(b"kept"), store.put(b"lost")
        manifest = store.put_tree(tmp_path / "in")
        store.commit(record("r1", blobs=[kept.hash, manifest]))
        assert store.gc().blobs == ()
    tried = store.gc(dry_run=True)
    assert tried.blobs == (lost.hash,)
    assert tried.bytes == 4
    assert store.get(lost.hash) == b"lost"
    assert store.gc().blobs == (lost.hash,)
    assert store.gc().blobs == ()
    with pytest.raises(MissingError):
        store.get(lost.hash)
    assert store.get(kept.hash) == b"kept"
    assert store.get(store.tree(manifest)["a"].hash) == b"A"
    assert "removed 0 blobs" in str(store.gc())


def test_touching_a_blob_in_a_session_keeps_it(memory):
    blob = memory.put(b"strand")
    with memory.session("reader"):
        assert memory.get(blob.hash) == b"strand"
        assert memory.gc().blobs == ()
    with memory.session("reader"):
        memory.touch(blob.hash)
        assert memory.gc().blobs == ()
    with pytest.raises(StoreError, match="none is open"):
        memory.touch(blob.hash)
    assert memory.gc().blobs == (blob.hash,)


def test_a_pinned_folder_keeps_its_files(memory, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"A")
    manifest = memory.put_tree(tmp_path / "in")
    with memory.session("reader"):
        memory.touch(manifest)
        assert memory.gc().blobs == ()
    assert len(memory.gc().blobs) == 2


graphs = st.lists(
    st.tuples(
        st.sampled_from(["loose", "record", "tree", "pin", "pinned tree"]), st.sets(st.integers(0, 11), max_size=4)
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(graph=graphs)
def test_of_any_graph_exactly_the_unreachable_goes(graph, tmp_path_factory):
    """Blobs 0..11 are referred to by records, by folders of records, by pins, by pinned folders, or by nothing."""
    scratch = tmp_path_factory.mktemp("graph")
    with open_store("memory://") as store:
        live, everything = set(), set()
        session = store._sessions.start("pins")
        store._sessions._open.remove(session)  # it is another process's: puts here do not join it
        for number, (how, members) in enumerate(graph):
            hashes = {store.put(b"%d" % m).hash for m in members}
            if "tree" in how:
                folder = scratch / str(number)
                folder.mkdir()
                [(folder / str(m)).write_bytes(b"%d" % m) for m in members]
                roots = {store.put_tree(folder)}
            else:
                roots = hashes
            everything |= hashes | roots
            if how in ("record", "tree"):
                store.commit(record(f"r{number}", blobs=sorted(roots)))
            if how.startswith("pin"):
                store._sessions.pin(session, roots)
            if how != "loose":
                live |= hashes | roots
        assert hashes_in(store) == everything
        assert set(store.gc(dry_run=True).blobs) == everything - live
        assert set(store.gc().blobs) == everything - live
        assert hashes_in(store) == live


def test_a_writer_waits_while_its_blob_is_being_deleted(address):
    """The collector has decided, the writer puts the same bytes: they are there when it is done."""
    if address.kind.startswith("memory"):
        pytest.skip("a store in memory is opened once")
    with address.open() as store, address.open() as other:
        blob = store.put(b"strand")
        collector = other._sessions.start("gc")
        doomed = other._index.run(lambda sql: doom(sql, collector, (blob.hash,)), "alone")
        assert doomed == [blob.hash]
        done = threading.Event()

        def write():
            with store.session("writer"):
                store.put(b"strand")
                store.commit(record("r1", blobs=[blob.hash]))
                done.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert not done.wait(0.2)
        other._place.delete(f"blobs/{blob.hash[:2]}/{blob.hash}")
        other._index.run(lambda sql: spare(sql, collector, doomed), "alone")
        writer.join(20)
        assert store.get(blob.hash) == b"strand"


def test_a_collector_passes_over_what_was_pinned_after_it_looked(memory):
    blob = memory.put(b"strand")
    collector = memory._sessions.start("gc")
    memory._sessions._open.remove(collector)
    with memory.session("writer"):
        memory.put(b"strand")
        assert memory._index.run(lambda sql: doom(sql, collector, (blob.hash,)), "alone") == []


def test_a_session_that_was_taken_for_dead_still_loses_nothing(memory):
    """As when another host saw no heartbeat for long: the commit notices, and either all is there or it fails."""
    with memory.session("slept"):
        kept, lost = memory.put(b"kept"), memory.put(b"lost")
        memory._index.run(lambda sql: (sql.do("DELETE FROM sessions"), sql.do("DELETE FROM pins")), "alone")
        memory.commit(record("r1", blobs=[kept.hash]))
        memory._index.run(lambda sql: (sql.do("DELETE FROM sessions"), sql.do("DELETE FROM pins")), "alone")
        assert memory.gc().blobs == (lost.hash,)
        with pytest.raises(MissingError, match=lost.hash):
            memory.commit(record("r2", blobs=[kept.hash, lost.hash]))
    assert [r.id for r in memory.records()] == ["r1"]


def test_dead_processes_leave_nothing_after_a_collection(local):
    ghost = local._sessions.start("ghost")
    local._sessions._open.remove(ghost)
    local._sessions.pin(ghost, [local.put(b"strand").hash])
    local._index.run(lambda sql: sql.do("UPDATE sessions SET start = 'before the last boot'"), "write")
    half = local.local / "tmp" / f"{here().tag}.4194000.00000000.aa"
    half.write_bytes(b"half")
    tried = local.gc(dry_run=True)
    assert half.exists()
    found = local.gc()
    assert (tried.sessions, tried.blobs, tried.temporary) == (found.sessions, found.blobs, found.temporary)
    assert found.sessions == 1
    assert len(found.blobs) == 1
    assert found.temporary == (str(half),)
    assert not half.exists()


def test_a_session_of_another_host_lives_as_long_as_its_heart_beats(memory):
    ghost = memory._sessions.start("elsewhere")
    memory._sessions._open.remove(ghost)
    memory._sessions.pin(ghost, [memory.put(b"strand").hash])
    memory._index.run(lambda sql: sql.do("UPDATE sessions SET host = 'elsewhere'"), "write")
    assert memory.gc().blobs == ()
    memory._index.run(lambda sql: sql.do("UPDATE sessions SET beat = beat - 31"), "write")
    assert len(memory.gc().blobs) == 1


def test_checkpoints_go_when_their_stage_has_finished(store):
    for key in ("checkpoints/done", "checkpoints/also/7", "checkpoints/open", "events/done"):
        store.put_object(key, b"state")
    store.commit(record("stage-done", "stage"), record("also"))
    assert set(store.gc().objects) == {"checkpoints/done", "checkpoints/also/7"}
    assert store.list_objects() == ["checkpoints/open", "events/done"]


def test_old_records_are_forgotten_unless_something_kept_came_from_them(memory):
    now = memory._index.run(lambda sql: sql.now())
    old, young = now - 30 * DAY, now - DAY
    with memory.session("test"):
        data = [memory.put(b"%d" % i).hash for i in range(4)]
        memory.commit(
            record("d0", "dataset", old, blobs=[data[0]]),
            record("stage-d0", "stage", old, [("made", "d0")]),
            record("d1", "dataset", old, blobs=[data[1]]),
            record("stage-d1", "stage", old, [("made", "d1")]),
            record("d2", "dataset", old, blobs=[data[2]]),
            record("d3", "dataset", old, blobs=[data[3]]),
            record("r1", "run", old, [("dataset", "d1")]),
            record("r2", "run", old, [("dataset", "d2")]),
            record("r3", "run", young, [("dataset", "d3")]),
            record("l1", "release", old, [("run", "r1")]),
            names={"toy@best": "r2"},
        )
    assert memory.gc().records == ()
    assert set(memory.gc(dry_run=True, forget_days=7).records) == {"d0", "stage-d0"}
    found = memory.gc(forget_days=7)
    assert set(found.records) == {"d0", "stage-d0"}
    assert found.blobs == (data[0],)
    assert memory.record("d0") is None
    assert [r.id for _, _, r in memory.ancestors("l1")] == ["r1", "d1"]
    memory.move("toy@best", None, "r2")
    assert set(memory.gc(forget_days=7).records) == {"d2", "r2"}


def test_what_a_living_session_reads_is_not_forgotten(memory):
    blob = memory.put(b"strand")
    memory.commit(record("d", "dataset", 1.0, blobs=[blob.hash]))
    with memory.session("reader"):
        memory.get(blob.hash)
        assert memory.gc(forget_days=1).records == ()
    assert memory.gc(forget_days=1).records == ("d",)


def test_bytes_that_another_index_knows_about_are_not_collected(tmp_path):
    with open_store(tmp_path / "s") as mine, open_store(tmp_path / "s", index=str(tmp_path / "other.sqlite")) as other:
        blob = mine.put(b"mine")
        mine.commit(record("r1", blobs=[blob.hash]))
        other.put(b"other's")
        for store in (mine, other):
            with pytest.raises(
                StoreError, match=r"another index keeps records.*nothing was removed.*delete .*indexes/"
            ):
                store.gc()
        assert mine.get(blob.hash) == b"mine"


def test_a_collector_that_was_taken_for_dead_stops(memory):
    ghost = memory._sessions.start("gc")
    memory._index.run(lambda sql: sql.do("DELETE FROM sessions"), "write")
    with pytest.raises(StoreError, match="taken for dead"):
        memory._index.run(lambda sql: doom(sql, ghost, ("0" * 64,)), "alone")


def test_the_dooms_of_a_dead_collector_are_taken_away(memory):
    blob = memory.put(b"strand")
    ghost = memory._sessions.start("gc")
    memory._sessions._open.remove(ghost)
    memory._index.run(lambda sql: (insert(sql, ghost), doom(sql, ghost, (blob.hash,))), "alone")
    memory._index.run(lambda sql: sql.do("UPDATE sessions SET start = 'long ago'"), "write")
    assert memory.put(b"strand") == blob
    assert memory.get(blob.hash) == b"strand"
