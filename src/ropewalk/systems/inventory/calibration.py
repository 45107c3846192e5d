"""Whether the chances are kept: stock-outs predicted against stock-outs that came, and profit promised against made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.systems.inventory.requests import came_true, stacked
from ropewalk.types import Columns

if TYPE_CHECKING:
    import polars as pl

    from ropewalk.systems.inventory.model import InventoryModel
    from ropewalk.systems.inventory.panel import Panel

Array = np.ndarray
EDGES = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])


def calibration(
    records: Panel, asked: list[Columns], ordered: list[Array], model: InventoryModel, start: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A row a bin of predicted chance, for both chances; and the sums of promised and realised profit of the lines."""
    import polars as pl

    kept, worths = came_true(records, asked, ordered, start)
    answers = model.predict(stacked([asked[k] for k in kept]))
    pairs = (
        ("next chance to order", "p_stock_out"),
        ("until the next order could arrive", "p_stock_out_covered"),
    )
    rows: list[dict[str, Any]] = []
    for name, field in pairs:
        rows += _bins(name, answers[field], np.concatenate([getattr(w, field) for w in worths]))
    realised = np.concatenate([w.profit_usd for w in worths])
    promise = {
        "expected_usd": float(answers["expected_profit_usd"].sum()),
        "realised_usd": float(realised.sum()),
        "lines": int((answers["order_now"] > 0).sum()),
    }
    return pl.DataFrame(rows), promise


def _bins(name: str, predicted: Array, observed: Array) -> list[dict[str, Any]]:
    at = np.clip(np.searchsorted(EDGES, predicted, side="right") - 1, 0, len(EDGES) - 2)
    return [
        {
            "forecast": name,
            "low": float(EDGES[b]),
            "high": float(EDGES[b + 1]),
            "predicted": float(predicted[at == b].mean()),
            "observed": float(observed[at == b].mean()),
            "rows": int((at == b).sum()),
        }
        for b in range(len(EDGES) - 1)
        if (at == b).any()
    ]
