"""The commands say what the engine finds: published figures, numbers that add up, one story in text and JSON."""

import contextlib
import itertools
import json
import re
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from ropewalk import cli
from ropewalk.errors import ConfigError, MissingError
from ropewalk.systems.inventory.case import case_of
from ropewalk.systems.inventory.commands import policies
from ropewalk.systems.inventory.commands.policies import (
    MAKERS,
    Candidate,
    Effort,
    make,
    name_of,
    names_of,
    score,
    simulated,
)
from ropewalk.systems.inventory.commands.what_if import varied
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


def test_the_commands_leave_no_store_behind(shell, tmp_path):
    assert shell("tune", *ZIPKIN, "--rule", "base-stock", "--quiet")[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_and_options_say_the_same(said, tmp_path):
    (tmp_path / "i.yaml").write_text("demand: poisson:5\nlead_time: 2\npenalty: 9\n")
    assert said("solve", "--instance", "i.yaml", "--penalty", "4")["cost_usd"] == said("solve", *ZIPKIN)["cost_usd"]


# -- tune --


def test_the_best_capped_base_stock_is_the_published_one(said, shell):
    """Xin 2021 on Zipkin's instance: 4.405 by simulation; the optimum is 4.3954."""
    found = said("tune", *ZIPKIN)
    assert (found["rule"], found["parameters"]) == ("capped base-stock", {"level": 17, "cap": 5})
    assert found["cost_usd"] == pytest.approx(4.405, abs=1e-3)
    assert found["optimal_cost_usd"] == pytest.approx(4.3954, abs=2e-4)
    assert found["low_usd"] <= found["cost_usd"] <= found["high_usd"]
    assert found["cost_usd"] == pytest.approx(found["stock_units"] + 4 * 5 * (1 - found["fill_rate"]), rel=1e-4)
    text = shell("tune", *ZIPKIN)[1]
    assert "capped base-stock: level 17, cap 5\n4.4057 USD a period (exact)\n0.24 % above the optimum, 4.3953" in text


def test_what_has_no_parameters_is_sent_where_it_belongs(shell):
    assert "`ropewalk inventory solve`" in shell("tune", *ZIPKIN, "--rule", "exact")[2]
    assert "Did you mean 'capped'?" in shell("tune", *ZIPKIN, "--rule", "capt")[2]
    assert "is for 2 source(s), the problem has 1" in shell("tune", *ZIPKIN, "--rule", "dual-index")[2]
    assert (
        "where demand waits, base-stock is better"
        in shell("tune", *ZIPKIN[:4], "--backlog", "4", "--rule", "capped")[2]
    )


# -- solve --


def test_the_optimum_is_the_published_one_and_its_table_says_every_order(said, shell):
    found = said("solve", *ZIPKIN, "--out", "policy.parquet")
    assert found["cost_usd"] == pytest.approx(4.3954, abs=2e-4)
    assert found["range_proven"]
    assert 0 < found["cut_probability"] < 1e-9
    table = pl.read_parquet("policy.parquet")
    assert table.columns == ["on_hand", "due_1", "order", "share", "value_usd"]
    assert table.height == found["states"] == 124
    assert table["share"].sum() == pytest.approx(1.0)
    cost = (table["share"] * table["order"]).sum()
    assert cost == pytest.approx(found["ordered_units"], rel=1e-6)
    text = shell("solve", *ZIPKIN)[1]
    assert "optimum: 4.3953 USD a period, between 4.39527 and 4.39531" in text
    assert "nothing better lies outside (Morton 1969)" in text
    rows = [line for line in text.splitlines() if re.match(r"\d+ +[\d.]", line)]
    by_hand = table.filter((pl.col("on_hand") == 5) & (pl.col("due_1") == 5))["order"].item()
    assert rows[5].split()[1 + 5] == str(by_hand)


def test_a_solution_prints_what_fits_its_states(shell):
    waits = shell("solve", "--demand", "poisson:2", "--lead-time", "3", "--backlog", "9")[1]
    assert re.search(r"^position +3 +4 .*\n-+\norder +9 +8 ", waits, re.M)
    assert "the states that come most often\non hand  due 1  due 2  order  of the time" in shell("solve", "--demand", "poisson:2", "--lead-time", "3", "--penalty", "4")[1]  # fmt: skip
    assert "order regular  order expedited" in shell("solve", *DUAL)[1]
    csv = shell("solve", *ZIPKIN, "--out", "p.csv")[2]
    assert "124 states with their orders are in p.csv" in csv
    assert "must end in one of .parquet, .csv, .arrow" in shell("solve", *ZIPKIN, "--out", "p.xlsx")[2]


def test_an_instance_that_is_too_large_is_refused_with_the_way_out(shell):
    code, out, err = shell("solve", "--demand", "geometric:20", "--lead-time", "6", "--penalty", "19")
    assert (code, out) == (2, "")
    assert "GB are allowed (--memory-gb)" in err
    assert "or shorten the lead time" in err


# -- compare --


def test_policies_stand_beside_each_other_in_the_order_of_their_cost(said, shell):
    rows = said("compare", *DUAL)["policies"]
    assert [r["policy"] for r in rows] == [
        "exact",
        "capped dual index",
        "tailored base-surge",
        "dual index",
        "single index",
    ]
    published = {
        "single index": 0.56,
        "dual index": 0.11,
        "capped dual index": 0.0,
        "tailored base-surge": 0.06,
    }  # Gijsbrechts et al. 2022
    for r in rows[1:]:
        assert 100 * r["gap"] == pytest.approx(published[r["policy"]], abs=0.015)
        assert r["exact"]
        assert r["gap_low"] == r["gap_high"]


def test_what_is_simulated_is_paired_and_says_how_sure_it_is():
    """The exact cost of each is inside its interval, and that of the difference is much narrower than those of the costs."""
    case = case_of(Instance(demand="poisson:3", lead_time=2, penalty=9.0))
    found = [policies.fixed("base-stock", case, (level,)) for level in (12, 13)]
    exact, runs = ([way(policy, case, Effort(seed=3, paths=400)) for policy in found] for way in (score, simulated))
    for one, other in zip(exact, runs, strict=True):
        assert abs(one.cost - other.cost) < 4 * other.error
    each = runs[1].paths - runs[0].paths
    paired = each.std() / 20
    assert abs(each.mean() - (exact[1].cost - exact[0].cost)) < 4 * paired
    assert paired < 0.7 * runs[0].error


def test_a_learned_policy_is_trained_as_asked_and_scored_exactly(said, monkeypatch):
    """The training itself is the learner's test."""
    asked = []

    def learn(world, terms, law, settings, seed):
        asked.append((world.lead, law.name, settings.steps, seed))
        return SimpleNamespace(decide=lambda states: np.clip(17 - states.sum(1), 0, 5)[:, None])

    monkeypatch.setattr("ropewalk.systems.inventory.engine.learn.learn", learn)
    rows = said("compare", *ZIPKIN, "--policies", "exact,learned", "--steps", "20", "--seed", "7")["policies"]
    assert asked == [((2,), "poisson:5", 20, 7)]
    assert [r["policy"] for r in rows] == ["exact", "learned"]
    assert rows[1]["cost_usd"] == pytest.approx(4.4057, abs=1e-4)
    with pytest.raises(ConfigError, match="without order cost"):
        make("learned", case_of(Instance(demand="poisson:3", penalty=9, order_cost=5)), Effort())


def test_a_policy_that_does_not_fit_is_left_out_unless_it_was_asked_for(shell):
    large = ("--demand", "poisson:2", "--lead-time", "3", "--penalty", "4", "--memory-gb", "0.1")
    code, out, err = shell("compare", *large)
    assert code == 0
    assert "without exact: an exact solution would" in err
    assert "capped base-stock" in out
    assert shell("compare", *large, "--policies", "base-stock,exact")[0] == 2


@pytest.mark.parametrize("said", ["capped-base-stock", "capped", "Capped base-stock", "CAPPED_BASE_STOCK"])
def test_a_policy_is_meant_however_it_is_written(said):
    assert name_of(said) == "capped base-stock"


def test_lists_of_policies_keep_the_commas_of_names():
    assert names_of("(s, S),s-S, rq,base-stock,optimal") == ["(s, S)", "(R, Q)", "base-stock", "exact"]
    with pytest.raises(MissingError, match="Did you mean"):
        names_of("base-stoc")


def test_every_policy_has_a_maker_that_says_what_it_is_not_made_for():
    case = case_of(Instance(demand="poisson:2", penalty=4.0, life=2, lead_time=1))
    for name in set(MAKERS) - {"base-stock", "(s, S)", "(R, Q)", "capped base-stock", "exact"}:
        with pytest.raises(ConfigError):
            make(name, case, Effort())


# -- explain --


def test_an_order_explains_itself_with_every_number(said, shell):
    found = said("explain", *ZIPKIN, "--on-hand", "3", "--due", "4")
    assert found["order"] == [5]
    assert [(line["what"], line["units"]) for line in found["why"]] == [
        ("position", 7),
        ("up to the level", 10),
        ("cut at the cap", 5),
    ]
    assert found["optimal_order"] == [6]
    text = shell("explain", *ZIPKIN, "--on-hand", "3", "--due", "4")[1]
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
    from ropewalk.systems.inventory.commands import lookahead

    case = case_of(Instance(demand="poisson:2", lead_time=2, penalty=9.0))
    policy, state = policies.fixed("capped base-stock", case, (8, 3)), np.array([[2, 0, 1]])
    order = lookahead.order_in(policy, case, state)
    orders = lookahead.others(case, order)
    exact, none = lookahead.beside(policy, case, state, order, orders, 0)
    mean, error = lookahead._simulated(policy, case, state, order, orders, 0)
    assert none is None
    assert (np.abs(mean - exact) <= 4 * error + 1e-9).all()


@pytest.mark.parametrize(
    ("policy", "parameters", "order", "why"),
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
def test_every_rule_has_its_reason(shell, policy, parameters, order, why):
    given = () if parameters is None else ("--parameters", parameters)
    code, out, err = shell("explain", *ZIPKIN, "--on-hand", "3", "--due", "4", "--policy", policy, *given)
    assert code == 0, err
    assert f"order {order}: " in out
    assert why in out


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
    from ropewalk.systems.inventory.commands.reasons import why

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


# -- what if --


def test_a_longer_lead_time_and_a_dearer_lost_sale_cost_more(said):
    for vary, policy in (("lead-time=0..3", "capped"), ("penalty=2,4,9", "base-stock"), ("holding=0.5,1,2", "exact")):
        costs = [row["cost_usd"] for row in said("what-if", *ZIPKIN, "--vary", vary, "--policy", policy)["rows"]]
        assert costs == sorted(costs)
        assert costs[0] < costs[-1]


def test_more_service_costs_more_stock_and_says_what_a_lost_sale_must_be_worth(said):
    rows = said("what-if", *ZIPKIN[:4], "--penalty", "1", "--vary", "service=0.85,0.97", "--policy", "base-stock")[
        "rows"
    ]
    assert [row["fill_rate"] >= row["service"] for row in rows] == [True, True]
    for name in ("implied_usd", "stock_and_orders_usd", "stock_units"):
        assert rows[0][name] < rows[1][name], name


def test_backlog_is_served_at_any_lead_time(said):
    """Without order cost base-stock is optimal, and the implied cost of a service of positions is the newsvendor's."""
    rows = said("what-if", "--demand", "poisson:5", "--backlog", "9", "--vary", "lead-time=4,20")["rows"]
    assert [row["exact"] for row in rows] == [True, True]
    assert [row["parameters"]["level"] for row in rows] == [int(stats.poisson(5 * n).ppf(0.9)) for n in (5, 21)]


def test_what_varies_can_be_drawn(shell, tmp_path):
    assert "the drawing is w.svg" in shell("what-if", *ZIPKIN, "--vary", "penalty=2,4,9", "--chart", "w.svg")[2]
    drawn = (tmp_path / "w.svg").read_text()
    assert drawn.startswith("<svg ")
    assert "Cost a period, USD" in drawn
    assert "Units on the shelf" in drawn
    assert "must end in .svg" in shell("what-if", *ZIPKIN, "--vary", "penalty=2,4", "--chart", "w.png")[2]


@pytest.mark.parametrize(
    ("said", "found"),
    [("lead-time=1..4", ("lead_time", [1, 2, 3, 4])), ("lead_time=1..5..2", ("lead_time", [1, 3, 5])), ("penalty=4, 9", ("penalty", ["4", "9"])),
     ("demand=poisson:4;negbin:2,5", ("demand", ["poisson:4", "negbin:2,5"])), ("service=0.9,0.95", ("service", [0.9, 0.95]))],
)  # fmt: skip
def test_what_varies_is_read(said, found):
    assert varied(said) == found


@pytest.mark.parametrize(
    ("said", "says"),
    [("leed-time=1..3", "Did you mean 'lead_time'"), ("lead-time", "says no values"), ("lead-time=1..c", "no range of whole numbers"),
     ("service=95", "a share of the demand"), ("service=high", "a share of the demand")],
)  # fmt: skip
def test_what_can_not_vary_gets_a_sentence(said, says):
    with pytest.raises((ConfigError, MissingError), match=says):
        varied(said)
