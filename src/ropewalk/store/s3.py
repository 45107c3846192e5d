"""Bytes on S3-compatible storage, through obstore: conditional puts, ranges, lists, and patience with a bad moment.

Endpoint, region and keys come from the usual AWS_* variables. A put is seen whole or not at all: so promises S3.
Requests that fail with 5xx, break off or hang are repeated for ROPEWALK_RETRY_S seconds in all, each with at most
ROPEWALK_TIMEOUT_S. Repeating is right because equal keys of blobs have equal bytes; of a conditional put of a named
object whose first answer was lost, the bytes that are there decide who wrote it.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from ropewalk.errors import MissingError, StoreError
from ropewalk.store.index import patience

T = TypeVar("T")
PARTS = 64 << 20  # bytes; a larger file goes up in parts, without a condition


def timeout() -> float:
    """Seconds that one request may take: ROPEWALK_TIMEOUT_S, 30 by default."""
    return float(os.environ.get("ROPEWALK_TIMEOUT_S", "30"))


class S3:
    """A bucket's prefix as a place."""

    cheap_put = True

    def __init__(self, url: str) -> None:
        try:
            import obstore
            from obstore import exceptions
        except ImportError:
            raise MissingError("module", "obstore", hint="Run: pip install 'ropewalk[s3]'") from None
        self.url = url
        self.requests: Counter[str] = Counter()
        self._obs: Any = obstore
        self._absent = (exceptions.NotFoundError, FileNotFoundError)
        self._present = (exceptions.AlreadyExistsError, FileExistsError, exceptions.PreconditionError)
        self._refused = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
        self._hopeless = (
            exceptions.InvalidPathError,
            exceptions.NotSupportedError,
            exceptions.UnknownConfigurationKeyError,
        )
        self._client: Any = None
        if not url.removeprefix("s3://"):
            raise StoreError(f"the store {url!r} names no bucket; it should be s3://bucket/prefix.")

    @property
    def _store(self) -> Any:
        """The client, made with the first request: a life in which nothing changed asks S3 nothing."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> Any:
        from obstore.store import S3Store

        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        settings: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
        limit = timedelta(seconds=timeout())
        return S3Store(
            bucket,
            prefix=prefix or None,
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "timeout": limit,
                "connect_timeout": min(limit, timedelta(seconds=5)),
            },
            retry_config={"max_retries": 0},  # repeated here, where requests are counted and time is bounded
            **settings,
        )

    def _ask(self, kind: str, key: str, request: Callable[[], T]) -> T:
        """Ask until it answers or patience is over. Answers about the key itself are the caller's exceptions."""
        begun = time.monotonic()
        pause = 0.1
        tries = 0
        while True:
            tries += 1
            self.requests[kind] += 1
            try:
                return request()
            except (*self._absent, *self._present):
                raise
            except self._refused as error:
                raise StoreError(
                    f"{self.where(key)}: the storage refuses to {kind} it ({_line(error)}). Look at AWS_ACCESS_KEY_ID, "
                    f"AWS_SECRET_ACCESS_KEY and the bucket's policy."
                ) from error
            except self._hopeless as error:
                raise StoreError(f"{self.where(key)}: {_line(error)}.") from error
            except Exception as error:  # whatever the network did; obstore has one class for all of it
                spent = time.monotonic() - begun
                if spent + pause > patience():
                    raise StoreError(
                        f"{self.where(key)}: the storage failed to {kind} it {tries} times in {spent:.0f} s: "
                        f"{_line(error)}. Run the command again when it is well: what was finished is kept. "
                        f"(ROPEWALK_RETRY_S sets how long to wait, ROPEWALK_TIMEOUT_S how long for one request.)"
                    ) from error
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, 5.0)

    def put(self, key: str, data: bytes | Path, *, durable: bool, absent: bool) -> bool:
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        parts = size > PARTS
        if parts and absent and self.size(key) is not None:
            return False
        lost: list[bool] = []

        def request() -> None:
            lost.append(True)
            self._obs.put(
                self._store, key, data, use_multipart=parts, mode="create" if absent and not parts else "overwrite"
            )

        try:
            self._ask("put", key, request)
        except self._present:
            return len(lost) > 1 and self.get(key) == (data if isinstance(data, bytes) else data.read_bytes())
        return True

    def get(self, key: str) -> bytes | None:
        try:
            return self._ask("get", key, lambda: bytes(self._obs.get(self._store, key).bytes()))
        except self._absent:
            return None

    def read(self, key: str, start: int, length: int) -> bytes | None:
        size = self.size(key) if length == 0 else None
        if length == 0:
            return None if size is None else b""
        try:
            get = self._obs.get_range
            return self._ask("get", key, lambda: bytes(get(self._store, key, start=start, length=length)))
        except self._absent:
            return None

    def size(self, key: str) -> int | None:
        try:
            return int(self._ask("head", key, lambda: self._obs.head(self._store, key)["size"]))
        except self._absent:
            return None

    def changed(self, key: str) -> float | None:
        try:
            return float(self._ask("head", key, lambda: self._obs.head(self._store, key)["last_modified"]).timestamp())
        except self._absent:
            return None

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        def request() -> list[tuple[str, int]]:
            pages = self._obs.list(self._store, prefix=prefix.rstrip("/"))
            return [(str(entry["path"]), int(entry["size"])) for page in pages for entry in page]

        yield from self._ask("list", prefix, request)

    def delete(self, *keys: str) -> None:
        if len(keys) > 1:  # one request for up to a thousand
            self._ask("delete", keys[0], lambda: self._obs.delete(self._store, list(keys)))
            return
        try:
            self._ask("delete", keys[0], lambda: self._obs.delete(self._store, keys[0]))
        except self._absent:
            return

    def sync(self, keys: Iterable[str]) -> None:
        """What S3 has answered for is durable."""

    def where(self, key: str) -> str:
        return f"{self.url}/{key}"

    def leftovers(self) -> list[Path]:
        return []


def _line(error: Exception) -> str:
    """The first line of an error's text, without the library's dump of its own state."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")
