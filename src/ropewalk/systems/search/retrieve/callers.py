"""Who may see what. A collection may be bound to its callers: each token stands for a filter that no query can widen.

The tokens' hashes and filters lie in the store and are looked for with each new state, so that one taken away stops
working within a second. Where there is such a list, a request without a token that stands in it is refused: nothing is shown
by default. The filter is joined to the query's own by `and`, in every leg, count, suggestion and answer.

Lists are a chain as manifests are: of two administrators at once the second works its change out again on the first one's, so
that no token comes back. All lists stay: they tell who could see what, and when.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ropewalk.errors import MissingError, RequestError
from ropewalk.systems.search.index import chain
from ropewalk.systems.search.retrieve.filters import Filter, read


class Objects(Protocol):
    """What is needed of a store."""

    def get_object(self, key: str) -> bytes | None: ...
    def put_object(self, key: str, data: bytes, durable: bool = True, if_absent: bool = False) -> bool: ...
    def list_objects(self, prefix: str = "") -> list[str]: ...


Callers = Mapping[str, Mapping[str, Any]]  # hash of a token -> {"name", "where"}


@dataclass(frozen=True, slots=True)
class Listed:
    """The callers of a collection as of a list; None: it is not bound, everybody sees everything."""

    number: int
    callers: Callers | None


def of_collection(name: str) -> str:
    """Where a collection's own lists are."""
    return f"collections/{name}/callers"


def of_releases(name: str) -> str:
    """Where the lists of releases are, by the setting `collection`: a new release builds a new collection, and callers stay."""
    return f"callers/{name}"


def load(store: Objects, folder: str, known: Listed | None = None) -> Listed:
    """The newest list. `known`: one that was read before; then it is one request where nothing is newer."""
    if known is None:
        numbers = chain.numbers(store.list_objects(f"{folder}/"))
        if not numbers:
            return Listed(0, None)
        known = _read(store, folder, numbers[-1])
        if known is None:
            kept = chain.key(folder, numbers[-1])
            raise MissingError("list of callers", kept, hint="It was there a moment ago. Run the command again.")
    while (newer := _read(store, folder, known.number + 1)) is not None:
        known = newer
    return known


def change(store: Objects, folder: str, edit: Callable[[Callers | None], Callers | None]) -> Callers | None:
    """Put what `edit` makes of the newest list as the next one, until nobody else was faster."""
    now = load(store, folder)
    race = chain.Race(f"changed the list {folder}", "try again")
    while True:
        made = edit(now.callers)
        if made == now.callers:
            return made
        body = json.dumps({"time": time.time(), "callers": made}, sort_keys=True).encode()
        if store.put_object(chain.key(folder, now.number + 1), body, if_absent=True):
            return made
        race.lost()
        now = load(store, folder, now)


def _read(store: Objects, folder: str, number: int) -> Listed | None:
    data = store.get_object(chain.key(folder, number))
    return None if data is None else Listed(number, json.loads(data)["callers"])


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
