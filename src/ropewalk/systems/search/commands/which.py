"""Which collection a command means, and the model that reads it."""

from __future__ import annotations

from ropewalk.errors import MissingError, RopewalkError
from ropewalk.systems.search.index.collection import Collection, names
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.retrieve import callers
from ropewalk.systems.search.texts import reading
from ropewalk.types import Desk


def released(desk: Desk) -> Search | None:
    """The model of the live release, if there is one."""
    try:
        model = desk.model()
    except MissingError:
        return None
    assert isinstance(model, Search)
    return model


def named(desk: Desk, name: str) -> Collection:
    """The collection of that name; of none: that of the live release, or the only one."""
    store = desk.job.store
    if not name:
        live = released(desk)
        known = names(store)
        if live is None and not known:
            raise RopewalkError(
                "there is no collection in this store yet. Make one: ropewalk search index DOCS --into NAME"
            )
        if live is None and len(known) > 1:
            raise RopewalkError(
                f"there are several collections, name one: {', '.join(known)} (--collection NAME, or --into NAME to add)"
            )
        name = live.spec.collection if live is not None else known[0]
    found = Collection(store, name)
    found.latest()
    return found


def model(desk: Desk, name: str) -> Search:
    """What searches a collection: the live release if it is its own, else what the collection itself says."""
    live = released(desk)
    if live is not None and name in ("", live.spec.collection):
        return live
    return reading(named(desk, name), desk.config)


def callers_of(desk: Desk, collection: Collection) -> tuple[str, str]:
    """The folder of a collection's lists of callers, and whose those are: its own, or those of all releases where it is the live one's."""
    live = released(desk)
    if live is not None and live.spec.collection == collection.name and live.spec.bound:
        return live.spec.callers_at, f"the releases of {live.spec.bound}"
    return callers.of_collection(collection.name), collection.name
