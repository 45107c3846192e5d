"""A store for the tests here: in memory where the machine has a place for that, since none of them is about the disk."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ropewalk.store import Store, open_store


@pytest.fixture
def place() -> Iterator[Path]:
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="ropewalk-test-", dir=shared) as folder:
        yield Path(folder)


@pytest.fixture
def store(place: Path) -> Iterator[Store]:
    with open_store(place / "store") as opened:
        yield opened
