"""What upkeep promises: merges change no answer and bring nothing back; garbage is only what nobody can ask for any more."""

import json
import random
import threading
import time

import numpy as np
import pytest

from ropewalk.errors import MissingError
from ropewalk.methods.text.vectors import quantise
from ropewalk.systems.search.index import readers, upkeep
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.index.readers import Hold
from ropewalk.systems.search.index.upkeep import Policy, chosen, collect_garbage, merge, merge_segments

LAYOUT = Layout((Field("text", "text"), Field("size", "int")), dims=4)
ALL = Policy(like=2, deleted=0.0)


def batch(start, count):
    documents = [{"id": f"d{i}", "text": f"hemp rope{i % 7}", "size": i} for i in range(start, start + count)]
    return documents, np.random.default_rng(start).normal(size=(count, 4)).astype(np.float32)


def add(collection, start, count, deletes=()):
    documents, vectors = batch(start, count)
    return collection.write(documents, deletes, vectors)


@pytest.fixture
def ropes(store):
    collection = Collection(store, "ropes")
    collection.create(LAYOUT)
    return collection


def test_a_merge_writes_the_segment_that_the_live_documents_would_have_made(ropes):
    """Also the vectors are copied, not rounded again."""
    add(ropes, 0, 10)
    add(ropes, 10, 10, deletes=["d3", "d4"])
    assert merge(ropes, ALL).rows == 18
    (info,) = ropes.manifest().segments
    (one, x), (two, y) = batch(0, 10), batch(10, 10)
    kept = [0, 1, 2, *range(5, 20)]
    documents, vectors = [(one + two)[i] for i in kept], np.concatenate([x, y])[kept]
    assert ropes.put_segment(documents, vectors).hash == info.hash
    with ropes.open() as now:
        (part,) = now.vectors
        assert np.array_equal(part.codes, quantise(vectors).codes)
        assert np.array_equal(part.rest_scales, quantise(vectors).rest_scales)


def test_rows_that_are_deleted_while_a_merge_runs_stay_deleted(ropes, monkeypatch):
    add(ropes, 0, 10)
    add(ropes, 10, 10, deletes=["d0"])
    base = ropes.manifest()
    swap = Collection.swap

    def meanwhile(self, change, base=None):
        monkeypatch.undo()
        other = Collection(ropes.store, "ropes")
        other.write([], deletes=["d1", "d15"])
        add(other, 5, 1)  # d5 again, in a segment of its own
        return swap(self, change, base)

    monkeypatch.setattr(Collection, "swap", meanwhile)
    assert merge_segments(ropes, base, base.segments)
    with ropes.open() as now:
        assert now.number == base.number + 3
        assert len(now.manifest.segments) == 2
        assert sorted(now.live_ids()) == sorted({f"d{i}" for i in range(20)} - {"d0", "d1", "d15"})
        assert now.row_of("d5") == 19  # behind the merged 19 rows
    assert merge(ropes, ALL).after == 1


def test_a_merge_that_others_overtook_is_dropped(ropes, monkeypatch):
    add(ropes, 0, 2)
    add(ropes, 2, 2, deletes=["d0", "d1"])
    add(ropes, 4, 1)
    base = ropes.manifest()
    merge(ropes, ALL)
    now = ropes.manifest()
    assert not merge_segments(Collection(ropes.store, "ropes"), base, base.segments)
    assert ropes.manifest() == now


def test_a_segment_that_came_back_meanwhile_is_not_lost_in_a_merge(ropes):
    """Its rows were deleted when the merge began; then the same documents were written again."""
    add(ropes, 0, 2)
    add(ropes, 2, 2, deletes=["d0"])
    base = ropes.manifest()
    add(ropes, 0, 2)
    assert not merge_segments(ropes, base, base.segments)
    with ropes.open() as now:
        assert sorted(now.live_ids()) == ["d0", "d1", "d2", "d3"]


def test_eight_segments_of_like_size_become_one_and_large_ones_are_left(ropes):
    add(ropes, 0, 100)
    for i in range(7):
        add(ropes, 100 + 2 * i, 2)
    policy = Policy(like=7, smallest=10)
    assert [info.documents for info in chosen(ropes.manifest(), policy)] == [2] * 7
    done = merge(ropes, policy)
    assert (done.merges, done.before, done.after, done.dropped) == (1, 8, 2, 0)
    assert chosen(ropes.manifest(), policy) == []
    small = Policy(like=2, smallest=1000, largest=ropes.manifest().segments[0].text_bytes)
    assert chosen(ropes.manifest(), small) == []


def test_segments_that_are_too_large_together_are_merged_some_at_a_time(ropes):
    for i in range(12):
        add(ropes, 10 * i, 10)
    one = ropes.manifest().segments[0].text_bytes
    done = merge(ropes, Policy(like=8, smallest=1, largest=5 * one + one // 2))
    assert done.merges == 1
    assert [info.documents for info in ropes.manifest().segments] == [50, *[10] * 7]
    merge(ropes, Policy(like=3, smallest=1, largest=5 * one + one // 2))
    assert [info.documents for info in ropes.manifest().segments] == [50, 50, 10, 10]


def test_a_segment_with_many_deleted_rows_is_rewritten(ropes):
    add(ropes, 0, 20)
    add(ropes, 20, 20, deletes=["d3"])
    assert chosen(ropes.manifest(), Policy()) == []
    ropes.write([], deletes=["d4"])
    before = ropes.manifest()
    assert chosen(before, Policy()) == [before.segments[0]]
    merge(ropes)
    assert [info.documents for info in ropes.manifest().segments] == [18, 20]
    ropes.write([], deletes=[f"d{i}" for i in range(20)])
    assert [info.documents for info in ropes.manifest().segments] == [20]


def test_searches_and_writes_go_on_while_merges_run(ropes):
    """Three threads for a while: every search sees the ids of some manifest, whole."""
    add(ropes, 0, 20)
    stop, wrong = threading.Event(), []

    def search():
        mine = Collection(ropes.store, "ropes")
        while not stop.is_set():
            with mine.open() as now:
                found = now.ids(now.terms(now.index.parse_query("hemp", ["text_en"]), 100)[0])
                if sorted(found) != sorted(f"d{i}" for i in range(20)):
                    wrong.append(found)

    def keep_merging():
        mine = Collection(ropes.store, "ropes")
        while not stop.is_set():
            merge(mine, ALL)

    threads = [threading.Thread(target=work) for work in (search, keep_merging)]
    for thread in threads:
        thread.start()
    for step in range(25):
        add(ropes, step % 20, 1)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- garbage ---


def everything(collection):
    root = f"{collection.local.root}/"
    return [key.removeprefix(root) for key in collection.store.list_objects(root)]


def test_garbage_is_what_no_kept_manifest_names(ropes):
    for start in range(0, 9, 3):
        add(ropes, start, 3, deletes=[f"d{start - 1}"])
    ropes.open().close()
    merge(ropes, ALL)
    newest = ropes.latest()
    tried = collect_garbage(ropes, older_than_s=0, dry_run=True, grace_s=0)
    before = everything(ropes)
    done = collect_garbage(ropes, older_than_s=0, grace_s=0)
    assert (tried.manifests, tried.segments, tried.deletes, tried.bytes) == (
        done.manifests,
        done.segments,
        done.deletes,
        done.bytes,
    )
    assert done.manifests == tuple(range(1, newest))
    assert len(done.segments) == 3
    assert len(done.deletes) == 1  # of two segments, with the same rows deleted
    assert len(before) - len(everything(ropes)) == newest - 1 + 3 + 1
    assert "removed" in str(done)
    assert "would remove" in str(tried)
    (info,) = ropes.manifest().segments
    assert everything(ropes) == [f"manifests/{newest:012d}.json", f"segments/{info.hash}"]
    with Collection(ropes.store, "ropes").open() as now:
        assert now.live == 7
    with pytest.raises(MissingError, match="'2'"):
        Collection(ropes.store, "ropes").open(2)
    again = collect_garbage(ropes, older_than_s=0, grace_s=0)
    assert (again.manifests, again.segments, again.deletes, again.local) == ((), (), (), 0)
    assert add(Collection(ropes.store, "ropes"), 50, 1).number == newest + 1


def test_what_is_young_stays(ropes):
    add(ropes, 0, 3)
    add(ropes, 0, 3)
    fresh = ropes.put_segment(*batch(10, 3))
    done = collect_garbage(ropes, older_than_s=3600, grace_s=0)
    assert done.manifests == ()
    assert done.segments == (fresh.hash,)
    fresh = ropes.put_segment(*batch(10, 3))
    assert collect_garbage(ropes, older_than_s=0).segments == ()
    ropes.commit([fresh])
    with ropes.open() as now:
        assert now.live == 6


def test_a_segment_that_was_collected_before_its_commit_is_told(ropes):
    add(ropes, 0, 3)
    fresh = ropes.put_segment(*batch(10, 3))
    collect_garbage(ropes, older_than_s=0, grace_s=0)
    with pytest.raises(MissingError, match="put long ago and collected"):
        ropes.commit([fresh])
    assert ropes.latest() == 2


def test_what_a_reader_has_open_stays_until_it_closes_or_is_dead(ropes, monkeypatch):
    for start in range(3):
        add(ropes, 0, 3 + start)
    then = ropes.open(2)
    assert collect_garbage(ropes, older_than_s=0, grace_s=0).manifests == (1,)
    with Collection(ropes.store, "ropes").open(2) as other:
        assert other.live == 3
    assert (
        json.loads(ropes.store.get_object(ropes.store.list_objects("collections/ropes/readers/")[0]))["manifest"] == 2
    )
    then.close()
    then.close()
    assert collect_garbage(ropes, older_than_s=0, grace_s=0).manifests == (2, 3)
    left = Hold(ropes.store, "collections/ropes", 4)  # as of a reader that was killed
    monkeypatch.setattr(readers, "EXPIRES_S", -1.0)
    add(ropes, 0, 9)
    done = collect_garbage(ropes, older_than_s=0, grace_s=0)
    assert done.manifests == (4,)
    assert len(done.readers) == 1
    left.close()


def test_a_hold_is_renewed_while_it_is_open(store, monkeypatch):
    monkeypatch.setattr(readers, "RENEWED_S", 0.02)
    hold = Hold(store, "collections/a", 1)
    (key,) = store.list_objects("collections/a/readers/")
    store.delete_object(key)
    end = time.monotonic() + 20
    while store.object_time(key) is None and time.monotonic() < end:
        time.sleep(0.01)
    assert store.object_time(key) is not None
    hold.close()
    assert store.list_objects("collections/a/") == []


def test_a_snapshot_that_nobody_closed_lets_go_when_it_is_forgotten(ropes):
    import gc

    ropes.open()
    gc.collect()
    assert ropes.store.list_objects("collections/ropes/readers/") == []


def test_a_writer_that_slept_while_its_parent_was_collected_loses_nothing(ropes, monkeypatch):
    """It puts its manifest into a gap; it takes it away again and commits after the newest."""
    add(ropes, 0, 3)
    sleepy = Collection(ropes.store, "ropes")
    manifest = Collection.manifest
    slept = []

    def sleep_once(self, number=None):
        found = manifest(self, number)
        if self is sleepy and not slept:
            slept.append(True)
            for start in range(10, 14):
                add(ropes, start, 1)
            collect_garbage(ropes, older_than_s=0, grace_s=0)
        return found

    documents, vectors = batch(20, 1)
    segment = sleepy.put_segment(documents, vectors)
    monkeypatch.setattr(upkeep, "_unnamed", lambda *_: [])
    monkeypatch.setattr(Collection, "manifest", sleep_once)
    number = sleepy.commit([segment]).number
    monkeypatch.undo()
    assert number == ropes.latest() == 7
    assert ropes.numbers() == [6, 7]
    with ropes.open() as now:
        assert {"d0", "d13", "d20"} <= set(now.live_ids())


def test_random_merges_and_collections_keep_what_is_live(ropes):
    dice = random.Random(4)
    plain = set()
    for _ in range(30):
        start, gone = dice.randrange(20), f"d{dice.randrange(20)}"
        add(ropes, start, 2, deletes=[gone])
        plain = (plain - {gone}) | {f"d{start}", f"d{start + 1}"}
        if dice.random() < 0.3:
            merge(ropes, Policy(like=dice.choice([2, 3, 8]), deleted=dice.choice([0.0, 0.3])))
        if dice.random() < 0.3:
            collect_garbage(ropes, older_than_s=0, grace_s=0)
        with ropes.open() as now:
            assert set(now.live_ids()) == plain
            assert {d["size"] for d in now.documents(np.flatnonzero(now.alive))} == {int(id[1:]) for id in plain}


def test_a_collection_is_reset_to_a_layout_beside_and_back(ropes):
    add(ropes, 0, 5)
    old = ropes.manifest()
    other = Layout((Field("text", "text"),), language="de", languages=("de",))
    beside = ropes.put_segment([{"id": "x", "text": "Häuser"}], layout=other)
    late = ropes.put_segment(*batch(7, 1))
    assert ropes.reset(other, [beside], base=old.number).layout == other
    from ropewalk.errors import ConflictError

    with pytest.raises(ConflictError, match="built for another layout"):
        ropes.commit([late])
    with ropes.open() as now:
        assert now.ids(now.terms(now.index.parse_query("haus", ["text_de"]), 5)[0]) == ["x"]
    fresh = Collection(ropes.store, "ropes")
    fresh.write([{"id": "y", "text": "Haus"}])
    assert ropes.reset(old.layout, old.segments).segments == old.segments
    with ropes.open() as now:
        assert now.live == 5
    with pytest.raises(ConflictError, match="built for another layout"):
        ropes.reset(old.layout, [beside])
