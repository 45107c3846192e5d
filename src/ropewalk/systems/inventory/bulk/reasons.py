"""Why a line is what it is, in a few words: with the number that decided, the level, or what the network sees. Numbers are rounded, so
that the texts are few and a file keeps each of them once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from ropewalk.systems.inventory.bulk.policy import LINE, NETWORK, OWN, Seen
from ropewalk.systems.inventory.rules import Levels

Array = np.ndarray
TENTHS, WHOLE = 100, 190  # cover is told in tenths of a period below 10, in periods below 100, then as 100 and more
LONGEST = 128  # periods to protect, at most
NUMBERS = 1024  # that a text may tell
KINDS = {
    "short": "below the level of {level} for {span}",
    "safety": "below the level of {level} for {span}: safety stock is missing",
    "raised": "below the level of {level}; raised to the minimum order",
    "above": "no order: not below the level of {level}",
    "enough": "no order: the level is {level}, a unit more costs more than it earns",
    "rounded": "no order: below the level of {level}, by less than half a pack",
    "network": "the network sees {cover}",
    "network raised": "the network sees {cover}; raised to the minimum order",
    "network none": "no order: the network sees {cover}",
    "network rounded": "no order: the network sees {cover}; less than half a pack is missing",
    "own": "the policy of your own sees {cover}",
    "own raised": "the policy of your own sees {cover}; raised to the minimum order",
    "own none": "no order: the policy of your own sees {cover}",
    "own rounded": "no order: the policy of your own sees {cover}; less than half a pack is missing",
    "none sold": "no order: no demand in {history}",
    "no margin": "no order: at this price and cost a lost sale costs nothing",
    "no level": "no order: demand too thin to pay for a unit held",
    "no worth": "no order: not worth having, an order line costs more than it earns",
}
NUMBER = {kind: number for number, kind in enumerate(KINDS)}
TEXTS = tuple(KINDS.values())
SPANS = np.array(["{span}" in text or "{cover}" in text for text in TEXTS])
TELLS = np.array(["{" in text for text in TEXTS])


def codes(wanted: Array, units: Array, levels: Levels, by: Array, seen: Seen) -> Array:
    """[N] int32, numbers of sentences. `wanted`: units before rounding; `by`: who decided."""
    cover = (
        seen.position / np.maximum(seen.past.mean, 1e-9) * (1.0 + 1e-6)
    )  # means are float32: 2 is not to be told as 1.9
    none, raised, rounded = units <= 0.0, units > wanted + 0.5 * seen.pack_size, wanted > 0.0
    less, level = cover < seen.periods, levels.reorder + 0.5
    kind = np.where(
        none, np.where(less, NUMBER["enough"], NUMBER["above"]), np.where(less, NUMBER["short"], NUMBER["safety"])
    )
    kind = np.where(none & rounded, NUMBER["rounded"], np.where(raised & ~none, NUMBER["raised"], kind))
    number = _level_number(level)
    for who, first in ((NETWORK, NUMBER["network"]), (OWN, NUMBER["own"])):
        rows = np.flatnonzero(by == who)
        kind[rows] = first + np.where(none[rows], 2 + rounded[rows], raised[rows])
        number[rows] = _cover_number(cover[rows])
    rows = np.flatnonzero(none & (levels.up_to <= 0.0))
    kind[rows] = np.where(by[rows] == LINE, NUMBER["no worth"], NUMBER["no level"])
    kind[none & (seen.short <= 0.0)] = NUMBER["no margin"]
    rows = np.flatnonzero(none & (seen.past.mean <= 0.0))
    kind[rows], number[rows] = NUMBER["none sold"], (~np.isnan(seen.history[:, rows])).sum(0)
    return ((kind * NUMBERS + TELLS[kind] * number) * LONGEST + SPANS[kind] * seen.periods.astype(np.int64)).astype(
        np.int32
    )


def _cover_number(cover: Array) -> Array:
    return np.where(cover < 10.0, cover * TENTHS / 10, np.minimum(cover + (TENTHS - 10), WHOLE)).astype(np.int64)


def _level_number(level: Array) -> Array:
    """Below 100 itself, above of the two digits that it begins with."""
    number = np.maximum(level, 0.0).astype(np.int64)
    rows = np.flatnonzero(number >= 100)
    tens = np.floor(np.log10(level[rows])) - 1.0
    number[rows] = (90.0 * tens + np.round(level[rows] / 10.0**tens)).astype(np.int64)
    return np.minimum(number, NUMBERS - 1)


def _level(number: int) -> str:
    tens, digits = divmod(number - 10, 90)
    return str(number) if number < 100 else f"about {(digits + 10) * 10**tens:,}"


def texts(numbers: Array, word: str) -> pl.Series:
    """[N] the sentences of codes; `word`: week, day or period."""
    found = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    found[numbers] = True
    distinct = np.flatnonzero(found)
    place = np.zeros(len(found), np.int32)
    place[distinct] = np.arange(len(distinct))
    return pl.Series([sentence(n, word) for n in distinct.tolist()], dtype=pl.String).gather(place[numbers])


@lru_cache(maxsize=100_000)
def sentence(number: int, word: str) -> str:
    """What a code says."""
    rest, periods = divmod(number, LONGEST)
    kind, told = divmod(rest, NUMBERS)
    lasts = f"{told / 10:.1f}" if told < TENTHS else f"{told - TENTHS + 10}" if told < WHOLE else "100 and more"
    cover = f"{lasts} {word}s of cover, {periods} to protect"
    return TEXTS[kind].format(level=_level(told), cover=cover, span=_span(periods, word), history=_span(told, word))


def _span(periods: int, word: str) -> str:
    return f"{periods} {word}{'s' * (periods != 1)}"
