"""Looks at the store beside the queries: what they survive."""

import os
import signal
import threading

import pytest

from ropewalk.store import open_store
from ropewalk.systems.search.live import Live
from ropewalk.systems.search.retrieve.shop import shop


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store")) as opened:
        yield opened


def test_a_fork_in_the_middle_of_a_look_looks_for_itself(store, monkeypatch):
    """A thread does not come along: whoever waited for the parent's look would see the same state for ever."""
    shop(store)
    live = Live(store, "shop", "shop", refresh_s=0.0)
    before = live.now()[0].number
    with monkeypatch.context() as patched:
        begun, go = threading.Event(), threading.Event()
        patched.setattr(live, "_newest", lambda held=live._held: (begun.set(), go.wait(), held)[2])
        live.now()
        assert begun.wait(20)
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # waiting for ever
            patched.undo()
            live._held = None
            os._exit(0 if live.now()[0].number == before else 1)
        go.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
