"""Numbers and tables as the commands print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ropewalk.systems.inventory.commands.policies import Score


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """An aligned table: the first `left` columns to the left, the others to the right."""
    every = [list(heads), *map(list, rows)]
    widths = [max(len(row[i]) for row in every) for i in range(len(heads))]
    lines = [
        "  ".join(
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in every
    ]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[1:]])


def money(value: float) -> str:
    """Five digits: 4.3953, 216.77, 1,234.6"""
    size = abs(value)
    digits = 4 if size < 10 else 3 if size < 100 else 2 if size < 1000 else 1
    return f"{value:,.{digits}f}"


def above(cost: float, best: float) -> float | None:
    """By which share of the best a cost is above it; None where the best costs nothing and this one does not."""
    return 0.0 if cost == best else (cost - best) / abs(best) if best else None


def cost(found: Score) -> str:
    """4.4057 USD a period (exact) or 4.41 +- 0.02 USD a period (simulated)"""
    if found.bounds is not None:
        return f"{money(found.cost)} USD a period (exact)"
    return f"{money(found.cost)} USD a period (simulated: 95 % interval {money(found.cost - 1.96 * found.error)} to {money(found.cost + 1.96 * found.error)})"


def priced(row: dict[str, Any]) -> str:
    """The cost in a row that holds a `body`: 4.4057, or 4.4100 +- 0.0200 where it was simulated."""
    unsure = "" if row["exact"] else f" +- {money(1.96 * row['standard_error_usd'])}"
    return money(row["cost_usd"]) + unsure


def how_sure(rows: Sequence[dict[str, Any]]) -> str:
    """Which costs of a table are exact."""
    return "exact" if all(r["exact"] for r in rows) else "exact but those with +- (95 %), which were simulated"


def left_out(without: Mapping[str, str]) -> str:
    """Lines below a table: what is not in it, and why."""
    return "".join(f"\nwithout {name}: {why}" for name, why in without.items())


def means(found: Score) -> str:
    """What it does, in one line."""
    m = found.means
    parts = [
        f"serves {100 * float(m.fill_rate):.2f} % of the demand at once",
        f"{float(m.stock):.2f} units on the shelf at the end of a period",
    ]
    if m.owed:
        parts.append(f"{float(m.owed):.2f} owed")
    if m.wasted:
        parts.append(f"{float(m.wasted):.2f} thrown away a period")
    return ", ".join([*parts, f"{float(m.orders):.2f} orders a period"])


def body(found: Score) -> dict[str, Any]:
    """The same for programs."""
    m, b = found.means, found.bounds
    return {
        "cost_usd": found.cost, "exact": b is not None, "low_usd": b[0] if b else None, "high_usd": b[1] if b else None,
        "standard_error_usd": found.error, "fill_rate": float(m.fill_rate), "stock_units": float(m.stock),
        "owed_units": float(m.owed), "wasted_units": float(m.wasted), "orders": float(m.orders), "ordered_units": float(m.ordered),
    }  # fmt: skip
