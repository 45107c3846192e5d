"""What varies costs what the theory says: more lead time, dearer losses and more service are never cheaper."""

import contextlib
import json

import pytest
from scipy import stats

from ropewalk import cli
from ropewalk.errors import ConfigError, MissingError
from ropewalk.systems.inventory.commands.what_if import text, varied

ITEM = ("--demand", "poisson:2", "--lead-time", "1", "--penalty", "4")


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


def test_a_longer_lead_time_and_a_dearer_lost_sale_cost_more(said):
    for vary, policy in (("lead-time=0..3", "capped"), ("penalty=2,4,9", "base-stock"), ("holding=0.5,1,2", "exact")):
        costs = [row["cost_usd"] for row in said("what-if", *ITEM, "--vary", vary, "--policy", policy)["rows"]]
        assert costs == sorted(costs)
        assert costs[0] < costs[-1]


def test_more_service_costs_more_stock_and_says_what_a_lost_sale_must_be_worth(said):
    rows = said("what-if", *ITEM[:4], "--vary", "service=0.85,0.97", "--policy", "base-stock")["rows"]
    assert [row["fill_rate"] >= row["service"] for row in rows] == [True, True]
    for name in ("implied_usd", "stock_and_orders_usd", "stock_units"):
        assert rows[0][name] < rows[1][name], name


def test_backlog_is_served_at_any_lead_time(said):
    """Without order cost base-stock is optimal, and the implied cost of a service of positions is the newsvendor's."""
    rows = said("what-if", "--demand", "poisson:5", "--backlog", "9", "--vary", "lead-time=4,20")["rows"]
    assert [row["exact"] for row in rows] == [True, True]
    assert [row["parameters"]["level"] for row in rows] == [int(stats.poisson(5 * n).ppf(0.9)) for n in (5, 21)]


def test_what_varies_can_be_drawn(shell, tmp_path):
    assert "the drawing is w.svg" in shell("what-if", *ITEM, "--vary", "penalty=2,4,9", "--chart", "w.svg")[2]
    drawn = (tmp_path / "w.svg").read_text()
    assert drawn.startswith("<svg ")
    assert "Cost a period, USD" in drawn
    assert "Units on the shelf" in drawn
    assert "must end in .svg" in shell("what-if", *ITEM, "--vary", "penalty=2,4", "--chart", "w.png")[2]


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
     ("lead-time=3..1", "holds no number: a range goes upwards"), ("lead-time=1..2..0", "no range"), ("lead-time=1..2..3..4", "no range"),
     ("service=95", "a share of the demand"), ("service=high", "a share of the demand")],
)  # fmt: skip
def test_what_can_not_vary_gets_a_sentence(said, says):
    with pytest.raises((ConfigError, MissingError), match=says):
        varied(said)


def test_a_value_that_does_not_fit_is_left_out_with_its_reason(shell, said):
    item = ("what-if", "--demand", "poisson:2", "--penalty", "4", "--policy", "pretrained")
    found = said(*item, "--vary", "penalty=4,900")
    assert [row["penalty"] for row in found["rows"]] == ["4"]
    assert "over --holding from 1 to 100, not 900" in found["left_out"]["penalty 900"]
    assert "\nwithout penalty 900: " in shell(*item, "--vary", "penalty=4,900")[1]
    code, out, err = shell(*item, "--vary", "penalty=800,900")
    assert (code, out) == (2, "")
    assert "--vary: nothing is left: penalty 800: " in err


def test_a_range_has_one_policy_and_packs_are_told(said, shell):
    rows = said("what-if", *ITEM, "--vary", "penalty=4,9")["rows"]
    assert {row["policy"] for row in rows} == {"pretrained"}
    rows = said("what-if", *ITEM, "--vary", "pack=1,6")["rows"]
    assert {row["policy"] for row in rows} == {"capped base-stock"}
    assert rows[1]["said"].endswith(", in packs of 6")


def test_a_service_that_was_simulated_says_so(said):
    row = {"service": 0.9, "policy": "r", "said": "x", "implied_usd": 4.0, "cost_usd": 5.0, "standard_error_usd": 0.1, "exact": False,
           "stock_and_orders_usd": 3.0, "fill_rate": 0.9, "stock_units": 3.0, "orders": 1.0}  # fmt: skip
    out = text("service", [row, {**row, "service": 0.95, "exact": True}])
    assert out.count("3.0000 simulated") == 1
    assert "exact but those that say so" in out


def test_a_lead_time_that_varies_costs_more_the_more_it_varies(said, shell):
    laws = "lead-time-law=2:1;1:0.5,3:0.5;0:0.5,4:0.5"
    rows = said("what-if", "--demand", "poisson:5", "--penalty", "4", "--vary", laws)["rows"]
    costs = [row["cost_usd"] for row in rows]
    assert costs == sorted(costs)
    assert [row["exact"] for row in rows] == [True, False, False]
    assert shell("what-if", *ITEM[:2], "--penalty", "4", "--vary", laws, "--chart", "x.svg")[0] != 0


def test_an_order_is_not_explained_where_nobody_knows_when_orders_come(shell):
    code, _, err = shell("explain", *ITEM[:2], "--penalty", "4", "--lead-time-law", "1:0.5,2:0.5", "--on-hand", "2")
    assert code != 0
    assert "--lead-time-law" in err
