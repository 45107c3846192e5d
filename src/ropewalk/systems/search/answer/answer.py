"""A question and the passages that were found for it -> answers with their sources, or an abstention that says why.

An answer that several documents give is one answer: what each of them speaks for it is added up, and all are listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ropewalk.methods.text.answers import answer_words
from ropewalk.systems.search.answer.reader import Reader, Reading, Scale, is_heard, read, signals, sure
from ropewalk.systems.search.answer.tokens import Tokens, parse, tokenise

MOST = 20  # passages that are read, best first


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, as retrieval found it."""

    document_id: str
    text: str
    score: float  # the better the higher; decides which are read where there are more than MOST
    language: str
    start: int = 0  # where the stretch begins in the document's text


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


def answer(question: str, passages: Sequence[Passage], reader: Reader, k: int = 3) -> Answers:
    """Up to k answers from the passages; none where the best is less likely than the reader's threshold."""
    kept = sorted((p for p in passages if p.text.strip()), key=lambda p: -p.score)[:MOST]
    if not question.strip() or not kept:
        return Answers(question, (), "There is no question." if kept else "There is no passage to read.")
    language = Counter(p.language for p in kept).most_common(1)[0][0]
    tokens = [tokenise(p.text, p.language) for p in kept]
    kept, tokens = [p for p, t in zip(kept, tokens, strict=True) if len(t)], [t for t in tokens if len(t)]
    reading = read(reader, parse(question, language), tokens)
    if reading is None:
        return Answers(question, (), "No passage holds a word that could be an answer.")
    scale = reader.scale if is_heard(reader, language) else reader.plain
    found = _answers(reading, kept, scale, k)
    if found[0].probability < scale.threshold:
        return Answers(question, (), _reason(found[0], scale.threshold), found)
    return Answers(question, found, "")


def _reason(best: Answer, threshold: float) -> str:
    return (
        f"No passage answers this with a probability of at least {threshold:.2f}; "
        f"the likeliest, {best.text!r}, has {best.probability:.2f}."
    )


def _answers(reading: Reading, passages: Sequence[Passage], scale: Scale, k: int) -> tuple[Answer, ...]:
    found: list[Answer] = []
    taken: set[tuple[int, int]] = set()  # (passage, word) of the answers so far
    for group in _groups(reading, passages):
        words = {word for at in group.places for word in _covered(reading, at)}
        if words & taken:
            continue
        taken |= words
        sources = tuple(_source(reading, passages, at) for at in group.places)
        surety = sure(scale, signals(group.worth, group.chance, group.total))
        surety = min([surety, *(a.probability for a in found)])
        found.append(Answer(_text(reading, group.places[0]), surety, sources))
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
