"""What a contract allows passes and is equal; anything else gets a sentence, and never anything but a sentence."""

import json
import math
from datetime import date

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.errors import ConfigError, RequestError
from ropewalk.spine.serving.explain import MOST, problems
from ropewalk.spine.serving.openapi import example_row
from ropewalk.spine.serving.requests import NotJsonError, Requests
from ropewalk.types import Column, Contract

CONTRACT = Contract(
    (
        Column("item", "str", "the item"),
        Column("price", "float", "the price", unit="EUR", low=0, high=1e6),
        Column("pack", "int", "units in a pack", low=1, high=500, required=False, default=1),
        Column("day", "date", "the day"),
        Column("promo", "bool", "on promotion", required=False),
        Column("size", "str", "the size", required=False, choices=("S", "M")),
        Column("sold", "float", "weeks sold", length=3, low=0),
        Column("cap", "int", "most units", required=False),
    ),
    keys=("item", "day"),
)
REQUESTS = Requests(CONTRACT)
GOOD = {"item": "A1", "price": 2.5, "day": "2024-03-01", "sold": [1.0, 2.0, 3.0]}


def value_of(column: Column):
    kinds = {
        "str": st.text(max_size=8).filter(lambda t: t.isprintable()),
        "float": st.floats(column.low, column.high, allow_nan=False, allow_infinity=False),
        "int": st.integers(int(column.low or -(2**63)), int(column.high or 2**63 - 1)),
        "bool": st.booleans(),
        "date": st.dates().map(date.isoformat),
    }
    one = st.sampled_from(column.choices) if column.choices else kinds[column.kind]
    many = one if column.length is None else st.lists(one, min_size=column.length, max_size=column.length)
    return many if column.required else st.one_of(many, st.none())


ALLOWED = st.fixed_dictionaries(
    {c.name: value_of(c) for c in CONTRACT.columns if c.required},
    optional={c.name: value_of(c) for c in CONTRACT.columns if not c.required},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*CONTRACT.names, "x"]), inner, max_size=9)
    ),
    max_leaves=12,
)


@given(ALLOWED)
@settings(max_examples=150, deadline=None)
def test_what_the_contract_allows_passes_and_is_equal(row):
    (read,), single = REQUESTS.decode(json.dumps(row).encode())
    seen = msgspec.to_builtins(read)
    assert single
    for column in CONTRACT.columns:
        sent = row.get(column.name)
        assert seen[column.name] == (column.default if sent is None else sent)
    columns = REQUESTS.columns([read])
    assert {name: len(array) for name, array in columns.items()} == dict.fromkeys(CONTRACT.names, 1)
    assert problems(CONTRACT, row) == []


@given(JSON, ALLOWED, st.sampled_from(CONTRACT.names))
@settings(max_examples=250, deadline=None)
def test_anything_else_gets_a_sentence_and_both_checkers_agree(strange, row, name):
    for body in (strange, {**row, name: strange}, [row, strange]):
        text = json.dumps(body).encode()
        if problems(CONTRACT, body):
            with pytest.raises(RequestError, match=r"must be|there is no field|out of range"):
                REQUESTS.decode(text)
        else:
            REQUESTS.columns(REQUESTS.decode(text)[0])


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_json_get_a_sentence(body):
    with pytest.raises(RequestError):
        REQUESTS.decode(body + b"\xff")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"price": -1}, "'price' is -1, but must be a number from 0 to 1000000 (EUR)."),
        ({"price": "2"}, "'price' is \"2\", but must be a number"),
        ({"price": True}, "'price' is true, but must be a number"),
        ({"price": None}, "'price' is missing; it must be a number from 0 to 1000000 (EUR), for example 1.0."),
        ({"pack": 0}, "'pack' is 0, but must be a whole number from 1 to 500."),
        ({"pack": 2.5}, "'pack' is 2.5, but must be a whole number"),
        ({"pack": 2**70}, "'pack' is 1180591620717411303424, but must be a whole number"),
        ({"cap": 2**63}, "'cap' is 9223372036854775808, but must be a whole number."),
        ({"day": "2024-02-30"}, "'day' is \"2024-02-30\", but must be a date as YYYY-MM-DD."),
        ({"day": "20240201"}, "'day' is \"20240201\", but must be a date"),
        ({"promo": 1}, "'promo' is 1, but must be true or false."),
        ({"size": "L"}, "'size' is \"L\", but must be one of 'S', 'M'."),
        ({"sold": [1, 2]}, "'sold' has 2 values, but must be a list of exactly 3 values, each a number of at least 0."),
        ({"sold": [1, -2, 3]}, "'sold' has -2 at place 1, but must be"),
        ({"sold": 3}, "'sold' is 3, but must be a list of exactly 3"),
        ({"prize": 3}, "there is no field \"prize\". Did you mean 'price'?"),
        ({"zzz": 3}, 'there is no field "zzz". There is: item, price'),
        ({"item": 7}, "'item' is 7, but must be a text."),
        ({"event_id": "a b"}, "'event_id' is \"a b\", but must be 1 to 64 letters"),
        ({"event_id": "x" * 65}, "'event_id' is"),
    ],
)
def test_the_sentence_names_the_field_its_value_and_what_would_be_right(change, sentence):
    with pytest.raises(RequestError) as error:
        REQUESTS.decode(json.dumps([GOOD, {**GOOD, "item": "A2", **change}]).encode())
    assert str(error.value).startswith("row 1: " + sentence)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the body is empty"),
        (b"{", "the body is not JSON"),
        (b'{"price": NaN}', "the body is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"item": "\xff"}', "the body is not JSON"),
    ],
)
def test_what_is_not_json_is_said_to_be_not_json(body, sentence):
    with pytest.raises(NotJsonError, match=sentence):
        REQUESTS.decode(body)


@pytest.mark.parametrize("body", [b"3", b'"a"', b"null", b"[3]", b'[{"item": 1e999}]'])
def test_what_is_no_row_is_refused(body):
    with pytest.raises(RequestError, match=r"must be|out of range"):
        REQUESTS.decode(body)


def test_all_problems_come_at_once_but_not_without_end():
    with pytest.raises(RequestError) as error:
        REQUESTS.decode(json.dumps([{}] * 50).encode())
    lines = str(error.value).split("\n")
    assert len(lines) == MOST + 1
    assert lines[-1] == "... and 180 problems more."


def test_rows_with_the_same_key_or_event_id_are_refused():
    with pytest.raises(RequestError, match='rows 0 and 1 have the same item "A1", day'):
        REQUESTS.decode(json.dumps([GOOD, GOOD]).encode())
    ids = [{**GOOD, "event_id": "e1"}, {**GOOD, "item": "B"}, {**GOOD, "item": "C", "event_id": "e1"}]
    with pytest.raises(RequestError, match='rows 0 and 2 have the same event_id "e1"'):
        REQUESTS.decode(json.dumps(ids).encode())


def test_the_type_of_a_column_depends_on_the_contract_only():
    full = {**GOOD, "item": "B", "promo": True, "size": "M", "cap": 4, "pack": 3}
    for rows in ([GOOD], [full], [GOOD, full]):
        columns = REQUESTS.columns(REQUESTS.decode(json.dumps(rows).encode())[0])
        kinds = {name: array.dtype.str for name, array in columns.items()}
        assert kinds == {"item": "|O", "price": "<f8", "pack": "<i8", "day": "<M8[D]", "promo": "|O", "size": "|O",
                         "sold": "<f8", "cap": "<f8"}  # fmt: skip
        assert columns["sold"].shape == (len(rows), 3)
    assert columns["day"][0] == np.datetime64("2024-03-01")
    assert columns["pack"].tolist() == [1, 3]
    assert math.isnan(columns["cap"][0])
    assert columns["promo"].tolist() == [None, True]


def test_lists_and_dates_may_be_absent_or_have_defaults():
    contract = Contract((
        Column("a", "float", "", length=2, required=False), Column("b", "int", "", length=2, required=False, default=7),
        Column("c", "date", "", required=False), Column("d", "date", "", required=False, default="2024-01-31"),
        Column("e", "str", "", length=2), Column("odd name", "bool", ""),
    ))  # fmt: skip
    requests = Requests(contract)
    rows, _ = requests.decode(
        b'[{"e": ["x", "y"], "odd name": true}, {"a": [1, 2], "e": ["x", "z"], "odd name": false}]'
    )
    columns = requests.columns(rows)
    assert np.isnan(columns["a"][0]).all()
    assert columns["b"].tolist() == [[7, 7], [7, 7]]
    assert np.isnat(columns["c"]).all()
    assert columns["d"][0] == np.datetime64("2024-01-31")
    assert columns["e"].shape == (2, 2)
    assert columns["odd name"].tolist() == [True, False]


def test_the_example_of_a_contract_is_allowed_by_it():
    assert REQUESTS.decode(json.dumps(example_row(CONTRACT)).encode())[1]


def test_names_that_the_service_needs_are_refused():
    with pytest.raises(ConfigError, match="event_id"):
        Requests(Contract((Column("event_id", "str", ""),)))
