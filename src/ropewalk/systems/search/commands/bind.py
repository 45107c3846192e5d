"""bind, unbind: who may see what of a collection."""

from __future__ import annotations

import json
import secrets

from ropewalk.errors import RopewalkError
from ropewalk.systems.search.commands.which import callers_of, named
from ropewalk.systems.search.retrieve import callers, filters
from ropewalk.types import Desk


def bind(desk: Desk, caller: str, where: str, remove: bool, name: str) -> int:
    collection = named(desk, name)
    kinds = {f.name: f.kind for f in collection.layout().fields if f.kind != "text"}
    folder, whose = callers_of(desk, collection)
    token = ""
    if remove:
        known = _names(callers.load(collection.store, folder).callers)
        if caller not in known:
            raise RopewalkError(f"{whose}: there is no caller {caller!r}, only {', '.join(known) or 'nobody'}.")
    else:
        if filters.read(where, kinds) is None:
            raise RopewalkError(
                """a caller is bound to a filter: --where '{"tenant": "a"}', or '{}' for who may see everything. """
                "To show everything to everybody: ropewalk search unbind."
            )
        token = secrets.token_urlsafe(24)

    def edit(now: callers.Callers | None) -> callers.Callers | None:
        if now is None and remove:  # unbound meanwhile
            return None
        kept = {key: body for key, body in (now or {}).items() if body["name"] != caller}
        return kept | ({callers.named(token): {"name": caller, "where": json.loads(where)}} if token else {})

    made = callers.change(collection.store, folder, edit)
    said = f"{caller} sends this token as X-Ropewalk-Caller; it is shown once:\n{token}"
    if remove:
        said = f"{whose}: {caller} is no longer known."
        if made == {}:
            said += " Nobody is: every request is refused. To show everything to everybody: ropewalk search unbind."
    desk.show({"caller": caller, "token": token, "callers": _names(made)}, said)
    return 0


def unbind(desk: Desk, name: str) -> int:
    collection = named(desk, name)
    folder, whose = callers_of(desk, collection)
    before: callers.Callers | None = None

    def edit(now: callers.Callers | None) -> None:
        nonlocal before
        before = now

    callers.change(collection.store, folder, edit)
    if before is None:
        raise RopewalkError(f"{whose}: not bound; everybody sees everything.")
    gone = _names(before)
    said = f"{whose}: shown to everybody."
    if gone:
        said += f" The tokens of {', '.join(gone)} mean nothing any more."
    desk.show({"collection": collection.name, "callers": gone}, said)
    return 0


def _names(known: callers.Callers | None) -> list[str]:
    return sorted(body["name"] for body in (known or {}).values())
