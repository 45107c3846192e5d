"""Contracts: the typed rows that keep them, the bad ones apart, and nothing lost between."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.errors import DataError
from ropewalk.spine.data import quarantine
from ropewalk.spine.data.contracts import check
from ropewalk.types import Column, Contract

CONTRACT = Contract(
    (
        Column("date", "date", "the day"),
        Column("item", "str", "the code"),
        Column("units", "float", "units sold", unit="units", low=0, high=100),
        Column("packs", "int", "packs", required=False, default=1),
        Column("promo", "bool", "on promotion", required=False),
        Column("kind", "str", "kind", required=False, choices=("a", "b")),
    ),
    keys=("date", "item"),
    time="date",
)


def lazy(**columns):
    return pl.LazyFrame(columns)


def test_text_becomes_the_types_of_the_contract():
    frame = lazy(date=["2024-01-02 13:00", "2024-01-01"], item=[" 07", "08 "], units=["1.5", "2"], promo=["Yes", "0"])
    checked = check(frame, CONTRACT, "sales.csv")
    assert checked.frame.to_dicts() == [
        {"date": date(2024, 1, 1), "item": "08", "units": 2.0, "packs": 1, "promo": False, "kind": None},
        {"date": date(2024, 1, 2), "item": "07", "units": 1.5, "packs": 1, "promo": True, "kind": None},
    ]
    assert checked.quarantined is None


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        (["2024/3/1", "2024/12/31"], [date(2024, 3, 1), date(2024, 12, 31)]),
        (["20240301"], [date(2024, 3, 1)]),
        (["1.3.2024"], [date(2024, 3, 1)]),
        (["1 Mar 2024"], [date(2024, 3, 1)]),
        (["01/03/2024", "31/12/2024"], [date(2024, 3, 1), date(2024, 12, 31)]),
        (["03/01/2024", "12/31/2024"], [date(2024, 3, 1), date(2024, 12, 31)]),
        ([datetime(2024, 3, 1, 23, 59)], [date(2024, 3, 1)]),
    ],
)
def test_common_dates_are_read(values, meant):
    n = len(values)
    assert check(lazy(date=values, item=["a"] * n, units=[1.0] * n), CONTRACT, "t").frame["date"].to_list() == meant


def units_of(*values, **options):
    n = len(values)
    return check(
        lazy(date=["2024-01-01"] * n, item=[str(i) for i in range(n)], units=list(values)), CONTRACT, "t", **options
    )


@pytest.mark.parametrize(
    ("values", "options", "meant"),
    [
        (("3,5", "4", ",25"), {}, [3.5, 4.0, 0.25]),
        (("3,5", "1,234"), {}, [3.5, 1.234]),
        (("0,125", "4"), {}, [0.125, 4.0]),
        (("1,234", "4"), {"decimal_comma": True}, [1.234, 4.0]),
        (("3,5", "4"), {"decimal_comma": True}, [3.5, 4.0]),
    ],
)
def test_a_decimal_comma_is_read_where_some_value_can_be_nothing_else_or_it_is_said(values, options, meant):
    assert units_of(*values, **options).frame["units"].to_list() == meant


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        (("1,234", "4"), {}, "may be 1.234 or 1234, and no row decides"),
        (("3,5", "4.5"), {}, "a point for decimals"),
        (("3,5", "1,234,567"), {}, "a point for decimals"),
        (("3,5", "1.234,5"), {"decimal_comma": True}, "nothing for thousands"),
        (("3,5", "4"), {"decimal_comma": False}, "a point for decimals"),
    ],
)
def test_a_comma_that_leaves_a_doubt_is_refused(values, options, says):
    with pytest.raises(DataError, match=says):
        units_of(*values, **options)


def test_rows_with_a_decimal_comma_are_read_not_set_aside():
    checked = units_of("3,5", "4", "many", on_bad_rows="quarantine")
    assert checked.frame["units"].to_list() == [3.5, 4.0]
    assert checked.quarantined["units"].to_list() == ["many"]


def test_names_in_other_letters_are_read_and_said():
    checked = check(
        lazy(Date=["2024-01-01"], ITEM=["a"], qty=["1"], more=["x"]), CONTRACT, "t", columns={"units": "qty"}
    )
    assert checked.frame["units"].to_list() == [1.0]
    assert checked.notes == (
        "t: columns not used: more",
        "t: 'Date' is read as date",
        "t: 'ITEM' is read as item",
        "t: 'qty' is read as units",
    )


def test_integers_are_codes_too_and_large_ones_keep_their_digits():
    frame = lazy(date=[date(2024, 1, 1)] * 2, item=[9007199254740993, 2], units=[1, 2], packs=[3.0, 4.0])
    checked = check(frame, CONTRACT, "t").frame
    assert checked["item"].to_list() == ["9007199254740993", "2"]
    assert checked["packs"].to_list() == [3, 4]


def test_the_order_of_time_is_restored():
    days = [date(2024, 1, 3), date(2024, 1, 1), date(2024, 1, 2)]
    assert check(lazy(date=days, item=["a"] * 3, units=[1.0] * 3), CONTRACT, "t").frame["date"].to_list() == sorted(
        days
    )


def test_lists_of_a_length():
    contract = Contract((Column("history", "float", "past demand", length=2),))
    assert check(lazy(history=[[1, 2], [3, 4]]), contract, "t").frame["history"].to_list() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(DataError, match=r"t, row 2: history .* is not a list of 2"):
        check(lazy(history=[[1, 2], [3]]), contract, "t")


CELL = st.sampled_from(["1", "2.5", "-1", "101", "x", "", None, "inf", "NaN"])
DAY = st.sampled_from(["2024-01-01", "2024-01-02", "2024-02-30", "yesterday", "", None])
CODE = st.sampled_from(["a", "b", "c", " ", None])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(DAY, CODE, CELL), min_size=1, max_size=12))
def test_clean_and_quarantined_rows_partition_the_input(rows):
    days, items, units = (list(x) for x in zip(*rows, strict=True))
    schema = {"date": pl.String, "item": pl.String, "units": pl.String}
    frame = pl.LazyFrame(
        {"date": ["2024-01-05", *days], "item": ["good", *items], "units": ["7", *units]}, schema=schema
    )
    checked = check(frame, CONTRACT, "t", "quarantine")
    apart = checked.quarantined
    gone = 0 if apart is None else apart.height
    assert checked.frame.height + gone == len(rows) + 1
    assert sum(checked.reasons.values()) == gone
    if apart is not None:
        kept = set(range(1, len(rows) + 2)) - set(apart["row"].to_list())
        assert len(kept) == checked.frame.height
        everything = frame.collect()
        for number, day in apart.select("row", "date").iter_rows():
            assert everything["date"][number - 1] == day
    again = check(checked.frame.lazy(), CONTRACT, "t")  # what is clean is clean
    assert again.quarantined is None
    assert again.frame.equals(checked.frame)


def test_the_file_of_bad_rows_says_the_row_and_the_reason(tmp_path):
    frame = lazy(date=["2024-01-01", "2024-01-02"], item=["a", "a"], units=["1", "many"])
    apart = check(frame, CONTRACT, "sales.csv", "quarantine").quarantined
    parquet, text = quarantine.write(apart, tmp_path / "q", "sales")
    assert text.read_text() == "row,reason,date,item,units\n3,units is not a number,2024-01-02,a,many\n"
    assert pl.read_parquet(parquet).equals(apart)
