"""A reader: given a question and passages, which span answers it, and how likely that is right.

Two views of a span are added up: boosted trees over features that know no language, and, where the passages are
English, a small transformer that points at the beginning and the end. The span is chosen that agrees most with all
likely ones, and that stands in a passage which retrieval thinks much of. How sure the reader is comes from questions that
it did not learn from.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ropewalk.errors import DataError, MissingError
from ropewalk.systems.search.answer import features as seen
from ropewalk.systems.search.answer import network, ranker, windows
from ropewalk.systems.search.answer.tokens import Question, Tokens

FORMAT = 2
POINTED = 0.4  # what the network's log-probabilities count beside the trees' scores
SHARP = {True: 2.0, False: 1.5}  # of the scores as log odds, with a network and without
SENTENCES = 12  # best sentences whose spans are looked at


@dataclass(frozen=True, slots=True)
class Scale:
    """From scores to a probability of being right, and from there to an abstention."""

    weights: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # of 1 and the signals, for a logistic function
    threshold: float = 0.0  # a less likely answer is held back
    risk: float = 1.0  # the share of wrong answers that the threshold was chosen for
    kept: float = 1.0  # share of the questions that were then answered, where it was chosen
    usual: float = 0.0  # nearness that is assumed where nobody measured it: the mean of those that it was chosen on


@dataclass(frozen=True, slots=True)
class Reader:
    """Made by learn.train, kept by `save`, brought back by `load`."""

    trees: str  # LightGBM's text
    weights: network.Weights  # the network's; empty for a reader without one
    frozen: int  # layers of it that were not trained
    tokenizer: str  # its tokenizer.json
    scale: Scale = Scale()  # where the network is heard
    plain: Scale = Scale()  # where it is not
    languages: tuple[str, ...] = ("en",)  # in which the network is heard
    encoder: str = ""  # whose nearness its probabilities know; of another one it counts as not measured
    _live: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)  # opened once, when first needed


@dataclass(frozen=True, slots=True)
class Reading:
    """The likely spans of a question, best first; t of them."""

    scene: seen.Scene
    first: np.ndarray  # [t] words of the scene
    last: np.ndarray
    chance: np.ndarray  # [t] share of belief
    worth: np.ndarray  # [t] F1 in letters that the span may expect
    total: np.ndarray  # [t] both views added up


def read(
    reader: Reader, question: Question, passages: Sequence[Tokens], behind: np.ndarray | None = None
) -> Reading | None:
    """What the reader makes of the passages, each with a word; None where they hold no candidate. `behind`: found.behind."""
    if not passages:
        return None
    scene = seen.lay(question, passages, SENTENCES)
    if not len(scene.first):
        return None
    by_trees, by_network = scores(reader, question, scene)
    if behind is not None:
        by_trees = by_trees - behind[scene.passage[scene.first]]
    return weigh(scene, by_trees, by_network, is_heard(reader, question.tokens.language))


def is_heard(reader: Reader, language: str) -> bool:
    """Does the network speak on questions of this language?"""
    return bool(reader.weights) and language in reader.languages


def scores(reader: Reader, question: Question, scene: seen.Scene) -> tuple[np.ndarray, np.ndarray]:
    """([c] by the trees, [c] log-probability by the network or 0 where it is not heard)."""
    table, _ = seen.features(question, scene)
    by_trees = _booster(reader).predict(table, num_threads=1)
    if not is_heard(reader, question.tokens.language):
        return by_trees, np.zeros(len(by_trees))
    view = windows.view(_tokenizer(reader), question, scene)
    pointed = network.point(reader.weights, view.window, reader.frozen)
    return by_trees, windows.span_scores(view, pointed, scene.first, scene.last, len(scene.passage)).sum(axis=1)


def weigh(scene: seen.Scene, by_trees: np.ndarray, by_network: np.ndarray, heard: bool) -> Reading:
    """Both views of each candidate as one ranking."""
    total = by_trees + POINTED * by_network
    chance = ranker.chances(total, SHARP[heard])
    start, end = seen.places(scene, scene.first, scene.last)
    top, worth = ranker.agreed(chance, start, end)
    order = np.argsort(-worth, kind="stable")
    top, worth = top[order], worth[order]
    return Reading(scene, scene.first[top], scene.last[top], chance[top], worth, total[top])


def signals(worth: float, chance: float, total: float, cover: float, place: float, near: float | None) -> np.ndarray:
    """What says how sure an answer is: the log odds of its worth and of its chance, its score as such; how much of the
    question its sentence holds; how many documents were found before its own; and that one's nearness, nan if unknown."""
    return np.array([
        _odds(worth), _odds(chance), total, cover, np.log1p(place), np.nan if near is None else near
    ])  # fmt: skip


def _odds(share: float) -> float:
    share = min(max(float(share), 1e-6), 1 - 1e-6)
    return float(np.log(share / (1 - share)))


def sure(scale: Scale, signals: np.ndarray) -> float:
    """The probability that an answer is right."""
    z = scale.weights[0] + float(np.dot(scale.weights[1:], np.where(np.isnan(signals), scale.usual, signals)))
    return float(1 / (1 + np.exp(-np.clip(z, -30, 30))))


def _booster(reader: Reader) -> Any:
    if "booster" not in reader._live:
        import lightgbm

        reader._live["booster"] = lightgbm.Booster(model_str=reader.trees)
    return reader._live["booster"]


def _tokenizer(reader: Reader) -> Any:
    if "tokenizer" not in reader._live:
        reader._live["tokenizer"] = open_tokenizer(reader.tokenizer)
    return reader._live["tokenizer"]


def open_tokenizer(text: str) -> Any:
    """The tokenizer of a tokenizer.json, without cutting or padding."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def save(reader: Reader, folder: Path) -> None:
    """trees.txt, reader.json and, with a network, network.npz (float16) and tokenizer.json: the same reader, the same
    bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trees.txt").write_text(reader.trees, encoding="utf-8")
    about = {
        "format": FORMAT,
        "frozen": reader.frozen,
        "languages": list(reader.languages),
        "encoder": reader.encoder,
        "scale": asdict(reader.scale),
        "plain": asdict(reader.plain),
    }
    (folder / "reader.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")
    if reader.weights:
        (folder / "tokenizer.json").write_text(reader.tokenizer, encoding="utf-8")
        halves: dict[str, Any] = {name: np.asarray(reader.weights[name], np.float16) for name in sorted(reader.weights)}
        np.savez(folder / "network.npz", **halves)


def load(folder: Path) -> Reader:
    """A saved reader, its trees packed by gzip or not; MissingError or DataError where the folder does not hold one."""
    packed = folder / "trees.txt.gz"
    for name in ("reader.json",) if packed.is_file() else ("reader.json", "trees.txt"):
        if not (folder / name).is_file():
            raise MissingError("file", name, hint=f"{folder} holds no reader; train one, or name another folder.")
    try:
        about = json.loads((folder / "reader.json").read_text())
        if about["format"] != FORMAT:
            raise DataError(
                [f"{folder}/reader.json has format {about['format']}, this version reads {FORMAT}; train again."]
            )
        scale, plain = (Scale(**{**about[n], "weights": tuple(about[n]["weights"])}) for n in ("scale", "plain"))
        frozen, languages, encoder = int(about["frozen"]), tuple(about["languages"]), str(about["encoder"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError([f"{folder}/reader.json is no description of a reader ({error}); train again."]) from error
    weights: network.Weights = {}
    tokenizer = ""
    if (folder / "network.npz").is_file():
        with np.load(folder / "network.npz", allow_pickle=False) as kept:
            weights = {name: kept[name].astype(np.float32) for name in kept.files}
        tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
    trees = gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / "trees.txt").read_bytes()
    return Reader(trees.decode(), weights, frozen, tokenizer, scale, plain, languages, encoder)
