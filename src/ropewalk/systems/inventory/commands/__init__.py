"""The commands that users of inventory have beyond the verbs: `ropewalk inventory COMMAND`. Each imports what it needs when it runs.

`actuals` reads what the lane has answered, `orders` a table of items; the others take one item in numbers (instance.py) and need no data: a law of demand or a
short history, lead time, costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from ropewalk.systems.inventory.instance import Instance
from ropewalk.types import Bench

Steps = Annotated[
    int, "training steps of a learned policy, in hundreds; of a fine-tuned one, at most 400 (default: 3000)", "N"
]
Memory = Annotated[float, "memory that an exact solution may take (default: 4)", "GB"]


def _actuals(
    desk: Any,
    *,
    sales: Annotated[str | None, "newer sales: file, folder, s3://... (default: those of the live release)"] = None,
    orders: Annotated[str | None, "orders as they were placed: date, item, ordered"] = None,
    out: Annotated[str, "the table: .parquet, .csv or .arrow (default: actuals.parquet)"] = "actuals.parquet",
    again: Annotated[bool, "also what is known already: the sales were corrected"] = False,
) -> int:
    """From newer sales, what came true of past answers: the table that `truths` takes."""
    from ropewalk.systems.inventory.commands.actuals import write_actuals

    return write_actuals(desk, sales, orders, out, again)


def _orders(
    desk: Any,
    *,
    items: Annotated[str, "items with history, stock and terms: Parquet file or folder (docs: inventory.md)"],
    out: Annotated[str, "the plan: .parquet (default: orders.parquet)"] = "orders.parquet",
) -> int:
    """An order plan straight from a table of items, without training, for any number of them."""
    from ropewalk.systems.inventory.bulk.command import write_orders

    return write_orders(desk, items, out)


def _tune(
    bench: Bench,
    instance: Instance,
    *,
    rule: Annotated[str | None, "base-stock, capped-base-stock, s-S, R-Q, ... (default: the usual one)", "RULE"] = None,
) -> int:
    """The best parameters of a classic rule for one item, what it costs, and how far that is from the optimum."""
    from ropewalk.systems.inventory.commands.tune import run

    return run(bench, instance, rule)


def _solve(
    bench: Bench,
    instance: Instance,
    *,
    memory_gb: Memory = 4.0,
    out: Annotated[str | None, "the order in every state: .parquet, .csv or .arrow"] = None,
) -> int:
    """The optimum for one item, exactly: its cost with bounds, and the order in every state."""
    from ropewalk.systems.inventory.commands.solve import run

    return run(bench, instance, memory_gb, out)


def _compare(
    bench: Bench,
    instance: Instance,
    *,
    policies: Annotated[
        str | None, "with commas: base-stock,capped,exact,learned (default: what suits, and exact)", "NAMES"
    ] = None,
    steps: Steps = 3_000,
    paths: Annotated[int, "simulated paths, where a cost is not exact (default: 1000)", "N"] = 1_000,
    memory_gb: Memory = 4.0,
) -> int:
    """Policies beside each other for one item: cost, gap to the best, service, stock, orders, time."""
    from ropewalk.systems.inventory.commands.compare import run

    return run(bench, instance, policies, steps, paths, memory_gb)


def _explain(
    bench: Bench,
    instance: Instance,
    *,
    on_hand: Annotated[
        str, "units on the shelf now, with what has just come; by remaining life where they perish: 0,3,5", "UNITS"
    ],
    due: Annotated[str | None, "units that come next period, the one after, ...: 2,0,4", "UNITS"] = None,
    owed: Annotated[int, "units that customers wait for", "UNITS"] = 0,
    policy: Annotated[
        str | None,
        "a rule, exact, pretrained or learned (default: pretrained where it is made for the item, else the usual rule)",
        "NAME",
    ] = None,
    parameters: Annotated[str | None, "of the rule, as 17,5 (default: tuned)", "NUMBERS"] = None,
    steps: Steps = 3_000,
) -> int:
    """What to order now for one item, every number that went into it, and what one unit less or more would cost."""
    from ropewalk.systems.inventory.commands.explain import run

    return run(bench, instance, policy, parameters, on_hand, due, owed, steps)


def _what_if(
    bench: Bench,
    instance: Instance,
    *,
    vary: Annotated[
        str,
        "lead-time=1..8, penalty=4,9,19, service=0.9,0.95,0.99, demand=poisson:5;negbin:2,5 or lead-time-law=3:1;2:0.5,4:0.5 (laws hold commas, so ; stands between them), or any other setting",
        "NAME=VALUES",
    ],
    policy: Annotated[
        str | None,
        "a rule, exact, pretrained or learned (default: pretrained where it is made for the item, else the usual rule)",
        "NAME",
    ] = None,
    steps: Steps = 3_000,
    chart: Annotated[str | None, "a drawing of it: .svg"] = None,
) -> int:
    """Cost, stock and the policy of one item against its lead time, a cost or its service."""
    from ropewalk.systems.inventory.commands.what_if import run

    return run(bench, instance, vary, policy, steps, chart)


COMMANDS: Mapping[str, Callable[..., int]] = {
    "actuals": _actuals, "orders": _orders, "tune": _tune, "solve": _solve, "compare": _compare, "explain": _explain, "what-if": _what_if,
}  # fmt: skip
