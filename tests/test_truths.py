"""What came true, in the shell: counted, and counted for each release where it concerns several."""

import json
import os

import polars as pl
import pytest

from ropewalk import cli
from worlds import COIN


@pytest.fixture
def answered(tmp_path, monkeypatch):
    """Ids of what v1 answered and of what v2 did, in a store where both have been live."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ROPEWALK_")]:
        monkeypatch.delenv(name)
    for arguments in (("register",), ("promote",), ("register", "--choice", "baseline"), ("promote",)):
        assert cli.main([arguments[0], COIN, *arguments[1:], "--quiet"]) == 0
    pl.DataFrame({"toss": [1, 2, 3]}).write_csv("tosses.csv")
    ids = {}
    for which in ("v1", "v2"):
        assert cli.main(["predict", COIN, "tosses.csv", f"{which}.csv", "--release", which, "--quiet"]) == 0
        ids[which] = pl.read_csv(f"{which}.csv")["event_id"].to_list()
    return ids


def report(capsys, ids, *options):
    pl.DataFrame({"id": ids, "heads": True}).write_csv("came_true.csv")
    capsys.readouterr()
    assert cli.main(["truths", COIN, "came_true.csv", "--quiet", *options]) == 0
    return capsys.readouterr().out


def test_truths_of_several_releases_are_counted_for_each(answered, capsys):
    out = report(capsys, [*answered["v1"], answered["v2"][0], "stranger"])
    assert "matched: 4" in out
    head, _, one, two = out.split("\n\n")[1].splitlines()
    assert [line.split()[:2] for line in (head, one, two)] == [["release", "matched"], ["v1", "3"], ["v2", "1"]]


def test_truths_of_one_release_are_one_list_of_counts(answered, capsys):
    assert "release" not in report(capsys, answered["v2"])


def test_programs_read_the_counts_of_each_release(answered, capsys):
    found = json.loads(report(capsys, [*answered["v1"][:2], answered["v2"][0]], "--json"))
    assert found["matched"] == 3
    assert {name: counts["matched"] for name, counts in found["releases"].items()} == {"v1": 2, "v2": 1}
