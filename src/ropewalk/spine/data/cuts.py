"""Cuts by time: what is learned on lies before what is chosen on, and that before what is replayed once."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from ropewalk.errors import DataError


def sizes(
    periods: int, parts: Mapping[str, float], least: int = 2, where: str = "the data", word: str = "period"
) -> dict[str, int]:
    """Name -> number of periods, in order of time. Parts up to 1 are shares of `periods`, above 1 they are numbers.

    Numbers that sum to less than `periods` leave out the oldest. DataError when a part would have under `least` periods;
    `where` and `word` are for its sentence.
    """
    counted = any(p > 1 for p in parts.values())
    found = {name: int(p) for name, p in parts.items()} if counted else _shared(periods, parts)
    if sum(found.values()) <= periods and min(found.values()) >= least:
        return found
    said = ", ".join(f"{name}={p:.4g}" for name, p in parts.items())
    why = f"{said} are numbers of {word}s" if counted else f"each of {said}, shares of them, must hold {least}"
    if counted and min(found.values()) < least:
        raise DataError([f"{where}: {why}, and each must be at least {least}. Set {', '.join(parts)} to fit."])
    needed = (
        sum(found.values()) if counted else next(n for n in count(periods) if min(_shared(n, parts).values()) >= least)
    )
    raise DataError(
        [
            f"{where} has {periods} whole {word}s, and {needed} are needed: {why}. Bring more history{_way_out(periods, parts, least)}."
        ]
    )


def _shared(periods: int, parts: Mapping[str, float]) -> dict[str, int]:
    whole = round(periods * min(sum(parts.values()), 1.0))
    exact = {name: periods * p for name, p in parts.items()}
    found = {name: int(x + 1e-9) for name, x in exact.items()}
    rest = sorted(parts, key=lambda name: found[name] - exact[name])  # the largest remainders first
    for name in rest[: whole - sum(found.values())]:
        found[name] += 1
    return found


def _way_out(periods: int, parts: Mapping[str, float], least: int) -> str:
    """Numbers that fit, in the proportion of what was asked for, none under `least`; '' where there are none."""
    if periods < least * len(parts):
        return ""
    total = sum(parts.values())
    free = _shared(periods - least * len(parts), {name: p / total for name, p in parts.items()})
    return ", or set " + ", ".join(f"{name}={least + n}" for name, n in free.items())


def labels(
    periods: int, parts: Mapping[str, float], least: int = 2, where: str = "the data", word: str = "period"
) -> list[str]:
    """The cut of each period, oldest first; '' for periods older than the first cut."""
    found = sizes(periods, parts, least, where, word)
    named = [name for name, n in found.items() for _ in range(n)]
    return [""] * (periods - len(named)) + named
