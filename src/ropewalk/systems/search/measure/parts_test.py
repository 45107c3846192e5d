"""A query stays in its part whatever else comes, and what was done can be read from the notes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.errors import ConfigError
from ropewalk.systems.search.measure.parts import Rule, cut, sample, slices, stated, weights

IDS = st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=40)


@given(IDS, IDS)
def test_a_query_keeps_its_part_when_others_come(ids, more):
    before, after = cut(ids, Rule()), cut([*ids, *more], Rule())
    assert sorted(id_ for part in before.values() for id_ in part) == sorted(ids)
    assert all(set(before[name]) <= set(after[name]) for name in before)


def test_parts_have_their_shares_and_another_salt_draws_others():
    ids = [str(i) for i in range(10_000)]
    parts = cut(ids, Rule())
    assert {name: round(len(part) / 10_000, 1) for name, part in parts.items()} == {
        "train": 0.6,
        "validation": 0.2,
        "test": 0.2,
    }
    assert parts != cut(ids, Rule(salt="other"))
    assert cut(ids, Rule(shares={"all": 1.0})) == {"all": sorted(ids)}


@given(IDS, st.integers(0, 40), st.integers(0, 40))
def test_a_larger_sample_holds_a_smaller_one(ids, small, large):
    small, large = sorted((small, large))
    assert set(sample(ids, Rule(sample=small))) <= set(sample(ids, Rule(sample=large))) <= set(ids)
    assert len(sample(ids, Rule(sample=small))) == min(small, len(ids))


@pytest.mark.parametrize("shares", [{}, {"train": 0.5}, {"train": 1.5, "test": -0.5}])
def test_shares_that_are_no_whole_are_refused(shares):
    with pytest.raises(ConfigError, match="whose sum is 1"):
        cut(["1"], Rule(shares=shares))


QUERIES = {
    "1": {"text": "laptop", "language": "en", "asked": 30},
    "2": {"text": "bluetooth speaker for outdoors", "language": "en"},
    "3": {"text": "笔记本电脑", "language": "zh"},
    "4": {"text": "Kühlschrank A++", "field": "kitchen"},
}


def test_queries_are_sliced_by_length_language_and_fields():
    assert slices(QUERIES, ("length", "language", "field")) == {
        "length": {"1 word": ["1"], "2 words": ["4"], "4 words or more": ["2", "3"]},
        "language": {"en": ["1", "2"], "unknown": ["4"], "zh": ["3"]},
        "field": {"kitchen": ["4"], "unknown": ["1", "2", "3"]},
    }


def test_a_query_weighs_as_often_as_it_was_asked_when_that_is_wanted():
    assert weights(["2", "1"], QUERIES, Rule()).tolist() == [1, 1]
    assert weights(["2", "1"], QUERIES, Rule(weights="asked")).tolist() == [1, 30]


def test_what_was_done_is_stated_as_json():
    rule = Rule(sample=3, weights="asked", slices=("language",))
    parts = cut(list(QUERIES), rule)
    notes = json.loads(json.dumps(stated(rule, parts, QUERIES)))
    assert notes["rule"]["salt"] == "ropewalk"
    assert notes["sampling"] == "the 3 queries with the lowest sha256(salt/sample, id)"
    assert notes["weighting"] == "a query counts as often as it was asked"
    assert (notes["queries"]["given"], notes["queries"]["taken"]) == (4, 3)
    assert sum(notes["slices"]["language"].values()) == 3
    assert notes["hashes"] == stated(rule, cut(list(QUERIES)[::-1], rule), QUERIES)["hashes"]
