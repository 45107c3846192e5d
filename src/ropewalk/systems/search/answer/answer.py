"""A question and the passages that were found for it -> answers with their sources, or an abstention that says why.

An answer that several documents give is one answer: what each of them speaks for it is added up, and all are listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ropewalk.methods.text.answers import answer_words
from ropewalk.systems.search.answer.found import Passage, behind, places
from ropewalk.systems.search.answer.reader import Reader, Reading, Scale, is_heard, read, signals, sure
from ropewalk.systems.search.answer.tokens import Tokens, parse, tokenise

MOST = 20  # passages that are read, best first


@dataclass(frozen=True, slots=True)
class Source:
    """Where an answer stands: characters of the document's text, and the sentence around it."""

    document_id: str
    start: int
    end: int
    sentence: str
    sentence_start: int
    sentence_end: int
    score: float  # 0..1: what this document speaks for the answer


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    probability: float  # of being right
    sources: tuple[Source, ...]  # best first; the first one has the answer letter by letter


@dataclass(frozen=True, slots=True)
class Answers:
    question: str
    answers: tuple[Answer, ...]  # best first; empty for an abstention
    abstained: str  # why there is none: a sentence; empty where there is one
    withheld: tuple[Answer, ...] = ()  # what was not sure enough to be said, for those who label or look for faults


@dataclass(slots=True)
class _Group:
    """Spans that say the same."""

    worth: float
    chance: float
    total: float
    places: list[int]  # of the reading, one a document


@dataclass(frozen=True, slots=True)
class Heard:
    """What a reader made of the passages that it read."""

    reading: Reading
    passages: tuple[Passage, ...]  # best first, as they stand in the reading
    groups: tuple[_Group, ...]  # best first
    scale: Scale


def answer(question: str, passages: Sequence[Passage], reader: Reader, k: int = 3) -> Answers:
    """Up to k answers from the passages; none where the best is less likely than the reader's threshold."""
    kept = [p for p in passages if p.text.strip()]
    if not question.strip() or not kept:
        return Answers(question, (), "There is no passage to read." if question.strip() else "There is no question.")
    heard = hear(question, kept, reader)
    if heard is None:
        return Answers(question, (), "No passage holds a word that could be an answer.")
    found = _answers(heard, k)
    if found[0].probability < heard.scale.threshold:
        return Answers(question, (), _reason(found[0], heard.scale), found)
    return Answers(question, found, "")


def hear(question: str, passages: Sequence[Passage], reader: Reader) -> Heard | None:
    """What the reader makes of the best MOST passages; None where they hold no candidate."""
    kept = sorted(passages, key=lambda p: -p.score)[:MOST]
    language = Counter(p.language for p in kept).most_common(1)[0][0] if kept else "en"
    tokens = [tokenise(p.text, p.language) for p in kept]
    kept, tokens = [p for p, t in zip(kept, tokens, strict=True) if len(t)], [t for t in tokens if len(t)]
    reading = read(reader, parse(question, language), tokens, behind(kept)) if kept else None
    if reading is None:
        return None
    scale = reader.scale if is_heard(reader, language) else reader.plain
    return Heard(reading, tuple(kept), tuple(_groups(reading, kept)), scale)


def signals_of(heard: Heard, group: _Group) -> np.ndarray:
    """What says how sure an answer is."""
    scene, at = heard.reading.scene, group.places[0]
    first = heard.reading.first[at]
    number = int(scene.passage[first])
    cover = float(scene.cover[scene.sentence[first]])
    place, near = float(places(heard.passages)[number]), heard.passages[number].near
    return signals(group.worth, group.chance, group.total, cover, place, near)


def text_of(heard: Heard, group: _Group) -> str:
    """The answer, as its best place has it."""
    return _text(heard.reading, group.places[0])


def _reason(best: Answer, scale: Scale) -> str:
    if scale.threshold >= 1:
        return f"At a risk of {scale.risk:g} nothing is answered; a larger `risk` answers more, and more of it wrong."
    return (
        f"No sentence answers this surely enough: the likeliest is {best.probability:.0%} sure, {scale.threshold:.0%} are asked for "
        f"at a risk of {scale.risk:g}. A larger `risk` answers more, and more of it wrong."
    )


def _answers(heard: Heard, k: int) -> tuple[Answer, ...]:
    found: list[Answer] = []
    taken: set[tuple[int, int]] = set()  # (passage, word) of the answers so far
    for group in heard.groups:
        words = {word for at in group.places for word in _covered(heard.reading, at)}
        if words & taken:
            continue
        taken |= words
        sources = tuple(_source(heard.reading, heard.passages, at) for at in group.places)
        surety = min([sure(heard.scale, signals_of(heard, group)), *(a.probability for a in found)])
        found.append(Answer(text_of(heard, group), surety, sources))
        if len(found) == max(k, 1):
            break
    return tuple(found)


def _groups(reading: Reading, passages: Sequence[Passage]) -> list[_Group]:
    """Spans by what they say, the best first. Each document speaks once, by its best span."""
    groups: dict[str, _Group] = {}
    spoken: set[tuple[str, str]] = set()
    for at in range(len(reading.first)):
        passage = passages[int(reading.scene.passage[reading.first[at]])]
        text = _text(reading, at)
        said = " ".join(answer_words(text, passage.language)) or text
        if (said, passage.document_id) in spoken:
            continue
        spoken.add((said, passage.document_id))
        group = groups.setdefault(said, _Group(0.0, 0.0, float(reading.total[at]), []))
        group.worth += float(reading.worth[at])
        group.chance += float(reading.chance[at])
        group.places.append(at)
    return sorted(groups.values(), key=lambda group: -group.worth)


def _covered(reading: Reading, at: int) -> set[tuple[int, int]]:
    passage = int(reading.scene.passage[reading.first[at]])
    return {(passage, int(word)) for word in range(reading.first[at], reading.last[at] + 1)}


def _place(reading: Reading, at: int) -> tuple[int, Tokens, int, int]:
    """(passage, its tokens, first and last word in it) of a span."""
    scene, first, last = reading.scene, reading.first[at], reading.last[at]
    passage = int(scene.passage[first])
    return passage, scene.passages[passage], int(scene.local[first]), int(scene.local[last])


def _text(reading: Reading, at: int) -> str:
    _, tokens, first, last = _place(reading, at)
    return tokens.text[tokens.start[first] : tokens.end[last]]


def _source(reading: Reading, passages: Sequence[Passage], at: int) -> Source:
    number, tokens, first, last = _place(reading, at)
    passage = passages[number]
    begin, stop = tokens.spans[int(tokens.sentence[first])]
    return Source(
        passage.document_id,
        passage.start + int(tokens.start[first]), passage.start + int(tokens.end[last]),
        tokens.text[begin:stop], passage.start + begin, passage.start + stop,
        min(1.0, float(reading.worth[at])),
    )  # fmt: skip
