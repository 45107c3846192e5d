"""What to watch once live."""

from __future__ import annotations

from ropewalk.spine.monitoring.checks import empty, errors, latency, slow
from ropewalk.systems.search.config import Config
from ropewalk.types import Check, Dataset


def checks(config: Config, dataset: Dataset) -> tuple[Check, ...]:
    """Searches that find nothing, slow ones, failures."""
    searches = ("task", "search")
    return (latency(p99_ms=500), errors(), empty("hits", "query", searches), slow("query", 200, searches))
