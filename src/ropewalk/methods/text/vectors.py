"""Vectors of float32 kept as two bytes a number, and found again by an exact scan.

A row x is kept as  x ~ scale c + rest_scale r  with c, r of int8:

    scale = max|x| / 127          c = round(x / scale)
    rest_scale = max|x - scale c| / 127      r = round((x - scale c) / rest_scale)

Each number of a row is off by at most rest_scale / 2 <= max|x| / 64,516 (and float32's own rounding), about 16 bits.

The scan reads c of every row (a byte a number: the time is that of reading memory), and c and r of the candidates only. With
q' the query as int8, the first pass gives q.x but for the rounding of both sides, an error of standard deviation

    sigma = sqrt(|q|^2 scale^2 + |x|^2 qscale^2) / sqrt(12)

(roundings spread evenly over +-1/2 and independent). A row that belongs to the best k lies, but for errors beyond Z sigma,
at most 2 Z sigma under the k-th best of the first pass: all such rows are scored again, at most `oversample` k of them.

Sums are exact: those of the first pass in integers; those of the second because the query is rounded to 24 bits below its
largest number, so that a sum of 384 products fits the 53 bits of a float64. So a row's score has the same bits in every
segment, batch and machine, and ties go to the lower row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

BLOCK = 32_768  # rows a step: the scores of a block stay in the cache
Z = 5.0  # standard deviations that the first pass may be off


class Part(Protocol):
    """What a scan reads of a segment: arrays, or memory maps of the same shapes."""

    @property
    def codes(self) -> np.ndarray: ...  # int8 [n, d]
    @property
    def scales(self) -> np.ndarray: ...  # float32 [n]
    @property
    def rest(self) -> np.ndarray: ...  # int8 [n, d]
    @property
    def rest_scales(self) -> np.ndarray: ...  # float32 [n]


@dataclass(frozen=True, slots=True)
class Quantised:
    """Rows of float32 as two int8 numbers each and two scales a row: 2 d + 8 bytes a row."""

    codes: np.ndarray  # int8 [n, d]
    scales: np.ndarray  # float32 [n]
    rest: np.ndarray  # int8 [n, d]
    rest_scales: np.ndarray  # float32 [n]


def quantise(x: np.ndarray) -> Quantised:
    """Rows of finite float32 [n, d] as int8 codes and an int8 rest."""
    if x.ndim != 2 or x.dtype != np.float32:
        raise ValueError(f"vectors are float32 [n, d]; got {x.dtype} {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"row {int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])} holds a number that is not finite")
    codes, scales = _rounded(x)
    rest, rest_scales = _rounded(x - codes * scales[:, None])
    return Quantised(codes, scales, rest, rest_scales)


def _rounded(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scales = np.abs(x).max(axis=1, initial=0.0) / np.float32(127)
    safe = np.where(scales > 0, scales, np.float32(1))
    return np.clip(np.rint(x / safe[:, None]), -127, 127).astype(np.int8), scales


def restore(part: Part, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """The rows as float32 [n, d] again."""
    codes = part.codes[rows] * part.scales[rows][:, None]
    return codes + part.rest[rows] * part.rest_scales[rows][:, None]


def scan(
    parts: Sequence[Part],
    query: np.ndarray,  # float32 [d]
    k: int,
    mask: np.ndarray | None = None,  # bool [rows of all parts]: which rows may be found
    oversample: int = 32,
) -> tuple[np.ndarray, np.ndarray]:
    """The k best rows by dot product: (rows int64, scores float32), best first, ties to the lower row.

    Rows count through the parts in their order. Fewer than k come back when the mask leaves fewer.
    """
    return scan_many(parts, query[None], k, mask, oversample)[0]


def scan_many(
    parts: Sequence[Part],
    queries: np.ndarray,  # float32 [m, d]
    k: int,
    mask: np.ndarray | None = None,
    oversample: int = 32,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """`scan` for many queries in one reading of the parts; the same answers."""
    queries = np.ascontiguousarray(queries, np.float32)
    if queries.ndim != 2 or any(part.codes.shape[1] != queries.shape[1] for part in parts):
        raise ValueError(f"a query has the width of the parts; got {queries.shape}")
    if k < 1 or not len(queries):
        return [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
    short, qscales = _rounded(queries)
    best = [_Best(k, oversample * k, m) for m in _margins(parts, queries, qscales)]
    for row, scores in _first_pass(parts, short, qscales):
        for one, values in zip(best, scores, strict=True):
            one.take(row, values, mask)
    return [_second_pass(parts, query, one.rows(), k) for query, one in zip(queries, best, strict=True)]


def _margins(parts: Sequence[Part], queries: np.ndarray, qscales: np.ndarray) -> np.ndarray:
    """[m] how far below the k-th best of the first pass a row of the best k may lie: 2 Z sigma."""
    scale = max((float(part.scales.max(initial=0.0)) for part in parts), default=0.0)
    norms = np.linalg.norm(queries, axis=1)
    longest = 1.01  # unit vectors
    return 2 * Z * np.sqrt((norms * scale) ** 2 + (longest * qscales) ** 2) / np.sqrt(12)


def _first_pass(parts: Sequence[Part], short: np.ndarray, qscales: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, scores float32 [m, rows]) of block after block."""
    dots = _dots(short)
    offset = 0
    for part in parts:
        codes, scales = np.asarray(part.codes), np.asarray(part.scales)
        for at in range(0, len(codes), BLOCK):
            found = dots(codes[at : at + BLOCK])
            yield offset + at, (found * scales[at : at + BLOCK]) * qscales[:, None]
        offset += len(codes)


def _dots(short: np.ndarray) -> Any:
    """A function from codes [b, d] to exact dot products [m, b]."""
    import numkong

    if len(short) == 1:
        return lambda codes: np.asarray(numkong.cdist(short, codes, "dot"))
    packed = numkong.dots_pack(short, dtype="int8")
    return lambda codes: np.asarray(numkong.dots_packed(codes, packed)).T


class _Best:
    """Rows that may be among the best k, while blocks pass."""

    def __init__(self, k: int, most: int, margin: float) -> None:
        self._k, self._most, self._margin = k, most, margin
        self._floor = -np.inf
        self._found: list[tuple[np.ndarray, np.ndarray]] = []
        self._count = 0

    def take(self, row: int, scores: np.ndarray, mask: np.ndarray | None) -> None:
        hits = np.flatnonzero(scores >= self._floor)
        if mask is not None:
            hits = hits[mask[row : row + len(scores)][hits]]
        if len(hits):
            self._found.append((hits + row, scores[hits]))
            self._count += len(hits)
        if self._count > 2 * self._most:
            self._shrink()

    def _shrink(self) -> None:
        rows, scores = (np.concatenate(column) for column in zip(*self._found, strict=True))
        if len(rows) > self._k:
            self._floor = max(self._floor, np.partition(scores, -self._k)[-self._k] - self._margin)
            keep = scores >= self._floor
            rows, scores = rows[keep], scores[keep]
        if len(rows) > self._most:
            order = np.lexsort((rows, -scores))[: self._most]
            rows, scores = rows[order], scores[order]
            self._floor = max(self._floor, float(scores[-1]))
        self._found, self._count = [(rows, scores)], len(rows)

    def rows(self) -> np.ndarray:
        if not self._found:
            return np.empty(0, np.int64)
        self._shrink()
        return np.sort(self._found[0][0])


def _second_pass(parts: Sequence[Part], query: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores = rescore(parts, query, rows)
    order = np.lexsort((rows, -scores))[:k]
    return rows[order].astype(np.int64), scores[order]


def rescore(parts: Sequence[Part], query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """float32 [len(rows)]: the scores of given rows (ascending), with codes and rest."""
    exact = _short_sums(query)
    edges = np.cumsum([0, *(len(part.codes) for part in parts)])
    cuts = np.searchsorted(rows, edges)
    scores = [np.empty(0, np.float32)]
    for part, low, high, offset in zip(parts, cuts, cuts[1:], edges, strict=False):
        mine = rows[low:high] - offset
        if len(mine):
            first = (part.codes[mine] @ exact) * part.scales[mine]
            scores.append((first + (part.rest[mine] @ exact) * part.rest_scales[mine]).astype(np.float32))
    return np.concatenate(scores)


def _short_sums(query: np.ndarray) -> np.ndarray:
    """The query as float64, rounded to 24 bits below its largest number: sums of products with bytes are then exact."""
    unit = np.ldexp(1.0, int(np.frexp(np.abs(query).max(initial=0.0))[1]) - 24)
    return np.rint(query.astype(np.float64) / unit) * unit
