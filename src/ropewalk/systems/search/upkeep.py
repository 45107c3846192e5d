"""What is done between lives with the collection of the live release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ropewalk.systems.search import replaced
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.upkeep import collect_garbage
from ropewalk.systems.search.index.upkeep import merge as merge_segments
from ropewalk.systems.search.model import Search
from ropewalk.types import Job


def merge(model: Search, store: Any, job: Job) -> Mapping[str, Any]:
    """Merge small segments, and rewrite those with many deleted rows."""
    done = asdict(merge_segments(Collection(store, model.spec.collection)))
    return {"merges": done["merges"], "segments": done["after"]}


def garbage(model: Search, store: Any, job: Job) -> Mapping[str, Any]:
    """Remove manifests that were replaced a week ago and that nobody reads, and what only they named; and the collections of
    trainings that nobody wants any more."""
    done, left = collect_garbage(Collection(store, model.spec.collection)), replaced.collect(store)
    return {
        "manifests": len(done.manifests),
        "segments": len(done.segments),
        "collections": len(left.collections),
        "bytes": done.bytes + left.bytes,
    }
