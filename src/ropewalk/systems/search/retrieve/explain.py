"""How a hit got its score: its place and score in each leg, and what each term in each field gave."""

from __future__ import annotations

from typing import Any

import numpy as np

from ropewalk.systems.search.retrieve.engine import Engine, Found, Leg, Wanted
from ropewalk.systems.search.retrieve.parts import parts


def explain(engine: Engine, wanted: Wanted, found: Found, row: int) -> dict[str, Any]:
    """place, score; legs: place and score there; terms: [field in a language, term, what it gave], the greatest first.

    The terms' parts add up to the terms' score, but for those of a disjunction, of which the greatest counts.
    """
    at = np.flatnonzero(found.rows == row)
    legs = {name: _in_leg(leg, row) for name, leg in found.legs.items()}
    return {
        "id": engine.snapshot.ids([row])[0],
        "place": int(at[0]) + 1 if len(at) else None,
        "score": float(found.scores[at[0]]) if len(at) else None,
        "legs": {name: one for name, one in legs.items() if one is not None},
        "terms": _terms(engine, wanted, row),
    }


def _in_leg(leg: Leg, row: int) -> dict[str, Any] | None:
    at = np.flatnonzero(leg.rows == row)
    return {"place": int(at[0]) + 1, "score": float(leg.scores[at[0]])} if len(at) else None


def _terms(engine: Engine, wanted: Wanted, row: int) -> list[list[Any]]:
    query = engine.understood(wanted).query
    given = parts(engine.snapshot, query, row) if query is not None else []
    return sorted(([place, term, round(score, 6)] for place, term, score in given), key=lambda part: -part[2])
