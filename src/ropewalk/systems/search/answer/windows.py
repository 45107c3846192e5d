"""A question and its best sentences as one window of word pieces for the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ropewalk.systems.search.answer.features import Scene
from ropewalk.systems.search.answer.network import Window
from ropewalk.systems.search.answer.tokens import Question

PIECES = 150  # a window's word pieces at most
ASKED = 40  # of them for the question


@dataclass(frozen=True, slots=True)
class View:
    """A window and where its pieces stand: word [T] of the scene, -1 for what is no sentence."""

    window: Window
    word: np.ndarray


def pieces(tokenizer: Any, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids and character places of the word pieces of a text, without marks at its ends."""
    found = tokenizer.encode(text, add_special_tokens=False)
    return found.ids, found.offsets


def view(tokenizer: Any, question: Question, scene: Scene, wanted: int | None = None) -> View:
    """The window of the sentences that hold most of the question, in the order of the passages.

    `wanted`: a sentence that must be in it (where the answer is known, for training).
    """
    q_ids, q_places = pieces(tokenizer, question.tokens.text)
    q_ids, q_places = q_ids[:ASKED], q_places[:ASKED]
    hit = scene.match.max(axis=1) if len(scene.weight) else np.zeros(0)
    q_hit = np.zeros(len(question.tokens))
    q_hit[question.terms] = hit
    q_match = q_hit[_word_of(q_places, question.tokens.start)]
    found: dict[int, tuple[list[int], np.ndarray]] = {}
    left = PIECES - len(q_ids) - 3
    order = [int(s) for s in np.argsort(-scene.cover, kind="stable")]
    if wanted is not None:
        order = [wanted, *(s for s in order if s != wanted)]
    for s in order:
        ids, words = _sentence(tokenizer, scene, s)
        if found and len(ids) > left:
            break
        found[s] = ids[:left], words[:left]
        left -= len(found[s][0])
    s_ids = [i for s in sorted(found) for i in found[s][0]]
    s_words = np.concatenate([found[s][1] for s in sorted(found)])
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    word_match = scene.match.max(axis=0) if len(scene.weight) else np.zeros(len(scene.passage))
    window = Window(
        ids=np.array([cls, *q_ids, sep, *s_ids, sep], np.int32),
        types=np.array([0] * (len(q_ids) + 2) + [1] * len(s_ids) + [0], np.int32),
        match=np.concatenate([[0], q_match, [0], word_match[s_words], [0]]).astype(np.float32),
    )
    word = np.concatenate([np.full(len(q_ids) + 2, -1), s_words, [-1]])
    return View(window, word)


def _word_of(places: list[tuple[int, int]], starts: np.ndarray) -> np.ndarray:
    """The word that each piece lies in."""
    return np.maximum(np.searchsorted(starts, [a for a, _ in places], side="right") - 1, 0).astype(int)


def _sentence(tokenizer: Any, scene: Scene, s: int) -> tuple[list[int], np.ndarray]:
    a, b = scene.bounds[s]
    passage = scene.owner[s]
    tokens = scene.passages[passage]
    first = a - scene.local[a]
    begin, stop = tokens.start[a - first], tokens.end[b - first]
    ids, places = pieces(tokenizer, tokens.text[begin:stop])
    return ids, first + _word_of([(x + begin, y + begin) for x, y in places], tokens.start)


def labelled(view: View, first: int, last: int) -> Window | None:
    """The window with the pieces of an answer from word `first` to word `last`; None where it is not inside."""
    start, end = np.flatnonzero(view.word == first), np.flatnonzero(view.word == last)
    if not len(start) or not len(end):
        return None
    w = view.window
    return Window(w.ids, w.types, w.match, int(start[0]), int(end[-1]))


def span_scores(view: View, scores: np.ndarray, first: np.ndarray, last: np.ndarray, words: int) -> np.ndarray:
    """[c, 2] log-probabilities that an answer begins at `first` and ends at `last`; the floor where not in the window."""
    logs = scores - scores.max(axis=0)
    logs = logs - np.log(np.exp(logs).sum(axis=0))
    table = np.full((words, 2), FLOOR)
    inside = np.flatnonzero(view.word >= 0)
    begins = inside[np.append(True, np.diff(view.word[inside]) != 0)]
    ends = inside[np.append(np.diff(view.word[inside]) != 0, True)]
    table[view.word[begins], 0] = np.maximum(logs[begins, 0], FLOOR)
    table[view.word[ends], 1] = np.maximum(logs[ends, 1], FLOOR)
    return np.stack([table[first, 0], table[last, 1]], axis=1)


FLOOR = -12.0
