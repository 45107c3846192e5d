"""Looks at the store beside the queries: what they survive."""

import threading

import pytest

from ropewalk.store import open_store
from ropewalk.systems.search.index import chain
from ropewalk.systems.search.live import Live
from ropewalk.systems.search.retrieve import callers
from ropewalk.systems.search.retrieve.shop import shop


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store")) as opened:
        yield opened


def test_a_look_of_the_process_that_this_one_was_forked_from_is_not_waited_for(store, monkeypatch):
    """A fork takes no thread along: that look is never over here."""
    written = shop(store)
    live = Live(store, "shop", callers.of_collection("shop"), refresh_s=0.0)
    before = live.now()[0].number
    begun, go = threading.Event(), threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(live, "_newest", lambda held=live._held: (begun.set(), go.wait(20), held)[2])
        live.now()
        assert begun.wait(20)
    theirs = live._under_way
    theirs.process = -1
    written.commit(delete=["1"])
    ours = live._look()
    assert ours is not theirs
    assert ours.over.wait(20)
    assert live._held[0].number == before + 1
    go.set()
    assert theirs.over.wait(20)


def test_a_store_that_was_put_back_to_an_older_state_brings_no_caller_back_for_long(store, monkeypatch):
    shop(store)
    folder = callers.of_collection("shop")
    for names in ("a", "ab", "abc"):
        callers.change(store, folder, lambda _, names=names: {n: {"name": n, "where": {}} for n in names})
    live = Live(store, "shop", folder, refresh_s=0.0)
    assert live._newest()[1].number == 3
    live.now()
    for number in (2, 3):
        store.delete_object(chain.key(folder, number))
    callers.change(store, folder, lambda _: {})
    live._relisted -= 61.0
    assert live._newest()[1] == callers.Listed(2, {})
