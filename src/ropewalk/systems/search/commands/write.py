"""index, add, delete: what changes a collection. Each is one commit: all of it, or nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ropewalk.errors import ConflictError, DataError
from ropewalk.systems.search.collect import Collected
from ropewalk.systems.search.commands.said import counted
from ropewalk.systems.search.commands.which import named
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.manifest import Manifest
from ropewalk.systems.search.texts import add as add_documents
from ropewalk.types import Desk

REASONS = 5  # why documents were set aside, that are told


def index(desk: Desk, docs: str, into: str) -> int:
    collection = Collection(desk.store(), into)
    if collection.exists():
        raise ConflictError(
            f"there is a collection {into!r} already. `add` adds to it, `reindex` makes it anew; or choose another name."
        )
    return _tell(desk, collection, *add_documents(collection, docs, desk.config, desk.job))


def add(desk: Desk, docs: str, into: str) -> int:
    collection = named(desk, into)
    return _tell(desk, collection, *add_documents(collection, docs, desk.config, desk.job))


def _tell(desk: Desk, collection: Collection, manifest: Manifest, found: Collected) -> int:
    size = sum(segment.bytes for segment in manifest.segments)
    body = {
        "collection": collection.name,
        "manifest": manifest.number,
        "read": found.rows,
        "set_aside": found.set_aside.height,
        "documents": manifest.live,
        "segments": len(manifest.segments),
        "bytes": size,
    }
    desk.show(
        body,
        f"{counted(found.rows, 'document')} read, {found.set_aside.height:,} set aside; {collection.name} has "
        f"{counted(manifest.live, 'document')} "
        f"in {counted(len(manifest.segments), 'segment')}, {size / 1e6:,.1f} MB (manifest {manifest.number}){_aside(found)}",
    )
    return 0


def _aside(found: Collected) -> str:
    """Why documents were set aside, the most frequent reasons, each with the first that it holds for."""
    rows = found.set_aside.to_dicts()
    count = Counter(row["reason"] for row in rows)
    first = {row["reason"]: row for row in reversed(rows)}
    lines = []
    for reason, many in count.most_common(REASONS):
        row = first[reason]
        where = f"{row['source']}, {row['position']}" if row["position"] else row["source"]
        lines.append(f"\nset aside: {where}{f' and {many - 1:,} more' if many > 1 else ''}: {reason}")
    return "".join(lines)


def delete(desk: Desk, ids: str, name: str) -> int:
    collection = named(desk, name)
    wanted = _ids(ids)
    before = collection.manifest()
    after = collection.commit(delete=wanted)
    gone = before.live - after.live
    body = {"collection": collection.name, "manifest": after.number, "deleted": gone, "documents": after.live}
    missing = f"; {len(wanted) - gone:,} were not there" if gone < len(wanted) else ""
    desk.show(
        body,
        f"{counted(gone, 'document')} deleted{missing}; {collection.name} has {after.live:,} (manifest {after.number})",
    )
    return 0


def _ids(text: str) -> list[str]:
    if not text.startswith("@"):
        return [one.strip() for one in text.split(",") if one.strip()]
    path = Path(text[1:])
    if not path.is_file():
        raise DataError([f"{path}: there is no such file of ids."])
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
