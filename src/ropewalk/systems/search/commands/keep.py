"""upkeep, labels: what is done between searches."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from ropewalk.systems.search import replaced
from ropewalk.systems.search.commands.said import counted
from ropewalk.systems.search.commands.which import named
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.upkeep import DAY, collect_garbage, merge
from ropewalk.systems.search.measure import files, thumbs
from ropewalk.types import Desk


def upkeep(desk: Desk, name: str, every: float, older_than_days: float, dry_run: bool) -> int:
    collection = named(desk, name)
    while True:
        found = _once(collection, older_than_days, dry_run)
        left = replaced.collect(collection.store, older_than_days * DAY, dry_run)
        found["collections_removed"] = list(left.collections)
        verb = "would remove" if dry_run else "removed"
        beside = f"; {verb} {', '.join(left.collections)}, which no release reads" if left.collections else ""
        desk.show(
            found,
            f"{collection.name}: {counted(found['merges'], 'merge')}, {counted(found['segments'], 'segment')}; {found['garbage']}{beside}",
        )
        if every <= 0:
            return 0
        time.sleep(every)


def _once(collection: Collection, older_than_days: float, dry_run: bool) -> dict[str, Any]:
    merged = merge(collection) if not dry_run else None
    garbage = collect_garbage(collection, older_than_days * DAY, dry_run)
    return {
        "collection": collection.name,
        "merges": merged.merges if merged else 0,
        "segments": len(collection.manifest().segments),
        "manifests_removed": len(garbage.manifests),
        "segments_removed": len(garbage.segments),
        "garbage": str(garbage),
    }


def labels(desk: Desk, out: str) -> int:
    """The labels, and beside them the queries that their ids stand for."""
    found = thumbs.labels(thumbs.judged(thumbs.of_answers(desk.events())))
    named = {query_id(text): text for text in found}
    desk.write(out, files.labels_text({query_id(text): judged for text, judged in found.items()}).encode())
    desk.write(f"{out}.queries.tsv", "".join(f"{id}\t{text}\n" for id, text in named.items()).encode())
    count = sum(map(len, found.values()))
    said = f"{count:,} labels of {len(found):,} queries in {out}, and {out}.queries.tsv"
    desk.show({"labels": count, "queries": len(found), "out": out}, said)
    return 0


def query_id(text: str) -> str:
    """A query has no id but what it says."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
