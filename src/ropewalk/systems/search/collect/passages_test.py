"""Passages cover the text, in order, none longer than asked, and are cut at sentences where they can be."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.systems.search.collect.passages import WORD, passages

PROSE = st.lists(st.sampled_from(["Rope", "walk.", "Dr.", "Is", "it?", "你好。", "世界", "\n\n", "a-b", "Ende!"])).map(
    " ".join
)


@given(PROSE | st.text(), st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_passages_hold_every_word_once_and_are_short(text, words):
    found = passages(text, words)
    assert all(0 <= a < b <= len(text) for a, b in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    assert [w for a, b in found for w in WORD.findall(text[a:b])] == WORD.findall(text)
    assert all(len(WORD.findall(text[a:b])) <= words for a, b in found)


def test_a_passage_ends_where_a_sentence_does():
    text = "One two three. Four five! Six seven eight nine. 一二三。四五。"
    assert [text[a:b] for a, b in passages(text, 5)] == [
        "One two three. Four five!",
        "Six seven eight nine.",
        "一二三。四五。",
    ]


def test_a_sentence_that_is_too_long_is_cut_between_words():
    assert passages("a b c d e", 2) == [(0, 3), (4, 7), (8, 9)]
