"""The commands say what the engine finds: published figures, numbers that add up, one story in text and JSON."""

import contextlib
import inspect
import json
import re
import threading
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from ropewalk import cli
from ropewalk.errors import ConfigError, MissingError
from ropewalk.systems.inventory.case import case_of
from ropewalk.systems.inventory.commands import policies, wording
from ropewalk.systems.inventory.commands.patience import telling
from ropewalk.systems.inventory.commands.policies import (
    MAKERS,
    Effort,
    make,
    name_of,
    names_of,
    score,
    simulated,
    usual,
)
from ropewalk.systems.inventory.commands.screen import screened
from ropewalk.systems.inventory.commands.tune import best_cost
from ropewalk.systems.inventory.engine.classic_cost import average_cost
from ropewalk.systems.inventory.engine.classic_tune import tune
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


def test_a_history_is_looked_for_beside_the_file_that_names_it(shell, tmp_path):
    item = tmp_path / "items" / "i.yaml"
    item.parent.mkdir()
    item.write_text("history: h.csv\npenalty: 4\n")
    asked = ("tune", "--instance", "items/i.yaml", "--rule", "base-stock")
    assert f"It was looked for at {item.parent / 'h.csv'}" in shell(*asked)[2]
    (item.parent / "h.csv").write_text("units\n3\n9\n")
    assert "mean 6" in shell(*asked)[1]
    (tmp_path / "h.csv").write_text("units\n1\n1\n")
    assert "mean 6" in shell(*asked)[1]
    assert "poisson:1," in shell(*asked, "--history", "h.csv")[1]


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
    assert "compare --policies pretrained`" in shell("tune", *ZIPKIN, "--rule", "pretrained")[2]
    assert "tailored base-surge." in shell("tune", *ZIPKIN, "--rule", "zzz")[2], "the whole list of names"
    assert "Did you mean 'capped'?" in shell("tune", *ZIPKIN, "--rule", "capt")[2]
    assert "is for 2 source(s), the problem has 1" in shell("tune", *ZIPKIN, "--rule", "dual-index")[2]
    assert (
        "where demand waits, base-stock is better"
        in shell("tune", *ZIPKIN[:4], "--backlog", "4", "--rule", "capped")[2]
    )


@pytest.mark.parametrize("mean", ["0.01", "0.001"])
def test_what_sells_once_in_years_is_tuned_like_all_else(said, mean):
    """A period in which nothing is wanted is then usual, so that no cap below one unit is looked for."""
    found = said("tune", "--demand", f"poisson:{mean}", "--penalty", "100", "--lead-time", "2")
    other = said("tune", "--demand", f"poisson:{mean}", "--penalty", "100", "--lead-time", "2", "--rule", "base-stock")
    assert found["cost_usd"] == pytest.approx(other["cost_usd"])
    assert found["parameters"]["level"] == other["parameters"]["level"] == (1 if mean == "0.01" else 0)


def test_tune_says_of_the_optimum_what_solve_would(shell, monkeypatch):
    item = ("--demand", "poisson:3", "--penalty", "4", "--lead-time", "10")
    assert "out of reach: it would take about 113 GB" in shell("tune", *item, "--rule", "base-stock")[1]
    assert "about 113 GB" in shell("solve", *item)[2]
    monkeypatch.setattr("ropewalk.systems.inventory.commands.tune.QUICK", 1e6)
    assert str(best_cost(case_of(Instance(demand="poisson:5", penalty=9)))).endswith("`ropewalk inventory solve`")


@pytest.mark.parametrize("rule", ["single index", "dual index", "capped dual index", "tailored base-surge"])
def test_a_screened_rule_for_two_sources_is_the_one_that_all_its_shapes_give(rule):
    case = case_of(
        Instance(
            demand="given:.3,.4,.3",
            backlog=95,
            lead_time=2,
            unit_cost=10,
            expedited_lead_time=0,
            expedited_unit_cost=15,
        )
    )
    heard = []
    found, wanted = screened(case.problem, rule, 0, heard.append), tune(case.problem, rule)
    cost = average_cost(case.problem, rule, found.parameters).middle
    assert found.exact
    assert cost <= wanted.cost.middle * (1 + 2e-5)
    assert heard == sorted(heard)
    assert heard[-1] == found.tried


def test_many_shapes_for_two_sources_are_screened_and_few_are_all_tried():
    two = {"backlog": 495, "holding": 5, "unit_cost": 100, "expedited_lead_time": 0, "expedited_unit_cost": 105}
    few, many = (
        case_of(Instance(**two, demand=law, lead_time=lead))
        for law, lead in (("given:.2,.2,.2,.2,.2", 2), ("poisson:5", 3))
    )
    assert not policies._broad(few, "capped dual index")
    assert policies._broad(many, "capped dual index")
    found = make("dual index", many, Effort())
    assert found.made == "tuned by simulation, then exactly"
    assert score(found, many, Effort()).cost == pytest.approx(543.26, abs=0.02)


def test_levels_that_are_too_many_to_simulate_are_refused_before_they_are_begun():
    with pytest.raises(ConfigError, match="count in units of 10 "):
        make("base-stock", case_of(Instance(demand="poisson:200", penalty=19, lead_time=60)), Effort())


def test_what_takes_long_says_so_until_it_is_done():
    said, done = [], threading.Event()

    def note(sentence):
        said.append(sentence)
        done.set()

    with telling(note, lambda: f"{len(said)} tried", first=0.01):
        assert done.wait(10)
    told = list(said)
    assert re.fullmatch(r"0 tried, \d+ s so far", told[0])
    with telling(note, lambda: "never", first=60):
        pass
    assert said == told


def test_the_policy_that_is_taken_where_none_is_named_is_the_best_that_costs_nothing():
    known = {"demand": "poisson:5", "penalty": 4.0, "lead_time": 2}
    cases = [
        case_of(Instance(**{**known, **other}))
        for other in ({}, {"lead_time": 0}, {"pack": 6}, {"lead_time": 11}, {"order_cost": 9})
    ]
    assert [usual(case) for case in cases] == ["pretrained", *["capped base-stock"] * 3, "(s, S)"]
    assert usual(*cases[:2]) == "pretrained"
    assert usual(cases[0], cases[3]) == "capped base-stock"
    assert policies.suited(cases[0])[0] == "pretrained"
    waits = case_of(Instance(demand="poisson:5", backlog=4.0))
    assert usual(waits) == "base-stock"


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
    assert "optimum: 4.3953 USD a period, its bounds " in text
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


def test_a_table_of_costs_says_which_were_simulated(shell, said):
    """The best of them as well: it is not exact because nothing is above it."""
    item = ("--demand", "given:.5,.3,.2", "--backlog", "9", "--max-order", "1")
    asked = ("compare", *item, "--paths", "40", "--policies", "base-stock,s-S")
    rows = said(*asked)["policies"]
    best, other = (line for line in shell(*asked)[1].splitlines() if re.match(r"base-stock|\(s, S\)", line))
    assert [r["exact"] for r in rows] == [False, False]
    for line, r in zip((best, other), rows, strict=True):
        assert "exact" not in line
        assert f"{r['cost_usd']:.4f} +- {1.96 * r['standard_error_usd']:.4f}" in line
    assert re.search(r"0\.00 % +- +\d", best)
    assert re.search(r" to -?\d+\.\d\d % ", other)
    assert "exact but those with +-" in shell(*asked)[1]


def test_a_learned_policy_is_trained_as_asked_and_scored_exactly(said, monkeypatch):
    """The training itself is the learner's test, and improvement has its own."""
    asked = []

    def learn(problem, settings, seed, look):
        look(settings.steps, 0.0, None)
        asked.append((problem.world.lead, settings.steps, seed))
        return SimpleNamespace(decide=lambda states: np.clip(17 - states.sum(1), 0, 5)[:, None])

    engine = "ropewalk.systems.inventory.engine"
    monkeypatch.setattr(f"{engine}.learn.learn", learn)
    monkeypatch.setattr(f"{engine}.improve.settled", lambda problem, policy, seed, look: policy)
    rows = said("compare", *ZIPKIN, "--policies", "exact,learned", "--steps", "20", "--seed", "7")["policies"]
    assert asked == [((2,), 20, 7)]
    assert [r["policy"] for r in rows] == ["exact", "learned"]
    assert rows[1]["cost_usd"] == pytest.approx(4.4057, abs=1e-4)
    with pytest.raises(ConfigError, match="without order cost"):
        make("learned", case_of(Instance(demand="poisson:3", penalty=9, order_cost=5)), Effort())


def test_steps_are_those_of_the_learner_unless_they_are_given_and_are_trained_in_whole_chunks():
    from ropewalk.systems.inventory import commands
    from ropewalk.systems.inventory.engine.learn import Settings, lasting

    usual = {inspect.signature(commands.COMMANDS[name]).parameters["steps"].default for name in ("compare", "explain", "what-if")}  # fmt: skip
    assert usual == {Effort().steps} == {Settings().steps}
    assert f"default: {Effort().steps}" in str(commands.Steps)
    for asked, trained in ((1, 1), (20, 20), (100, 100), (101, 200), (250, 300), (3_000, 3_000)):
        settings = lasting(asked)
        assert (settings.steps, settings.steps % settings.chunk) == (trained, 0)


@pytest.mark.parametrize("wrong", [("--steps", "0"), ("--steps", "-5"), ("--paths", "1"), ("--memory-gb", "0")])
def test_an_effort_that_is_none_is_refused(shell, wrong):
    code, _, err = shell("compare", *ZIPKIN, "--policies", "learned", *wrong)
    assert code == 2
    assert wrong[0] in err


def test_of_policies_that_cost_the_same_the_exact_one_comes_first(shell):
    """Without a lead time a base-stock level is the best there is, and comes out 2e-16 cheaper."""
    code, out, _ = shell(
        "compare", "--demand", "poisson:5", "--lead-time", "0", "--penalty", "4", "--policies", "base-stock,exact"
    )
    rows = [line for line in out.splitlines() if line.startswith(("exact", "base-stock"))]
    assert code == 0
    assert [row.split()[0] for row in rows] == ["exact", "base-stock"]
    assert "-0.00" not in out


def test_where_the_best_costs_nothing_no_share_of_it_is_told(shell):
    """Three are wanted every day, and there is no lead time: level 3 costs nothing, level 4 a unit in stock."""
    item = ("--demand", "given:0,0,0,1", "--lead-time", "0", "--penalty", "4")
    code, out, _ = shell("compare", *item, "--policies", "exact,base-stock")
    assert code == 0
    assert out.count("  0.00 %") == 2
    code, out, _ = shell("tune", *item, "--rule", "base-stock")
    assert code == 0
    assert "0.00 % above the optimum" in out
    assert wording.above(4.0, 0.0) is None
    assert wording.above(-90.0, -100.0) == pytest.approx(0.1)


def test_the_pretrained_policy_needs_no_training(said):
    rows = said("compare", *ZIPKIN, "--policies", "exact,pretrained,capped")["policies"]
    cost = {row["policy"]: row["cost_usd"] for row in rows}
    assert cost["exact"] < cost["pretrained"] < cost["capped base-stock"]
    with pytest.raises(ConfigError, match="for lost sales"):
        make("pretrained", case_of(Instance(demand="poisson:3", backlog=9)), Effort())


def test_the_network_trained_on_for_an_item_stays_near_its_optimum(said):
    rows = said("compare", *ZIPKIN, "--policies", "exact,fine-tuned,capped", "--steps", "20")["policies"]
    cost = {row["policy"]: row["cost_usd"] for row in rows}
    assert cost["exact"] <= cost["fine-tuned"] < cost["capped base-stock"]
    assert "20 batches further" in str(
        make("fine-tuned", case_of(Instance(demand="poisson:3", penalty=9)), Effort(steps=20)).made
    )


def test_where_what_is_owed_has_no_bound_costs_are_simulated(said, shell):
    item = ("--demand", "poisson:2", "--backlog", "9", "--max-order", "3")
    found = said("compare", *item, "--paths", "50")
    assert [(r["policy"], r["exact"]) for r in found["policies"]] == [("base-stock", False)]
    assert "has no upper bound" in shell("solve", *item)[2]
    order = said("explain", *item, "--on-hand", "0", "--owed", "9", "--parameters", "8")
    assert order["order"] == [3]
    assert order["instead"][0]["standard_error_usd"] > 0


def test_the_optimum_is_left_out_where_it_does_not_fit(shell):
    large = ("--demand", "poisson:2", "--lead-time", "3", "--penalty", "4", "--memory-gb", "0.1")
    code, out, err = shell("compare", *large)
    assert code == 0
    assert "without exact: an exact solution would" in out
    assert "exact: left out" in err
    assert "capped base-stock" in out


def test_who_does_not_fit_is_left_out_with_the_reason_and_the_others_stay(shell, said):
    item = ("--demand", "negbin:0.1,5", "--penalty", "4", "--lead-time", "11")
    found = said("compare", *item, "--policies", "pretrained,base-stock", "--paths", "20")
    assert [r["policy"] for r in found["policies"]] == ["base-stock"]
    assert "--lead-time from 0 to 10 periods, not 11" in found["left_out"]["pretrained"]
    assert "R of --demand negbin:R,M from 0.6, not 0.1" in found["left_out"]["pretrained"]
    code, out, err = shell("compare", *item, "--policies", "pretrained,tailored-base-surge")
    assert (code, out) == (2, "")
    assert "no policy is left: pretrained: " in err
    assert "is for 2 source(s)" in err
    code, _, err = shell("compare", *item, "--policies", "")
    assert code == 2
    assert "--policies: '' names no policy" in err


@pytest.mark.parametrize("said", ["capped-base-stock", "capped", "Capped base-stock", "CAPPED_BASE_STOCK"])
def test_a_policy_is_meant_however_it_is_written(said):
    assert name_of(said) == "capped base-stock"


def test_lists_of_policies_keep_the_commas_of_names():
    assert names_of("(s, S),s-S, rq,base-stock,optimal") == ["(s, S)", "(R, Q)", "base-stock", "exact"]
    with pytest.raises(MissingError, match="Did you mean"):
        names_of("base-stoc")


def test_every_policy_has_a_maker_that_says_what_it_is_not_made_for():
    case = case_of(Instance(demand="poisson:2", penalty=4.0, life=2, lead_time=1))
    for name in set(MAKERS) - {"base-stock", "(s, S)", "(R, Q)", "capped base-stock", "exact", "learned"}:
        with pytest.raises(ConfigError):
            make(name, case, Effort())
