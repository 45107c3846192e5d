"""A row of the table of docs/results/inventory.md, as a benchmark prints it and benchmarks/inventory.py collects it."""

from __future__ import annotations

MARK = "= "


def of(seeds: int) -> str:
    """What follows the name of a row that was measured with so many."""
    return f" ({seeds} seed{'s' * (seeds != 1)})"


def tell(
    what: str, ours: str, required: str = "", stretch: str = "", anchor: str = "", holds: bool | None = None
) -> None:
    """One line; `holds`: whether what is required does (None: it was not measured whole)."""
    said = {True: "yes", False: "no", None: "-"}[holds]
    print(MARK + " | ".join([what, required, stretch, anchor, ours, said]), flush=True)
