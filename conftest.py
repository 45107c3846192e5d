"""What tests everywhere share: the helpers in tests/ can be imported by name (`forks`, `servers`, `worlds`), and stores of
every kind. The real servers start once a session, when the first test wants one."""

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ropewalk.store import Store, open_store

sys.path.insert(0, str(Path(__file__).parent / "tests"))
import servers


@dataclass
class Address:
    """Where a test's store is; `open` may be called any number of times, also by other processes."""

    kind: str
    url: str
    index: str | None

    def open(self) -> Store:
        return open_store(self.url, self.index)


def _running(server: Callable[[], Any], client: str) -> Iterator[Any]:
    """A server while the tests run; skipped where it, or the module that speaks to it, is not installed."""
    pytest.importorskip(client)
    try:
        with server() as running:
            yield running
    except servers.Absent as absent:
        pytest.skip(str(absent))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[dict[str, str]]:
    """The AWS_* variables that reach it."""
    yield from _running(servers.s3, "obstore")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Postgres]:
    """A test that stops it starts it again."""
    yield from _running(servers.postgres, "psycopg")


@pytest.fixture
def trouble(s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[servers.Trouble]:
    """A proxy in front of the S3 server that AWS_ENDPOINT_URL leads to."""
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
    """A new, empty store of a kind: where its bytes are, `+`, where its index is."""
    for name in [name for name in os.environ if name.startswith(("ROPEWALK_", "AWS_"))]:
        monkeypatch.delenv(name)

    def make(kind: str) -> Address:
        unique = uuid.uuid4().hex[:12]
        place, _, index = kind.partition("+")
        url = str(tmp_path / "store") if place == "local" else "memory://"
        if place == "s3":
            for name, value in request.getfixturevalue("s3_server").items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("ROPEWALK_LOCAL", str(tmp_path / "local"))
            url = f"s3://ropewalk/{unique}"
        where = _schema(request.getfixturevalue("postgres_server"), unique) if index == "postgres" else None
        return Address(kind, url, where)

    return make


def _schema(server: Any, unique: str) -> str:
    """The address of a new, empty schema."""
    import psycopg

    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA s{unique}")
    return f"{server.url()}?options=-csearch_path%3Ds{unique}"


@pytest.fixture(scope="session")
def short() -> Iterator[str]:
    """A folder with a short path, the same for all tests of this process: what Ray's sockets lie in."""
    folder = tempfile.mkdtemp(prefix="rw-", dir="/tmp")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
