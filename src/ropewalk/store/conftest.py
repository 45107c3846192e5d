"""Every kind of store that the tests run on. The real servers start once a session, when the first test wants them."""

import importlib.util
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ropewalk.store import Store, open_store


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("ropewalk_test_servers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers = _load(Path(__file__).parents[3] / "tests" / "servers.py")
KINDS = ("local+sqlite", "memory+sqlite", "s3+sqlite", "s3+postgres")


@dataclass
class Address:
    """Where a test's store is; `open` may be called any number of times, also by other processes."""

    kind: str
    url: str
    index: str | None

    def open(self) -> Store:
        return open_store(self.url, self.index)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[dict[str, str]]:
    try:
        with servers.s3() as env:
            yield env
    except servers.Absent as absent:
        pytest.skip(str(absent))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    try:
        with servers.postgres() as server:
            yield server
    except servers.Absent as absent:
        pytest.skip(str(absent))


@pytest.fixture
def trouble(s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A proxy in front of the S3 server that AWS_ENDPOINT_URL leads to."""
    pytest.importorskip("obstore")
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    proxy = servers.Trouble(int(s3_server["AWS_ENDPOINT_URL"].rpartition(":")[2]))
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    yield proxy
    proxy.close()


@pytest.fixture
def make_address(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Address]:
    """A new, empty store of a kind."""
    for name in [name for name in os.environ if name.startswith(("ROPEWALK_", "AWS_"))]:
        monkeypatch.delenv(name)

    def make(kind: str) -> Address:
        unique = uuid.uuid4().hex[:12]
        place, _, index = kind.partition("+")
        url = str(tmp_path / "store") if place == "local" else "memory://"
        if place == "s3":
            pytest.importorskip("obstore")
            for name, value in request.getfixturevalue("s3_server").items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("ROPEWALK_LOCAL", str(tmp_path / "local"))
            url = f"s3://ropewalk/{unique}"
        where = None
        if index == "postgres":
            psycopg = pytest.importorskip("psycopg")
            server = request.getfixturevalue("postgres_server")
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute(f"CREATE SCHEMA s{unique}")
            where = f"{server.url()}?options=-csearch_path%3Ds{unique}"
        return Address(kind, url, where)

    return make


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, make_address: Callable[[str], Address]) -> Address:
    return make_address(request.param)


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    with address.open() as opened:
        yield opened


@pytest.fixture
def local(make_address: Callable[[str], Address]) -> Iterator[Store]:
    """A store in a folder, for what concerns files."""
    with make_address("local+sqlite").open() as opened:
        yield opened


@pytest.fixture
def memory(make_address: Callable[[str], Address]) -> Iterator[Store]:
    with make_address("memory+sqlite").open() as opened:
        yield opened
