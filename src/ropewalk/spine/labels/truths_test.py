"""Truths promise to reach their events by id, late, twice or corrected, and bad tables get a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.errors import DataError
from ropewalk.spine.labels.truths import events_frame, join, read_truths
from ropewalk.types import Column, Contract

REQUEST = Contract((Column("item", "str", "i"), Column("date", "date", "d"), Column("past", "float", "p", length=3)))
ANSWER = Contract((Column("order_now", "float", "o"), Column("arrives", "date", "d")))
START = datetime(2024, 1, 1, tzinfo=UTC)


def events(n=4, release=lambda i: "r1"):
    rows = [
        {
            "id": f"e{i}", "at": str(START + timedelta(days=i)), "release": release(i), "latency_s": 0.001, "schema": 1,
            "request": {"item": f"item {i % 2}", "date": "2024-01-01", "past": [1, 2.5, i]},
            "answer": {"order_now": 5.0 + i, "arrives": "2024-02-01"},
        }
        for i in range(n)
    ]  # fmt: skip
    return events_frame(rows, REQUEST, ANSWER)


def truth(**columns):
    return pl.DataFrame(columns, strict=False)


def profits(joined):
    return dict(zip(joined.frame["id"], joined.frame["truth"].struct.field("profit").to_list(), strict=True))


def test_events_have_the_types_of_the_contract():
    frame = events()
    assert frame.schema["request"] == pl.Struct({"item": pl.String, "date": pl.Date, "past": pl.List(pl.Float64)})
    assert frame["at"][0] == START
    assert events_frame([], REQUEST, ANSWER).schema == frame.schema


@pytest.mark.parametrize(
    "past", [[[1, 2, 3], None], [[1, 2, 3], [1, 2]], [[1, 2, 3], [1, None, 3]], [None, None], [[], []]]
)
def test_lists_that_are_not_whole_stay_what_they_are(past):
    rows = [{"id": str(i), "request": {"past": p}, "answer": {}} for i, p in enumerate(past)]
    assert events_frame(rows, REQUEST, ANSWER)["request"].struct.field("past").to_list() == past


def test_an_event_of_an_older_contract_has_nulls_where_it_knew_nothing():
    old = {
        "id": "x",
        "at": "2024-01-01T00:00:00Z",
        "release": "r0",
        "request": {"item": "a"},
        "answer": {},
        "latency_s": 0.1,
    }
    frame = events_frame([old], REQUEST, ANSWER)
    assert frame["request"].struct.field("past")[0] is None
    assert frame["answer"].struct.field("order_now")[0] is None


def test_truths_reach_their_events_and_the_rest_waits():
    joined = join(events(), truth(id=["e1", "e3", "stranger"], profit=[1.0, 3.0, 9.0]))
    assert profits(joined) == {"e0": None, "e1": 1.0, "e2": None, "e3": 3.0}
    assert joined.frame["truth"].null_count() == 2
    assert joined.counts["matched"] == 2
    assert joined.counts["unknown_ids"] == 1
    assert joined.counts["waiting"] == 2


def test_counts_are_told_for_each_release_that_is_touched():
    mixed = events(6, lambda i: f"r{i // 2}")  # two of r0, r1, r2
    known = truth(id=["e0"], profit=[1.0])
    joined = join(mixed, truth(id=["e3", "e0", "e1", "e1", "stranger"], profit=[1.0, 5.0, 2.0, 2.0, 9.0]), known=known)
    assert list(joined.releases) == ["r0", "r1"]
    r0, r1 = joined.releases.values()
    assert (r0["matched"], r0["corrected"], r0["repeated"], r0["waiting"]) == (2, 1, 1, 0)
    assert (r1["matched"], r1["corrected"], r1["repeated"], r1["waiting"]) == (1, 0, 0, 1)
    for name in ("matched", "corrected", "repeated", "already_known"):
        assert sum(r[name] for r in joined.releases.values()) == joined.counts[name]
    assert "unknown_ids" not in r0


def test_the_same_truth_again_changes_nothing():
    first = truth(id=["e1", "e1"], profit=[1.0, 1.0])
    joined = join(events(), first)
    assert joined.counts["repeated"] == 1
    assert joined.counts["corrected"] == 0
    again = join(events(), first, known=first)
    assert again.counts["already_known"] == 1
    assert again.counts["corrected"] == 0
    assert again.frame.equals(joined.frame)


def test_a_later_truth_corrects_an_earlier_one_and_is_counted():
    joined = join(events(), truth(id=["e1"], profit=[2.0]), known=truth(id=["e1", "e2"], profit=[1.0, 5.0]))
    assert profits(joined) == {"e0": None, "e1": 2.0, "e2": 5.0, "e3": None}
    assert joined.counts["corrected"] == 1
    assert join(events(), truth(id=["e1", "e1"], profit=[1.0, 2.0])).counts["corrected"] == 1


def test_later_is_by_known_at_where_it_is_told():
    late_first = truth(id=["e1", "e1"], profit=[2.0, 1.0], known_at=["2024-03-02", "2024-03-01T10:00:00Z"])
    assert profits(join(events(), late_first))["e1"] == 2.0


def test_an_empty_cell_never_takes_away_what_is_known():
    """Sales come in one table, orders in another."""
    sales = truth(id=["e1"], profit=[1.0])
    orders = truth(id=["e1", "e2"], **{"done.order_now": [6.0, 9.0]})
    joined = join(events(), orders, known=sales)
    assert profits(joined)["e1"] == 1.0
    assert joined.frame["done"].struct.field("order_now").to_list() == [None, 6.0, 9.0, None]
    assert joined.counts["corrected"] == 0


def test_what_was_done_is_compared_with_what_was_advised():
    joined = join(events(), truth(id=["e1", "e2"], **{"done.order_now": [6.0, 9.0]}))
    assert joined.frame["followed"].to_list() == [None, True, False, None]
    assert joined.counts["followed"] == 1
    assert joined.counts["done_differently"] == 1
    assert join(events(), truth(id=["e1"], profit=[1.0])).frame["followed"].null_count() == 4


def test_truths_that_were_due_before_the_newest_event_are_overdue():
    frame = events().with_columns(truth_due=pl.col("at") + pl.duration(days=1))
    assert join(frame, truth(id=["e0"], profit=[1.0])).counts["overdue"] == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=20), st.data())
def test_tables_in_pieces_end_as_one_table(rows, data):
    """Handing in truths in two tables ends like handing them in at once."""
    cut = data.draw(st.integers(0, len(rows)))
    whole = truth(id=[f"e{i}" for i, _ in rows], profit=[float(v) for _, v in rows])
    at_once = join(events(6), whole)
    if 0 < cut < len(rows):
        assert join(events(6), whole[cut:], known=whole[:cut]).frame.equals(at_once.frame)
    last = {f"e{i}": float(v) for i, v in rows}
    assert profits(at_once) == {f"e{i}": last.get(f"e{i}") for i in range(6)}


def test_the_name_that_answers_give_their_id_is_taken():
    assert read_truths(truth(event_id=["a"], profit=[1]))["id"].to_list() == ["a"]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow", "jsonl"])
def test_every_format_reads_alike(tmp_path, suffix):
    frame = truth(id=["1", "2"], profit=[1.5, 2.5])
    path = tmp_path / f"truths.{suffix}"
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "arrow": frame.write_ipc, "jsonl": frame.write_ndjson}[
        suffix
    ](path)
    assert read_truths(path).equals(frame)


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (
            truth(request_id=["a"], profit=[1]),
            r"column 'id' is missing \(there is: request_id, profit\); rename 'request_id' to 'id'",
        ),
        (truth(profit=[1]), "each answer carries its id"),
        (truth(id=[], profit=[]), "holds no rows"),
        (truth(id=["a"]), "no column beside 'id'"),
        (truth(id=["a", None, " "], profit=[1, 2, 3]), "column 'id': 2 of 3 rows are empty, the first is row 2"),
        (truth(id=["a"], profit=[[1]]), "column 'profit' is nested"),
        (
            truth(id=["a", "b"], profit=[1, 2], known_at=["2024-01-01", "soon"]),
            "1 of 2 rows are no time, the first is row 2: 'soon'",
        ),
        (truth(id=["a"], profit=[1], known_at=[3]), "are no time"),
    ],
    ids=["renamed", "no id", "empty", "nothing beside", "empty ids", "nested", "times", "numbers as times"],
)
def test_a_bad_table_gets_a_sentence(frame, sentence):
    with pytest.raises(DataError, match=sentence):
        read_truths(frame)


def test_a_bad_file_gets_a_sentence(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read_truths(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"truths are read from \.csv"):
        read_truths(tmp_path / "truths.xlsx")
    (tmp_path / "bad.parquet").write_bytes(b"not a parquet file")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        read_truths(tmp_path / "bad.parquet")


def test_a_column_that_changes_its_kind_gets_a_sentence():
    with pytest.raises(DataError, match="column 'profit' is String now and was Float64 before"):
        join(events(), truth(id=["e1"], profit=["much"]), known=truth(id=["e1"], profit=[1.0]))
