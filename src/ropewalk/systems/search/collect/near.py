"""Near-duplicates by MinHash (Broder 1997): the share of equal slots of two signatures estimates how many runs of three
words two texts share. Bands of slots (Indyk and Motwani 1998) find the pairs worth a look; union-find gathers them.

Pure functions of texts and arrays: the same answer with any number of workers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

SLOTS = 128
SEED = 1
RUN = 3  # words
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
FOUND = 0.95  # the bands find a pair at the threshold with at least this probability
BLOCK = 65_536  # pairs compared at a time

Array = np.ndarray[Any, Any]


def runs(text: str) -> list[str]:
    """Runs of three words, or all of them where there are fewer; a Chinese character is a word."""
    words = WORD.findall(text.lower())
    return [" ".join(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))]


def signatures(texts: Sequence[str]) -> Array:
    """[n] texts -> [n, SLOTS] uint32."""
    from rensa import RMinHash

    rows = RMinHash.digest_matrix_from_token_sets([runs(t) for t in texts], SLOTS, SEED).to_rows() if texts else []
    return np.array(rows, dtype=np.uint32).reshape(-1, SLOTS)


def rows_a_band(threshold: float) -> int:
    """The most rows a band (fewest false pairs) that still find a pair at the threshold: 1 - (1 - s^r)^(SLOTS/r)."""
    for rows in (16, 8, 4, 2):
        if 1 - (1 - threshold**rows) ** (SLOTS // rows) >= FOUND:
            return rows
    return 1


def clusters(marks: Array, threshold: float, rows: Array | None = None) -> tuple[Array, Array]:
    """[n, SLOTS] signatures in order -> for each row the first row that it repeats (itself if none), and their similarity.

    Within a cluster the first row stays, and all that are like it are its; of the rest again the first stays: every
    row that is given up is like one that stays. `rows`: look at these alone, and answer for them.
    """
    rows = np.arange(len(marks)) if rows is None else rows
    root = np.arange(len(rows))
    for pairs in _candidates(marks, rows, rows_a_band(threshold)):
        for begin in range(0, len(pairs), BLOCK):
            some = pairs[begin : begin + BLOCK]
            some = some[root[some[:, 0]] != root[some[:, 1]]]
            like = (marks[rows[some[:, 0]]] == marks[rows[some[:, 1]]]).mean(axis=1)
            _join(root, some[like >= threshold])
    return _first_of_each(marks, rows, root, threshold)


def _candidates(marks: Array, rows: Array, width: int) -> Iterator[Array]:
    """[m, 2] pairs with an equal band of `width` slots: each row with the first and the one before it, band by band."""
    for begin in range(0, SLOTS - width + 1, width):
        band = _mixed(marks[rows, begin : begin + width])
        order = np.argsort(band, kind="stable")
        group = band[order]
        new = np.r_[True, group[1:] != group[:-1]] if len(group) else np.zeros(0, bool)
        first = order[np.flatnonzero(new)[np.cumsum(new) - 1]]
        before = np.r_[order[:1], order[:-1]]
        pairs = np.r_[np.c_[first[~new], order[~new]], np.c_[before[~new], order[~new]]]
        yield np.unique(pairs, axis=0) if len(pairs) else pairs


def _mixed(band: Array) -> Array:
    """[n, width] uint32 -> [n] uint64 that are equal where the bands are (and by chance, which a comparison finds out)."""
    mixed = np.full(len(band), 0xCBF29CE484222325, np.uint64)
    for column in band.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _join(root: Array, pairs: Array) -> None:
    """Union of the pairs in place; the smaller row is the root, and every row points to its root afterwards."""
    for a, b in pairs.tolist():
        one, other = _find(root, a), _find(root, b)
        if one != other:
            root[max(one, other)] = min(one, other)
    while len(pairs) and (root != root[root]).any():
        root[:] = root[root]


def _find(root: Array, row: int) -> int:
    while root[row] != row:
        row = int(root[row])
    return row


def _first_of_each(marks: Array, rows: Array, root: Array, threshold: float) -> tuple[Array, Array]:
    first, similarity = np.arange(len(root)), np.ones(len(root))
    shared = np.flatnonzero(np.bincount(root, minlength=len(root))[root] > 1)
    shared = shared[np.argsort(root[shared], kind="stable")]
    for group in np.split(shared, np.flatnonzero(np.diff(root[shared])) + 1):
        while len(group) > 1:
            like = (marks[rows[group]] == marks[rows[group[0]]]).mean(axis=1)
            same = like >= threshold
            first[group[same]], similarity[group[same]] = group[0], like[same]
            group = group[~same]
    return first, similarity
