"""A life that is lived again looks again only at what has changed, also where it monitors."""

import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from ropewalk import api
from ropewalk.lifecycle import answers, records
from ropewalk.store import open_store
from worlds import COIN


@pytest.fixture
def looked(tmp_path, monkeypatch):
    """A coin that has lived once; the releases that were monitored since."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ROPEWALK_")]:
        monkeypatch.delenv(name)
    api.live(COIN)
    found, monitor = [], answers.monitor

    def counted(*arguments, **named):
        found.append(named.get("release"))
        return monitor(*arguments, **named)

    monkeypatch.setattr(answers, "monitor", counted)
    return found


PAGE = Path("out/coin/monitor.html")


def test_where_nothing_was_heard_since_the_findings_and_the_page_are_told_again(looked):
    page = PAGE.read_bytes()
    PAGE.unlink()
    first, second = api.live(COIN), api.live(COIN)
    assert looked == []
    assert PAGE.read_bytes() == page
    assert [f.sentence for f in first.findings] == [f.sentence for f in second.findings]


def test_the_verb_looks_whenever_it_is_said(looked):
    api.monitor(COIN)
    api.monitor(COIN)
    assert len(looked) == 2


def test_another_answer_or_truth_or_day_is_looked_at(looked, monkeypatch):
    pl.DataFrame({"toss": [1, 2]}).write_csv("tosses.csv")
    api.predict(COIN, "tosses.csv", "guesses.csv")
    api.live(COIN)
    assert len(looked) == 1
    ids = pl.read_csv("guesses.csv")["event_id"]
    pl.DataFrame({"id": ids, "heads": True}).write_csv("came_true.csv")
    api.truths(COIN, "came_true.csv")
    api.live(COIN)
    assert len(looked) == 2
    api.live(COIN)
    assert len(looked) == 2
    tomorrow = records.now() + timedelta(days=1)
    monkeypatch.setattr(records, "now", lambda: tomorrow)
    api.live(COIN)
    assert len(looked) == 3


def test_a_page_that_the_store_has_lost_is_made_anew(looked):
    with open_store() as store:
        hash_ = store.records("monitor", "coin")[0].body["page"]
        (store.local / "blobs" / hash_[:2] / hash_).unlink(missing_ok=True)
        for file in store.local.rglob(f"*{hash_[2:]}*"):
            file.unlink()
    api.live(COIN)
    assert len(looked) == 1
    assert PAGE.read_text().rstrip().endswith("</html>")
