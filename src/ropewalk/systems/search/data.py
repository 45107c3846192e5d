"""config -> Dataset: documents, queries, labels, questions, and what was set aside."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ropewalk.systems.search.config import Config
from ropewalk.types import Job, Snapshot

if TYPE_CHECKING:
    import polars as pl

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of made data; documents that say no time
PARTS = ("learn", "test")


def data(config: Config, job: Job) -> Snapshot:
    """Read what the configuration names."""
    if config.docs.startswith("made:"):
        return _made(config)
    raise NotImplementedError
