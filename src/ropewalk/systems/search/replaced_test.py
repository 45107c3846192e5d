"""What a training made goes when nobody wants it any more, and nothing else does."""

import json

import pytest

from ropewalk import api
from ropewalk.errors import MissingError
from ropewalk.store import Record, open_store
from ropewalk.systems.search import replaced
from ropewalk.systems.search.index import reindex
from ropewalk.systems.search.index.collection import DAY, Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.index.upkeep import Policy, merge
from ropewalk.systems.search.retrieve import callers

TEXT = Layout((Field("text", "text"),))
ALL = -60.0  # seconds: everything is older than that, whatever the clocks of file systems are
NOW = 2e9  # seconds since 1970: when records of these tests were made, unless they are old
OLD = 1e9


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store")) as opened:
        yield opened


def trained(store, name, made=OLD, kind="release"):
    """A collection as a training leaves it, and a record whose model reads it."""
    collection = Collection(store, name)
    collection.create(TEXT, trained=True)
    collection.commit([collection.put_segment([{"id": "1", "text": f"hemp {name}"}])], trained=True)
    folder = store.local / f"model-{name}"
    folder.mkdir()
    (folder / "search.json").write_text(json.dumps({"collection": name}))
    with store.session("test"):
        model = store.put_tree(folder)
        store.commit(Record(f"{kind}-{name}", kind, "search", made, {"model": model}, blobs=(model,)))
    return collection


def names(store):
    return sorted({key.split("/")[1] for key in store.list_objects("collections/") if "/segments/" in key})


def lives(store, *releases):
    """They are promoted one after the other."""
    before = None
    for release in releases:
        store.move("search@live", f"release-{release}", before, "promote")
        before = f"release-{release}"


def test_what_the_live_release_a_candidate_and_a_rollback_read_stays_and_older_ones_go(store):
    for name in ("a", "b", "c", "d"):
        trained(store, name)
    lives(store, "a", "b", "c")
    store.move("search@candidate", "release-d", None, "register")
    assert replaced.collect(store, ALL, dry_run=True).collections == ("a",)
    assert names(store) == ["a", "b", "c", "d"]
    done = replaced.collect(store, ALL)
    assert (done.collections, done.bytes > 500) == (("a",), True)
    assert store.list_objects("collections/a/") == []
    assert not Collection(store, "a").local.folder.joinpath("terms").exists()
    with Collection(store, "b").open() as still:
        assert still.live == 1


def test_what_was_replaced_or_made_lately_stays(store):
    trained(store, "old")
    trained(store, "young", made=NOW, kind="run")
    trained(store, "b")
    trained(store, "c")
    lives(store, "old", "b", "c")
    assert replaced.collect(store, 7 * DAY).collections == ()  # manifests and moves are of today
    assert replaced.collect(store, ALL, dry_run=True).collections == ("old",)
    assert replaced.wanted(store, 7 * DAY) == {"old", "young", "b", "c"}


def test_a_collection_that_is_read_stays_until_it_is_closed(store):
    trained(store, "a")
    with Collection(store, "a").open():
        assert replaced.collect(store, ALL).collections == ()
    assert replaced.collect(store, ALL).collections == ("a",)


def test_what_a_person_made_or_wrote_to_stays_also_after_merges(store):
    own = Collection(store, "own")
    own.create(TEXT)
    own.write([{"id": "1", "text": "hemp"}])
    for name in ("added", "deleted", "missed", "merged"):
        trained(store, name)
    Collection(store, "added").write([{"id": "2", "text": "rope"}])
    Collection(store, "deleted").commit(delete=["1"])
    Collection(store, "missed").commit(delete=["17"])  # was not there: nothing was written
    added = Collection(store, "added")
    assert merge(added, Policy(like=2)).after == 1
    merged = Collection(store, "merged")
    merged.commit([merged.put_segment([{"id": "2", "text": "rope"}])], trained=True)
    assert merge(merged, Policy(like=2)).after == 1
    assert replaced.collect(store, ALL).collections == ("merged", "missed")
    assert Collection(store, "deleted").manifest().live == 0


def test_what_a_person_bound_or_reindexed_stays(store):
    for name in ("bound", "anew", "left"):
        trained(store, name)
    callers.change(store, callers.of_collection("bound"), lambda _: {"a": {"name": "a", "where": {}}})
    anew = Collection(store, "anew")
    other = Layout((Field("text", "text"), Field("title", "text")))
    made = reindex.build(anew, other, lambda _: None)
    reindex.swap(anew, made, lambda _: None)
    assert replaced.collect(store, ALL).collections == ("left",)
    assert names(store) == ["anew", "bound"]


def test_what_is_written_to_while_garbage_is_collected_stays_whole(store, monkeypatch):
    wanted, written = replaced.wanted, trained(store, "a")
    trained(store, "b")

    def meanwhile(*given):
        written.write([{"id": "2", "text": "jute"}])
        return wanted(*given)

    monkeypatch.setattr(replaced, "wanted", meanwhile)
    assert replaced.collect(store, ALL - DAY).collections == ("b",)
    assert names(store) == ["a"]
    assert written.open().live == 2


def test_a_removal_that_was_cut_off_goes_on_the_next_time_and_callers_of_no_collection_stay(store):
    trained(store, "a")
    store.put_object("collections/live/callers/000000000001.json", b"{}")
    for key in store.list_objects("collections/a/manifests/"):
        store.delete_object(key)
    assert replaced.collect(store).bytes == 0  # a day has to pass
    assert names(store) == ["a"]
    assert replaced.collect(store, grace_s=ALL).bytes > 500
    assert store.list_objects("collections/") == ["collections/live/callers/000000000001.json"]


def test_a_training_that_takes_an_old_collection_again_makes_it_young(store, monkeypatch):
    collection = trained(store, "a")
    assert collection.renew().number == 2  # it is young
    monkeypatch.setattr("time.time", lambda: NOW)
    assert collection.renew().number == 3
    assert collection.manifest().trained
    assert collection.manifest().time == NOW


def test_a_release_whose_collection_is_gone_is_not_promoted_and_its_training_makes_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"docs": "made:40", "encoder": "none", "reader": "none", "rerank": False}
    where = {"store": str(tmp_path / "store"), "settings": settings}
    api.train("search", **where)
    api.register("search", choice="baseline", **where)
    with open_store(where["store"]) as store:
        (name,) = names(store)
        before = [info.hash for info in Collection(store, name).manifest().segments]
        store.move("search@candidate", None, store.name("search@candidate"))
        assert replaced.collect(store, ALL).collections == (name,)
    with pytest.raises(
        MissingError, match=f"the collection '{name}', which was removed as garbage .* `ropewalk train search`"
    ):
        api.promote("search", 1, **where)
    api.train("search", **where)
    with open_store(where["store"]) as store:
        assert [info.hash for info in Collection(store, name).manifest().segments] == before
    assert api.promote("search", 1, **where).stage == "live"
