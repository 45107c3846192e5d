"""Questions whose answers are known: what a reader learns from, and how they are parted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ropewalk.errors import DataError
from ropewalk.systems.search.answer.found import Passage


@dataclass(frozen=True, slots=True)
class Example:
    """A question, a passage and the answer in it."""

    id: str
    question: str
    text: str
    answer: str
    start: int  # text[start : start + len(answer)] == answer
    language: str
    group: str  # examples of one group (an article) are never in two parts


@dataclass(frozen=True, slots=True)
class Asked:
    """An example as people ask it: of what was found for it, and of what is found where no document answers it."""

    example: Example
    found: tuple[Passage, ...]
    without: tuple[Passage, ...]  # empty: nobody looked


def alone(examples: Sequence[Example]) -> list[Asked]:
    """Each asked of its own text; and of the next other one of its group, else of all, without the answer in it."""
    texts: dict[str, dict[str, str]] = {}
    for e in examples:
        texts.setdefault(e.group, {})[e.text] = e.language
    every = {text: language for of_group in texts.values() for text, language in of_group.items()}
    found = []
    for e in examples:
        others = (t for some in (texts[e.group], every) for t in some if t != e.text and e.answer not in t)
        wrong = next(others, None)
        stray = () if wrong is None else (Passage("other", wrong, 1.0, every[wrong]),)
        found.append(Asked(e, (Passage("own", e.text, 1.0, e.language),), stray))
    return found


def checked(examples: Sequence[Example]) -> Sequence[Example]:
    """The examples, or a DataError that names those whose answer does not stand where they say."""
    problems = [
        f"Question {e.id}: characters {e.start} to {e.start + len(e.answer)} of its text are "
        f"{e.text[e.start : e.start + len(e.answer)]!r}, the answer is {e.answer!r}; correct `start`."
        for e in examples
        if not e.answer.strip() or e.start < 0 or e.text[e.start : e.start + len(e.answer)] != e.answer
    ]
    if not examples:
        problems = ["There is no question to learn from."]
    if problems:
        raise DataError(problems[:10])
    return examples


def parted(groups: Sequence[str], parts: int) -> np.ndarray:
    """[n] the part of each example: groups in the order of their SHA-256, dealt out in turn; no seed, no luck."""
    order = sorted(set(groups), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    if len(order) < parts:
        raise DataError([f"{parts} parts need as many groups; the examples have {len(order)} (the field `group`)."])
    part = {name: at % parts for at, name in enumerate(order)}
    return np.array([part[name] for name in groups])
