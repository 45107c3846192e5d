"""What a reader has to beat: the sentence most like the question, and the best span that rules by hand can point at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ropewalk.systems.search.answer import features as seen
from ropewalk.systems.search.answer.tokens import Question, Tokens

Span = tuple[int, int]  # characters of the passage


def bm25(scene: seen.Scene, k1: float = 1.2, b: float = 0.75) -> np.ndarray:
    """[s] BM25 of each sentence for the question's terms (Robertson and Zaragoza 2009, equation 3.15)."""
    first, last = scene.bounds.T
    length = last - first + 1
    total = np.concatenate([np.zeros((len(scene.weight), 1)), np.cumsum(scene.match > 0, axis=1)], axis=1)
    count = total[:, last + 1] - total[:, first]
    return np.asarray(scene.weight @ (count * (k1 + 1) / (count + k1 * (1 - b + b * length / length.mean()))))


def best_sentence(question: Question, passage: Tokens, like: Callable[[seen.Scene], np.ndarray]) -> Span:
    """The sentence that `like` [s] scores highest."""
    scene = seen.lay(question, [passage])
    first, last = scene.bounds[int(np.argmax(like(scene)))]
    return int(passage.start[first]), int(passage.end[last])


def shared(scene: seen.Scene) -> np.ndarray:
    """[s] the share of the question's weight that the sentence holds."""
    return scene.cover


# How a rule weighs: the sentence, the shape that the question asks for, nearness to the question's words, runs of
# capitals and numbers, length. Words of the question, small words and commas inside are held against a span.
RULES: dict[str, tuple[float, float, float, float, float]] = {
    "longest run": (10, 2, 3, 0, 0.1),
    "longest run, far from sentence": (5, 3, 6, 0, 0.1),
    "capitals and numbers": (10, 3, 3, 1, 0.1),
    "capitals and numbers, near": (5, 3, 6, 1, 0.1),
    "capitals and numbers, strict": (10, 6, 6, 2, 0.05),
}


def heuristic_span(question: Question, passages: Sequence[Tokens], rule: str) -> tuple[int, Span]:
    """(passage, span): the candidate that a rule by hand values most."""
    scene = seen.lay(question, passages)
    table, names = seen.features(question, scene)
    column = dict(zip(names, table.T, strict=True))
    sentence, shape, near, run, length = RULES[rule]
    value = sentence * column["s_cover"] + shape * column["expected"] + near * column["near_6"]
    value -= 5 * (column["o_share"] > 0) + 3 * (column["n_small"] > 0) + 3 * (column["n_stop"] > 0)
    value += run * (column["n_capital"] + column["n_number"] == column["words"]) + length * column["words"]
    best = int(np.argmax(value))
    first, last = scene.first[best], scene.last[best]
    passage = int(scene.passage[first])
    tokens = scene.passages[passage]
    shift = first - scene.local[first]
    return passage, (int(tokens.start[first - shift]), int(tokens.end[last - shift]))
