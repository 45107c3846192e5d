"""Both legs in one ranking."""

from __future__ import annotations

import numpy as np

from ropewalk.systems.search.retrieve.engine import Engine, Leg


def fuse(_engine: Engine, _query: str, by_terms: Leg, by_meaning: Leg, k: float = 60.0) -> Leg:
    """Reciprocal rank fusion."""
    scores: dict[int, float] = {}
    for leg in (by_terms, by_meaning):
        for rank, row in enumerate(leg.rows.tolist()):
            scores[row] = scores.get(row, 0.0) + 1.0 / (k + rank + 1)
    rows = np.array(sorted(scores, key=lambda row: (-scores[row], row)), np.int64)
    return Leg(rows, np.array([scores[row] for row in rows.tolist()]))
