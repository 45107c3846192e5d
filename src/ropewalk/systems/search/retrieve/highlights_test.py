"""A snippet is a true part of the text, with the words that were asked for marked."""

from hypothesis import given
from hypothesis import strategies as st

from ropewalk.systems.search.retrieve.highlights import mark, snippet, spans


def marked(pieces):
    return [p["text"] for p in pieces if p["mark"]]


def test_forms_of_a_word_are_marked_as_they_stand():
    assert marked(snippet("He runs. Running is fun.", {"run"}, "en")) == ["runs", "Running"]


def test_chinese_words_are_marked_whole():
    text = "黑豹队的防守只丢了308分"
    assert "".join(marked(snippet(text, {"防守", "防", "守"}, "zh"))) == "防守"


def test_the_window_holds_the_most_of_what_was_asked():
    text = "shoe " * 50 + "filler " * 100 + "red leather shoe " + "filler " * 100
    assert set(marked(snippet(text, {"red", "leather", "shoe"}, "en"))) == {"red", "leather", "shoe"}


def test_without_a_hit_it_is_the_beginning():
    assert snippet("Some text.", {"other"}, "en") == [{"text": "Some text.", "mark": False}]
    assert snippet("", {"other"}, "en") == []


@given(st.lists(st.sampled_from(["red", "shoes", "filler", "…", "é", "中文"]), max_size=200).map(" ".join))
def test_a_snippet_is_part_of_the_text(text):
    pieces = snippet(text, {"red", "shoe"}, "en")
    whole = "".join(p["text"] for p in pieces)
    assert whole.removeprefix("… ").removesuffix(" …") in text


@given(st.text(alphabet="red shoe中", max_size=60))
def test_spans_are_in_order_and_apart(text):
    found = spans(text, {"red", "shoe", "中"}, "zh")
    assert all(a[1] <= b[0] for a, b in zip(found, found[1:], strict=False))
    assert "".join(p["text"] for p in mark(text, [(a, b) for a, b, _ in found])) == text
