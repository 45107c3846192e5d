from __future__ import annotations

import numpy as np
import pytest

from ropewalk.systems.search.answer import features as seen
from ropewalk.systems.search.answer.tokens import parse, tokenise


@pytest.mark.parametrize(
    ("a", "b", "value"),
    [
        ("won", "won", 1.0), ("winner", "winners", 0.8), ("spieler", "verteidigungsspieler", 0.6), ("1999", "1998", 0.0),
        ("theatre", "theater", 0.8), ("cat", "dog", 0.0), ("国家", "国家队", 0.6), ("国", "国家", 0.0),
        ("mountain", "mountainous", 0.8), ("a", "b", 0.0),
    ],
)  # fmt: skip
def test_words_are_alike_by_form_in_either_order(a, b, value):
    assert seen.alike(a, b) == seen.alike(b, a) == value


def scene(question: str, *texts: str, language: str = "en"):
    asked = parse(question, language)
    return asked, seen.lay(asked, [tokenise(text, language) for text in texts])


def test_the_sentence_with_the_rare_words_covers_most():
    _, laid = scene("Who won the cup?", "The cup is old. Anna won the cup. The cup is gone.")
    assert int(np.argmax(laid.cover)) == 1


def test_a_table_has_a_row_a_candidate_a_column_a_name_and_no_hole():
    asked, laid = scene("Wer gewann 1999?", "Anna gewann 1999 in Oslo.", "Das ist alles, sagte er.", language="de")
    table, names = seen.features(asked, laid)
    assert table.shape == (len(laid.first), len(names)) == (len(laid.first), len(set(names)))
    assert np.isfinite(table).all()


@pytest.mark.parametrize("question", ["", "Who?", "¿?", "xyzzy plugh"])
def test_a_question_that_matches_nothing_still_has_features(question):
    asked, laid = scene(question, "Anna won in Oslo.")
    assert np.isfinite(seen.features(asked, laid)[0]).all()


def test_distances_end_at_the_sentence():
    asked, laid = scene("Who won?", "He won. Anna came.")
    table, names = seen.features(asked, laid)
    anna = [at for at, (a, b) in enumerate(zip(laid.first, laid.last, strict=True)) if a == b == 3]
    assert table[anna[0], names.index("d_left")] == seen.FAR


def test_a_span_of_one_passage_is_seen_alike_beside_other_passages_but_for_weights():
    """Shape and place do not depend on what else was found."""
    asked, alone = scene("Who won the cup?", "Anna won the cup in 1999.")
    asked, beside = scene("Who won the cup?", "Nobody sings here.", "Anna won the cup in 1999.")
    one, names = seen.features(asked, alone)
    two, _ = seen.features(asked, beside)
    shape = [
        names.index(n)
        for n in ("words", "letters", "from_left", "k_before", "k_after", "d_left", "d_right", "expected")
    ]
    assert np.array_equal(one[:, shape], two[-len(one) :, shape])


def test_only_the_best_sentences_give_candidates_where_that_is_asked_for():
    asked = parse("Who won the cup?", "en")
    laid = seen.lay(asked, [tokenise("It rained. Anna won the cup. It was cold. All slept.", "en")], sentences=1)
    assert set(laid.sentence[laid.first]) == {1}


def test_what_is_expected_fits_the_question():
    asked, laid = scene("How many trees?", "It has 7,000 trees.")
    fits = seen.expected(asked, laid)
    text = {(int(a), int(b)): fit for a, b, fit in zip(laid.first, laid.last, fits, strict=True)}
    assert text[2, 2] == 1
    assert text[3, 3] == -1
