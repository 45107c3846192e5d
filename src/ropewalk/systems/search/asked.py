"""Questions with answers, put to the collection as people will put them: what is found, with the answer in it or not.

For each question two lists: what retrieval finds, and what it finds when every document that could answer is taken away.
From both a reader learns how sure it may be.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from ropewalk.systems.search.answer.examples import Asked, Example
from ropewalk.systems.search.answer.found import Passage
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.retrieve.engine import Engine, Wanted
from ropewalk.systems.search.retrieve.passages import HITS, passages

DEEP = 5 * HITS  # hits among which those are sought that do not answer
LEAST = 0.5  # of the questions whose answer is found: below it they were asked of other documents


def as_asked(model: Search, examples: Sequence[Example]) -> list[Asked] | None:
    """The examples with what this collection gives for them; None where it answers few of them."""
    engine, _, _ = model.opened()
    texts: dict[str, set[str]] = {}
    for e in examples:
        texts.setdefault(e.group, set()).add(e.text)
    found = [_asked(engine, model.spec.legs, e, texts[e.group]) for e in examples]
    answered = [any(a.example.answer in p.text for p in a.found) for a in found]
    return found if found and np.mean(answered) >= LEAST else None


def _asked(engine: Engine, legs: str, e: Example, own: Collection[str]) -> Asked:
    found = engine.search(Wanted(e.question, DEEP, legs, count=False))
    texts = [str(document.get("text") or "") for document in engine.snapshot.documents(found.rows)]
    wrong = np.array([not _answers(text, e, own) for text in texts], bool)
    without = replace(found, rows=found.rows[wrong], scores=found.scores[wrong]) if wrong.any() else None
    listed: list[Passage] = passages(engine, without) if without is not None else []
    return Asked(e, tuple(passages(engine, found)), tuple(listed))


def _answers(text: str, e: Example, own: Collection[str]) -> bool:
    """Could this document answer? It holds the answer, or a text of the question's group, or is a part of one."""
    return e.answer in text or any(one in text or text in one for one in own)
