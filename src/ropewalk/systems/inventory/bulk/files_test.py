"""Parquet to Parquet in the hands of a user: any layout, any chunks, bad rows apart, all of the plan or none of it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ropewalk import cli
from ropewalk.systems.inventory.bulk import files
from ropewalk.systems.inventory.bulk.source import parquet_files
from ropewalk.systems.inventory.bulk.toys import ASSUMED, made, planned, spread

ROWS = 3_000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- what is read, and what is written --


def test_lists_arrays_and_columns_of_history_give_the_same_plan(folder):
    table = made(ROWS)
    plan, done = planned(table)
    assert (done.rows, done.planned, done.set_aside, done.rejected) == (ROWS, ROWS, 0, None)
    assert plan.columns == ["item", "site", *files.ORDERS]
    assert plan["item"].to_list() == table["item"].to_list()
    fixed = table.with_columns(pl.col("demand_history").list.to_array(52), pl.col("on_order").list.to_array(3))
    whole = table.with_columns(pl.col("demand_history").cast(pl.List(pl.UInt16)))
    exact = spread(table).with_columns(pl.col("demand_ago_1", "on_hand").cast(pl.Decimal(12, 3)))
    for other in (
        spread(table),
        fixed,
        whole,
        exact,
        table.select(reversed(table.columns)).with_columns(note=pl.lit("x")),
    ):
        assert planned(other)[0].equals(plan)


def test_the_plan_does_not_depend_on_files_and_row_groups(folder):
    table = made(ROWS)
    plan, done = planned(table, rows=ROWS)
    assert planned(table, rows=37)[0].equals(plan)
    (folder / "parts").mkdir()
    for n, start in enumerate((0, 5, 1_900)):
        columns = table.columns[:: -1 if n == 1 else 1]  # in any order
        table[start : (5, 1_900, ROWS)[n]].select(columns).write_parquet(folder / "parts" / f"{n}.parquet")
    names = parquet_files("parts", Path("orders.parquet"))
    again = files.plan_files(names, Path("orders.parquet"), ASSUMED, word="week")
    assert pl.read_parquet("orders.parquet").equals(plan)
    assert (again.lines, again.units) == (done.lines, done.units)
    assert again.order_value_usd == pytest.approx(plan["order_value_usd"].sum())


def test_lists_of_what_is_due_may_have_any_length(folder):
    table = made(200).with_columns(on_order=pl.Series([[4] * (n % 4) for n in range(200)]))
    same = made(200).with_columns(on_order=pl.Series([[4] * (n % 4) + [0] * (3 - n % 4) for n in range(200)]))
    assert planned(table)[0].equals(planned(same)[0])


def test_new_items_are_planned_with_the_periods_that_they_have(folder):
    """The first row too. Short lists, lists that begin with nulls and columns that do say the same, and it is what the periods alone say."""
    table = made(ROWS, seed=4)
    keep = np.where(np.arange(ROWS) % 7 == 0, 4 + np.arange(ROWS) % 40, 52)
    short = table.with_columns(pl.col("demand_history").list.tail(pl.Series(keep)))
    nulls = [pl.when(pl.Series(keep) >= k).then(f"demand_ago_{k}").alias(f"demand_ago_{k}") for k in range(1, 53)]
    columns = spread(table).with_columns(nulls)
    padded = short.with_columns(
        pl.Series("demand_history", [[None] * (52 - len(h)) + h for h in short["demand_history"].to_list()])
    )
    plan, done = planned(short)
    assert done.planned == ROWS
    for other in (columns, padded, padded.with_columns(pl.col("demand_history").list.to_array(52))):
        assert planned(other)[0].equals(plan)
    assert planned(short, rows=11)[0].equals(plan)
    whole, _ = planned(table)
    old = pl.Series(keep == 52)
    assert plan.filter(old).equals(whole.filter(old))
    assert (plan.filter(~old)["expected_demand"] != whole.filter(~old)["expected_demand"]).mean() > 0.5
    assert plan.filter(~old)["reason"].str.contains("no demand in 4 weeks").any()


def test_what_the_table_has_not_is_assumed_and_named(folder):
    table = made(100).select("item", "demand_history", "on_hand", "price_usd")
    plan, done = planned(table)
    assert set(done.assumed) == set(ASSUMED)
    assert plan["site"].unique().to_list() == ["main"]
    costs = table.with_columns(unit_cost_usd=0.7 * pl.col("price_usd"))
    costs = costs.with_columns(holding_usd=0.005 * pl.col("unit_cost_usd"), lead_time_periods=2, site=pl.lit("main"))
    assert planned(costs)[0].equals(plan)
    assert planned(table.with_columns(item=pl.int_range(100)))[0]["item"].dtype == pl.Int64  # codes stay as they are


def test_orders_are_whole_packs_and_reasons_stay_few_words(folder):
    table = made(ROWS)
    plan, done = planned(table)
    assert (plan["order_units"].to_numpy() % table["pack_size"].to_numpy() == 0).all()
    assert done.lines == (plan["order_units"] > 0).sum()
    assert plan["stockout_probability"].is_between(0, 1).all()
    assert plan["reason"].str.len_chars().max() < 100


# -- the command --


def test_the_command_plans_counts_and_says_what_it_assumed(folder, capsys):
    table = (
        made(500).drop("holding_usd", "pack_size", "review_every_periods").with_columns(on_hand=pl.col("on_hand") - 1.0)
    )
    table.write_parquet("items.parquet")
    code = cli.main(["inventory", "orders", "--items", "items.parquet", "--store", "store", "--set", "pack_size=6"])
    out, err = capsys.readouterr()
    aside = int((table["on_hand"] < 0).sum())
    assert code == 0
    assert f"set aside: {aside}" in out
    assert "an order every week, holding 0.48 % of the unit cost a week, packs of 6" in err
    assert f"{aside} rows could not be planned; why is in orders.rejected.parquet" in err
    plan = pl.read_parquet("orders.parquet")
    assert plan.height == 500 - aside
    counts = plan["policy"].value_counts()
    assert all(f"{name} {count}" in out for name, count in counts.iter_rows())
    assert counts.height == 3
    assert (plan["order_units"] % 6 == 0).all()
    assert cli.main(["inventory", "orders", "--items", "items.parquet", "--out", "x.csv", "--store", "store"]) == 2
    assert "x.csv: the name must end in .parquet" in capsys.readouterr().err


def test_an_order_line_costs_nothing_unless_somebody_says_so(folder, capsys):
    made(300).drop("order_cost_usd").write_parquet("items.parquet")
    assert cli.main(["inventory", "orders", "--items", "items.parquet", "--store", "store"]) == 0
    assert "an order line 0 USD" in capsys.readouterr().err
    assert "network" in pl.read_parquet("orders.parquet")["policy"]
    dear = ["--set", "order_cost_usd=0.5"]
    assert cli.main(["inventory", "orders", "--items", "items.parquet", "--store", "store", *dear]) == 0
    assert "an order line 0.5 USD" in capsys.readouterr().err
    assert "network" not in pl.read_parquet("orders.parquet")["policy"]


def test_the_command_leaves_its_plan_and_nothing_else(folder, monkeypatch):
    monkeypatch.delenv("ROPEWALK_STORE", raising=False)
    made(20).write_parquet("items.parquet")
    assert cli.main(["inventory", "orders", "--items", "items.parquet", "--quiet"]) == 0
    assert sorted(p.name for p in folder.iterdir()) == ["items.parquet", "orders.parquet"]
