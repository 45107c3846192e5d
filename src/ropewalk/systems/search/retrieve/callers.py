"""Who may see what. A collection may be bound to its callers: each token stands for a filter that no query can widen.

The tokens' hashes and filters lie beside the collection (`callers.json`) and are read again with each new state, so that one
taken away stops working within a second. Where there is such a list, a request without a token that stands in it is refused:
nothing is shown by default. The filter is joined to the query's own by `and`, in every leg, count, suggestion and answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

from ropewalk.errors import RequestError
from ropewalk.systems.search.retrieve.filters import Filter, read


class Objects(Protocol):
    """What is needed of a store."""

    def get_object(self, key: str) -> bytes | None: ...
    def put_object(self, key: str, data: bytes, durable: bool = True, if_absent: bool = False) -> bool: ...


Callers = Mapping[str, Mapping[str, Any]]  # hash of a token -> {"name", "where"}


def key(collection: str) -> str:
    return f"collections/{collection}/callers.json"


def load(store: Objects, collection: str) -> Callers | None:
    """The callers of a collection; None: it is not bound, everybody sees everything."""
    data = store.get_object(key(collection))
    return None if data is None else dict(json.loads(data))


def save(store: Objects, collection: str, callers: Callers) -> None:
    store.put_object(key(collection), json.dumps(callers, sort_keys=True).encode())


def named(token: str) -> str:
    """How a token is kept: as a hash, so that who reads the store cannot ask in its name."""
    return hashlib.sha256(token.encode()).hexdigest()


def bound(callers: Callers | None, token: str, kinds: Mapping[str, str]) -> Filter | None:
    """The filter that a token stands for. RequestError when the collection is bound and the token is not in its list."""
    if callers is None:
        return None
    caller = callers.get(named(token)) if token else None
    if caller is None:
        what = "the token of the caller is not known" if token else "the caller has to be named"
        raise RequestError(f"caller: {what}; this collection shows each caller its own documents only.")
    return read(caller["where"], kinds)
