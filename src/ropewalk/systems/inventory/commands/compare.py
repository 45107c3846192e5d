"""`ropewalk inventory compare`: policies beside each other on one instance, exactly where possible, else on the same demand."""

from __future__ import annotations

import time
from typing import Any

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.case import case_of
from ropewalk.systems.inventory.commands import wording
from ropewalk.systems.inventory.commands.policies import Candidate, Effort, Score, make, names_of, score, suited
from ropewalk.systems.inventory.instance import Instance
from ropewalk.types import Bench

HEADS = ("policy", "parameters", "cost", "above best", "95 %", "fill rate", "stock", "orders", "CPU-s")
COSTS = "cost in USD a period, "
REST = "; fill rate: of the demand at once; stock: units at the end of a period; orders a period; CPU-s to tune, solve or train"


def run(bench: Bench, instance: Instance, policies: str | None, steps: int, paths: int, memory_gb: float) -> int:
    case = case_of(instance)
    asked = [*suited(case), "exact"] if policies is None else names_of(policies)
    effort = Effort(bench.seed, steps, paths, memory_gb * 1e9, bench.note)
    found: list[tuple[Candidate, Score]] = []
    without: dict[str, str] = {}
    for name in asked:
        bench.note(f"{name}: begun")
        begun = time.monotonic()
        try:
            candidate = make(name, case, effort)
        except ConfigError as error:
            without[name] = "; ".join(error.problems)
            bench.note(f"{name}: left out")
            continue
        found.append((candidate, score(candidate, case, effort)))
        bench.note(f"{name}: {wording.cost(found[-1][1])}, {candidate.made}, {time.monotonic() - begun:.1f} s")
    if not found:
        raise ConfigError([f"{name}: {why}" for name, why in without.items()], "no policy is left")
    least = min(scored.cost for _, scored in found)
    same = least + 2e-5 * abs(least)  # costs are known to 1e-5: of equals the exact one comes first
    found.sort(key=lambda pair: (pair[0].name != "exact" or pair[1].cost > same, pair[1].cost))
    rows = [row(candidate, scored, found[0][1]) for candidate, scored in found]
    bench.show(
        {"policies": rows, "left_out": without, "demand": case.law.name, "cut_probability": case.problem.outcomes.cut},
        f"{case.about}\n\n{text(rows)}{wording.left_out(without)}",
    )
    return 0


def row(candidate: Candidate, scored: Score, best: Score) -> dict[str, Any]:
    gap, error = wording.above(scored.cost, best.cost), interval(scored, best) / (abs(best.cost) or 1.0)
    low, high = (None, None) if gap is None else (gap - 1.96 * error, gap + 1.96 * error)
    return {
        "policy": candidate.name, "parameters": dict(candidate.parameters), "said": candidate.text, "made": candidate.made, **wording.body(scored),
        "gap": gap, "gap_low": low, "gap_high": high, "cpu_s": round(candidate.cpu_s, 2),
    }  # fmt: skip


def interval(scored: Score, best: Score) -> float:
    """Standard error of the difference, USD: of the pairs of paths where both were simulated."""
    if scored.paths is not None and best.paths is not None:
        each = scored.paths - best.paths
        return float(each.std(ddof=1) / len(each) ** 0.5)
    return float((scored.error**2 + best.error**2) ** 0.5)


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:z.2f} %"


def text(rows: list[dict[str, Any]]) -> str:
    lines = [
        (
            r["policy"], r["said"] or r["made"], wording.priced(r), percent(r["gap"]), between(r, rows[0]),
            f"{100 * r['fill_rate']:.2f} %", f"{r['stock_units']:.2f}", f"{r['orders']:.2f}", f"{r['cpu_s']:.1f}",
        )
        for r in rows
    ]  # fmt: skip
    return f"{wording.columns(HEADS, lines, left=2)}\n\n{COSTS}{wording.how_sure(rows)}{REST}"


def between(row: dict[str, Any], best: dict[str, Any]) -> str:
    """The interval of the gap. The best of those that were simulated is none above itself, and that is all that is known."""
    if row["exact"] and best["exact"]:
        return "exact"
    return "-" if row is best or row["gap"] is None else f"{100 * row['gap_low']:.2f} to {100 * row['gap_high']:.2f} %"
