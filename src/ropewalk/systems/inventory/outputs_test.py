"""The files of a life promise: the plan can be traced and made again, and the next one says what changed."""

from __future__ import annotations

import json

import polars as pl
import pytest

from ropewalk.spine.serving.requests import Requests
from ropewalk.systems.inventory.contract import REQUEST
from ropewalk.systems.inventory.outputs import outputs
from ropewalk.systems.inventory.outputs_made import made_outcome
from ropewalk.systems.inventory.requests import columns

FILES = {
    "orders.parquet",
    "orders.csv",
    "changes.parquet",
    "changes.csv",
    "requests.parquet",
    "plan.json",
    "report.html",
}


@pytest.fixture(scope="module")
def lives(tmp_path_factory):
    """Two lives, the second a period later with another policy."""
    folders = [tmp_path_factory.mktemp(n) for n in ("first", "second")]
    made = [made_outcome(folders[0]), made_outcome(folders[1], periods=41, z=2.5, previous=folders[0])]
    for outcome in made:
        outputs(outcome)
    return made


def test_a_life_leaves_all_its_files(lives):
    for outcome in lives:
        assert {f.name for f in outcome.folder.iterdir()} == FILES


def test_the_plan_can_be_made_again_from_its_requests(lives):
    outcome = lives[0]
    asked = pl.read_parquet(outcome.folder / "requests.parquet")
    again = pl.DataFrame({"item": asked["item"], "again": outcome.model.predict(columns(asked))["order_now"]})
    both = pl.read_parquet(outcome.folder / "orders.parquet").join(again, on="item")
    assert (both["order_now"] == both["again"]).all()


def test_what_the_model_was_asked_is_what_a_service_is_sent(lives):
    """One column more and the service refuses the row."""
    asked = pl.read_parquet(lives[0].folder / "requests.parquet")
    assert asked.columns == list(REQUEST.names)
    rows, _ = Requests(REQUEST).decode(asked.write_json().encode())
    assert len(rows) == asked.height
    assert {"status", "stock_source"} <= set(pl.read_parquet_schema(lives[0].folder / "orders.parquet"))


def test_the_lineage_of_an_order_is_beside_it(lives):
    outcome = lives[0]
    facts = json.loads((outcome.folder / "plan.json").read_text(encoding="utf-8"))
    assert facts["lineage"]["dataset"] == outcome.dataset.hash
    assert facts["lineage"]["run"] == outcome.run.id
    assert facts["lineage"]["release"] == outcome.release.id
    assert facts["config"]["sales"] == "made:40x40"
    assert facts["as_of"] == str(outcome.dataset.as_of.date())
    assert sum(facts["stock"].values()) == facts["totals"]["items"]


def test_the_second_plan_says_what_changed(lives):
    first, second = (json.loads((o.folder / "plan.json").read_text(encoding="utf-8"))["changes"] for o in lives)
    assert first["lines"] == 0
    assert "first plan" in first["sentence"]
    table = pl.read_parquet(lives[1].folder / "changes.parquet")
    assert second["lines"] == table.height > 0
    assert table["why"].str.contains("inventory v2", literal=True).any()
    assert any("changes:" in said for said in lives[1].job.notes)


def test_the_same_life_leaves_the_same_bytes(lives, tmp_path):
    again = made_outcome(tmp_path)
    outputs(again)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (lives[0].folder / name).read_bytes(), name
