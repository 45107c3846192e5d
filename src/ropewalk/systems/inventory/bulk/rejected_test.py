"""What cannot be planned: rows are set aside with the value as it is, tables are refused in a sentence."""

from pathlib import Path

import polars as pl
import pytest

from ropewalk.errors import DataError, MissingError
from ropewalk.systems.inventory.bulk import files
from ropewalk.systems.inventory.bulk.source import parquet_files
from ropewalk.systems.inventory.bulk.toys import ASSUMED, made, planned, spread


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_gap_in_columns_is_told_as_it_stands_in_the_table(folder):
    def put(column, row, value):
        return pl.when(pl.int_range(pl.len()) == row).then(pl.lit(value)).otherwise(column).alias(column)

    table = spread(made(50)).with_columns(pl.col("^demand_ago_.*$").cast(pl.Float64))
    puts = (
        put("demand_ago_52", 3, None),
        put("demand_ago_7", 4, None),
        put("demand_ago_52", 5, 1e12),
        put("demand_ago_9", 6, float("nan")),
    )
    _, done = planned(table.with_columns(put("demand_ago_52", 3, None)))
    assert done.set_aside == 0
    _, done = planned(table.with_columns(puts[0], puts[1], puts[3]).with_columns(puts[2]))
    assert pl.read_parquet(done.rejected).select("row", "column", "value", "reason").rows() == [
        (5, "demand_ago_7", None, "is missing"), (6, "demand_ago_52", "1e+12", "is above 1e+09"), (7, "demand_ago_9", "NaN", "is not a number"),
    ]  # fmt: skip


def test_bad_rows_are_set_aside_with_file_row_column_value_and_reason(folder):
    table = made(1_000)
    history = table["demand_history"].to_list()
    history[10], history[11], history[12], history[13] = history[10][:3], None, [1.0, None, *history[12][2:]], [-3.0, *history[13][1:]]  # fmt: skip
    history[700], history[701], history[702] = (
        [float("nan"), *history[700][1:]],
        [1e12, *history[701][33:]],
        [None] * 50 + [1.0, 2.0],
    )
    due = table["on_order"].to_list()
    due[20] = [0, -1, 0]

    def put(column, row, value):
        return pl.when(pl.int_range(pl.len()) == row).then(pl.lit(value)).otherwise(column).alias(column)

    bad = table.with_columns(
        put("on_hand", 0, -2.0), put("price_usd", 1, None), put("pack_size", 2, 0), put("lead_time_periods", 3, 99),
        put("item", 4, None), put("unit_cost_usd", 999, float("inf")),
        demand_history=pl.Series(history), on_order=pl.Series(due),
    ).with_columns(pl.col("min_order").cast(pl.Float64)).with_columns(put("min_order", 5, 2.5))  # fmt: skip
    plan, done = planned(bad, rows=300)
    assert (done.rows, done.planned, done.set_aside) == (1_000, 985, 15)
    aside = pl.read_parquet(done.rejected)
    assert aside.columns == ["file", "row", "item", "site", "column", "value", "reason"]
    assert set(aside["file"]) == {"items.parquet"}
    assert aside.select("row", "column", "value", "reason").rows() == [
        (1, "on_hand", "-2", "is below 0"), (2, "price_usd", None, "is missing"), (3, "pack_size", "0", "is below 1"),
        (4, "lead_time_periods", "99", "is above 52"), (5, "item", None, "is missing"),
        (6, "min_order", "2.5", "is not a whole number"), (11, "demand_history", "3 values", "must be 4 to 520 values"),
        (12, "demand_history", None, "is missing"), (13, "demand_history, value 2", None, "is missing"),
        (14, "demand_history, value 1", "-3", "is below 0"), (21, "on_order, value 2", "-1", "is below 0"),
        (701, "demand_history, value 1", "NaN", "is not a number"), (702, "demand_history, value 1", "1e+12", "is above 1e+09"),
        (703, "demand_history", "2 values", "must be 4 to 520 values"), (1_000, "unit_cost_usd", "inf", "is above 1e+07"),
    ]  # fmt: skip
    good = pl.Series(sorted(set(range(1_000)) - {r - 1 for r in aside["row"]}))
    assert plan.equals(planned(table[good])[0])
    assert not Path("orders.rejected.parquet").exists()  # none is left of an earlier plan


def test_a_table_without_a_good_row_is_refused_and_the_last_plan_stays(folder):
    plan, _ = planned(made(20))
    with pytest.raises(DataError, match=r"no row can be planned; all are in orders.rejected.parquet. The first: items.parquet, row 1: on_hand -1 is below 0"):  # fmt: skip
        planned(made(20).with_columns(on_hand=-1.0))
    assert pl.read_parquet("orders.parquet").equals(plan)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop("price_usd"), "there is no column 'price_usd'; it has item, site"),
        (lambda t: t.drop("demand_history"), "no column 'demand_history', nor demand_ago_1, demand_ago_2, ..."),
        (lambda t: spread(t).drop("demand_ago_7"), "there is demand_ago_52 but no demand_ago_7"),
        (lambda t: t.with_columns(on_order_1=0), "on_order and on_order_1 say the same; leave one of them out"),
        (lambda t: t.with_columns(pl.col("on_hand").cast(pl.String)), "column on_hand is String; it must hold numbers"),
        (lambda t: t.with_columns(demand_history=4), "column demand_history is Int32; it must hold lists of numbers"),
        (lambda t: t.rename({"pack_size": "packsize"}), "no column 'pack_size', but 'packsize'. Rename it"),
        (lambda t: t.with_columns(pl.col("demand_history").list.head(3)), "holds 3 periods of history; 4 to 520"),
        (lambda t: t.head(0), "the table has the columns but no row"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused_in_a_sentence(folder, change, sentence):
    with pytest.raises(DataError) as refused:
        planned(change(made(20)))
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("items.parquet: ")
    assert not Path("orders.parquet").exists()


def test_sources_and_targets_that_cannot_be_are_refused(folder):
    made(20).write_parquet("items.parquet")
    Path("torn.parquet").write_bytes(Path("items.parquet").read_bytes()[:-50])
    with pytest.raises(DataError, match=r"torn.parquet: it can not be read: .* Was it written to the end\?"):
        files.plan_files(["torn.parquet"], Path("orders.parquet"), ASSUMED)
    with pytest.raises(DataError, match="holds the items; give the plan another name"):
        parquet_files("items.parquet", Path("items.parquet"))
    with pytest.raises(DataError, match="lies in the folder"):
        parquet_files(".", Path("orders.parquet"))
    with pytest.raises(MissingError, match=r"Did you mean 'items.parquet'"):
        parquet_files("item.parquet", Path("orders.parquet"))
    made(20).with_columns(pl.col("pack_size").cast(pl.String)).write_parquet("other.parquet")
    with pytest.raises(DataError, match=r"other.parquet: column pack_size is String, but Int64 in items.parquet"):
        files.plan_files(["items.parquet", "other.parquet"], Path("orders.parquet"), ASSUMED)
    made(20).drop("holding_usd").write_parquet("items.parquet")
    with pytest.raises(DataError, match=r"no column holding_usd, and holding_per_year is 0"):
        files.plan_files(["items.parquet"], Path("orders.parquet"), {**ASSUMED, "holding_usd": 0.0})
    Path("items.csv").write_text("item\n1\n")
    with pytest.raises(DataError, match=r"items.csv: the items must be Parquet"):
        parquet_files("items.csv", Path("orders.parquet"))


def test_an_item_at_a_site_that_is_there_twice_is_set_aside_with_the_place_of_the_first(folder):
    table, other = made(900, seed=1), made(50, seed=2)
    (folder / "parts").mkdir()
    table.write_parquet("parts/a.parquet", row_group_size=100)
    pl.concat([other[:10], table[7:9], other, table[7:8].with_columns(site=pl.lit("east"))]).write_parquet(
        "parts/b.parquet"
    )
    done = files.plan_files(parquet_files("parts", Path("orders.parquet")), Path("orders.parquet"), ASSUMED)
    aside = pl.read_parquet(done.rejected)
    assert (done.set_aside, aside.height) == (12, 12)
    assert set(aside["file"]) == {"parts/b.parquet"}
    assert aside.select("row", "column", "value", "reason").rows()[:3] == [
        (11, "item", "1-00007", "is there already, with this site: row 8 of parts/a.parquet"),
        (12, "item", "1-00008", "is there already, with this site: row 9 of parts/a.parquet"),
        (13, "item", "2-00000", "is there already, with this site: row 1 of parts/b.parquet"),
    ]
    plan = pl.read_parquet("orders.parquet")
    assert plan.select("item", "site").is_unique().all()
    assert plan.height == 900 + 50 + 1


def test_all_of_a_table_may_be_there_twice(folder):
    table = made(60)
    plan, done = planned(pl.concat([table, table]), rows=60)
    assert (done.planned, done.set_aside) == (60, 60)
    assert plan.equals(planned(table)[0])


def test_a_key_that_says_nothing_is_refused(folder):
    table = made(20).with_columns(item=pl.Series(["", None, "", *(f"i{n}" for n in range(17))]))
    table = table.with_columns(site=pl.Series([*["north"] * 19, ""]))
    _, done = planned(table)
    assert pl.read_parquet(done.rejected).select("row", "column", "value", "reason").rows() == [
        (1, "item", "", "is empty"), (2, "item", None, "is missing"), (3, "item", "", "is empty"), (20, "site", "", "is empty"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "column", "way_out"),
    [
        ({"holding_usd": 0.0}, "holding_usd", "give what it costs"),
        ({"unit_cost_usd": 0.0, "holding_usd": None}, "unit_cost_usd", "give what it costs, or holding_usd"),
        (
            {"price_usd": 0, "unit_cost_usd": None, "holding_usd": None},
            "price_usd",
            "give what it costs, or holding_usd",
        ),
    ],
)
def test_what_costs_nothing_to_hold_is_set_aside_with_the_way_out(folder, changes, column, way_out):
    without = [name for name, value in changes.items() if value is None]
    table, given = made(50).drop(without), {k: v for k, v in changes.items() if v is not None}
    zero = table.with_columns(
        *(pl.when(pl.int_range(pl.len()) == 7).then(pl.lit(v)).otherwise(k).alias(k) for k, v in given.items())
    )
    _, done = planned(zero)
    (row,) = pl.read_parquet(done.rejected).select("row", "column", "value", "reason").rows()
    assert row[:3] == (8, column, "0")
    assert row[3] == f"is 0, so holding costs nothing and no stock is too much; {way_out}"
