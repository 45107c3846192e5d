"""What a stage leaves behind when its process dies, a checkpoint and a scratch folder, and when that may go.

Of a stage that has finished: at once. Of one that has not, and that somebody may yet continue: when nobody works at it
and nobody has touched it for as long as the user said. Scratch lies on the host that died, so each host tidies its own.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from ropewalk.errors import ConflictError
from ropewalk.spine.compute.job import StageJob
from ropewalk.store import Store

CHECKPOINTS = "checkpoints/"


def finished_scratch(store: Store) -> list[Path]:
    """Scratch folders of stages whose result is kept: their process died between the two."""
    return [folder for folder in _scratch(store) if _is_done(store, folder.name)]


def give_up(store: Store, before: float, dry_run: bool) -> tuple[str, ...]:
    """Remove what unfinished stages left that were last touched before this moment (seconds since 1970). Their keys."""
    left = {key.removeprefix(CHECKPOINTS) for key in store.list_objects(CHECKPOINTS)}
    left |= {folder.name for folder in _scratch(store)}
    return tuple(
        stage for stage in sorted(left) if not _is_done(store, stage) and _give_up(store, stage, before, dry_run)
    )


def _give_up(store: Store, stage: str, before: float, dry_run: bool) -> bool:
    lease = f"stage/{stage}"  # as whoever runs the stage holds it
    if store.is_leased(lease) or _touched(store, stage) >= before:
        return False
    if dry_run:
        return True
    with contextlib.suppress(ConflictError), store.lease(lease, wait=False):
        if _touched(store, stage) < before:  # nobody continued it since we looked
            StageJob(store, "gc", stage).forget()
            return True
    return False


def _touched(store: Store, stage: str) -> float:
    """When it last left a trace: put its checkpoint, or wrote to its scratch folder."""
    folder = store.local / "stages" / stage
    times = [store.object_time(CHECKPOINTS + stage) or 0.0]
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times)


def _scratch(store: Store) -> list[Path]:
    return sorted((store.local / "stages").glob("*"))


def _is_done(store: Store, stage: str) -> bool:
    return store.record(f"stage-{stage}") is not None
