"""What to watch once live."""

from __future__ import annotations

from ropewalk.spine.monitoring.checks import errors, latency
from ropewalk.systems.search.config import Config
from ropewalk.types import Check, Dataset


def checks(config: Config, dataset: Dataset) -> tuple[Check, ...]:
    return (latency(p99_ms=500), errors())
