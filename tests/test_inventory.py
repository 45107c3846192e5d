"""Inventory in the hands of a user: a small shop lives once, and its files, sentences and commands are what was promised."""

import contextlib
import io
import json
import re
from datetime import date, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import polars as pl
import pytest

from ropewalk import api, catalogue, cli
from ropewalk.lifecycle import records, stages
from ropewalk.lifecycle.life import service

FAST = {"steps": 1, "forecast_steps": 2, "width": 4}  # a training of seconds
WEEKS, ITEMS, START = 40, 6, date(2024, 1, 1)


def sales(weeks=WEEKS, first=0, items=ITEMS, seed=0):
    """Daily sales of a shop: the same day is the same whatever else is asked for. Item 000 has no price, 001 has a cost."""
    rows = []
    for day in range(7 * first, 7 * (first + weeks)):
        rng = np.random.default_rng([seed, day])
        rows += [(START + timedelta(day), f"{i:03}", int(rng.poisson(2 + i)), 2.5 + i) for i in range(items)]
    table = pl.DataFrame(rows, ["date", "item", "units", "price"], orient="row")
    return table.with_columns(
        price=pl.when(pl.col("item") >= "002").then("price"), unit_cost=pl.when(pl.col("item") == "001").then(2.0)
    )


class Shop:
    """A folder with a table of sales and the life that was made of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.options = {
            "store": str(folder / "store"),
            "settings": {**FAST, "sales": str(folder / "sales.csv"), "lead_time_periods": 1},
        }
        sales().write_csv(folder / "sales.csv")
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.life = api.live("inventory", out=self.out, quiet=False, **self.options)
        self.said = said.getvalue()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("shop"))


# -- the data --


def test_the_small_configuration_fits_the_weeks_of_ones_own_table(tmp_path):
    sales(weeks=20).write_csv(tmp_path / "sales.csv")
    settings = {"sales": str(tmp_path / "sales.csv")}
    made = api.data("inventory", small=True, settings=settings, store=str(tmp_path / "store"))
    assert {name: cut["periods"] for name, cut in made.notes["cuts"].items()} == {"train": 12, "choose": 4, "replay": 4}


# -- the plan --


def test_a_row_of_the_requests_that_a_life_leaves_can_be_sent_as_it_is(shop):
    rows = pl.read_parquet(shop.out / "requests.parquet")
    with api.place("inventory", **shop.options) as p, service(p.system, p.lane) as url:
        asked = Request(
            f"{url}/predict", rows[:1].write_json().strip("[]").encode(), {"content-type": "application/json"}
        )
        with urlopen(asked) as response:
            answer = json.load(response)
    plan = pl.read_parquet(shop.out / "orders.parquet")
    assert answer["order_now"] == plan.row(by_predicate=pl.col("item") == rows["item"][0], named=True)["order_now"]


def test_money_that_the_table_does_not_know_is_told_line_by_line_and_in_the_report(shop):
    assumed = dict(pl.read_parquet(shop.out / "orders.parquet").select("item", "assumed").rows())
    assert assumed == {"000": "price, unit cost", "001": "price"} | {f"00{i}": "unit cost" for i in range(2, 6)}
    told = json.loads((shop.out / "plan.json").read_text())["assumed"]
    assert len(told) == 3
    for sentence in told:
        assert sentence in shop.life.report.text
    assert "Neither price nor unit cost of 1 of 6 items is known" in told[-1]


# -- the report --


def test_two_evaluations_give_the_same_bytes(shop):
    """How fast this machine replayed is told beside the report, and is not in it."""
    with api.place("inventory", **shop.options) as p:
        model = stages.load_model(p.system, p.lane, shop.life.run.model)
        reports = []
        for key in ("one", "two"):
            with p.lane.job("evaluate", key) as job:
                reports.append(p.system.evaluate(p.config, model, shop.life.dataset, job))
                job.forget()
        one, two = (records.put_report(p.lane.store, "inventory", "same", r, ()).body for r in reports)
    assert one == two
    assert re.search(r"evaluate: report-\w+, [\d,]+ item-periods a second\n", shop.said)


def test_another_seed_is_another_model_of_the_same_data_and_the_run_says_which(shop):
    other = api.train("inventory", seed=1, **shop.options)
    assert other.dataset == shop.life.run.dataset
    assert other.model != shop.life.run.model
    assert (shop.life.run.plan["seed"], other.plan["seed"]) == (0, 1)


def test_a_run_of_a_version_with_another_setting_can_still_be_read(shop):
    """`seed` was once a setting of inventory; monitor reads the configuration of the release that it watches."""
    system = catalogue.find("inventory")
    assert stages.config_of(system, {**shop.life.run.config, "seed": 7}).model_dump(mode="json") == shop.life.run.config


# -- what came true --


@pytest.fixture
def shell(shop, tmp_path, monkeypatch, capsys):
    """Run a command beside the shop's store: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        code = cli.main([*map(str, arguments), "--store", shop.options["store"]])
        return (code, *capsys.readouterr())

    return run


def test_newer_sales_become_truths_in_two_commands(shop, shell):
    """The settings of the live release are known; what is not over is left; what is known is not told again."""
    assert shell("predict", "inventory", shop.out / "requests.parquet", "answers.csv")[0] == 0
    sales(weeks=1, first=WEEKS).write_csv("one.csv")
    code, out, err = shell("inventory", "actuals", "--sales", "one.csv", "--json")
    early = json.loads(out)
    assert (code, early["told"]) == (0, 0)
    assert (waiting := early["cover_not_over"]) >= ITEMS
    assert "actuals.parquet was not written" in err
    assert not Path("actuals.parquet").exists()

    sales(weeks=3, first=WEEKS).write_csv("three.csv")
    pl.DataFrame({"date": [START + timedelta(7 * WEEKS)], "item": ["003"], "ordered": [1.0]}).write_csv("orders.csv")
    code, out, err = shell("inventory", "actuals", "--sales", "three.csv", "--orders", "orders.csv", "--out", "new.csv")
    assert f"told: {waiting}" in out
    said = re.search(r"next: ropewalk (.+)\n", err)[1].split()
    assert shell(*said)[0] == 0
    code, out, _ = shell(*said, "--json")
    assert (json.loads(out)["matched"], json.loads(out)["already_known"]) == (waiting, waiting)
    assert json.loads(out)["done_differently"] > 0
    found = json.loads(shell("inventory", "actuals", "--sales", "three.csv", "--json")[1])
    assert (found["told"], found["cover_not_over"]) == (0, 0)
    assert shell("monitor", "inventory")[0] in (0, 10, 20)


def test_bad_newer_sales_get_the_sentences_of_sales(shell):
    Path("bad.csv").write_text("date,item,units\n2024-10-07,001,many\n")
    code, _, err = shell("inventory", "actuals", "--sales", "bad.csv")
    assert (code, "bad.csv, row 2: units 'many' is not a number" in err) == (2, True)
    assert "no file 'none.csv'" in shell("inventory", "actuals", "--sales", "none.csv")[2]
    assert "must end in one of .parquet, .csv, .arrow" in shell("inventory", "actuals", "--out", "x.xlsx")[2]


def test_a_command_mistyped_names_the_one_that_was_meant(shell):
    assert "Did you mean 'actuals'?" in shell("inventory", "actual")[2]
    assert "Verbs come first: ropewalk train inventory." in shell("inventory", "train")[2]


def test_actuals_of_a_system_that_answered_nothing_say_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["inventory", "actuals", "--small", "--store", "empty"]) == 2
    assert "Nothing was answered yet" in capsys.readouterr().err


def test_a_life_says_which_commands_come_next(shop, shell, monkeypatch):
    monkeypatch.setattr(api, "live", lambda *_, **__: shop.life)
    out = shell("live", "inventory")[1]
    assert f"\n  ropewalk inventory actuals --store {shop.options['store']}\n" in out
