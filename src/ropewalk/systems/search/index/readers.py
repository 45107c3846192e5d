"""Who has which manifest open: a small object a reader, renewed while it lives, so that garbage collection leaves it what it reads.

A reader that is killed stops renewing; after EXPIRES_S its object counts for nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid

from ropewalk.errors import StoreError
from ropewalk.store import Store

EXPIRES_S = 600.0
RENEWED_S = EXPIRES_S / 4
LEFT_S = 2.0  # that closing waits for the store to take the hold away; the rest goes on beside


class Hold:
    """A reader's hold on a manifest, until `close` or EXPIRES_S after the process's death."""

    def __init__(self, store: Store, root: str, number: int) -> None:
        self._store, self._key = store, f"{root}/readers/{uuid.uuid4().hex}"
        self._body = json.dumps({"manifest": number, "host": socket.gethostname(), "process": os.getpid()}).encode()
        self._pid = os.getpid()
        self._put()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=self._key, daemon=True)
        self._thread.start()

    def _put(self) -> None:
        self._store.put_object(self._key, self._body, durable=False)

    def _renew(self) -> None:
        while not self._closing.wait(RENEWED_S):
            with contextlib.suppress(StoreError):  # the storage's bad moment: there are three more tries
                self._put()
        with contextlib.suppress(StoreError):
            self._store.delete_object(self._key)

    def close(self) -> None:
        if self._closing.is_set() or os.getpid() != self._pid:  # after a fork it is still the parent's
            return
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(LEFT_S)


def held(store: Store, root: str, now: float | None = None) -> tuple[set[int], list[str]]:
    """(manifests that living readers hold, keys that readers left when they died)."""
    now = time.time() if now is None else now
    numbers: set[int] = set()
    dead: list[str] = []
    for key in store.list_objects(f"{root}/readers/"):
        data, put = store.get_object(key), store.object_time(key)
        if data is None or put is None:  # closed meanwhile
            continue
        if put < now - EXPIRES_S:
            dead.append(key)
        else:
            numbers.add(int(json.loads(data)["manifest"]))
    return numbers, dead
