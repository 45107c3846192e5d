"""The order plan promises: every item, the columns in their order, a reason each, and nothing that a spreadsheet would run."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.systems.inventory.orders import COLUMNS, for_spreadsheet, orders, totals, write
from ropewalk.systems.inventory.outputs_made import made_outcome
from ropewalk.systems.inventory.requests import columns, requests_now


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return made_outcome(tmp_path_factory.mktemp("orders"))


@pytest.fixture(scope="module")
def asked(outcome):
    return requests_now(outcome.config, outcome.dataset, outcome.model)


@pytest.fixture(scope="module")
def plan(outcome, asked):
    return orders(outcome.dataset, outcome.model, asked)


def test_the_plan_has_every_item_once_the_best_line_first(outcome, plan):
    items = outcome.dataset.table("items").collect()
    assert plan.columns == list(COLUMNS)
    assert plan.select("item", "site").is_unique().all()
    assert set(plan["item"]) == set(items["item"])
    assert plan["expected_profit_usd"].is_sorted(descending=True)
    assert (plan["order_now"] == 0).any()
    assert plan["reason"].str.len_chars().min() > 10


def test_an_order_is_what_the_model_answers_to_its_request(outcome, asked, plan):
    answered = pl.DataFrame({"item": asked["item"], "said": outcome.model.predict(columns(asked))["order_now"]})
    both = plan.join(answered, on="item")
    assert (both["order_now"] == both["said"]).all()


def test_a_discontinued_item_stays_in_the_plan_and_is_not_ordered(outcome, asked):
    item = asked["item"][0]
    status = pl.when(pl.col("item") == item).then(pl.lit("discontinued")).otherwise("status").alias("status")
    line = orders(outcome.dataset, outcome.model, asked.with_columns(status)).row(
        by_predicate=pl.col("item") == item, named=True
    )
    assert line["order_now"] == line["expected_profit_usd"] == line["order_value_usd"] == 0
    assert "discontinued" in line["reason"]


def test_totals_count_the_lines_that_are_placed(plan):
    sums = totals(plan)
    assert sums["items"] == plan.height
    assert sums["lines"] == (plan["order_now"] > 0).sum()
    assert sums["units"] == plan["order_now"].sum()
    assert sums["likely_to_run_out"] == (plan["p_stock_out"] >= 0.5).sum()


def test_the_csv_says_what_the_parquet_says(plan, tmp_path):
    write(plan, tmp_path, "orders")
    exact = pl.read_parquet(tmp_path / "orders.parquet")
    read = pl.read_csv(tmp_path / "orders.csv", try_parse_dates=True, schema_overrides={"item": pl.String})
    assert exact.equals(plan)
    assert read.columns == plan.columns
    assert (read["order_now"] == plan["order_now"]).all()
    assert ((read["expected_profit_usd"] - plan["expected_profit_usd"]).abs() <= 0.005001).all()
    assert any(name.startswith("=") for name in exact["name"])
    assert not any(name.startswith("=") for name in read["name"])


@given(st.text())
def test_no_text_begins_a_formula(text):
    shown = for_spreadsheet(pl.DataFrame({"name": [text]}))["name"][0]
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert shown.removeprefix("'") == text or shown == text
