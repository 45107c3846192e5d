"""Thumbs become labels by the rule that is stated, and the places where they were given stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.errors import DataError
from ropewalk.systems.search.measure.thumbs import judged, labels


def event(thumb, by=None, at=0, position=1, document="a", query="laptop"):
    return {"query": query, "document": document, "thumb": thumb, "position": position, "at": f"{at:04}", "by": by}


def test_more_people_up_is_relevant_more_down_is_not_and_even_says_nothing():
    events = [event("up", "x"), event("up", "y", position=4), event("down", "z", position=2)]
    (found,) = judged(events)
    assert (found.label, found.up, found.down, found.positions) == (1, 2, 1, (1, 2, 4))
    assert labels(judged([event("down", "x", document="b"), *events])) == {"laptop": {"a": 1, "b": 0}}
    assert judged([event("up", "x"), event("down", "y")]) == []
    assert judged(events, least=4) == []


def test_of_one_person_the_last_thumb_counts():
    (found,) = judged([event("down", "x", at=2, position=3), event("up", "x", at=1)])
    assert (found.label, found.up, found.down, found.positions) == (0, 0, 1, (3,))
    (found,) = judged([event("up"), event("up")])
    assert found.up == 2


VOTES = st.lists(st.tuples(st.sampled_from(["up", "down"]), st.sampled_from("xyz"), st.integers(1, 9)), max_size=12)


@given(VOTES, st.randoms())
def test_the_order_in_which_events_arrive_does_not_matter(votes, chance):
    events = [event(thumb, by, at, position) for at, (thumb, by, position) in enumerate(votes)]
    assert judged(chance.sample(events, len(events))) == judged(events)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"thumb": "sideways"}, "event 1 has the thumb 'sideways'; a thumb is 'up' or 'down'"),
        ({"position": 0}, "event 1 has the position 0; the first place is 1"),
        ({"query": ""}, "event 1 has no query"),
    ],
)
def test_an_event_that_is_none_is_told(change, sentence):
    with pytest.raises(DataError, match=sentence):
        judged([{**event("up"), **change}])
