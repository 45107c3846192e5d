"""Records become documents: names recognised, ids stable, values of one type, times in UTC."""

import io
from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.config import load
from ropewalk.errors import ConfigError
from ropewalk.systems.search.collect.columns import aligned, frame_of, merged
from ropewalk.systems.search.collect.fields import as_kind, documents_of, moment, natural
from ropewalk.systems.search.collect.found import Found
from ropewalk.systems.search.collect.settings import CollectSettings


def document(record, position=1, counts=None, **settings):
    return documents_of(CollectSettings(**settings))(
        Found("a.jsonl", position, record), counts if counts is not None else {}
    )


@pytest.mark.parametrize("name", ["id", "_id", "docid", "DocNo", "sku"])
@pytest.mark.parametrize("text", ["text", "body", "Content", "passage"])
def test_usual_names_are_recognised(name, text):
    made = document({name: 7, text: " words ", "name": "A  title"})
    assert (made["id"], made["text"], made["title"]) == ("7", "words", "A title")


def test_columns_are_taken_as_they_are_named_and_lists_joined():
    made = document({"id": "x", "sku": "s", "a": "one", "b": "two"}, columns={"id": "sku", "text": ["a", "b"]})
    assert made["id"] == "s"
    assert made["text"] == "one\ntwo"
    assert made["id_"] == "x"  # not lost, and not taken for the document's id


def test_an_unknown_part_of_a_document_is_a_mistake_of_the_settings():
    with pytest.raises(ConfigError, match="there is no 'body' in a document"):
        load(CollectSettings, values={"columns": {"body": "x"}})
    for wrong in ({"language": "english"}, {"encoding": "utf-99"}, {"separator": ";;"}, {"similarity": 0.2}):
        with pytest.raises(ConfigError):
            load(CollectSettings, values=wrong)


def test_a_record_without_id_is_known_by_its_place():
    assert document({"text": "a"}, 3)["id"] == document({"text": "b"}, 3)["id"] != document({"text": "a"}, 4)["id"]
    assert document({"text": "a"}, 0)["id"] == "a.jsonl"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"id": "1"}, "no column is the text; it has id"),
        ({"id": "1", "text": "  "}, "its text is empty"),
        ({"id": "1", "text": None}, "its text is empty"),
        ({"id": ["1"], "text": "a"}, "its id is not a text or a number"),
        ({"id": True, "text": "a"}, "its id is not a text or a number"),
        ({"id": "x" * 600, "text": "a"}, "its id is not a text or a number"),
        ({"id": "1", "text": {"en": "a"}}, "its text is an object"),
        ({"id": "1", "text": "a", "title": {"en": "a"}}, "its title is an object"),
        ({"id": "1", "text": "a" * 101}, "too long: 101 characters"),
        ({"text": "a", **{str(i): i for i in range(600)}}, "it has 601 fields"),
    ],
)
def test_what_is_no_document_says_why(record, reason):
    assert reason in document(record, max_chars=100)


def test_a_title_alone_is_a_document():
    assert document({"id": 1, "title": "A product"})["text"] == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T10:00:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 10:00:00 GMT", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        (1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (date(2026, 11, 22), datetime(2026, 11, 22, tzinfo=UTC)),
        (datetime(2026, 11, 22, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 11, 22, tzinfo=UTC)),
        ("yesterday", None),
        (1e300, None),
        (True, None),
    ],
)
def test_a_time_is_in_utc_or_none(value, expected):
    assert moment(value) == expected


@given(st.text() | st.integers() | st.floats() | st.binary())
@settings(max_examples=50, deadline=None)
def test_any_value_is_a_time_or_none(value):
    assert moment(value) is None or moment(value).tzinfo is UTC


def test_a_time_that_is_none_is_counted():
    counts = {}
    assert document({"text": "a", "date": "soon"}, counts=counts)["time"] is None
    assert counts == {"time": 1}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int", "7", 7),
        ("int", 7.0, 7),
        ("int", "7.5", None),
        ("int", 2**80, None),
        ("float", "7.5", 7.5),
        ("float", "nan", None),
        ("bool", "yes", True),
        ("bool", 0, False),
        ("bool", "maybe", None),
        ("date", "2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("keyword", 7, "7"),
        ("keyword", ["a", 1], ["a", "1"]),
        ("int", "x", None),
    ],
)
def test_a_value_has_the_type_that_is_asked_for_or_none(kind, value, expected):
    assert as_kind(value, kind) == expected


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
NESTED = st.recursive(
    VALUES, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=2), max_leaves=5
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), NESTED, max_size=3), min_size=1, max_size=6), st.data())
@settings(max_examples=50, deadline=None)
def test_parts_get_one_schema_wherever_they_are_cut(records, data):
    made = [document({"text": "t", **r}, n) for n, r in enumerate(records)]
    cut = data.draw(st.integers(0, len(made)))
    parts = [frame_of(p) for p in (made[:cut], made[cut:]) if p]
    kinds = merged(k for _, k in parts)
    frames = [aligned(f.lazy(), k, kinds).collect() for f, k in parts]
    whole, own = frame_of(made)
    assert kinds == own
    assert pl.concat(frames)["id"].to_list() == whole["id"].to_list()
    for name, kind in kinds.items():
        if kind != "str":  # how a number reads as a text may depend on its neighbours (1 and 1.0)
            assert pl.concat(frames)[name].equals(whole[name], null_equal=True)


@given(st.lists(st.dictionaries(st.text(), NESTED, max_size=4), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_any_record_is_a_row_of_a_file_or_says_why_not(records):
    made = [document({**r, "text": "t"}, n) for n, r in enumerate(records)]
    good = [m for m in made if not isinstance(m, str)]
    if good and not any("\ud800" <= c <= "\udfff" for c in str(records)):
        frame, _ = frame_of(good)
        file = io.BytesIO()
        frame.write_parquet(file)
        file.seek(0)
        assert pl.read_parquet(file).equals(frame)


@given(NESTED)
@settings(max_examples=50, deadline=None)
def test_any_value_fits_a_column(value):
    made = natural(value)
    assert made is None or isinstance(made, (str, int, float, bool, datetime, list))
