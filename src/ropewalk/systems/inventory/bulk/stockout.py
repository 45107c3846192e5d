"""The chances that stock runs out before an order of now arrives, and in the time that it covers, and the sales that are then lost.

With D_j the demand and S_j the supply of the first j periods, both cumulative, only some periods can be the tightest: the last one
before each arrival, that of the lead time, and that of the cover. At each of these points the law of D_j is that of the plan. From
one point to the next the joint law is that of two normals with the same chances and the correlation that the moments of demand have
(independent periods, and one mean for all that is not surely known); what came before the last point is forgotten. Where stock
has run out at a point, what was asked for in vain is lost: it begins again with nothing, and gets what arrives then.
How near that comes to a simulation: stockout_test.py.

Letters: N rows, K periods ahead, P points of all rows, n some of either.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.bulk.demand import Past, ahead
from ropewalk.systems.inventory.bulk.law import exceeding
from ropewalk.systems.inventory.bulk.normal import pair

Array = np.ndarray
LEAST = 1e-4  # a smaller chance at a point is told as none
RARE = 1e-3  # two points are looked at together where both chances are larger
SELDOM = 0.01  # a smaller chance to have run out and have stock again is not followed by itself
FAR = -2.0 * np.log(LEAST)


class Risk(NamedTuple):
    """[N] each, with the orders that are placed now."""

    probability: Array  # that stock runs out at any time before the next order could arrive
    before_arrival: Array  # that it does before this order arrives
    in_cover: Array  # that it does from then on
    units_short: Array  # sales lost before the next order could arrive, expected


def risk(past: Past, on_hand: Array, on_order: Array, units: Array, lead_time: Array, periods: Array) -> Risk:
    """Of N rows with `on_order` [K,N] and `units` [N] ordered now; `periods` [N]: lead time + review."""
    points = _points(on_hand, on_order, units, lead_time, periods)
    steps = _steps(_of(past, points.row), points)
    at = np.flatnonzero(points.first)
    rows, end = np.arange(len(at)), np.append(at[1:], len(points.row))
    way = _Way(past, points, steps, at)
    while len(rows):
        more = np.flatnonzero(at + 1 < end[rows])
        rows, at = rows[more], at[more] + 1
        way.move(rows, at)
    return Risk(1.0 - way.never, way.before, 1.0 - way.never - way.spared, way.short)


class _Points(NamedTuple):
    """[P] each, row by row, the early ones first."""

    row: Array
    time: Array  # periods from now
    supply: Array  # units in all until then
    first: Array  # bool: of its row
    enters: Array  # bool: the first one in the cover


def _points(on_hand: Array, on_order: Array, units: Array, lead_time: Array, periods: Array) -> _Points:
    rows, longest = len(on_hand), int(periods.max())
    time = np.arange(1.0, longest + 1.0)[:, None]
    due = np.zeros((longest, rows))  # after period 1, 2, ...
    due[: len(on_order)] = on_order[:longest]
    tight = ((due > 0.0) & (time < periods)) | (time == lead_time) | (time == periods)
    supply = np.empty_like(due)
    supply[0] = on_hand
    for before in range(longest - 1):
        np.add(supply[before], due[before], out=supply[before + 1])
    supply += units * (time > lead_time)
    row, number = np.nonzero(np.ascontiguousarray(tight.T))
    first, covered = np.diff(row, prepend=-1) > 0, number >= lead_time[row]
    enters = covered & (first | ~np.roll(covered, 1))
    return _Points(row, number + 1.0, supply[number, row], first, enters)


class _Step(NamedTuple):
    """From the last point to the next one, [n] each."""

    chance: Array  # that all demand from its origin on is above the supply from there on
    risk: Array  # that stock runs out at the next point
    lost: Array  # units, expected


class _Steps(NamedTuple):
    """To each of P points, from the point before it."""

    something: _Step  # where something was left there; the origin is now
    nothing: _Step  # where nothing was; the origin is that point


def _steps(past: Past, points: _Points) -> _Steps:
    chance, beyond = _lacking(past, points.time, points.supply)
    before, last = (np.where(points.first, 0.0, np.roll(column, 1)) for column in (chance, points.time))
    something = _onwards(past, last, before, points.time, chance, beyond)
    nothing = _Step(*np.zeros((3, len(chance))))
    some = np.flatnonzero((before > RARE) & (chance > RARE))
    _put(nothing, some, _anew(_of(past, some), points, some, before[some]))
    return _Steps(something, nothing)


def _onwards(past: Past, last: Array, before: Array, now: Array, chance: Array, beyond: Array) -> _Step:
    """Where something was left at the last point. [n] each: periods from the origin to both points, the chance at the last one, and
    chance and units at the next one."""
    step = _Step(chance, chance.copy(), beyond)
    some = np.flatnonzero((before > RARE) & (chance > RARE))
    before, last, now, worth = before[some], last[some], now[some], past.periods[some]
    joint = pair(before, chance[some], np.sqrt(last * (worth + now) / (now * (worth + last))))
    rest = 1.0 / np.maximum(1.0 - before, 1e-9)
    step.risk[some] = np.clip((chance[some] - joint.both) * rest, 0.0, 1.0)
    step.lost[some] *= (1.0 - joint.share) * rest
    return step


def _anew(past: Past, points: _Points, some: Array, before: Array) -> _Step:
    """Where nothing was left at the last point, to the points `some`."""
    last = points.time[some - 1]
    between, worth = points.time[some] - last, past.periods
    chance, beyond = _lacking(past, between, points.supply[some] - points.supply[some - 1])
    joint = pair(before, chance, np.sqrt(last * between / ((worth + last) * (worth + between))))
    return _Step(chance, np.clip(joint.both / before, 0.0, 1.0), beyond * joint.share / before)


def _lacking(past: Past, periods: Array, supply: Array) -> tuple[Array, Array]:
    """[n] chance that the demand of so many periods is above the supply, and by how many units, expected."""
    chance, beyond = np.zeros((2, len(supply)))
    near = np.flatnonzero(_in_reach(past, periods, supply))
    law, _ = ahead(_of(past, near), periods[near])
    chance[near], beyond[near] = exceeding(law, supply[near])
    return chance, beyond


def _in_reach(past: Past, periods: Array, supply: Array) -> Array:
    """[n] bool: not where the chance is below LEAST by Bernstein's bound for a gamma tail (Boucheron, Lugosi & Massart,
    Concentration Inequalities, 2013, section 2.4). Lumps are looked at in any case."""
    mean = past.mean * periods
    variance = past.variance * periods * (1.0 + periods / past.periods)
    gap = np.maximum(supply - mean, 0.0)
    return past.lumpy | (gap * gap <= FAR * variance * (1.0 + gap / np.maximum(mean, 1e-12)))


class _Way:
    """N rows on their way from point to point, [N] each. A row has never run out, or is out, or was out and has stock again."""

    def __init__(self, past: Past, points: _Points, steps: _Steps, first: Array) -> None:
        """At their first points [N]."""
        size = len(first)
        self.past, self.points, self.steps = past, points, steps
        self.out = steps.something.chance[first]
        self.never, self.again = 1.0 - self.out, np.zeros(size)  # chances; their sum and that of `out` is 1
        self.origin, self.given = np.zeros((2, size))  # where `again` began: periods, supply
        self.later = self.out.copy()  # chance that all demand from there to the last point was above the supply
        self.before, self.spared, self.empty = np.zeros((3, size))  # what `begin_cover` says
        self.short = steps.something.lost[first]  # units lost, expected

    def begin_cover(self, rows: Array) -> None:
        self.before[rows] = 1.0 - self.never[rows]  # chance that the lead time was too long
        self.spared[rows] = self.again[rows]  # of `again` and `out`: what has not run out in the cover
        self.empty[rows] = self.out[rows]

    def move(self, rows: Array, at: Array) -> None:
        """Rows to their points `at` [n]."""
        self.begin_cover(rows[self.points.enters[at]])
        never, out = (_Step(*(column[at] for column in step)) for step in self.steps)
        again = self._again(rows, at, never)
        before, steps = (self.never[rows], self.out[rows], self.again[rows]), (never, out, again)
        self.short[rows] += sum(share * step.lost for share, step in zip(before, steps, strict=True))
        still, fresh, kept = (share * (1.0 - step.risk) for share, step in zip(before, steps, strict=True))
        self.never[rows], self.again[rows], self.out[rows] = still, fresh + kept, 1.0 - still - fresh - kept
        self.spared[rows] = self.empty[rows] * (1.0 - out.risk) + self.spared[rows] * (1.0 - again.risk)
        self.empty[rows] = 0.0
        self._begin_again(rows, at, fresh > kept, out, again)

    def _again(self, rows: Array, at: Array, never: _Step) -> _Step:
        """The step of rows that ran out before the last point."""
        some = np.flatnonzero((self.again[rows] > SELDOM) & (never.chance > RARE))
        if not len(some):
            return never
        rows, at = rows[some], at[some]
        past, origin = _of(self.past, rows), self.origin[rows]
        last, now = self.points.time[at - 1] - origin, self.points.time[at] - origin
        found = _lacking(past, now, self.points.supply[at] - self.given[rows])
        step = _Step(*(column.copy() for column in never))
        _put(step, some, _onwards(past, last, self.later[rows], now, *found))
        return step

    def _begin_again(self, rows: Array, at: Array, newer: Array, out: _Step, again: _Step) -> None:
        """One origin stands for all: the last point, if most of what has stock again had none there."""
        self.later[rows] = np.where(newer, out.chance, again.chance)
        rows, last = rows[newer], at[newer] - 1
        self.origin[rows], self.given[rows] = self.points.time[last], self.points.supply[last]


def _of(past: Past, rows: Array) -> Past:
    return Past(*(column[rows] for column in past))


def _put(steps: _Step, rows: Array, made: _Step) -> None:
    for column, values in zip(steps, made, strict=True):
        column[rows] = values
