"""What a system does between lives with the live state of its release: merge an index, collect garbage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropewalk.lifecycle.lane import Lane, digest
from ropewalk.lifecycle.stages import load_model
from ropewalk.types import Release, System


def keep_up(system: System[Any], lane: Lane, release: Release) -> dict[str, Mapping[str, Any]]:
    """Run the system's upkeep jobs on the model of a release, one after the other; what each did."""
    if not system.upkeep:
        return {}
    model = load_model(system, lane, release.model)
    done = {}
    with lane.job("upkeep", digest(system.name, "upkeep")) as job:
        for name, work in system.upkeep.items():
            done[name] = work(model, lane.store, job)
            told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in done[name].items())
            lane.console.say(f"upkeep: {name}: {told}")
    return done
