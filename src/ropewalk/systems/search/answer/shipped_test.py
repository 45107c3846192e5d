from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from ropewalk.systems.search.answer.answer import answer
from ropewalk.systems.search.answer.found import Passage
from ropewalk.systems.search.answer.learn import learn_trees
from ropewalk.systems.search.answer.made import examples
from ropewalk.systems.search.answer.reader import Reader, read
from ropewalk.systems.search.answer.shipped import FOLDER, shipped
from ropewalk.systems.search.answer.tokens import parse, tokenise

KETTLE = Passage("kettle", "Wipe the kettle with white vinegar. Never use a dishwasher.", 0.9, "en", near=0.7)
BRIDGE = Passage("bridge", "The old bridge was built in 1931 by Rosa Diaz. It is made of stone.", 0.9, "en", near=0.7)


@pytest.mark.parametrize(
    ("question", "passage", "said"),
    [("What do I wipe the kettle with?", KETTLE, "white vinegar"), ("When was the old bridge built?", BRIDGE, "1931")],
)
def test_who_has_no_labels_gets_answers(question, passage, said):
    found = answer(question, [passage], shipped(0.9)).answers
    assert found
    assert found[0].text == said


def test_what_no_passage_tells_is_not_answered():
    assert answer("Who is the king of Spain?", [KETTLE, BRIDGE], shipped(0.3)).answers == ()


def test_who_bears_more_risk_gets_more_answers():
    cuts = [shipped(risk).plain.threshold for risk in (0.01, 0.2, 0.3, 0.5, 0.9)]
    assert cuts == sorted(cuts, reverse=True)
    assert cuts[0] == 1.0  # less than any that was measured: silence
    assert shipped(0.3).plain.risk == 0.3


def test_the_default_is_the_scale_that_was_made():
    about = json.loads((FOLDER / "reader.json").read_text())
    assert shipped(0.3).plain.threshold == pytest.approx(about["plain"]["threshold"])


def test_the_files_are_small_and_say_where_they_are_from():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 200_000
    assert "CC BY-SA 4.0" in (FOLDER / "README.md").read_text()
    made = json.loads((FOLDER / "made.json").read_text())
    assert made["data"]["licence"] == "CC BY-SA 4.0"
    if not os.environ.get("ROPEWALK_SHARED_DATA"):
        pytest.skip("the data is compared where ROPEWALK_SHARED_DATA is set")
    data = Path(os.environ["ROPEWALK_SHARED_DATA"], "search", "xquad", made["data"]["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == made["data"]["sha256"]


def test_own_questions_go_on_from_it():
    start = shipped(0.3).trees
    grown = learn_trees(examples(24, 0), 0, 10, start)
    question, passage = parse("Who won the Copper Sail?", "en"), [tokenise("Zoe Quim won the Copper Sail.", "en")]
    before, after = (read(Reader(trees, {}, 2, ""), question, passage) for trees in (start, grown))
    assert before is not None
    assert after is not None
    assert grown.count("\nTree=") == start.count("\nTree=") + 10
    assert before.total.max() != after.total.max()
