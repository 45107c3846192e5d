"""What to watch once orders are advised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ropewalk.spine.monitoring.checks import (
    calibration,
    drift,
    errors,
    followed,
    latency,
    out_of_range,
    promise,
    truths_due,
)
from ropewalk.types import Check, Dataset

if TYPE_CHECKING:
    from ropewalk.systems.inventory.config import Config

ITEM = ("item", "site")  # requests about the same item are alike: they are drawn together


def checks(config: Config, dataset: Dataset) -> tuple[Check, ...]:
    """Drift of requests, promises of money and chances, the service, and whether the advice is followed."""
    days = 7 if config.period == "week" else 1
    longest = (
        int(dataset.table("items").collect()["lead_time_periods"].to_numpy().max(initial=1))
        + config.review_every_periods
    )
    return (
        drift(cluster=ITEM),
        out_of_range(cluster=ITEM),
        promise("expected_profit_usd", "profit_usd", cluster=ITEM, time="date", unit=config.currency),
        calibration("p_stock_out", "ran_out", cluster=ITEM),
        followed("profit_usd", unit=config.currency),
        truths_due(after_days=float(longest * days + days)),
        latency(p99_ms=250.0),
        errors(share=0.001),
    )
