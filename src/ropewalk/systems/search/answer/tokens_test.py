from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.systems.search.answer import lexicon
from ropewalk.systems.search.answer.tokens import LONGEST, candidates, parse, tokenise

texts = st.text(alphabet="Ab é9.,'’-–(\")中国的 \n½ß$%", max_size=50)
languages = st.sampled_from(["en", "de", "es", "zh", "xx"])


@pytest.mark.parametrize(
    ("language", "question", "kind"),
    [
        ("en", "Who led the Panthers in sacks?", "who"),
        ("en", "In what year was it built?", "when"),
        ("en", "How much time was left?", "how many"),
        ("en", "Name a luxury division of Toyota.", "none"),
        ("de", "Wie viele Punkte gab es?", "how many"),
        ("de", "Wie hieß der Fluss?", "thing"),
        ("de", "In welchem Jahr starb er?", "when"),
        ("es", "¿Quién ganó?", "who"),
        ("es", "¿Por qué cayó?", "why"),
        ("zh", "特斯拉是哪一年去世的？", "when"),
        ("zh", "黑豹队的防守丢了多少分？", "how many"),
    ],
)
def test_a_question_says_what_kind_of_answer_it_wants(language, question, kind):
    assert lexicon.KINDS[parse(question, language).kind] == kind


def test_numbers_words_and_possessives_are_apart_and_keep_their_places():
    text = "Scott's 3.5 km in the 1930s, 20–18."
    tokens = tokenise(text, "en")
    assert tokens.words == ("scott", "'s", "3.5", "km", "in", "the", "1930s", ",", "20", "–", "18", ".")
    assert [text[a:b].casefold() for a, b in zip(tokens.start, tokens.end, strict=True)] == list(tokens.words)
    assert tokens.year[6]
    assert tokens.unit[3]


def test_a_capital_at_the_beginning_of_a_sentence_counts_only_for_a_name():
    tokens = tokenise("They saw Rollo. Rollo came. Danes came. Iron Arm came. The end.", "en")
    capital = {w: bool(c) for w, c in zip(tokens.words, tokens.capital, strict=True)}
    assert capital["rollo"]
    assert capital["iron"]
    assert not capital["they"]
    assert not capital["danes"]
    assert not capital["the"]


@given(texts, languages)
def test_words_are_in_order_and_hold_every_sign(text, language):
    tokens = tokenise(text, language)
    at = 0
    for start, end in zip(tokens.start, tokens.end, strict=True):
        assert at <= start < end
        assert not text[at:start].strip()
        at = end
    assert not text[at:].strip()


@given(texts, languages)
def test_candidates_are_inside_one_sentence_and_not_too_long(text, language):
    tokens = tokenise(text, language)
    first, last = candidates(tokens)
    assert (first <= last).all()
    assert (last - first < LONGEST).all()
    assert (tokens.sentence[first] == tokens.sentence[last]).all()
    assert len(set(zip(first.tolist(), last.tolist(), strict=True))) == len(first)


def test_no_candidate_ends_with_a_small_word_or_holds_half_a_bracket():
    text = "He went to the (old Saxon) Garden and saw 7,000 trees."
    tokens = tokenise(text, "en")
    found = {text[tokens.start[a] : tokens.end[b]] for a, b in zip(*candidates(tokens), strict=True)}
    assert {"7,000 trees", "(old Saxon) Garden", "Garden", "to the (old Saxon)"} <= found
    assert not {"to the", "and saw", "Garden and", "Saxon) Garden", "trees."} & found


def test_an_empty_text_has_no_candidates():
    assert [len(part) for part in candidates(tokenise(" ", "en"))] == [0, 0]
    assert np.array_equal(parse("", "zh").terms, [])
