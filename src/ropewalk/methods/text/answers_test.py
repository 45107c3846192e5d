from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.methods.text.answers import answer_f1, answer_words, exact_match, risk_coverage, risk_coverage_area

words = st.lists(st.sampled_from(["the", "Saxon", "Garden", "1870", "Ogród", "Saski"]), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("answer", "truth", "em", "f1"),
    [
        ("the Denver Broncos!", "Denver Broncos", 1.0, 1.0),  # SQuAD v1.1: articles, punctuation and case do not count
        ("Broncos", "Denver Broncos", 0.0, 2 / 3),
        ("Santa Clara, California", "Levi's Stadium", 0.0, 0.0),
        ("in the late 1990s", "late 1990s", 0.0, 0.8),
        ("15 people", "15–20 people", 0.0, 0.5),  # an en dash is no ASCII punctuation: the published script keeps it
    ],
)
def test_english_is_scored_as_squad_scores_it(answer, truth, em, f1):
    assert exact_match(answer, [truth], "en") == em
    assert answer_f1(answer, [truth], "en") == pytest.approx(f1)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Der „Rote“ Platz", ["rote", "platz"]),
        ("es", "¿Las Naciones Unidas?", ["naciones", "unidas"]),
        ("zh", "2015年，NFL 联盟。", ["2015", "年", "nfl", "联", "盟"]),
        ("fr", "la tour Eiffel", ["la", "tour", "eiffel"]),
    ],
)
def test_other_languages_lose_their_own_articles_and_all_punctuation(language, text, expected):
    assert answer_words(text, language) == expected


def test_chinese_is_scored_by_character():
    assert answer_f1("托马斯·戴维斯", ["戴维斯"], "zh") == pytest.approx(2 * 3 / (6 + 3))


def test_the_nearest_truth_counts():
    assert answer_f1("four", ["4", "four balls"], "en") == pytest.approx(2 / 3)


@given(words, words)
def test_f1_is_symmetric_and_one_only_for_the_same_words_in_any_order(left, right):
    f1 = answer_f1(left, [right], "en")
    assert f1 == answer_f1(right, [left], "en")
    assert (f1 == 1.0) == (sorted(answer_words(left, "en")) == sorted(answer_words(right, "en")))
    assert exact_match(left, [right], "en") <= f1 <= 1.0


def test_the_curve_is_that_of_the_textbook_example():
    coverage, risk = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=20), st.randoms())
def test_order_among_equals_does_not_matter_and_the_last_risk_is_the_mean(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    first = risk_coverage(*map(np.array, zip(*pairs, strict=True)))[1]
    assert first == pytest.approx(risk_coverage(*map(np.array, zip(*shuffled, strict=True)))[1])
    assert first[-1] == pytest.approx(np.mean([r for _, r in pairs]))


def test_a_constant_confidence_has_the_mean_risk_as_area():
    assert risk_coverage_area(np.ones(4), np.array([0.0, 1.0, 1.0, 0.0])) == pytest.approx(0.5)


def test_arrays_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"two arrays \[n > 0\]; got \(2,\), \(3,\)"):
        risk_coverage(np.ones(2), np.ones(3))
