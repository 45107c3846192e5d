"""Questions whose answers are known: what a reader learns from, and how they are parted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ropewalk.errors import DataError


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
