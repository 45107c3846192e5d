"""What can be counted: demands that are too many to be told apart, and chances that are too small; each with the way out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.case_history import Past
from ropewalk.systems.inventory.case_lead import lead_times
from ropewalk.systems.inventory.engine.laws import Law

if TYPE_CHECKING:
    from ropewalk.systems.inventory.instance import Instance

MOST, MIXED = 5_000, 400  # units of a period's demand; where each buyer chooses a unit by its age
COVERED = 100_000  # units that the periods from an order to its sale demand together
FAR = 20  # times all others: a demand that may be a slip
WORDS = {10: "tens", 100: "hundreds", 1_000: "thousands", 1_000_000: "millions"}
TAIL, LEAST = 1e-9, 1e-14  # that is cut where nothing is said; below, sums in 64 bits no longer know it
CLOSE, CLOSER = 1e-3, 1e-6  # of the cost of a unit: what the cut demands may come to, and what is aimed at


def refuse_large(given: Instance, law: Law, past: Past | None) -> None:
    """ConfigError where a law has more demands than are counted with, with the numbers of the same item in larger units."""
    most = (
        MIXED if given.life and 0.0 < given.oldest_share < 1.0 else min(MOST, COVERED // (max(lead_times(given)) + 1))
    )
    greatest = _greatest(law, given.tail)
    if past is not None and given.history_as == "is":
        greatest = float(past.units.max())
    if greatest <= most:
        return
    by = 10
    while greatest / by > most or (
        law.kind in ("poisson", "negbin", "geometric") and _greatest(_in(law, by), given.tail) > most
    ):
        by *= 10
    slip = "" if past is None else _slip(past)
    raise ConfigError(
        [
            f"{slip}a period's demand goes up to {greatest:,.0f} units, and at most {most:,} are told apart: count in cases or "
            f"{WORDS.get(by, f'lots of {by:,}')}, not pieces. In units of {by:,} it is {_scaled(given, law, past, by)}"
        ],
        "the instance",
    )


def tail_of(given: Instance) -> float:
    """The probability that is cut: so small that what a unit short costs can not make up for it. ConfigError where none is."""
    short, over = given.penalty or given.backlog or 0.0, given.holding + given.waste
    if not over:
        return given.tail
    rate = short / over
    tail = given.tail if given.tail != TAIL else min(TAIL, CLOSER / rate)
    if tail >= LEAST and tail * rate <= CLOSE:
        return tail
    name = "penalty" if given.penalty else "backlog"
    if tail < LEAST:
        out = f"take {name} {over * CLOSER / LEAST:.3g} or less, or promise a service: what-if --vary service=0.999"
    else:
        out = f"leave --tail out, or take {CLOSER / rate:.1g}"
    raise ConfigError(
        [
            f"{name}: {short:g} is {rate:.3g} times what a unit too many costs, so that demands decide which come with a chance below "
            f"{tail:.1g}, where they are cut: {out}"
        ],
        "the instance",
    )


def _greatest(law: Law, tail: float) -> float:
    if law.kind == "given":
        return len(law.chances) - 1.0
    return float(law.frozen.isf(tail)) if law.mean < 1e15 else law.mean


def _in(law: Law, by: int) -> Law:
    return Law(law.kind, law.mean / by, law.successes)


def _scaled(given: Instance, law: Law, past: Past | None, by: int) -> str:
    money = ("penalty", "backlog", "holding", "unit_cost", "waste", "expedited_unit_cost")
    units = {"pack": 1, "min_order": 0, "max_order": None}
    said = [f"--{name.replace('_', '-')} {getattr(given, name) * by:.10g}" for name in money if getattr(given, name)]
    said += [
        f"--{name.replace('_', '-')} {math.ceil(getattr(given, name) / by)}"
        for name, usual in units.items()
        if getattr(given, name) != usual
    ]
    if past is not None:
        return f"{past.column} divided by {by:,}, rounded, with {' '.join(said)}"
    if law.kind == "given":
        return f"the chances of {by:,} neighbours added up, with {' '.join(said)}"
    law = _in(law, by)
    return f"--demand {law.name} {' '.join(said)}, which is as uneven as if {by:,} were bought at a time; a --history says how uneven it is"


def _slip(past: Past) -> str:
    """The row that is far out of the others."""
    at = int(np.argmax(past.units))
    others = np.delete(past.units, at)
    if not len(others) or past.units[at] <= FAR * max(float(others.max()), 1.0):
        return ""
    return (
        f"{past.file}, row {past.rows[at]}: {past.column} {past.units[at]:,.0f} is far from the others, which go up to "
        f"{others.max():,.0f}; mend that row if it is a slip. As it stands "
    )
