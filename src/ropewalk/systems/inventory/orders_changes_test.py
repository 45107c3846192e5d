"""The comparison with the last plan promises: all that differs, the largest in money first, and effects that add up."""

from __future__ import annotations

import polars as pl
import pytest

from ropewalk.systems.inventory.orders import orders
from ropewalk.systems.inventory.orders_changes import FIRST, SCHEMA, Plan, _effects, _joined, changes, last
from ropewalk.systems.inventory.outputs_made import BaseStock, made_outcome
from ropewalk.systems.inventory.requests import requests_now

MODEL = BaseStock()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return made_outcome(tmp_path_factory.mktemp("changes"))


@pytest.fixture(scope="module")
def asked(outcome):
    return requests_now(outcome.config, outcome.dataset, MODEL)


@pytest.fixture
def plan_of(outcome):
    return lambda requests, model=MODEL, release="inventory v2": Plan(
        orders(outcome.dataset, model, requests), requests, release
    )


def one_more(name):
    """Each column, changed so that a base-stock rule must order differently."""
    return {
        "on_hand": pl.col("on_hand") + 7,
        "demand_history": pl.col("demand_history").list.eval(pl.element() + 4),
        "promo_plan": pl.col("promo_plan").list.eval(pl.element() * 0 + 1.0),
        "promo_planned": pl.col("promo_planned").list.eval(pl.element() * 0 + 1.0),
        "lead_time_periods": pl.col("lead_time_periods") + 1,
    }[name].alias(name)


def test_the_first_plan_says_that_it_is_the_first(plan_of, asked, tmp_path):
    assert last(None, "") is None
    assert last(tmp_path, "") is None
    table, said = changes(plan_of(asked), None, MODEL, "week")
    assert table.is_empty()
    assert dict(table.schema) == SCHEMA
    assert said == FIRST


def test_the_same_plan_again_changes_nothing(plan_of, asked):
    table, said = changes(plan_of(asked), plan_of(asked, release="inventory v1"), MODEL, "week")
    assert table.is_empty()
    assert "Nothing changed" in said


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("on_hand", "on hand and on order instead of"),
        ("demand_history", "a week lately"),
        ("promo_plan", "a promotion is planned now"),
        ("lead_time_periods", "lead time 3 weeks instead of 2"),
    ],
)
def test_what_changed_is_named_with_its_effect(plan_of, asked, column, word):
    also = [one_more("promo_planned")] if column == "promo_plan" else []
    table, _ = changes(plan_of(asked.with_columns(one_more(column), *also)), plan_of(asked), MODEL, "week")
    assert table.height > 5
    for row in table.iter_rows(named=True):
        assert word.lower() in row["why"].lower()
        effect = f"({'+' if row['difference'] > 0 else '−'}{abs(row['difference']):,.0f})"
        assert row["why"].endswith(effect + ".")


def test_a_new_release_is_named(plan_of, asked):
    table, _ = changes(plan_of(asked, BaseStock(3.0)), plan_of(asked, release="inventory v1"), BaseStock(3.0), "week")
    assert table["why"].str.contains("Inventory v2 decides instead of inventory v1", literal=True).all()


def test_the_effects_add_up_to_the_difference(plan_of, asked):
    changed = asked.with_columns(
        *(one_more(n) for n in ("on_hand", "demand_history", "promo_plan", "lead_time_periods"))
    )
    now, before = plan_of(changed, BaseStock(2.5)), plan_of(asked)
    both = _joined(now.orders, before.orders)
    effects = _effects(both, now, before, BaseStock(2.5))
    for row, found in zip(both.iter_rows(named=True), effects, strict=True):
        assert sum(found.values()) == row["order_now"] - row["order_before"]


def test_new_and_dropped_items_are_lines_too(plan_of, asked):
    table, said = changes(plan_of(asked[1:]), plan_of(asked[:-1]), MODEL, "week")
    assert sorted(table["why"]) == ["New in the plan.", "No longer in the plan."]
    assert "2 of" in said


def test_the_largest_difference_in_money_comes_first(plan_of, asked):
    table, _ = changes(plan_of(asked.with_columns(one_more("on_hand"))), plan_of(asked), MODEL, "week")
    assert table["difference_usd"].abs().is_sorted(descending=True)


def test_a_plan_without_its_requests_is_compared_by_its_figures(plan_of, asked):
    before = Plan(plan_of(asked).orders, None, "inventory v1")
    table, _ = changes(plan_of(asked.with_columns(one_more("on_hand"))), before, MODEL, "week")
    assert table["why"].str.contains(r"(?i)on hand \d+ instead of \d+").all()


def test_requests_of_another_form_are_no_obstacle(plan_of, asked):
    before = Plan(plan_of(asked).orders, asked.drop("promo_plan"), "inventory v1")
    table, _ = changes(plan_of(asked.with_columns(one_more("on_hand"))), before, MODEL, "week")
    assert table["why"].str.len_chars().min() > 5
