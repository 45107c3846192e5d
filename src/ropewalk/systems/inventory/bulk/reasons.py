"""Why a line is what it is, in a few words. The words come in few combinations, so that a file keeps each of them once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from ropewalk.systems.inventory.bulk.policy import Seen

Array = np.ndarray
TENTHS, WHOLE = 100, 190  # cover is told in tenths of a period below 10, in periods below 100, then as 100 and more
LONGEST = 128  # periods to protect, at most
KINDS = {
    "short": "below level: {cover}",
    "safety": "below level: {cover}, and safety stock",
    "raised": "below level: {cover}; raised to the minimum order",
    "above": "no order: {cover}",
    "enough": "no order: {cover}, a unit more costs more than it earns",
    "rounded": "no order: {cover}, less than half a pack is missing",
    "none sold": "no order: no demand in {history} {word}s",
    "no margin": "no order: at this price and cost a lost sale costs nothing",
    "no level": "no order: demand too thin to pay for a unit held",
}
NUMBER = {kind: number for number, kind in enumerate(KINDS)}
TEXTS = tuple(KINDS.values())


def codes(wanted: Array, units: Array, up_to: Array, seen: Seen) -> Array:
    """[N] int32, numbers of sentences. `wanted`: units before rounding; `up_to`: the level."""
    rate = seen.past.mean
    cover = seen.position / np.maximum(rate, 1e-9) * (1.0 + 1e-6)  # rates are float32: 2 is not to be told as 1.9
    less = cover < seen.periods
    kind = np.where(less, NUMBER["short"], NUMBER["safety"])
    kind[units > wanted + 0.5 * seen.pack_size] = NUMBER["raised"]
    rows = np.flatnonzero(units <= 0.0)
    without = np.where(less[rows], NUMBER["enough"], NUMBER["above"])
    without[wanted[rows] > 0.0] = NUMBER["rounded"]
    without[up_to[rows] <= 0.0] = NUMBER["no level"]
    without[seen.short[rows] <= 0.0] = NUMBER["no margin"]
    without[rate[rows] <= 0.0] = NUMBER["none sold"]
    kind[rows] = without
    told = np.where(cover < 10.0, cover * TENTHS / 10, np.minimum(cover + (TENTHS - 10), WHOLE)).astype(np.int64)
    return ((kind * (WHOLE + 1) + told) * LONGEST + seen.periods.astype(np.int64)).astype(np.int32)


def texts(numbers: Array, word: str, history: int) -> pl.Series:
    """[N] the sentences of codes; `word`: week, day or period; `history`: periods of it."""
    found = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    found[numbers] = True
    distinct = np.flatnonzero(found)
    place = np.zeros(len(found), np.int32)
    place[distinct] = np.arange(len(distinct))
    return pl.Series([sentence(n, word, history) for n in distinct.tolist()], dtype=pl.String).gather(place[numbers])


@lru_cache(maxsize=100_000)
def sentence(number: int, word: str, history: int) -> str:
    """What a code says."""
    rest, periods = divmod(number, LONGEST)
    kind, told = divmod(rest, WHOLE + 1)
    lasts = f"{told / 10:.1f}" if told < TENTHS else f"{told - TENTHS + 10}" if told < WHOLE else "100 and more"
    return TEXTS[kind].format(cover=f"cover {lasts} {word}s of {periods}", history=history, word=word)
