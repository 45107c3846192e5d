"""Lists of callers: nothing that two administrators do at once is lost, and a reader asks once where nothing is new."""

import threading

import pytest

from ropewalk.errors import ConflictError, MissingError
from ropewalk.store import open_store
from ropewalk.systems.search.index import chain
from ropewalk.systems.search.retrieve import callers

SHOP = callers.of_collection("shop")
A, B = ({callers.named(n): {"name": n, "where": {"tenant": n}}} for n in "ab")


@pytest.fixture
def store():
    with open_store("memory://") as opened:
        yield opened


def test_a_list_is_what_the_last_change_made_and_none_where_nobody_is_bound(store):
    assert callers.load(store, SHOP) == callers.Listed(0, None)
    assert callers.change(store, SHOP, lambda now: {**(now or {}), **A}) == A
    assert callers.change(store, SHOP, lambda now: {**now, **B}) == A | B
    assert callers.change(store, SHOP, lambda now: now) == A | B  # nothing changes: no new list
    assert callers.load(store, SHOP) == callers.Listed(2, A | B)
    assert callers.change(store, SHOP, lambda _: None) is None
    assert callers.load(store, SHOP) == callers.Listed(3, None)
    assert callers.change(store, SHOP, lambda _: {}) == {}
    assert callers.load(store, SHOP) == callers.Listed(4, {})  # bound, and nobody is known
    assert callers.load(store, callers.of_collection("shop-2")) == callers.Listed(0, None)


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_token_taken_away_beside_other_changes_does_not_come_back(make_address, kind):
    address, failed = make_address(kind), []
    with address.open() as store:
        callers.change(store, SHOP, lambda _: A)
        start = threading.Barrier(4)

        def bind(name):
            try:
                with address.open() as mine:
                    start.wait()
                    for number in range(5):
                        one = {f"{name}{number}": {"name": name, "where": {}}}
                        callers.change(mine, SHOP, lambda now, one=one: {**now, **one})
            except Exception as error:
                failed.append(error)

        def remove():
            start.wait()
            callers.change(store, SHOP, lambda now: {key: one for key, one in now.items() if key not in A})

        threads = [threading.Thread(target=bind, args=(name,)) for name in "xyz"]
        for thread in threads:
            thread.start()
        remove()
        for thread in threads:
            thread.join()
        assert failed == []
        assert callers.load(store, SHOP) == callers.Listed(
            17, {f"{name}{number}": {"name": name, "where": {}} for name in "xyz" for number in range(5)}
        )


def test_who_is_always_second_is_told(store, monkeypatch):
    monkeypatch.setattr(chain, "TRIES", 3)

    def late(now):
        theirs = callers.load(store, SHOP)
        store.put_object(chain.key(SHOP, theirs.number + 1), b'{"callers": {}}', if_absent=True)
        return A

    with pytest.raises(ConflictError, match="3 times somebody else changed the list collections/shop/callers first"):
        callers.change(store, SHOP, late)


def test_a_reader_asks_once_where_nothing_is_newer_and_finds_all_that_is(store, monkeypatch):
    lists = []
    for made in (A, B, {}, A | B):
        callers.change(store, SHOP, lambda _, made=made: made)
        lists.append(callers.load(store, SHOP))
    asked, get = [], store.get_object
    monkeypatch.setattr(store, "get_object", lambda key: asked.append(key) or get(key))
    monkeypatch.setattr(store, "list_objects", lambda _: pytest.fail("a list is dear"))
    assert callers.load(store, SHOP, lists[-1]) is lists[-1]
    assert len(asked) == 1
    assert callers.load(store, SHOP, lists[0]) == lists[-1] == callers.Listed(4, A | B)


def test_a_list_that_cannot_be_read_leaves_nobody_unbound(store, monkeypatch):
    callers.change(store, SHOP, lambda _: A)
    monkeypatch.setattr(store, "get_object", lambda _: None)
    with pytest.raises(MissingError, match=r"no list of callers 'collections/shop/callers/000000000001\.json'"):
        callers.load(store, SHOP)
