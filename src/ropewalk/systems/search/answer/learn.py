"""Examples -> a reader: trees and network learned, the scale of certainty found on examples held out.

Who may look at what: `train` deals the groups of the examples into parts; each part is read by a reader that learned
from the others only. From these readings come the probabilities and the threshold. The reader that is returned
learned from all. It reads what retrieval finds, if the caller says what that is (`Asked`), right or wrong; trees and
network learn from the right passage alone, which taught the trees as much as ten of them would, at a third of the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ropewalk.errors import MissingError
from ropewalk.methods.text.answers import answer_f1, exact_match
from ropewalk.systems.search.answer import features as seen
from ropewalk.systems.search.answer import network, ranker, windows
from ropewalk.systems.search.answer.answer import hear, signals_of, text_of
from ropewalk.systems.search.answer.examples import Asked, Example, alone, checked, parted
from ropewalk.systems.search.answer.found import Passage
from ropewalk.systems.search.answer.reader import Reader, Scale, open_tokenizer, signals, sure
from ropewalk.systems.search.answer.tokens import Question, Tokens, parse, tokenise
from ropewalk.types import Job

PARTS = 3
RECIPE = network.Recipe()
STRAY = 0.25  # weight of questions asked where no passage answers them, beside one asked where one does
RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reader said to one example, and how right it was."""

    id: str
    answer: str
    em: float
    f1: float
    signals: np.ndarray  # reader.signals
    stray: bool = False  # it was asked where no passage holds the answer
    heard: bool = True  # the network was listened to


def train(
    examples: Sequence[Example],
    base: Path | None = None,
    job: Job | None = None,
    *,
    risk: float = 0.5,
    recipe: network.Recipe = RECIPE,
    trees: int = ranker.TREES,
    parts: int = PARTS,
    seed: int = 0,
    asked: Sequence[Asked] | None = None,
    start: str = "",
) -> Reader:
    """A reader that learned from all examples. `base`: a folder with MiniLM's model.safetensors and tokenizer.json for a
    network, which is kept where it helps on examples held out; None: trees alone. `risk`: the share of wrong answers at which it should still answer. `asked`: the examples as they
    are asked, one by one; None: of their own texts alone. `start`: trees to go on from, which saw none of the examples."""
    examples = checked(examples)
    asked = alone(examples) if asked is None else asked
    part = parted([e.group for e in examples], parts)
    how: tuple[Any, ...] = (base, recipe, seed, trees, start)
    tasks = [
        (tuple(e for e, p in zip(examples, part, strict=True) if p != at),
         tuple(a for a, p in zip(asked, part, strict=True) if p == at), how)
        for at in range(parts)
    ]  # fmt: skip
    done = job.map(crossed, tasks) if job else [crossed(task, 0) for task in tasks]
    every = [o for outcomes in done for o in outcomes]
    heard, deaf = ([o for o in every if o.heard == one] for one in (True, False))
    if base is not None and not _helps(heard, deaf):
        if job:
            job.note("the network does not answer held-out questions better than the trees alone: it is left away")
        heard, how = deaf, (None, *how[1:])
    return replace(learn(examples, *how), scale=scaled(heard, risk), plain=scaled(deaf, risk))


def _helps(heard: Sequence[Outcome], deaf: Sequence[Outcome]) -> bool:
    """Does the network find better answers than the trees alone?"""
    with_it, without = (float(np.mean([o.f1 for o in some if not o.stray])) for some in (heard, deaf))
    return with_it > without


def crossed(task: tuple[Any, ...], _: int) -> list[Outcome]:
    """Outcomes on examples of a reader that never saw them; task: (learned from, asked of, how `learn` learns)."""
    known, unseen, how = task
    return both(learn(known, *how), unseen)


def both(reader: Reader, unseen: Sequence[Asked]) -> list[Outcome]:
    """Outcomes of a reader that hears its network (where it has one) and of the same one deaf, stray ones included."""
    found = []
    for heard, one in ((True, reader), (False, replace(reader, weights={}))):
        outcomes = [outcome for a in unseen for outcome in (examined(one, a), stray(one, a)) if outcome]
        found += [replace(outcome, heard=heard) for outcome in outcomes]
        if not reader.weights:
            return found + [replace(outcome, heard=False) for outcome in outcomes]
    return found


def learn(
    examples: Sequence[Example],
    base: Path | None,
    recipe: network.Recipe,
    seed: int,
    trees: int = ranker.TREES,
    start: str = "",
) -> Reader:
    """Trees and network, without a scale."""
    reader = Reader(learn_trees(examples, seed, trees, start), {}, recipe.frozen_layers, "")
    if base is None:
        return reader
    english = [e for e in examples if e.language in reader.languages]
    tokenizer = needed(base, "tokenizer.json").read_text(encoding="utf-8")
    return replace(reader, weights=learn_network(english, base, recipe, seed), tokenizer=tokenizer)


def learn_trees(examples: Sequence[Example], seed: int, trees: int = ranker.TREES, start: str = "") -> str:
    """The trees' text; with `start`, that many more behind those."""
    tables, gains = [], []
    names: list[str] = []
    for e in examples:
        question, tokens = _parsed(e)
        scene = seen.lay(question, [tokens])
        table, names = seen.features(question, scene)
        tables.append(table)
        gains.append(_gains(e, tokens, scene))
    return ranker.grow(tables, gains, names, seed, trees, start)


def learn_network(examples: Sequence[Example], base: Path, recipe: network.Recipe, seed: int) -> network.Weights:
    """The network's weights, rounded to float16 as they will be kept; empty where there is nothing to learn from."""
    tokenizer = open_tokenizer(needed(base, "tokenizer.json").read_text(encoding="utf-8"))
    known = [window for e in examples if (window := _window(tokenizer, e)) is not None]
    if not known:
        return {}
    learned = network.train(network.begin(_weights(base), seed), known, recipe, seed)
    return {name: value.astype(np.float16).astype(np.float32) for name, value in learned.items()}


def _parsed(e: Example) -> tuple[Question, Tokens]:
    return parse(e.question, e.language), tokenise(e.text, e.language)


def _gains(e: Example, tokens: Tokens, scene: seen.Scene) -> np.ndarray:
    """[c] the F1 of each candidate that touches the answer; 0 of the others, even where they say the same."""
    start, end = tokens.start[scene.first], tokens.end[scene.last]
    gains = np.zeros(len(start), np.float32)
    for at in np.flatnonzero((start < e.start + len(e.answer)) & (end > e.start)):
        gains[at] = answer_f1(e.text[start[at] : end[at]], [e.answer], e.language)
    return gains


def _window(tokenizer: Any, e: Example) -> network.Window | None:
    question, tokens = _parsed(e)
    scene = seen.lay(question, [tokens])
    inside = np.flatnonzero((tokens.end > e.start) & (tokens.start < e.start + len(e.answer)))
    if not len(inside):
        return None
    view = windows.view(tokenizer, question, scene, wanted=int(scene.sentence[inside[0]]))
    return windows.labelled(view, int(inside[0]), int(inside[-1]))


def needed(base: Path, name: str) -> Path:
    if not (base / name).is_file():
        raise MissingError(
            "file", name, hint=f"The reader's network starts from MiniLM; its folder {base} has no such file."
        )
    return base / name


def _weights(base: Path) -> dict[str, np.ndarray]:
    from ropewalk.systems.search.encode.minilm import read_safetensors

    return {k: np.array(v) for k, v in read_safetensors(needed(base, "model.safetensors")).items()}


def examined(reader: Reader, asked: Asked) -> Outcome:
    """The reader's answer to an example, from what was found for it."""
    return _outcome(reader, asked.example, asked.found, stray=False)


def stray(reader: Reader, asked: Asked) -> Outcome | None:
    """The reader's answer where nothing answers the example: whatever it says is wrong."""
    return _outcome(reader, asked.example, asked.without, stray=True) if asked.without else None


def _outcome(reader: Reader, e: Example, passages: Sequence[Passage], stray: bool) -> Outcome:
    heard = hear(e.question, passages, reader)
    if heard is None:
        return Outcome(e.id, "", 0.0, 0.0, signals(0.0, 0.0, 0.0, 0.0, 0.0, None), stray)
    answer, truth = text_of(heard, heard.groups[0]), [e.answer]
    em, f1 = (0.0, 0.0) if stray else (exact_match(answer, truth, e.language), answer_f1(answer, truth, e.language))
    return Outcome(e.id, answer, em, f1, signals_of(heard, heard.groups[0]), stray)


def scaled(outcomes: Sequence[Outcome], risk: float) -> Scale:
    """Platt's scale (Platt 1999) on held-out outcomes, right meaning an exact match; and the lowest threshold at which
    the answers given are wrong (by 1 - F1) at most `risk` of the time. Where none is, nothing is answered."""
    signals = np.array([o.signals for o in outcomes])
    right = np.array([o.em for o in outcomes])
    weight = np.array([STRAY if o.stray else 1.0 for o in outcomes])
    known = ~np.isnan(signals[:, -1])
    usual = float(np.average(signals[known, -1], weights=weight[known])) if known.any() else 0.0
    scale = Scale(_logistic(np.where(np.isnan(signals), usual, signals), right, weight), usual=usual)
    chance = np.array([sure(scale, o.signals) for o in outcomes])
    order = np.argsort(-chance, kind="stable")
    lost = np.cumsum((weight * (1 - np.array([o.f1 for o in outcomes])))[order])
    seen_ = np.cumsum(weight[order])
    last = np.append(np.diff(chance[order]) != 0, True)  # equally sure ones are answered together or not at all
    good = np.flatnonzero((lost / seen_ <= risk) & last)
    if not len(good):
        return replace(scale, threshold=1.0, risk=risk, kept=0.0)
    return replace(scale, threshold=float(chance[order[good[-1]]]), risk=risk, kept=float(seen_[good[-1]] / seen_[-1]))


def _logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
    """Weights of 1 and of x [n, f], by Newton's method with a small ridge on standardised signals."""
    middle, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.column_stack([np.ones(len(x)), (x - middle) / spread])
    w = np.zeros(z.shape[1])
    ridge = np.diag([0.0] + [RIDGE] * x.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-z @ w))
        slope = z.T @ (weight * (y - p)) - ridge @ w
        w = w + np.linalg.solve((z * (weight * p * (1 - p))[:, None]).T @ z + ridge + 1e-9 * np.eye(len(w)), slope)
    real = w[1:] / spread
    return (float(w[0] - real @ middle), *map(float, real))
