"""Stores of every kind, as the tests here are handed them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ropewalk.store import Store

KINDS = ("local+sqlite", "memory+sqlite", "s3+sqlite", "s3+postgres")


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, make_address: Callable[[str], Any]) -> Any:
    return make_address(request.param)


@pytest.fixture
def store(address: Any) -> Iterator[Store]:
    with address.open() as opened:
        yield opened


@pytest.fixture
def local(make_address: Callable[[str], Any]) -> Iterator[Store]:
    """A store in a folder, for what concerns files."""
    with make_address("local+sqlite").open() as opened:
        yield opened


@pytest.fixture
def memory(make_address: Callable[[str], Any]) -> Iterator[Store]:
    with make_address("memory+sqlite").open() as opened:
        yield opened
