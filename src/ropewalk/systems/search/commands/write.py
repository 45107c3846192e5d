"""index, add, delete: what changes a collection. Each is one commit: all of it, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ropewalk.errors import ConflictError, DataError
from ropewalk.systems.search import encoders
from ropewalk.systems.search.build import build, layout_of
from ropewalk.systems.search.collect import collect
from ropewalk.systems.search.commands.which import named
from ropewalk.systems.search.data import collect_settings
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.manifest import Manifest
from ropewalk.systems.search.train import languages
from ropewalk.types import Desk

SAMPLE = 10_000  # documents from which the kinds of fields are read


def index(desk: Desk, docs: str, into: str) -> int:
    collection = Collection(desk.store(), into)
    if collection.exists():
        raise ConflictError(
            f"there is a collection {into!r} already. `add` adds to it, `reindex` makes it anew; or choose another name."
        )
    found = collect(docs, desk.job, collect_settings(desk.config))
    encoder = encoders.named(desk.config, desk.job)
    sample = found.documents.head(SAMPLE).collect()
    layout = layout_of(
        sample, desk.config.fields, desk.config.weights, **languages(desk.config), **encoders.of_layout(encoder)
    )
    collection.create(layout)
    _tell(desk, collection, collection.commit(build(collection, found.batches(), encoder, desk.job)), found)
    return 0


def add(desk: Desk, docs: str, into: str) -> int:
    collection = named(desk, into)
    found = collect(docs, desk.job, collect_settings(desk.config))
    encoder = encoders.parse(collection.layout().encoder)
    _tell(desk, collection, collection.commit(build(collection, found.batches(), encoder, desk.job)), found)
    return 0


def _tell(desk: Desk, collection: Collection, manifest: Manifest, found: Any) -> None:
    body = {
        "collection": collection.name,
        "manifest": manifest.number,
        "read": found.rows,
        "set_aside": found.set_aside.height,
        "documents": manifest.live,
        "segments": len(manifest.segments),
        "bytes": sum(segment.bytes for segment in manifest.segments),
    }
    aside = "".join(
        f"\nset aside: {row['source']}, {row['position']}: {row['reason']}"
        for row in found.set_aside.head(5).to_dicts()
    )
    desk.show(
        body,
        f"{found.rows:,} documents read, {found.set_aside.height:,} set aside; {collection.name} has {manifest.live:,} documents "
        f"in {len(manifest.segments)} segments, {body['bytes'] / 1e6:,.1f} MB (manifest {manifest.number}){aside}",
    )


def delete(desk: Desk, ids: str, name: str) -> int:
    collection = named(desk, name)
    wanted = _ids(ids)
    before = collection.manifest()
    after = collection.commit(delete=wanted)
    gone = before.live - after.live
    body = {"collection": collection.name, "manifest": after.number, "deleted": gone, "documents": after.live}
    missing = f"; {len(wanted) - gone:,} were not there" if gone < len(wanted) else ""
    desk.show(
        body, f"{gone:,} documents deleted{missing}; {collection.name} has {after.live:,} (manifest {after.number})"
    )
    return 0


def _ids(text: str) -> list[str]:
    if not text.startswith("@"):
        return [one.strip() for one in text.split(",") if one.strip()]
    path = Path(text[1:])
    if not path.is_file():
        raise DataError([f"{path}: there is no such file of ids."])
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
