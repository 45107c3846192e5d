from __future__ import annotations

from dataclasses import replace

import pytest

from ropewalk.errors import DataError, MissingError
from ropewalk.methods.text.answers import answer_f1
from ropewalk.systems.search.answer.answer import answer
from ropewalk.systems.search.answer.baselines import RULES, best_sentence, bm25, heuristic_span
from ropewalk.systems.search.answer.examples import alone
from ropewalk.systems.search.answer.found import Passage
from ropewalk.systems.search.answer.learn import Outcome, examined, scaled, stray, train
from ropewalk.systems.search.answer.made import examples
from ropewalk.systems.search.answer.reader import Scale, load, save, signals, sure
from ropewalk.systems.search.answer.tokens import parse, tokenise


@pytest.fixture(scope="module")
def reader():
    return train(examples(60, 0), risk=0.3, seed=1, trees=60)


@pytest.fixture(scope="module")
def open_minded(reader):
    return replace(reader, scale=replace(reader.scale, threshold=0.0), plain=replace(reader.plain, threshold=0.0))


def passages(*texts: str, start: int = 0) -> list[Passage]:
    return [Passage(f"d{i}", text, 1.0 / (i + 1), "en", start) for i, text in enumerate(texts)]


RACE = "It rained for days. Rosa Diaz won the Copper Sail in Genoa in 1931. Some 640 people watched the Copper Sail."


def test_a_reader_answers_unseen_questions_better_than_the_best_sentence(reader):
    unseen = examples(60, 7)
    ours = sum(examined(reader, a).f1 for a in alone(unseen))
    sentences = 0.0
    for e in unseen:
        a, b = best_sentence(parse(e.question, "en"), tokenise(e.text, "en"), bm25)
        sentences += answer_f1(e.text[a:b], [e.answer], "en")
    assert ours > max(2 * sentences, 0.8 * len(unseen))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_by_hand_points_into_a_passage(rule):
    passage, (start, end) = heuristic_span(
        parse("Who won the Copper Sail?", "en"), [tokenise(text, "en") for text in ("It is late.", RACE)], rule
    )
    assert (passage, RACE[start:end]) == (1, "Rosa Diaz")


def test_what_was_learned_in_one_language_serves_another(reader):
    unseen = examples(30, 5, "de")
    assert sum(examined(reader, a).f1 for a in alone(unseen)) > 0.5 * len(unseen)


def test_places_really_give_the_answer_and_its_sentence(open_minded):
    before = "Header. "
    document = before + RACE
    found = answer("Who won the Copper Sail?", passages(RACE, start=len(before)), open_minded, k=3)
    assert found.answers[0].text == "Rosa Diaz"
    assert found.abstained == ""
    for one in found.answers:
        source = one.sources[0]
        assert document[source.start : source.end] == one.text
        assert document[source.sentence_start : source.sentence_end] == source.sentence
        assert one.text in source.sentence
        assert 0 <= one.probability <= 1


def test_answers_come_best_first_and_do_not_overlap(open_minded):
    found = answer("When was the Copper Sail won?", passages(RACE), open_minded, k=3).answers
    assert len(found) == 3
    assert [a.probability for a in found] == sorted((a.probability for a in found), reverse=True)
    places = [(s.start, s.end) for a in found for s in a.sources]
    assert all(a[1] <= b[0] or b[1] <= a[0] for i, a in enumerate(places) for b in places[i + 1 :])


def test_documents_that_say_the_same_are_one_answer_with_all_sources(open_minded):
    other = "In 1931, Rosa Diaz won the Copper Sail, a prize of Genoa."
    one = answer("Who won the Copper Sail?", passages(RACE, "Nothing happened in Oslo."), open_minded, k=1).answers[0]
    two = answer("Who won the Copper Sail?", passages(RACE, other), open_minded, k=1).answers[0]
    assert one.text == two.text == "Rosa Diaz"
    assert {s.document_id for s in two.sources} == {"d0", "d1"}
    texts = {"d0": RACE, "d1": other}
    assert all(texts[s.document_id][s.start : s.end] == "Rosa Diaz" for s in two.sources)
    assert [s.score for s in two.sources] == sorted((s.score for s in two.sources), reverse=True)


def test_of_two_documents_that_tell_different_things_the_one_found_first_is_believed(open_minded):
    texts = ("Rosa Diaz won the Copper Sail in 1931.", "Paul Roth won the Copper Sail in 1952.")
    for scores, said in (((1.0, 0.4), "Rosa Diaz"), ((0.4, 1.0), "Paul Roth")):
        listed = [
            Passage(f"d{n}", text, score, "en") for n, (text, score) in enumerate(zip(texts, scores, strict=True))
        ]
        assert answer("Who won the Copper Sail?", listed, open_minded).answers[0].text == said


def test_a_reader_that_is_not_sure_abstains_and_says_why(reader):
    careful = replace(reader, plain=replace(reader.plain, threshold=0.9999))
    found = answer("Why is the sea salty?", passages(RACE), careful)
    assert found.answers == ()
    assert "the likeliest is 2% sure, 100% are asked for at a risk of 0.3" in found.abstained
    assert found.withheld


@pytest.mark.parametrize(
    ("question", "texts", "why"),
    [("Who?", [], "no passage"), ("Who?", [" \n"], "no passage"), (" ", [RACE], "no question"), ("Who?", ["..."], "No passage holds a word")],
)  # fmt: skip
def test_nothing_to_read_is_an_abstention(reader, question, texts, why):
    found = answer(question, passages(*texts), reader)
    assert found.answers == ()
    assert why in found.abstained


def test_a_mixed_list_of_languages_is_read(open_minded):
    mixed = [
        *passages(RACE),
        Passage("z", "野马队在1931年获胜。", 0.9, "zh"),
        Passage("x", "Ničeho tu není.", 0.1, "cs"),
    ]
    assert answer("Who won the Copper Sail?", mixed, open_minded).answers[0].text == "Rosa Diaz"


def test_the_same_examples_give_the_same_bytes_and_a_saved_reader_answers_alike(reader, tmp_path):
    again = train(examples(60, 0), risk=0.3, seed=1, trees=60)
    for folder, one in (("a", reader), ("b", again), ("c", load_saved(reader, tmp_path / "x"))):
        save(one, tmp_path / folder)
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert files == ["reader.json", "trees.txt"]
    for name in files:
        assert len({(tmp_path / folder / name).read_bytes() for folder in "abc"}) == 1
    assert answer("Who won the Copper Sail?", passages(RACE), reader) == answer(
        "Who won the Copper Sail?", passages(RACE), load(tmp_path / "c")
    )


def load_saved(reader, folder):
    save(reader, folder)
    return load(folder)


def test_a_folder_without_a_reader_and_a_broken_one_are_sentences(tmp_path):
    with pytest.raises(MissingError, match="holds no reader"):
        load(tmp_path)
    (tmp_path / "trees.txt").write_text("")
    (tmp_path / "reader.json").write_text('{"format": 99}')
    with pytest.raises(DataError, match="has format 99, this version reads 2; train again"):
        load(tmp_path)
    (tmp_path / "reader.json").write_text("[")
    with pytest.raises(DataError, match="no description of a reader"):
        load(tmp_path)


def outcomes(pairs) -> list[Outcome]:
    return [Outcome(str(i), "", f1, f1, said(p)) for i, (p, f1) in enumerate(pairs)]


def said(p: float, near: float | None = None):
    return signals(p, p, 0.0, 0.5, 0.0, near)


def test_probabilities_keep_their_promise_and_the_threshold_its_risk():
    pairs = [(0.9, 1.0)] * 90 + [(0.9, 0.0)] * 10 + [(0.2, 1.0)] * 10 + [(0.2, 0.0)] * 90
    scale = scaled(outcomes(pairs), risk=0.2)
    high, low = (sure(scale, said(p)) for p in (0.9, 0.2))
    assert high == pytest.approx(0.9, abs=0.03)
    assert low == pytest.approx(0.1, abs=0.03)
    assert low < scale.threshold <= high
    assert scale.kept == pytest.approx(0.5)


def test_nearness_tells_and_where_nobody_measured_it_the_usual_is_taken():
    far = [Outcome("far", "", 0.0, 0.0, said(0.5, 0.2))] * 50
    scale = scaled([Outcome("near", "", 1.0, 1.0, said(0.5, 0.8))] * 50 + far, risk=0.2)
    near, unknown, away = (sure(scale, said(0.5, x)) for x in (0.8, None, 0.2))
    assert near > unknown > away
    assert unknown == pytest.approx(sure(scale, said(0.5, 0.5)))


def test_a_risk_that_cannot_be_had_means_silence():
    scale = scaled(outcomes([(0.5, 0.0)] * 20), risk=0.1)
    assert (scale.threshold, scale.kept) == (1.0, 0.0)


def test_a_question_asked_of_the_wrong_passage_is_never_right(reader):
    some = examples(12, 3)
    assert all(o.f1 == 0 and o.stray for a in alone(some) if (o := stray(reader, a)))


def test_the_default_scale_holds_nothing_back():
    assert Scale().threshold == 0.0
