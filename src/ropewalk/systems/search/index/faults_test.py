"""Collections on S3: what is asked of it, and its bad days."""

import pytest

from ropewalk.errors import StoreError
from ropewalk.store import open_store
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.index.upkeep import Policy, collect_garbage, merge

TEXT = Layout((Field("text", "text"),))


def batch(start, count):
    return [{"id": f"d{i}", "text": f"hemp rope{i}"} for i in range(start, start + count)]


def live(collection):
    with collection.open() as now:
        return sorted(d["text"] for d in now.documents(now.alive.nonzero()[0]))


def test_a_collection_lives_on_s3_and_a_searcher_needs_only_the_objects(make_address, tmp_path, monkeypatch):
    address = make_address("s3+sqlite")
    with address.open() as store:
        ropes = Collection(store, "ropes")
        ropes.create(TEXT)
        for start in range(0, 9, 3):
            ropes.write(batch(start, 3), deletes=[f"d{start - 1}"])
        merge(ropes, Policy(like=2))
        ropes.write(batch(20, 1), deletes=["d0"])
        expected = live(ropes)
    monkeypatch.setenv("ROPEWALK_LOCAL", str(tmp_path / "elsewhere"))
    with open_store(address.url) as other:
        there = Collection(other, "ropes")
        assert live(there) == expected
        asked = other.requests.copy()
        assert live(there) == expected
        new = other.requests - asked
        assert (new["get"], new["list"]) == (0, 0)  # all of it is here
        assert new["head"] <= 2  # is there a newer manifest?
        collect_garbage(there, older_than_s=0, grace_s=-10)  # the clock of the storage may differ
        assert live(there) == expected
        assert len(other.list_objects("collections/ropes/segments/")) == 2


def test_a_writer_reads_only_the_ids_of_old_segments(make_address, tmp_path, monkeypatch):
    address = make_address("s3+sqlite")
    with address.open() as store:
        ropes = Collection(store, "ropes")
        ropes.create(TEXT)
        ropes.write([{"id": f"d{i}", "text": f"hemp rope{i} " * 100} for i in range(2000)])
        (info,) = ropes.manifest().segments
    monkeypatch.setenv("ROPEWALK_LOCAL", str(tmp_path / "elsewhere"))
    with open_store(address.url) as other:
        read = []
        get = type(other._place).read
        monkeypatch.setattr(type(other._place), "read", lambda *a: read.append(a[3]) or get(*a))
        monkeypatch.setattr(type(other._place), "size", type(other._place).size)
        there = Collection(other, "ropes")
        there.write([{"id": "d7", "text": "new"}], deletes=["d8"])
        assert there.manifest().segments[0].deleted == 2
        assert sum(read) < info.bytes / 2 + 200_000


@pytest.fixture
def shaky(make_address, trouble, monkeypatch):
    """A collection on S3 behind a proxy that makes trouble."""
    endpoint = trouble.url
    address = make_address("s3+sqlite")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("ROPEWALK_TIMEOUT_S", "0.5")
    monkeypatch.setenv("ROPEWALK_RETRY_S", "20")
    with address.open() as store:
        ropes = Collection(store, "ropes")
        ropes.create(TEXT)
        ropes.write(batch(0, 3))
        yield ropes


@pytest.mark.parametrize("what", [[500], [503, None, 500], ["hang"], ["cut"], [None, "cut", None, "cut", "cut"]])
def test_a_bad_moment_of_s3_is_waited_for(shaky, trouble, what):
    """An answer that was lost ("cut") does not make a commit count twice."""
    trouble.plan = list(what) * 2
    assert shaky.write(batch(3, 1), deletes=["d0"]).number == 3
    trouble.plan = list(what)
    assert live(shaky) == ["hemp rope1", "hemp rope2", "hemp rope3"]
    trouble.plan = list(what) * 2
    assert merge(shaky, Policy(like=2)).after == 1
    assert live(shaky) == ["hemp rope1", "hemp rope2", "hemp rope3"]
    assert shaky.numbers() == [1, 2, 3, 4]


@pytest.mark.parametrize("what", [500, "hang"])
@pytest.mark.parametrize("after", range(0, 9, 2))
def test_s3_that_stays_away_is_one_sentence_and_nothing_is_half_there(shaky, trouble, monkeypatch, what, after):
    monkeypatch.setenv("ROPEWALK_RETRY_S", "0.3")
    trouble.plan, trouble.always = [None] * after, what
    failed = False
    try:
        shaky.write(batch(3, 1), deletes=["d0"])
    except StoreError as error:
        failed = "Run the command again" in str(error)
    trouble.plan, trouble.always = [], None
    old, new = ["hemp rope0", "hemp rope1", "hemp rope2"], ["hemp rope1", "hemp rope2", "hemp rope3"]
    assert live(Collection(shaky.store, "ropes")) in ([old, new] if failed else [new])
    shaky.write(batch(3, 1), deletes=["d0"])
    assert live(shaky) == new
