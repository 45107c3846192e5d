"""What the ranker sees of a span: its sentence, its surroundings, its shape, and what is asked. No language in it.

Letters: n words of all passages in a row, q terms of the question, s sentences, c candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ropewalk.systems.search.answer import lexicon
from ropewalk.systems.search.answer.tokens import (
    CLOSE,
    EDGE,
    JOIN,
    NUMBER,
    OPEN,
    OTHER,
    QUOTE,
    STOP,
    Question,
    Tokens,
    candidates,
)  # fmt: skip

UNCASED = ("zh",)
FAR = 40  # words: farther than any clause


@dataclass(frozen=True, slots=True)
class Scene:
    """Passages laid in a row, matched with a question."""

    passages: tuple[Tokens, ...]
    passage: np.ndarray  # [n] number of the passage
    local: np.ndarray  # [n] place in its passage
    sentence: np.ndarray  # [n] number of the sentence, over all passages
    bounds: np.ndarray  # [s, 2] first and last word of each sentence
    owner: np.ndarray  # [s] passage of the sentence
    weight: np.ndarray  # [q] how rare a term is among the sentences
    match: np.ndarray  # [q, n] 1 the same word, less for a relative, 0 another
    cover: np.ndarray  # [s] share of the question's weight found in the sentence
    first: np.ndarray  # [c] candidates, first and last word
    last: np.ndarray


def joined(passages: Sequence[Tokens], name: str) -> np.ndarray:
    return np.concatenate([getattr(tokens, name) for tokens in passages])


def lay(question: Question, passages: Sequence[Tokens], sentences: int | None = None) -> Scene:
    """Match a question with passages; passages without a word are left out by the caller.

    `sentences`: only spans of so many best sentences are candidates.
    """
    lengths = [len(tokens) for tokens in passages]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    sentence, owner, bounds, before = [], [], [], 0
    for at, tokens in enumerate(passages):
        numbers, first, inverse = np.unique(tokens.sentence, return_index=True, return_inverse=True)
        last = np.append(first[1:], len(tokens)) - 1
        sentence.append(inverse + before)
        bounds.append(np.stack([first, last], axis=1) + starts[at])
        owner += [at] * len(numbers)
        before += len(numbers)
    spans = [candidates(tokens) for tokens in passages]
    scene_sentence = np.concatenate(sentence)
    match = _matches(question, [word for tokens in passages for word in tokens.words])
    weight, cover = _cover(match, np.concatenate(bounds))
    first = np.concatenate([first + start for (first, _), start in zip(spans, starts[:-1], strict=True)])
    last = np.concatenate([last + start for (_, last), start in zip(spans, starts[:-1], strict=True)])
    if sentences is not None and len(cover) > sentences:
        kept = np.isin(scene_sentence[first], np.argsort(-cover, kind="stable")[:sentences])
        first, last = first[kept], last[kept]
    return Scene(
        passages=tuple(passages),
        passage=np.repeat(np.arange(len(passages)), lengths),
        local=np.concatenate([np.arange(length) for length in lengths]),
        sentence=scene_sentence, bounds=np.concatenate(bounds), owner=np.array(owner), weight=weight, match=match,
        cover=cover, first=first, last=last,
    )  # fmt: skip


def places(scene: Scene, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(start, end) in characters over all passages in a row: spans of two passages never overlap."""
    sizes = np.array([len(tokens.text) for tokens in scene.passages])
    before = (np.cumsum(sizes) - sizes)[scene.passage]
    return (joined(scene.passages, "start") + before)[first], (joined(scene.passages, "end") + before)[last]


def alike(a: str, b: str) -> float:
    """1 the same word; 0.8 a common beginning (two forms of one word); 0.6 one inside the other (a compound, a name)."""
    if a == b:
        return 1.0
    short, long = sorted((a, b), key=len)
    if a[0].isdigit() or b[0].isdigit():
        return 0.0
    if "一" <= short[0] <= "鿿":
        return 0.6 if len(short) > 1 and short in long else 0.0
    shared = next((k for k, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    if shared >= 3 and shared >= 0.6 * len(long):
        return 0.8
    if shared >= 4 and shared >= len(short) - 2 and len(long) <= len(short) + 4:
        return 0.7
    return 0.6 if len(short) >= 5 and short in long else 0.0


def _matches(question: Question, words: Sequence[str]) -> np.ndarray:
    terms = [question.tokens.words[at] for at in question.terms]
    vocabulary = {word: at for at, word in enumerate(dict.fromkeys(words))}
    table = np.zeros((len(terms), len(vocabulary)))
    heads: dict[str, list[str]] = {}
    for word in vocabulary:
        if word[0].isalnum():
            heads.setdefault(word[0], []).append(word)
    long = [word for word in vocabulary if len(word) >= 5]
    for row, term in enumerate(terms):
        near = dict.fromkeys(heads.get(term[0], []))
        near.update(dict.fromkeys(word for word in long if term in word or word in term))
        for word in near:
            table[row, vocabulary[word]] = alike(term, word)
    return table[:, [vocabulary[word] for word in words]]


def _cover(match: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weight [q] of each term, log((s + 1) / (df + 0.5)), and the share [s] of it that a sentence holds."""
    if not match.shape[0]:
        return np.zeros(0), np.zeros(len(bounds))
    best = np.maximum.reduceat(match, bounds[:, 0], axis=1)  # [q, s]
    weight = np.log((len(bounds) + 1) / ((best > 0).sum(axis=1) + 0.5))
    weight = np.maximum(weight, 0.1)
    return weight, weight @ best / weight.sum()


def _nearest(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """[q, c] words from the span to the nearest match before it, and after it, in its sentence; FAR where none is."""
    q, n = scene.match.shape
    first, last = scene.first, scene.last
    found = scene.match > 0
    place = np.where(found, np.arange(n), -FAR * 2)
    before = np.concatenate([np.full((q, 1), -FAR * 2), np.maximum.accumulate(place, axis=1)], axis=1)[:, first]
    place = np.where(found, np.arange(n), n + FAR * 2)[:, ::-1]
    after = np.concatenate([np.full((q, 1), n + FAR * 2), np.minimum.accumulate(place, axis=1)], axis=1)[
        :, n - 1 - last
    ]
    begin, stop = scene.bounds[scene.sentence[first]].T
    left = np.where(before >= begin, np.minimum(first - before, FAR), FAR)
    return left.astype(float), np.where(after <= stop, np.minimum(after - last, FAR), FAR).astype(float)


def _sums(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(values)])


def expected(question: Question, scene: Scene) -> np.ndarray:
    """[c] how well the shape of a span fits the kind of answer that is asked for: -1 it cannot be, 0 open, 1 it fits."""
    first, last = scene.first, scene.last

    def some(name: str) -> np.ndarray:
        total = _sums(joined(scene.passages, name))
        return total[last + 1] - total[first] > 0

    number, year, month, capital = (some(name) for name in ("number", "year", "month", "capital"))
    if question.tokens.language in UNCASED:  # without capitals a name is what is neither a number nor a small word
        small = _sums(joined(scene.passages, "kind") < OTHER)
        capital = ~number & (small[last + 1] - small[first] == 0)
    rules = {
        "how many": np.where(number, 1, -1),
        "how long": np.where(number, 1, -1),
        "when": np.where(year | month, 1, np.where(number, 0, -1)),
        "who": np.where(capital, 1, -1),
        "where": np.where(capital, 1, 0),
        "why": np.where(last - first >= 2, 1, -1),
    }
    return rules.get(lexicon.KINDS[question.kind], np.zeros(len(first))).astype(float)


def features(question: Question, scene: Scene) -> tuple[np.ndarray, list[str]]:
    """([c, f], names)."""
    columns: dict[str, np.ndarray] = {}
    _about_sentence(scene, columns)
    _about_shape(scene, columns)
    _about_words(question, scene, columns)
    columns["expected"] = expected(question, scene)
    count = len(scene.first)
    a, b = question.asked
    for name, value in (
        ("q_kind", question.kind), ("q_terms", len(question.terms)), ("q_at", a / max(len(question.tokens), 1)),
        ("q_phrase", b - a), ("q_number", _focus(question, "unit")),
    ):  # fmt: skip
        columns[name] = np.full(count, float(value))
    return np.stack(list(columns.values()), axis=1).astype(np.float32), list(columns)


def _focus(question: Question, name: str) -> bool:
    focus = _focus_row(question)
    return focus is not None and bool(getattr(question.tokens, name)[question.terms[focus]])


def _focus_row(question: Question) -> int | None:
    """The first term after the question phrase: what is counted or named, or the verb."""
    after = np.flatnonzero(question.terms >= question.asked[1])
    return int(after[0]) if len(after) else None


def _about_sentence(scene: Scene, columns: dict[str, np.ndarray]) -> None:
    sentence = scene.sentence[scene.first]
    cover = scene.cover
    order = np.argsort(np.argsort(-cover, kind="stable"), kind="stable")
    passage_cover = np.zeros(len(scene.passages))
    np.maximum.at(passage_cover, scene.owner, cover)
    same = np.append(False, scene.owner[1:] == scene.owner[:-1])
    before = np.where(same, np.append(0.0, cover[:-1]), 0.0)
    after = np.where(np.append(same[1:], False), np.append(cover[1:], 0.0), 0.0)
    length = scene.bounds[:, 1] - scene.bounds[:, 0] + 1
    found = (
        (np.maximum.reduceat(scene.match, scene.bounds[:, 0], axis=1) > 0).sum(axis=0)
        if len(scene.weight)
        else 0 * order
    )
    for name, values in (
        ("s_cover", cover), ("s_rank", order), ("s_behind", cover.max() - cover), ("s_before", before),
        ("s_after", after), ("s_length", length), ("s_found", found), ("s_passage", passage_cover[scene.owner]),
    ):  # fmt: skip
        columns[name] = values[sentence]


def _about_shape(scene: Scene, columns: dict[str, np.ndarray]) -> None:
    first, last = scene.first, scene.last
    begin, stop = scene.bounds[scene.sentence[first]].T
    kind = joined(scene.passages, "kind")
    at = {name: joined(scene.passages, name) for name in ("capital", "digit", "number", "year", "month", "unit")}
    start, end = joined(scene.passages, "start"), joined(scene.passages, "end")
    size = last - first + 1
    columns["words"] = size
    columns["letters"] = end[last] - start[first]
    columns["from_left"] = first - begin
    columns["to_right"] = stop - last
    columns["whole"] = size / (stop - begin + 1)
    for name, values in at.items():
        total = _sums(values)
        columns[f"n_{name}"] = total[last + 1] - total[first]
    for name, kinds in (
        ("small", range(1, OTHER)),
        ("stop", [STOP]),
        ("join", [JOIN]),
        ("quote", [QUOTE]),
        ("conj", [3]),
        ("prep", [2]),
        ("verb", [5]),
    ):
        total = _sums(np.isin(kind, list(kinds)))
        columns[f"n_{name}"] = total[last + 1] - total[first]
    edged = np.concatenate([[EDGE, EDGE], kind, [EDGE, EDGE]])
    columns["k_first"], columns["k_last"] = kind[first], kind[last]
    columns["k_second"] = np.where(size > 1, kind[np.minimum(first + 1, last)], EDGE)
    columns["k_before"] = np.where(first > begin, edged[first + 1], EDGE)
    columns["k_before2"] = np.where(first - 1 > begin, edged[first], EDGE)
    columns["k_after"] = np.where(last < stop, edged[last + 3], EDGE)
    columns["k_after2"] = np.where(last + 1 < stop, edged[last + 4], EDGE)
    for name in ("capital", "number", "unit", "month"):
        values = np.concatenate([[0], at[name], [0]]).astype(int)
        columns[f"{name}_first"], columns[f"{name}_last"] = at[name][first], at[name][last]
        columns[f"{name}_before"] = np.where(first > begin, values[first], 0)
        columns[f"{name}_after"] = np.where(last < stop, values[last + 2], 0)
    columns["half_quote"] = columns["n_quote"] % 2
    amount = at["number"] | at["unit"] | at["month"]
    near = {name: np.concatenate([[False], values, [False]]) for name, values in (("c", at["capital"]), ("a", amount))}
    columns["cut_left"] = (first > begin) & (
        near["c"][first + 1] & near["c"][first] | near["a"][first + 1] & near["a"][first]
    )
    columns["cut_right"] = (last < stop) & (
        near["c"][last + 1] & near["c"][last + 2] | near["a"][last + 1] & near["a"][last + 2]
    )
    opened, closed = _sums(kind == OPEN), _sums(kind == CLOSE)
    columns["in_brackets"] = (opened[first] - opened[begin]) - (closed[first] - closed[begin])
    glued_left = (first > begin) & (start[first] == end[np.maximum(first - 1, 0)])
    glued_right = (last < stop) & (end[last] == start[np.minimum(last + 1, len(start) - 1)])
    columns["glued_left"] = glued_left & np.isin(columns["k_before"], [JOIN, NUMBER, OTHER])
    columns["glued_right"] = glued_right & np.isin(columns["k_after"], [JOIN, NUMBER, OTHER])


def _about_words(question: Question, scene: Scene, columns: dict[str, np.ndarray]) -> None:
    first, last = scene.first, scene.last
    q = len(scene.weight)
    weight = scene.weight / max(scene.weight.sum(), 1e-9)
    content = _sums(joined(scene.passages, "kind") >= OTHER)
    matched = _sums(scene.match.max(axis=0) if q else np.zeros(len(scene.passage)))
    inside = matched[last + 1] - matched[first]
    columns["o_share"] = inside / np.maximum(content[last + 1] - content[first], 1)
    columns["o_sum"] = inside
    hit = scene.match.max(axis=0) if q else np.zeros(len(scene.passage))
    columns["o_first"], columns["o_last"] = hit[first], hit[last]
    padded = np.concatenate([[0.0], hit, [0.0]])
    columns["o_before"], columns["o_after"] = padded[first], padded[last + 2]
    strength = _strength(scene)[:, scene.sentence[first]] if q else np.zeros((0, len(first)))  # [q, c]
    left, right = _nearest(scene)
    within = np.minimum(left, right)
    worth = weight[:, None] * strength
    for reach in (2.0, 6.0, 15.0):
        columns[f"near_{reach:.0f}"] = (worth * np.exp((1 - within) / reach) * (within < FAR)).sum(axis=0)
    columns["near_left"] = (worth * np.exp((1 - left) / 5) * (left < FAR)).sum(axis=0)
    columns["near_right"] = (worth * np.exp((1 - right) / 5) * (right < FAR)).sum(axis=0)
    columns["only_left"] = (worth * (left < FAR)).sum(axis=0)
    columns["only_right"] = (worth * (right < FAR)).sum(axis=0)
    columns["d_left"] = left.min(axis=0) if q else np.full(len(first), FAR)
    columns["d_right"] = right.min(axis=0) if q else np.full(len(first), FAR)
    focus = _focus_row(question)
    row = np.cumsum(scene.match[focus] > 0) if focus is not None else np.zeros(len(scene.passage))
    total = np.concatenate([[0.0], row])
    columns["f_inside"] = total[last + 1] - total[first] > 0
    columns["f_left"] = left[focus] if focus is not None else np.full(len(first), FAR)
    columns["f_right"] = right[focus] if focus is not None else np.full(len(first), FAR)
    end_row = q - 1
    columns["e_left"] = left[end_row] if q else np.full(len(first), FAR)
    columns["e_right"] = right[end_row] if q else np.full(len(first), FAR)
    columns["times"] = _times(scene)
    columns["c_cover"] = _clause_cover(scene)


def _clause_cover(scene: Scene) -> np.ndarray:
    """[c] the share of the question's weight in the stretch between two marks that the span lies in."""
    if not len(scene.weight):
        return np.zeros(len(scene.first))
    begins = (joined(scene.passages, "kind") == STOP) | np.append(True, np.diff(scene.sentence) != 0)
    best = np.maximum.reduceat(scene.match, np.flatnonzero(begins), axis=1)
    cover = (scene.weight @ best / scene.weight.sum())[np.cumsum(begins) - 1]
    return np.maximum(cover[scene.first], cover[scene.last])


def _strength(scene: Scene) -> np.ndarray:
    """[q, s] how well each term is matched in each sentence."""
    return np.maximum.reduceat(scene.match, scene.bounds[:, 0], axis=1)


def _times(scene: Scene) -> np.ndarray:
    """[c] how often the first word of the span stands in the passages: a name that all is about stands often."""
    words = [word for tokens in scene.passages for word in tokens.words]
    numbers = {word: at for at, word in enumerate(dict.fromkeys(words))}
    codes = np.array([numbers[word] for word in words])
    counts = np.bincount(codes)[codes]
    return counts[scene.last]
