"""Lines of JSON and rows of CSV: what is good is read, what is broken is told by its number."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.systems.search.collect.found import Bad, Found
from ropewalk.systems.search.collect.lines import lines, parse, read_csv, read_json, read_jsonl
from ropewalk.systems.search.collect.settings import CollectSettings

SETTINGS = CollectSettings()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
OBJECTS = st.dictionaries(st.text(), SCALARS | st.lists(SCALARS, max_size=3), max_size=5)


def stream(data):
    return io.BufferedReader(io.BytesIO(data))


@given(st.lists(OBJECTS, max_size=8), st.sampled_from([b"\n", b"\r\n"]))
@settings(max_examples=50, deadline=None)
def test_what_json_writes_is_read_back(objects, end):
    data = end.join(json.dumps(o).encode() for o in objects)
    found = list(read_jsonl(io.BytesIO(data), "a", SETTINGS))
    mended = [json.loads(json.dumps(o).encode("utf-8", "replace")) for o in objects]
    if not any("\ud800" <= c <= "\udfff" for c in str(objects)):
        assert [f.record for f in found] == mended
    assert [f.position for f in found] == list(range(1, len(objects) + 1))


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_an_object_or_a_reason(line):
    value = parse(line)
    assert isinstance(value, dict) or (isinstance(value, str) and value)
    json.dumps(value).encode("utf-8")


@given(st.lists(st.binary(max_size=40).filter(lambda b: b"\n" not in b and not b.endswith(b"\r")), max_size=20))
@settings(max_examples=50, deadline=None)
def test_a_broken_line_does_not_touch_its_neighbours(broken):
    data = b"".join(b"%s\n%s\n" % (b, json.dumps({"id": i}).encode()) for i, b in enumerate(broken))
    found = [f for f in read_jsonl(io.BytesIO(data), "a", SETTINGS) if isinstance(f, Found) and f.position % 2 == 0]
    assert [f.record["id"] for f in found] == list(range(len(broken)))


@given(st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b), min_size=1, max_size=30), st.data())
@settings(max_examples=50, deadline=None)
def test_ranges_of_lines_together_are_all_lines(whole, data):
    text = b"\n".join(whole)
    cut = data.draw(st.integers(0, len(text)))
    at = text.find(b"\n", cut) + 1 or len(text)
    parts = [io.BytesIO(text), io.BytesIO(text[at:])]
    assert [*lines(parts[0], 99, at), *lines(parts[1], 99)] == list(lines(io.BytesIO(text), 99))


def test_a_line_that_is_too_long_is_skipped_and_the_next_one_read():
    assert list(lines(io.BytesIO(b"a" * 50 + b"\nb\n" + b"c" * 11), 10)) == [None, b"b", None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": 1', "broken JSON"),
        (b'{"a": 1} trailing', "broken JSON: trailing characters"),
        (b"[1, 2]", "not a list"),
        (b'"text"', "not a text"),
        (b"7", "not a number"),
        (b"null", "not null"),
        (b'{"a": "\xff"}', "0xff at column 8 is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{'a': 1}", "broken JSON"),
        (b"\x00\x01", "broken JSON"),
    ],
)
def test_a_broken_line_says_why(line, reason):
    assert reason in parse(line)


def test_what_other_writers_leave_in_json_is_read():
    assert parse(b'{"a": NaN, "b": [Infinity]}') == {"a": None, "b": [None]}
    assert parse(b'{"a": "half \\ud83d"}') == {"a": "half ?"}
    assert parse(b'{"a": 123456789012345678901234567890}') == {"a": 123456789012345678901234567890}


def test_a_json_file_may_hold_one_object_a_list_or_lines():
    for data in (b'{"id": 1}', b'[{"id": 1}]', b'\xef\xbb\xbf{"id": 1}\n{"id": 2}'):
        assert next(iter(read_json(io.BytesIO(data), "a", SETTINGS))).record == {"id": 1}
    assert isinstance(list(read_json(io.BytesIO(b'[{"id": 1}, 2]'), "a", SETTINGS))[1], Bad)


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2), max_size=6
    )
)
@settings(max_examples=50, deadline=None)
def test_what_csv_writes_is_read_back(rows):
    out = io.StringIO()
    csv.writer(out).writerows([["id", "text"], *rows])
    found = list(read_csv(stream(out.getvalue().encode()), "a", SETTINGS, ","))
    assert [f.record for f in found] == [
        {k: v if v.strip() else None for k, v in zip(("id", "text"), r, strict=True)} for r in rows
    ]


def test_a_row_with_too_many_values_is_told_and_the_rest_read():
    found = list(read_csv(stream(b"id,text\n1,a,b\n2,c\n"), "a", SETTINGS, ","))
    assert found == [Bad("a", 2, "has 3 values where the header has 2 names"), Found("a", 3, {"id": "2", "text": "c"})]


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"id;text\n1;a\n", "set separator=';'"), (b"id,id\n1,2\n", "names the column 'id' 2 times")],
)
def test_a_header_that_can_not_be_meant_is_told(data, reason):
    (found,) = read_csv(stream(data), "a", SETTINGS, ",")
    assert reason in found.reason


def test_text_of_a_spreadsheet_in_another_encoding_is_read():
    for data in ("id,text\n1,Grüße\n".encode("windows-1252"), "id,text\n1,Grüße\n".encode("utf-16")):
        assert next(iter(read_csv(stream(data), "a", SETTINGS, ","))).record == {"id": "1", "text": "Grüße"}
    wrong = CollectSettings(encoding="ascii")
    (found,) = read_csv(stream("id,text\n1,Grüße\n".encode("windows-1252")), "a", wrong, ",")
    assert "neither UTF-8 nor ascii" in found.reason
