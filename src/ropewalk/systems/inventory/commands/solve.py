"""`ropewalk inventory solve`: the optimum of an instance, with the order in every state."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ropewalk.errors import DataError
from ropewalk.systems.inventory.case import Case, case_of
from ropewalk.systems.inventory.commands import wording
from ropewalk.systems.inventory.commands.actuals import WRITERS
from ropewalk.systems.inventory.commands.patience import telling
from ropewalk.systems.inventory.commands.policies import Score
from ropewalk.systems.inventory.engine import measures
from ropewalk.systems.inventory.engine.optimum import Optimum, memory_of, optimum
from ropewalk.systems.inventory.engine.positions import Positions
from ropewalk.systems.inventory.instance import Instance
from ropewalk.types import Bench

OFTEN, WIDE = 10, 26  # states that are printed, columns of a surface


def run(bench: Bench, instance: Instance, memory_gb: float, out: str | None) -> int:
    writer = None if out is None else WRITERS.get(Path(out).suffix.lower())
    if out is not None and writer is None:
        raise DataError([f"{out}: the name must end in one of {', '.join(WRITERS)}"])
    case, begun = case_of(instance), time.process_time()
    with telling(bench.note, lambda: "the optimum is being found"):
        found = optimum(case.problem, memory_gb * 1e9)
    spent = time.process_time() - begun
    scored = Score(measures.exactly(found.problem, found.chain), found.solution.cost)
    policy = table(case, found)
    if out is not None and writer is not None:
        buffer = io.BytesIO()
        writer(policy, buffer)
        bench.write(out, buffer.getvalue())
        bench.note(f"{policy.height:,} states with their orders are in {out}")
    bench.show(body(case, found, scored, spent), text(case, found, scored, policy, spent))
    return 0


def table(case: Case, found: Optimum) -> pl.DataFrame:
    """A row a state: its columns, the order, the share of the time that is spent in it, and what it costs in all to be there rather
    than with nothing at all. The states that come most often are first."""
    states, orders = found.solution.states, found.solution.orders
    share = np.zeros(len(states))
    at = {tuple(state): i for i, state in enumerate(states.tolist())}
    share[[at[tuple(state)] for state in found.chain.states.tolist()]] = found.chain.share()
    names = ("position",) if isinstance(found.problem, Positions) else found.problem.columns
    columns = [states[:, 0] - states[:, 1]] if isinstance(found.problem, Positions) else list(states.T)
    sources = ("order",) if orders.shape[1] == 1 else ("order_regular", "order_expedited")
    data = {
        name: column for name, column in zip(names, columns, strict=True) if name != "owed" or case.instance.backlog
    }
    data |= dict(zip(sources, orders.T, strict=True)) | {
        "share": share,
        "value_usd": found.solution.value - found.solution.value[0],
    }
    return pl.DataFrame(data).sort("share", descending=True, maintain_order=True)


def body(case: Case, found: Optimum, scored: Score, spent: float) -> dict[str, Any]:
    solution = found.solution
    return {
        **wording.body(scored), "states": len(solution.states), "largest_orders": list(found.range.most),
        "positions": list(found.range.position), "range_proven": found.range.proven, "sweeps": solution.sweeps,
        "cpu_s": round(spent, 3), "memory_gb": round(memory_of(found.problem, found.range) / 1e9, 3),
        "demand": case.law.name, "cut_probability": case.problem.outcomes.cut, "greatest_demand": float(case.problem.outcomes.period.demand.max()),
    }  # fmt: skip


def text(case: Case, found: Optimum, scored: Score, policy: pl.DataFrame, spent: float) -> str:
    low, high = found.solution.cost
    law, reach = case.problem.outcomes, found.range
    why = "nothing better lies outside (Morton 1969)" if reach.proven else "the optimum touches no end of that range"
    return "\n".join(
        [
            case.about,
            "",
            f"optimum: {wording.money((low + high) / 2)} USD a period, its bounds at most {max(high - low, 1e-9):.0e} apart",
            wording.means(scored),
            f"{len(found.solution.states):,} states, orders up to {' and '.join(map(str, reach.most))}, positions up to {reach.position[1]}: {why}",
            f"demands above {law.period.demand.max():.0f}, of probability {law.cut:.1g}, count as {law.period.demand.max():.0f}; "
            f"{found.solution.sweeps} sweeps, {spent:.1f} CPU-s",
            "",
            surface(policy) or often(policy),
        ]
    )


def surface(policy: pl.DataFrame) -> str | None:
    """Orders of one source by one or two numbers; None where states have more."""
    names = policy.columns[: policy.columns.index("share")]
    if names == ["on_hand", "due_1", "order"]:
        down, across = sorted(policy["on_hand"].unique()), sorted(policy["due_1"].unique())[:WIDE]
        held = {
            (a, b): (order, share)
            for a, b, order, share in policy.select("on_hand", "due_1", "order", "share").iter_rows()
        }
        cell = lambda at: "" if at not in held else str(held[at][0]) if held[at][1] > 1e-6 else "."  # noqa: E731
        rows = [[f"{a:,}", *(cell((a, b)) for b in across)] for a in down]
        while rows and all(c in ("", ".") for c in rows[-1][1:]):
            rows.pop()
        about = (
            "order, by units on hand (down) and due next period (across); . comes less than once in a million periods"
        )
        return f"{about}\n{wording.columns(['', *map(str, across)], rows)}"
    if len(names) != 2 or names[1] != "order":
        return None
    seen = policy.filter(pl.col("share") > 1e-4).sort(names[0])
    heads = [names[0].replace("_", " "), *map(str, seen[names[0]])]
    rows = [["order", *map(str, seen["order"])], ["% of time", *(f"{100 * share:.2g}" for share in seen["share"])]]
    return "\n\n".join(
        wording.columns([heads[0], *heads[at : at + 16]], [[row[0], *row[at : at + 16]] for row in rows])
        for at in range(1, len(heads), 16)
    )


def often(policy: pl.DataFrame) -> str:
    """The states that come most often."""
    first = policy.head(OFTEN).drop("value_usd")
    heads = [name.replace("_", " ") for name in first.columns[:-1]]
    rows = [[*(f"{v:,}" for v in row[:-1]), f"{100 * row[-1]:.2f} %"] for row in first.iter_rows()]
    return f"the states that come most often\n{wording.columns([*heads, 'of the time'], rows, left=0)}"
