"""reindex: a collection with another analyzer, other fields or another encoder, beside the one that is searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ropewalk.errors import MissingError, RopewalkError
from ropewalk.systems.search import encoders
from ropewalk.systems.search.build import encoded, layout_of
from ropewalk.systems.search.commands.which import named, released
from ropewalk.systems.search.index import reindex as again
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Layout, analyzers
from ropewalk.systems.search.index.snapshot import Snapshot
from ropewalk.systems.search.retrieve.engine import Engine, Wanted
from ropewalk.systems.search.retrieve.fused import fuse
from ropewalk.types import Desk

MOST = 200  # logged queries that are compared, the newest
TOP = 10


def reindex(desk: Desk, name: str, dry_run: bool, rollback: bool, least: float) -> int:
    collection = named(desk, name)
    if rollback:
        old, _ = again.before(collection)
        manifest = again.rollback(collection, _encode(desk, encoders.parse(old.layout.encoder)))
        desk.show(
            {"collection": collection.name, "manifest": manifest.number},
            f"{collection.name} is as it was before, with what was written since (manifest {manifest.number})",
        )
        return 0
    layout, encoder = _layout(desk, collection)
    _check_release(desk, collection, layout)
    made = again.build(
        collection, layout, _encode(desk, encoder), lambda n, of: desk.job.progress("reindex", n, of, "documents")
    )
    found = _compared(desk, collection, made)
    said = (
        f"{found['queries']:,} logged queries: {found['overlap']:.1%} of the first {TOP} stay, {found['lost']:,} find nothing now that found something"
        if found["queries"]
        else "no logged query to compare on"
    )
    if found["queries"] and found["overlap"] < least:
        raise RopewalkError(f"{said}. That is less than --least {least:.0%}: nothing was swapped.")
    if not dry_run:
        found["manifest"] = again.swap(collection, made, _encode(desk, encoder)).number
    desk.show(
        found,
        f"{said}; {'nothing was swapped' if dry_run else 'swapped'} ({collection.name}, manifest {found['manifest']})",
    )
    return 0


def _layout(desk: Desk, collection: Collection) -> tuple[Layout, encoders.Named | None]:
    """What the configuration makes of the collection's documents now."""
    import polars as pl

    manifest = collection.manifest()
    with again.held(collection, manifest) as snapshot:
        rows = np.flatnonzero(snapshot.alive)[:10_000]
        sample = pl.DataFrame(snapshot.documents(rows), infer_schema_length=None)
    encoder = encoders.named(desk.config, desk.job, sample)
    layout = layout_of(
        sample, desk.config.fields, desk.config.weights, **desk.config.spoken, **encoders.of_layout(encoder)
    )
    if (layout, analyzers(layout)) == (manifest.layout, dict(manifest.analyzers)):
        raise RopewalkError(
            f"{collection.name} is just so already: change a setting (--set fields=..., languages=..., encoder=...)."
        )
    return layout, encoder


def _check_release(desk: Desk, collection: Collection, layout: Layout) -> None:
    """A release is trained with its encoder: its collection changes that only with the next release."""
    live = released(desk)
    if (
        live is not None
        and live.spec.collection == collection.name
        and layout.encoder != (str(live.spec.encoder) if live.spec.encoder else None)
    ):
        raise RopewalkError(
            f"the live release reads {collection.name} with the encoder that it was trained with. `ropewalk live search --set encoder=...` builds "
            "a new collection beside it, compares the two on held-out queries and swaps them by its promotion."
        )


def _encode(desk: Desk, encoder: encoders.Named | None) -> Any:
    return lambda documents: encoded(encoder, documents, desk.job.store) if encoder else None


def _compared(desk: Desk, collection: Collection, made: again.Beside) -> dict[str, Any]:
    """How much of the first hits stays for the queries that were really asked."""
    queries = _logged(desk)
    same: list[float] = []
    lost = 0
    written_otherwise = analyzers(made.base.layout) != dict(made.base.analyzers)
    if queries and not written_otherwise:
        with collection.open(made.base.number) as old, again.preview(collection, made) as new:
            for query in queries:
                before, after = (_hits(desk, snapshot, query) for snapshot in (old, new))
                lost += bool(before) and not after
                same.append(len(set(before) & set(after)) / max(1, len(before)) if before else float(not after))
    overlap = float(np.mean(same)) if same else 1.0
    return {
        "collection": collection.name,
        "manifest": made.base.number,
        "queries": len(same),
        "overlap": overlap,
        "lost": lost,
    }


def _logged(desk: Desk) -> list[str]:
    """The newest queries that were asked, each once."""
    try:
        events = desk.events()
    except MissingError:
        return []
    asked = events["request"].struct.unnest()
    texts = asked.filter(asked["task"] == "search")["query"].to_list()
    return list(dict.fromkeys(reversed(texts)))[:MOST]


def _hits(desk: Desk, snapshot: Snapshot, query: str) -> Sequence[str]:
    encode = encoders.lazily(encoders.parse(snapshot.layout.encoder), lambda: desk.job.store)
    engine = Engine(snapshot, encode, fuse)
    return snapshot.ids(engine.search(Wanted(query, TOP, "hybrid" if encode else "terms", count=False)).rows)
