"""Pairs go out as tasks and come back as labels; what a rater wrote wrongly is told with its line."""

import csv
import io
import json

import pytest

from ropewalk.errors import DataError
from ropewalk.methods.stats.raters import dawid_skene, majority
from ropewalk.systems.search.measure import queue

QUERIES = {"1": "laptop", "2": 'a "quoted", query'}
DOCUMENTS = {"a": {"title": "A, with\na line", "text": "x" * 900}, "b": {"title": "B"}, "c": {}}
PAIRS = [("2", "b"), ("1", "a"), ("1", "b"), ("1", "c")]


def rows():
    return queue.tasks(PAIRS, QUERIES, DOCUMENTS.get)


def answered(path, labels, rater="ann", name=None):
    """The file as it went out, with these labels filled in."""
    filled = [{**row, "label": str(label), "rater": rater} for row, label in zip(rows(), labels, strict=True)]
    path.write_bytes(queue.tasks_bytes(filled, str(path)))
    return path


def test_tasks_are_the_same_every_time_and_tell_nothing_of_ranks():
    once = rows()
    assert once == queue.tasks(PAIRS[::-1], QUERIES, DOCUMENTS.get)
    assert [row["query"] for row in once] == ["1", "1", "1", "2"]
    assert {row["document"] for row in queue.tasks(PAIRS, QUERIES, DOCUMENTS.get, seed=1)} == {"a", "b", "c"}
    assert len(once[[row["document"] for row in once].index("a")]["text"]) == queue.SHOWN
    assert all(row["label"] == row["rater"] == "" for row in once)


def test_both_kinds_of_file_hold_the_same_tasks():
    lines = [json.loads(line) for line in queue.tasks_bytes(rows(), "t.jsonl").decode().splitlines()]
    table = list(csv.DictReader(io.StringIO(queue.tasks_bytes(rows(), "t.csv").decode(), newline="")))
    assert lines == table == rows()


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_answers_come_back_and_open_ones_stay_open(tmp_path, name):
    answers = queue.read_answers(answered(tmp_path / name, [3, "", 0, 1]))
    assert [(a.query, a.rater, a.label) for a in answers] == [("1", "ann", 3), ("1", "ann", 0), ("2", "ann", 1)]


def test_a_rater_who_is_not_in_the_rows_can_be_said(tmp_path):
    path = answered(tmp_path / "t.csv", [3, 3, 3, 3], rater="")
    assert {a.rater for a in queue.read_answers(path, rater="bob")} == {"bob"}
    with pytest.raises(DataError, match=r"t.csv, line \d: there is no rater"):
        queue.read_answers(path)


def test_what_is_wrong_in_an_answer_is_told(tmp_path):
    with pytest.raises(DataError, match=r"line 1: the label '7' is not on the scale: 0 not relevant, 1 somewhat"):
        queue.read_answers(answered(tmp_path / "t.jsonl", [7, 1, 1, 1]))
    path = tmp_path / "twice.jsonl"
    path.write_text(answered(tmp_path / "t.jsonl", [1, 1, 1, 1]).read_text() * 2)
    with pytest.raises(DataError, match=r"line 5: 'ann' has answered the task .* further up"):
        queue.read_answers(path)
    path.write_text((tmp_path / "t.jsonl").read_text().replace('"document": "a"', '"document": "b"'))
    with pytest.raises(DataError, match="is not the task of query '1' and document 'b': leave these columns"):
        queue.read_answers(path)
    for text, sentence in (("{", "line 1 is not JSON"), ("[1]", "a task is an object")):
        path.write_text(text)
        with pytest.raises(DataError, match=sentence):
            queue.read_answers(path)
    headless = tmp_path / "h.csv"
    headless.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="there is no column document, label, query, task; it has a, b"):
        queue.read_answers(headless)
    with pytest.raises(DataError, match=r"ends in .jsonl or .csv"):
        queue.tasks_bytes([], "tasks.xlsx")
    with pytest.raises(DataError, match="there is no such file"):
        queue.read_answers(tmp_path / "none.csv")


def test_a_pair_without_its_text_is_told():
    with pytest.raises(DataError, match=r"the pair \(1, z\) cannot be labelled: there is no document of that id"):
        queue.tasks([("1", "z")], QUERIES, DOCUMENTS.get)


def test_answers_of_several_raters_become_labels(tmp_path):
    answers = []
    for rater, labels in (("ann", [3, 0, 2, 1]), ("bob", [3, 0, 2, 0]), ("eve", [0, 0, 0, 0])):
        answers += queue.read_answers(answered(tmp_path / f"{rater}.csv", labels, rater))
    labels, told = queue.agreed(answers)
    by_row = [labels[row["query"]][row["document"]] for row in rows()]
    assert by_row == [3, 0, 2, 0]
    assert (told["rule"], told["answers"], told["pairs"]) == ("majority", 12, 4)
    assert told["raters"]["bob"] > told["raters"]["eve"]
    assert -1 < told["alpha"] < 1
    json.dumps(told)
    assert queue.agreed(answers, dawid_skene)[1]["rule"] == "dawid_skene"
    alone = [answer for answer in answers if answer.rater == "ann"]
    assert queue.agreed(alone, majority)[1]["alpha"] is None
    with pytest.raises(DataError, match="no answers"):
        queue.agreed([])
