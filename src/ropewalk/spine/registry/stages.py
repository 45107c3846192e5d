"""Stages are names, not fields: `inventory@live` points to a release, and what the name pointed to before is kept.

A release is live while that name points to it, a candidate while `inventory@candidate` does, and retired after. So a
promotion is one conditional write of one name, and two that happen at once cannot leave two live releases behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Move(Protocol):
    """A name that was pointed elsewhere, as the store remembers it."""

    @property
    def after(self) -> str | None: ...
    @property
    def why(self) -> str: ...


def live_stack(history: Iterable[Move]) -> list[str]:
    """The releases that a rollback can go through: the live one last, before it the one that was live before it.

    A rollback takes the last one off, so that two rollbacks go back twice; a later promotion goes on top of what is
    left. A name that was taken away (`after` is None) leaves nothing live, and keeps what a rollback can go back to.
    """
    stack: list[str] = []
    for move in history:
        if move.why.startswith("rollback"):
            if stack:
                stack.pop()
            if move.after is not None and (not stack or stack[-1] != move.after):
                stack.append(move.after)
        elif move.after is not None and (not stack or stack[-1] != move.after):
            stack.append(move.after)
    return stack
