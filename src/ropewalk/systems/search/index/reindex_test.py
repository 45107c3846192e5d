"""Another layout takes the place of the old one by one commit, and nothing that others write meanwhile is lost; nor on the way back."""

import pytest

from ropewalk.errors import MissingError
from ropewalk.store import open_store
from ropewalk.systems.search.index import reindex
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout

OLD = Layout((Field("text", "text"),))
NEW = Layout((Field("text", "text"), Field("maker", "keyword")), language="de", languages=("de",))
NONE = lambda _documents: None  # noqa: E731


def article(number, text="Seile aus Hanf"):
    return {"id": f"d{number}", "text": text, "maker": "Alder" if number % 2 else "Birch"}


@pytest.fixture
def ropes():
    with open_store("memory://") as store:
        collection = Collection(store, "ropes")
        collection.create(OLD)
        collection.write([article(n) for n in range(10)])
        collection.write([], deletes=["d3"])
        yield collection


def ids(collection):
    with collection.open() as snapshot:
        return sorted(snapshot.live_ids())


def test_nothing_changes_until_the_swap_and_then_all_at_once(ropes):
    made = reindex.build(ropes, NEW, NONE)
    before = ids(ropes)
    assert ropes.layout() == OLD
    with reindex.preview(ropes, made) as seen:
        assert sorted(seen.live_ids()) == before
        assert seen.column("maker").vocabulary == ("Alder", "Birch")
    manifest = reindex.swap(ropes, made, NONE)
    assert (manifest.layout, ids(ropes)) == (NEW, before)
    assert manifest.number == made.base.number + 1


def test_what_was_written_meanwhile_is_carried_over(ropes):
    made = reindex.build(ropes, NEW, NONE)
    ropes.write([article(3, "wieder da"), article(4, "neu"), article(20)], deletes=["d5"])
    now = ids(ropes)
    reindex.swap(ropes, made, NONE)
    assert ids(ropes) == now
    with ropes.open() as snapshot:
        (document,) = snapshot.documents([snapshot.row_of("d4")])
        assert document["text"] == "neu"


def test_a_rollback_takes_the_layout_back_and_keeps_what_was_written_since(ropes):
    reindex.swap(ropes, reindex.build(ropes, NEW, NONE), NONE)
    ropes.write([article(30)], deletes=["d1"])
    now = ids(ropes)
    manifest = reindex.rollback(ropes, NONE)
    assert manifest.layout == OLD
    assert ids(ropes) == now
    assert reindex.rollback(ropes, NONE).layout == NEW
    assert ids(ropes) == now


def test_a_collection_that_was_never_reindexed_has_nowhere_to_go_back_to(ropes):
    with pytest.raises(MissingError, match="never reindexed"):
        reindex.rollback(ropes, NONE)
    assert len(ids(ropes)) == 9


def test_words_of_other_analyzers_are_made_anew(ropes, monkeypatch):
    from ropewalk.methods.text import analysis

    monkeypatch.setattr(analysis, "VERSION", 99)
    before = ropes.manifest().live
    manifest = reindex.swap(ropes, reindex.build(ropes, OLD, NONE), NONE)
    assert manifest.analyzers == {"en": "en.99"}
    assert manifest.live == before
    assert len(ids(ropes)) == before
