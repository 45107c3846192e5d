"""What a collection promises: after any writes the live ids are those of a dict, at every manifest, and scores are a rebuild's."""

import random
import threading
from dataclasses import replace

import numpy as np
import pytest

from ropewalk.errors import ConflictError, DataError, MissingError, StoreError
from ropewalk.systems.search.index import chain
from ropewalk.systems.search.index import collection as writing
from ropewalk.systems.search.index.collection import Collection, names
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.index.upkeep import Policy, merge

TEXT = Layout((Field("text", "text"),))
WORDS = [
    "hemp",
    "rope",
    "strand",
    "yarn",
    "tar",
    "walk",
    "laid",
    "hawser",
    "cable",
    "anchor",
    "sail",
    "mast",
    "deck",
    "oar",
    "keel",
]
ALL = Policy(like=2, deleted=0.0)


def text(dice, words=30):
    """Some words are common, some rare, as in a language."""
    return " ".join(dice.choices(WORDS, [1 / (i + 1) for i in range(len(WORDS))], k=dice.randint(1, words)))


def made(count, dice, prefix="d"):
    return [{"id": f"{prefix}{i}", "text": text(dice)} for i in range(count)]


def ranked(snapshot, words, limit=1000):
    """(id, score as bytes) of a query, equal scores by id: the order of equals is that of rows."""
    rows, scores = snapshot.terms(snapshot.index.parse_query(words, ["text_en"]), limit)
    return sorted(zip(snapshot.ids(rows), scores.tolist(), strict=True), key=lambda hit: (-hit[1], hit[0]))


QUERIES = ("hemp", "rope tar", '"hemp rope"', "anchor keel mast", "oar -hemp")


@pytest.fixture
def ropes(store):
    collection = Collection(store, "ropes")
    collection.create(TEXT)
    return collection


def random_batches(store, count, seed=3):
    """Writes of a few documents and deletes, now and then merged, next to a dict; every manifest is opened and compared."""
    collection = Collection(store, f"batches{seed}")
    collection.create(TEXT)
    dice = random.Random(seed)
    plain, history = {}, {}
    for step in range(count):
        adds = [{"id": f"d{dice.randrange(60)}", "text": text(dice)} for _ in range(dice.randrange(4))]
        gone = [f"d{dice.randrange(60)}" for _ in range(dice.randrange(3))]
        number = collection.write(adds, gone).number
        for id in gone:
            plain.pop(id, None)
        plain.update({document["id"]: document["text"] for document in adds})
        history[number] = set(plain)
        with collection.open() as now:
            assert now.number == number
            assert sorted(now.live_ids()) == sorted(plain)
            assert now.live == len(plain)
        if step % 10 == 9:
            history[merge(collection).number] = set(plain)
        if step % 100 == 99:
            same_as_rebuilt(store, collection, plain, f"{seed}-{step}")
    for number in dice.sample(sorted(history), min(50, len(history))):
        with collection.open(number) as then:
            assert set(then.live_ids()) == history[number]
    return len(history)


def test_random_batches_leave_the_ids_of_a_dict_at_every_manifest(store):
    """A hundred here; benchmarks/search_kills.py makes a thousand."""
    random_batches(store, 100)


def same_as_rebuilt(store, collection, plain, step):
    """Once deleted rows are merged away, ids and scores are those of a rebuild, bit for bit."""
    merge(collection, ALL)
    rebuilt = Collection(store, f"again{step}")
    rebuilt.create(TEXT)
    rebuilt.write([{"id": id, "text": text} for id, text in plain.items()])
    with collection.open() as one, rebuilt.open() as two:
        assert one.rows == one.live == len(plain)
        for words in QUERIES:
            assert ranked(one, words) == ranked(two, words)
        rows = np.arange(one.rows)
        assert {d["id"]: d["text"] for d in one.documents(rows)} == plain


def test_tantivy_alone_is_within_a_hundredth_for_most_while_a_twentieth_is_deleted(store, ropes):
    """The more so the more documents a word is in: where it is in twenty and three of them go, a score moves by two hundredths.
    Retrieval puts a word's idf right (retrieve_test.py)."""
    dice = random.Random(1)
    words = [f"w{i}" for i in range(2000)]
    odds = [1 / (i + 1) for i in range(2000)]
    documents = [{"id": f"d{i}", "text": " ".join(dice.choices(words, odds, k=60))} for i in range(4000)]
    for start in range(0, 4000, 1000):
        ropes.write(documents[start : start + 1000])
    gone = {f"d{i}" for i in dice.sample(range(4000), 200)}
    ropes.write([], gone)
    rebuilt = Collection(store, "again")
    rebuilt.create(TEXT)
    rebuilt.write([d for d in documents if d["id"] not in gone])
    off = []
    with ropes.open() as one, rebuilt.open() as two:
        for _ in range(50):
            query = " ".join(dice.sample(words[20:200], k=3))
            before, after = dict(ranked(one, query, 4000)), dict(ranked(two, query, 100))
            off += [abs(before[id] / score - 1) for id, score in after.items()]
    assert np.quantile(off, 0.95) < 0.01
    assert np.mean(off) < 0.004


def test_of_equal_ids_in_a_batch_the_last_counts(ropes):
    ropes.write([{"id": "a", "text": "old hemp"}, {"id": "b", "text": "rope"}, {"id": "a", "text": "new tar"}])
    with ropes.open() as now:
        assert [d["text"] for d in now.documents([now.row_of("a"), now.row_of("b")])] == ["new tar", "rope"]
        assert now.rows == 2


def test_an_id_that_is_deleted_and_added_in_one_commit_is_there(ropes):
    ropes.write([{"id": "a", "text": "old"}])
    ropes.write([{"id": "a", "text": "new"}], deletes=["a", "never"])
    with ropes.open() as now:
        assert now.documents([now.row_of("a")])[0]["text"] == "new"


def test_what_was_replaced_can_come_back_in_the_same_words(ropes):
    """The segment's bytes are those of an older one, whose rows were deleted."""
    for words in ("hemp", "tar", "hemp", "hemp"):
        ropes.write([{"id": "a", "text": words}])
    with ropes.open() as now:
        assert now.live_ids() == ["a"]
        assert now.documents([now.row_of("a")])[0]["text"] == "hemp"


def test_a_commit_that_changes_nothing_makes_no_manifest(ropes):
    first = ropes.write([{"id": "a", "text": "hemp"}])
    assert ropes.write([{"id": "a", "text": "hemp"}]) == first
    assert ropes.write([], deletes=["never"]) == first
    assert ropes.latest() == first.number


def test_two_segments_of_one_commit_are_in_order(ropes):
    old = ropes.put_segment([{"id": "a", "text": "old"}, {"id": "b", "text": "b"}])
    new = ropes.put_segment([{"id": "a", "text": "new"}])
    ropes.commit([old, new])
    with ropes.open() as now:
        assert now.live_ids() == ["b", "a"]


def test_the_same_documents_make_the_same_segment(store, ropes):
    dice = random.Random(5)
    documents = made(300, dice)
    assert ropes.put_segment(documents) == ropes.put_segment(documents)
    other = Collection(store, "other")
    other.create(TEXT)
    assert other.put_segment(documents) == ropes.put_segment(documents)


def test_two_writers_at_once_both_get_in(ropes, monkeypatch):
    """Both read the same manifest; one is first, the other finds its place taken and works it out again."""
    ropes.write([{"id": "a", "text": "base"}])
    barrier = threading.Barrier(2, timeout=20)
    latest = Collection.latest
    waited = threading.local()

    def together(self):
        number = latest(self)
        if not getattr(waited, "done", False):
            waited.done = True
            barrier.wait()
        return number

    segments = [ropes.put_segment([{"id": "a", "text": f"from {i}"}, {"id": f"own{i}", "text": "x"}]) for i in range(2)]
    monkeypatch.setattr(Collection, "latest", together)
    numbers = []

    def write(segment):
        numbers.append(Collection(ropes.store, "ropes").commit([segment]).number)

    threads = [threading.Thread(target=write, args=(segment,)) for segment in segments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    assert sorted(numbers) == [3, 4]
    with ropes.open() as now:
        assert sorted(now.live_ids()) == ["a", "own0", "own1"]


def test_many_writers_at_once_all_get_in(ropes):
    def write(name):
        mine = Collection(ropes.store, "ropes")
        for i in range(5):
            mine.write([{"id": f"{name}-{i}", "text": "hemp"}, {"id": "shared", "text": f"{name} {i}"}])

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ropes.open() as now:
        assert sorted(now.live_ids()) == sorted([*(f"{n}-{i}" for n in "abcd" for i in range(5)), "shared"])
    assert ropes.numbers() == list(range(1, 22))


def test_a_writer_that_always_comes_late_is_told(ropes, monkeypatch):
    monkeypatch.setattr(chain, "TRIES", 3)
    monkeypatch.setattr(type(ropes.store), "put_object", lambda *_, if_absent=False, **__: not if_absent)
    with pytest.raises(ConflictError, match="3 times somebody else wrote to the collection 'ropes' first"):
        ropes.swap(lambda now: replace(now, layout=Layout(())))


def test_a_commit_on_a_manifest_that_is_no_longer_the_newest_is_refused(ropes):
    ropes.write([{"id": "a", "text": "hemp"}])
    assert ropes.commit(delete=["a"], base=2).number == 3
    with pytest.raises(ConflictError, match="at manifest 3, no longer at 2"):
        ropes.commit(delete=["b"], base=2)


def test_an_older_manifest_is_searched_as_it_was(ropes):
    ropes.write([{"id": "a", "text": "hemp"}, {"id": "b", "text": "hemp tar"}])
    ropes.write([{"id": "c", "text": "hemp"}], deletes=["a"])
    with ropes.open(2) as then, ropes.open() as now:
        assert {id for id, _ in ranked(then, "hemp")} == {"a", "b"}
        assert {id for id, _ in ranked(now, "hemp")} == {"b", "c"}
        assert now.row_of("a") is None
        assert then.row_of("a") == 0


def test_a_collection_is_made_once(store, ropes):
    assert ropes.create(TEXT).number == 1
    with pytest.raises(ConflictError, match="exists with another layout"):
        ropes.create(Layout(()))
    assert names(store) == ["ropes"]
    assert not Collection(store, "cables").exists()
    with pytest.raises(MissingError, match=r"no collection 'rope'\. Did you mean 'ropes'"):
        Collection(store, "rope").latest()
    with pytest.raises(DataError, match="cannot name a collection"):
        Collection(store, "a/b")
    with pytest.raises(MissingError, match="no manifest of the collection 'ropes' with the number '7'"):
        ropes.open(7)


def test_a_long_list_becomes_several_segments_in_one_commit(ropes, monkeypatch):
    monkeypatch.setattr(writing, "LARGEST", 1000)
    documents = made(100, random.Random(2))
    assert len(ropes.write(documents).segments) > 3
    with ropes.open() as now:
        assert now.live_ids() == [d["id"] for d in documents]
        assert now.documents(range(100)) == documents


def test_words_made_by_another_analyzer_are_refused(ropes, monkeypatch):
    from ropewalk.methods.text import analysis

    ropes.write([{"id": "a", "text": "hemp"}])
    monkeypatch.setattr(analysis, "VERSION", 99)
    for ask in (ropes.open, lambda: ropes.write([{"id": "b", "text": "tar"}])):
        with pytest.raises(StoreError, match=r"'en\.1' for 'en'.*has 'en.99'.*reindex ropes"):
            ask()
