from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ropewalk.errors import DataError
from ropewalk.systems.search.answer.examples import checked, parted
from ropewalk.systems.search.answer.made import examples


def test_made_answers_stand_where_they_say():
    assert checked(examples(12, 0))
    assert checked(examples(12, 0, "de"))


def test_an_answer_that_is_not_there_is_named_with_its_question():
    bad = replace(examples(1, 0)[0], id="q7", start=3)
    with pytest.raises(DataError, match=r"Question q7: characters 3 to .* the answer is .*; correct `start`"):
        checked([bad])
    with pytest.raises(DataError, match="no question to learn from"):
        checked([])


def test_a_group_is_never_in_two_parts_and_parts_do_not_depend_on_order():
    groups = [f"g{i % 10}" for i in range(40)]
    part = parted(groups, 3)
    assert all(len(set(part[np.array(groups) == g])) == 1 for g in groups)
    assert set(part) == {0, 1, 2}
    assert parted(groups[::-1], 3).tolist() == part[::-1].tolist()


def test_too_few_groups_are_a_sentence():
    with pytest.raises(DataError, match="3 parts need as many groups; the examples have 1"):
        parted(["a", "a"], 3)
