"""An order is explained by numbers that can be checked by hand, and other orders cost what the values of the solution say."""

import contextlib
import itertools
import json
import re

import numpy as np
import polars as pl
import pytest

from ropewalk import cli
from ropewalk.systems.inventory.case import case_of
from ropewalk.systems.inventory.commands import lookahead, policies
from ropewalk.systems.inventory.commands.policies import Candidate
from ropewalk.systems.inventory.commands.reasons import why
from ropewalk.systems.inventory.instance import Instance

ZIPKIN = ("--demand", "poisson:5", "--lead-time", "2", "--penalty", "4")
DUAL = ("--demand", "given:.2,.2,.2,.2,.2", "--lead-time", "2", "--unit-cost", "100", "--expedited-lead-time", "0",
        "--expedited-unit-cost", "105", "--backlog", "495", "--holding", "5")  # fmt: skip


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """Run a command of inventory in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        with contextlib.suppress(SystemExit):
            code = cli.main(["inventory", *map(str, arguments)])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def said(shell):
    """The JSON of a command."""

    def run(*arguments):
        code, out, err = shell(*arguments, "--json")
        assert code == 0, err
        assert out.count("\n") == 1
        return json.loads(out)

    return run


def test_an_order_explains_itself_with_every_number(said, shell):
    asked = ("explain", *ZIPKIN, "--on-hand", "3", "--due", "4", "--policy", "capped")
    found = said(*asked)
    assert found["order"] == [5]
    assert [(line["what"], line["units"]) for line in found["why"]] == [
        ("position", 7),
        ("up to the level", 10),
        ("cut at the cap", 5),
    ]
    assert found["optimal_order"] == [6]
    text = shell(*asked)[1]
    assert "order 5: capped base-stock, level 17, cap 5 (tuned exactly)" in text
    assert re.search(r"position +7 +3 on hand \+ 4 due \(4 next period\)", text)
    assert re.search(r"up to the level +10 +17 - 7\n +cut at the cap +5 +cap 5", text)
    assert "the optimum orders 6 here" in text


def test_what_the_optimum_says_of_other_orders_is_its_value(said, shell):
    """The best order is the least of all, and the values of `solve` give the same differences."""
    found = said("explain", *ZIPKIN, "--on-hand", "3", "--due", "4", "--policy", "exact")
    more = {row["order"][0]: row["costs_more_usd"] for row in found["instead"]}
    assert found["order"] == [6]
    assert more[6] == 0.0
    assert all(cost > 0 for order, cost in more.items() if order != 6)
    shell("solve", *ZIPKIN, "--out", "p.parquet")
    value = {(a, b): v for a, b, v in pl.read_parquet("p.parquet").select("on_hand", "due_1", "value_usd").iter_rows()}
    law = case_of(Instance(demand="poisson:5", penalty=4.0)).problem.outcomes.probability
    later = [sum(p * value[max(3 - d, 0) + 4, order] for d, p in enumerate(law)) for order in (5, 6)]
    assert more[5] == pytest.approx(later[0] - later[1], abs=1e-4)


def test_where_no_policy_is_named_the_network_orders_what_it_knows(said):
    assert said("explain", *ZIPKIN, "--on-hand", "3", "--due", "4")["policy"] == "pretrained"
    assert said("explain", *ZIPKIN, "--on-hand", "3", "--parameters", "17,5")["policy"] == "capped base-stock"


def test_orders_are_looked_at_on_the_scale_of_the_demand_and_the_best_is_among_them(said):
    """The optimum, far from what a poor rule orders; and with a demand of hundreds, orders that are tens away."""
    found = said("explain", *ZIPKIN, "--on-hand", "3", "--due", "4", "--policy", "base-stock", "--parameters", "21")
    assert found["order"] == [14]
    assert found["optimal_order"] == [6]
    more = {row["order"][0]: row["costs_more_usd"] for row in found["instead"]}
    assert more[6] < more[12] < 0
    assert found["least_order"][0] in more
    large = case_of(Instance(demand="poisson:200", penalty=19.0, lead_time=1))
    near, all_ = lookahead.others(large, np.array([206])), lookahead.many(large, np.array([206]))
    assert {206 + n for n in (-16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16)} <= set(near.ravel().tolist())
    assert {206 + n for n in range(-30, 31)} <= set(all_.ravel().tolist())
    packs = case_of(Instance(demand="poisson:200", penalty=19.0, pack=12, max_order=240))
    assert lookahead.many(packs, np.array([204])).max() == 240
    assert not (lookahead.many(packs, np.array([204])) % 12).any()


def test_the_stock_at_arrival_is_what_a_walk_over_all_demands_gives(said):
    found = said("explain", "--demand", "given:0.2,0.5,0.3", "--lead-time", "2", "--penalty", "4", "--on-hand", "1", "--due", "1",
                 "--policy", "base-stock", "--parameters", "4")  # fmt: skip
    assert found["order"] == [2]
    stock = short = short_with = before = 0.0
    law = [0.2, 0.5, 0.3]
    for a, b, c in itertools.product(range(3), repeat=3):
        chance = law[a] * law[b] * law[c]
        first = max(1 - a, 0) + 1
        left = max(first - b, 0)
        before += chance * (a > 1 or b > first)
        stock += chance * left
        short += chance * (c > left)
        short_with += chance * (c > left + 2)
    (came,) = found["arrival"]
    assert came["periods"] == 2
    assert (came["stock_without"], came["stock_with"]) == pytest.approx((stock, stock + 2))
    assert (came["p_short_without"], came["p_short_with"], came["p_short_before"]) == pytest.approx(
        (short, short_with, before)
    )


def test_another_order_costs_in_a_long_simulation_what_was_said():
    case = case_of(Instance(demand="poisson:2", lead_time=2, penalty=9.0))
    policy, state = policies.fixed("capped base-stock", case, (8, 3)), np.array([[2, 0, 1]])
    order = lookahead.order_in(policy, case, state)
    orders = lookahead.others(case, order)
    exact, none = lookahead.beside(policy, case, state, order, orders, 0)
    mean, error = lookahead._simulated(policy, case, state, order, orders, 0)
    assert none is None
    assert (np.abs(mean - exact) <= 4 * error + 1e-9).all()


@pytest.mark.parametrize(
    ("policy", "parameters", "order", "reason"),
    [
        ("base-stock", "17", 10, "17 - 7"),
        ("s-S", "6,20", 0, "7 is above the reorder level 6"),
        ("s-S", "7,20", 13, "7 is not above the reorder level 7: up to 20"),
        ("R-Q", "9,4", 4, "1 times 4, to come above the reorder level 9"),
        (
            "myopic",
            "0.8",
            6,
            "the least with which nobody is turned away with a chance of 0.8: 0.805, with one less 0.679",
        ),
        ("projected", "6.875", 6, "6.875 - 0.5218"),
        ("exact", None, 6, "the least cost from now on of all orders: below"),
    ],
)
def test_every_rule_has_its_reason(shell, policy, parameters, order, reason):
    given = () if parameters is None else ("--parameters", parameters)
    code, out, err = shell("explain", *ZIPKIN, "--on-hand", "3", "--due", "4", "--policy", policy, *given)
    assert code == 0, err
    assert f"order {order}: " in out
    assert reason in out


def test_an_order_of_two_sources_explains_both(said, shell):
    found = said("explain", *DUAL, "--on-hand", "1", "--due", "2")
    assert found["order"] == [1, 3] == found["optimal_order"]
    assert [a["stock_with"] for a in found["arrival"]] == pytest.approx([3.0, 4.0])
    assert (
        "order 1 regular, 3 expedited: capped dual index" in shell("explain", *DUAL, "--on-hand", "1", "--due", "2")[1]
    )


def test_packs_and_limits_are_told(shell):
    out = shell(
        "explain",
        *ZIPKIN,
        "--pack",
        "4",
        "--on-hand",
        "3",
        "--due",
        "4",
        "--parameters",
        "17",
        "--policy",
        "base-stock",
    )[1]
    assert "order 12: base-stock" in out
    assert re.search(r"as placed +12 +packs of 4", out)


def test_a_policy_of_another_kind_brings_its_reasons_along():
    case = case_of(Instance(demand="poisson:5", lead_time=2, penalty=4.0))
    policy = Candidate(
        "network", case.problem, lambda s: np.full((len(s), 1), 4), why=lambda _: [("wanted", 4.2, "network")]
    )
    assert why(policy, case, np.array([[3, 0, 4]]), np.array([4]))[1:] == [("wanted", 4.2, "network")]


def test_a_state_that_is_no_state_gets_a_sentence(shell):
    assert "whole units, separated by commas" in shell("explain", *ZIPKIN, "--on-hand", "x")[2]
    assert "names 3 periods" in shell("explain", *ZIPKIN, "--on-hand", "3", "--due", "2,0,4")[2]
    assert (
        "has 2: level, cap; given were 1"
        in shell("explain", *ZIPKIN, "--on-hand", "3", "--policy", "capped", "--parameters", "7")[2]
    )
    assert "numbers, separated by commas" in shell("explain", *ZIPKIN, "--on-hand", "3", "--parameters", "a")[2]
    assert (
        "has no parameters" in shell("explain", *ZIPKIN, "--on-hand", "3", "--policy", "exact", "--parameters", "1")[2]
    )
