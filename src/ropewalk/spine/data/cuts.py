"""Cuts by time: what is learned on lies before what is chosen on, and that before what is replayed once."""

from __future__ import annotations

from collections.abc import Mapping

from ropewalk.errors import DataError


def sizes(periods: int, parts: Mapping[str, float], least: int = 2) -> dict[str, int]:
    """Name -> number of periods, in order of time. Parts up to 1 are shares of `periods`, above 1 they are numbers.

    Numbers that sum to less than `periods` leave out the oldest. DataError when a part would have under `least` periods.
    """
    if all(p <= 1 for p in parts.values()):
        whole = round(periods * min(sum(parts.values()), 1.0))
        exact = {name: periods * p for name, p in parts.items()}
        found = {name: int(x + 1e-9) for name, x in exact.items()}
        rest = sorted(parts, key=lambda name: found[name] - exact[name])  # the largest remainders first
        for name in rest[: whole - sum(found.values())]:
            found[name] += 1
    else:
        found = {name: int(p) for name, p in parts.items()}
    asked = sum(found.values())
    short = [name for name, n in found.items() if n < least]
    if asked > periods or short:
        cut = ", ".join(f"{name} {n}" for name, n in found.items())
        why = f"'{short[0]}' needs at least {least}" if short else f"they ask for {asked}"
        raise DataError(
            [
                f"the data has {periods} whole periods, which is too short for the cuts {cut}: {why}. "
                f"Bring more history, or set {', '.join(parts)} to fit."
            ]
        )
    return found


def labels(periods: int, parts: Mapping[str, float], least: int = 2) -> list[str]:
    """The cut of each period, oldest first; '' for periods older than the first cut."""
    found = sizes(periods, parts, least)
    named = [name for name, n in found.items() for _ in range(n)]
    return [""] * (periods - len(named)) + named
