"""Ropewalk: machine-learning systems from data to a monitored decision.

The verbs, with the names and arguments that the shell has:

    import ropewalk

    life = ropewalk.live("inventory", small=True)
    print(life.report.text, life.folder / "orders.csv")

Importing this package loads nothing heavy; a verb imports what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "data", "plan", "train", "evaluate", "register", "promote", "rollback", "predict", "serve", "truths", "monitor",
    "live", "runs", "show", "gc",
]  # fmt: skip

if TYPE_CHECKING:
    from ropewalk.api import (
        data,
        evaluate,
        gc,
        live,
        monitor,
        plan,
        predict,
        promote,
        register,
        rollback,
        runs,
        serve,
        show,
        train,
        truths,
    )  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ropewalk import api

        return getattr(api, name)
    raise AttributeError(f"module 'ropewalk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
