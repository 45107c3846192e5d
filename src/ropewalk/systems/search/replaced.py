"""Collections that trainings made and that nobody wants any more: which they are, and how they go.

Each training on other documents, fields or another encoder makes a collection of its own. It is wanted while its release is live, a
candidate, or the one that a rollback goes back to; while a release or run that names it is younger than the age of garbage, or was replaced
less than that ago; and while a reader has it open. A collection that a person made (`search index`), wrote to (`add`, `delete`, `reindex`)
or bound to callers by its own name is that person's, and never goes by itself.

Manifests go first: whoever looks meanwhile finds the whole collection or none. What a death leaves behind them goes the next time.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ropewalk.errors import MissingError
from ropewalk.systems.search.index import chain
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.readers import held
from ropewalk.systems.search.index.upkeep import DAY
from ropewalk.systems.search.retrieve import callers

if TYPE_CHECKING:
    from ropewalk.store import Record, Store

SYSTEM = "search"


@dataclass(frozen=True, slots=True)
class Removed:
    """Names of the collections, and the bytes of what went."""

    collections: tuple[str, ...]
    bytes: int


def collect(store: Store, older_than_s: float = 7 * DAY, dry_run: bool = False, grace_s: float = DAY) -> Removed:
    """Remove the collections of trainings that nobody wants, older than that; and segments without any manifest, left by a death."""
    found: dict[str, list[str]] = {}
    for key in store.list_objects("collections/"):
        found.setdefault(key.split("/")[1], []).append(key)
    now, size = time.time(), 0
    left = {name for name, keys in found.items() if _is_left(Collection(store, name), keys, now - older_than_s)}
    gone = sorted(left - wanted(store, older_than_s)) if left else []
    for name, keys in found.items():
        if not any("/manifests/" in key for key in keys):
            size += _remove(
                store, [key for key in _leftover(keys) if _put_before(store, [key], now - grace_s)], dry_run
            )
        elif name in gone:
            keys = list(store.list_objects(f"collections/{name}/"))
            if not _is_left(Collection(store, name), keys, now - older_than_s):  # a training took it again meanwhile
                gone.remove(name)
                continue
            size += _remove(store, sorted(keys, key=lambda key: "/manifests/" not in key), dry_run)
            if not dry_run:
                shutil.rmtree(Collection(store, name).local.folder, ignore_errors=True)
    return Removed(tuple(gone), size)


def wanted(store: Store, age_s: float) -> set[str]:
    """The collections that a release or run of consequence names."""
    moment, moves = time.time() - age_s, store.history(f"{SYSTEM}@live")
    ids = {target for name, target in store.names().items() if name.startswith(f"{SYSTEM}@")}
    ids |= {move.before for move in moves if move.before and move.at >= moment}
    lived = list(dict.fromkeys(move.after for move in reversed(moves) if move.after))
    ids |= set(lived[:2])  # the live one, and the one before it
    records = [r for kind in ("release", "run") for r in store.records(kind, SYSTEM, limit=100_000)]
    return {name for r in records if r.id in ids or r.created >= moment for name in _named(store, r)}


def _named(store: Store, record: Record) -> Iterable[str]:
    """The collection that the model of a record reads."""
    with suppress(MissingError, KeyError):
        kept = store.tree(record.body["model"])["search.json"]
        yield json.loads(store.get(kept.hash))["collection"]


def _is_left(collection: Collection, keys: list[str], moment: float) -> bool:
    """Did a training make it, is nobody at it, and has nobody been since a moment?"""
    numbers = chain.numbers(key for key in keys if "/manifests/" in key)
    manifest = collection.manifest(numbers[-1]) if numbers else None
    bound = any(key.startswith(f"{callers.of_collection(collection.name)}/") for key in keys)
    if manifest is None or not manifest.trained or bound or manifest.time >= moment:
        return False
    reading, _ = held(collection.store, collection.local.root)
    return not reading and _put_before(collection.store, [key for key in keys if "/segments/" in key], moment)


def _leftover(keys: list[str]) -> list[str]:
    """What without a manifest is good for nothing; callers are kept under names of their own."""
    return [key for key in keys if "/segments/" in key or "/deletes/" in key]


def _put_before(store: Store, keys: list[str], moment: float) -> bool:
    return all((put := store.object_time(key)) is None or put < moment for key in keys)


def _remove(store: Store, keys: list[str], dry_run: bool) -> int:
    """Bytes of what went, or would."""
    size = sum(store.object_size(key) or 0 for key in keys)
    if not dry_run:
        for key in keys:
            store.delete_object(key)
    return size
