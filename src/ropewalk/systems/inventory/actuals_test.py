"""What came true promises: the replay's own figures from the same sales, only of covers that are over, and of orders as placed."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from ropewalk.errors import DataError
from ropewalk.spine.labels.truths import check_truths, events_frame
from ropewalk.systems.inventory.actuals import TRUTHS, actuals
from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.contract import ANSWER, LONGEST_LEAD, REQUEST
from ropewalk.systems.inventory.data import read
from ropewalk.systems.inventory.data_read import LINE, Raw
from ropewalk.systems.inventory.features import WINDOW
from ropewalk.systems.inventory.outputs_made import QuietJob, made_outcome
from ropewalk.systems.inventory.panel import cut_periods
from ropewalk.systems.inventory.requests import came_true, dates_of, frame, panel_of, replayed

MONDAY = date(2024, 1, 1)
CONFIG = Config(sales="newer.csv")


def sold(weeks, item="a", skip=(), **columns):
    """A line a day, a seventh of the week's units each; `columns`: name -> value of every line."""
    rows = [
        (MONDAY + timedelta(7 * w + d), item, "main", n / 7)
        for w, n in enumerate(weeks)
        for d in range(7)
        if w not in skip
    ]
    table = pl.DataFrame(rows, ["date", "item", "site", "units"], orient="row").with_columns(price=3.0)
    table = table.with_columns(**{n: v if isinstance(v, pl.Expr) else pl.lit(v) for n, v in columns.items()})
    table = table.with_columns(pl.lit(None, k).alias(n) for n, k in LINE.items() if n not in table.columns)
    return table.select(pl.col(n).cast(k) for n, k in LINE.items())


def event(number=0, item="a", week=0, order=4.0, late=0, **request):
    """5 on hand and 2 due next week; an order of 4 arrives then, and the next one a week later."""
    asked = {
        "item": item, "site": "main", "date": str(MONDAY + timedelta(7 * week + late)), "on_hand": 5.0,
        "on_order": [2.0] + [0.0] * (LONGEST_LEAD - 1), "demand_history": [1.0] * WINDOW, "price_history": [3.0] * WINDOW,
        "unit_cost_usd": 2.0, "holding_usd": 0.1, "lost_sale_usd": 0.0, "order_cost_usd": 0.25, "lead_time_periods": 1,
        "next_order_periods": 1, **request,
    }  # fmt: skip
    at = "2024-01-01T00:00:00Z"
    return {"id": f"e{number}", "at": at, "release": "r1", "request": asked, "answer": {"order_now": order}}


def told(lines, *events, config=CONFIG, orders=None, again=False, known=None):
    table = events_frame(list(events), REQUEST, ANSWER)
    if known is not None:
        table = table.with_columns(known)
    raw = Raw(lines, "", orders=orders)
    return actuals(config, raw, table, QuietJob(None), again)


def test_an_order_line_earns_what_it_added_and_stock_ran_out_where_all_was_sold():
    table, counts = told(sold([6, 3]), event())
    row = table.row(0, named=True)
    assert row["profit_usd"] == pytest.approx(1 * (3 - 2) - 0.1 * 3 - 0.25)  # one sale saved, three units held a week
    assert (row["ran_out"], row["ran_out_covered"]) == (True, True)
    assert counts["told"] == 1
    check_truths(table, "the table")


def test_a_shelf_that_was_never_empty_did_not_run_out():
    table, _ = told(sold([3, 3]), event())
    assert table.select("ran_out", "ran_out_covered").row(0) == (False, False)


def test_days_that_the_sales_mark_decide_where_there_are_any():
    second_week = pl.col("date") >= MONDAY + timedelta(7)
    full, marked = (told(sold([5, 0], stocked_out=m), event())[0].row(0, named=True) for m in (False, second_week))
    assert (full["ran_out"], full["ran_out_covered"]) == (False, False)
    assert (marked["ran_out"], marked["ran_out_covered"]) == (False, True)


def test_the_same_sales_give_what_the_replay_itself_found(tmp_path):
    outcome = made_outcome(tmp_path)
    records, dates = panel_of(outcome.dataset), dates_of(outcome.config, outcome.dataset)
    start, stop = cut_periods(records, "replay")
    asked, ordered = replayed(records, outcome.model, dates, start, stop)
    kept, found = came_true(records, asked, ordered, start)
    requests = pl.concat(frame(asked[k]) for k in range(len(asked)))
    units = np.concatenate(ordered)
    events = pl.DataFrame(
        {
            "id": [str(i) for i in range(requests.height)],
            "request": requests.to_struct(),
            "answer": pl.DataFrame({"order_now": units}).to_struct(),
        }
    )
    table, counts = actuals(outcome.config, read(outcome.config, outcome.job), events, outcome.job)
    size = len(kept) * len(records.item)
    assert counts["cover_not_over"] == requests.height - counts["told"] < requests.height - size + 1
    table = table.head(size)
    assert table["id"].to_list() == events["id"].to_list()[:size]
    profit = np.concatenate([w.profit_usd for w in found])
    np.testing.assert_allclose(table["profit_usd"].to_numpy(), profit, rtol=1e-9, atol=1e-9)
    lost = np.concatenate([w.p_stock_out > 0 for w in found])
    assert table["ran_out"].to_numpy()[lost].all()
    assert lost.any()
    assert (table["ran_out"].to_numpy() != lost).mean() < 0.1  # the last unit was sold: nobody saw what was not


def test_a_cover_that_is_not_over_is_left_for_later():
    table, counts = told(sold([6, 3, 3]), event(0, week=0), event(1, week=1), event(2, week=2), event(3, week=-1))
    assert table["id"].to_list() == ["e0", "e1"]
    assert counts == {
        "events": 4, "told": 2, "cover_not_over": 1, "known_already": 0, "older_than_the_sales": 1, "sales_unknown": 0,
    }  # fmt: skip


def test_a_last_week_that_is_not_whole_is_not_over():
    lines = sold([6, 3, 3]).filter(pl.col("date") < MONDAY + timedelta(18))
    assert told(lines, event(week=1))[1]["cover_not_over"] == 1


def test_a_week_in_which_nobody_sold_anything_is_not_known():
    assert told(sold([6, 3, 3, 3], skip=(1,)), event(0), event(1, week=2))[1]["sales_unknown"] == 1


def test_an_item_without_a_row_sold_nothing_unless_that_is_unknown():
    lines = pl.concat([sold([6, 3]), sold([1, 1], item="b", skip=(1,))])
    zero, _ = told(lines, event(item="b", on_hand=1.0))
    assert zero["profit_usd"].item() == pytest.approx(-0.1 * 4 - 0.25)
    unknown = Config(sales="newer.csv", missing_rows="unknown")
    assert told(lines, event(item="b"), config=unknown)[1]["sales_unknown"] == 1


def test_what_was_ordered_instead_counts_and_is_told():
    lines = pl.concat([sold([6, 3, 3, 3]), sold([6, 3, 3, 3], item="b")])
    orders = pl.DataFrame(
        {
            "date": [MONDAY + timedelta(2), MONDAY + timedelta(7)],
            "item": ["a", "b"],
            "site": "main",
            "ordered": [1.0, 9.0],
        }
    )
    table, _ = told(lines, event(0), event(1, item="b"), event(2, week=2), orders=orders)
    assert dict(table.schema) == TRUTHS
    assert table["done.order_now"].to_list() == [
        1.0,
        0.0,
        None,
    ]  # other items were ordered then; nothing is recorded later
    assert table["profit_usd"].to_list()[:2] == [pytest.approx(1 * (3 - 2) - 0.1 * 0 - 0.25), 0.0]
    assert table["profit_usd"][2] == told(lines, event(2, week=2))[0]["profit_usd"].item()


def test_orders_that_were_handed_in_before_count_too():
    known = pl.struct(order_now=pl.lit(1.0)).alias("done")
    assert told(sold([6, 3]), event(), known=known)[0]["profit_usd"].item() == pytest.approx(1 - 0.25)


def test_what_is_known_is_told_again_only_when_asked():
    known = pl.struct(profit_usd=pl.lit(1.0)).alias("truth")
    assert told(sold([6, 3]), event(), known=known)[1]["known_already"] == 1
    assert told(sold([6, 3]), event(), known=known, again=True)[1]["told"] == 1


def test_an_answer_in_the_middle_of_a_week_is_about_the_days_that_follow_it():
    lines = sold([7, 70, 7])
    table, counts = told(
        lines, event(late=3, on_hand=1000.0), event(1, on_hand=4 + 10 * 3.0, order=0.0, lead_time_periods=0, late=3)
    )
    assert counts["told"] == 2
    assert table["ran_out"].to_list() == [False, True]


def test_sales_of_other_items_are_refused_with_examples_of_both():
    with pytest.raises(
        DataError, match=r"newer.csv: nothing of the 1 answers is in it: it has a at main.*about 0012 at main"
    ):
        told(sold([6, 3]), event(item="0012"))
