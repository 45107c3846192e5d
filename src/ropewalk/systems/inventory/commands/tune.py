"""`ropewalk inventory tune`: the best parameters of a classic rule, what it costs, and how far that is from the optimum."""

from __future__ import annotations

from typing import Any

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.case import Case, case_of
from ropewalk.systems.inventory.commands import wording
from ropewalk.systems.inventory.commands.patience import telling
from ropewalk.systems.inventory.commands.policies import Candidate, Effort, Score, make, name_of, score, suited
from ropewalk.systems.inventory.engine.classic import RULES
from ropewalk.systems.inventory.engine.exact import Bounds
from ropewalk.systems.inventory.engine.optimum import first_range, memory_of, optimum
from ropewalk.systems.inventory.engine.positions import positions
from ropewalk.systems.inventory.instance import Instance
from ropewalk.types import Bench

QUICK = 8e8  # bytes that the optimum may take here: seconds


def run(bench: Bench, instance: Instance, rule: str | None) -> int:
    case = case_of(instance)
    name = suited(case)[-1] if rule is None else name_of(rule)
    if name not in RULES:
        way_out = "`ropewalk inventory " + ("solve`" if name == "exact" else f"compare --policies {name}`")
        raise ConfigError([f"{name!r} has no parameters to tune: {way_out}"], "--rule")
    effort = Effort(bench.seed, note=bench.note)
    found = make(name, case, effort)
    scored = score(found, case, effort)
    with telling(bench.note, lambda: "the optimum is being found, to stand beside it"):
        best = best_cost(case)
    bench.show(body(case, found, scored, best), text(case, found, scored, best))
    return 0


def best_cost(case: Case) -> Bounds | str:
    """Of the optimum, where it takes seconds; else what `solve` says to that, in short."""
    try:
        return optimum(case.problem, QUICK).solution.cost
    except ConfigError as error:
        refused = error.problems[0]
    if "GB are allowed" not in refused:
        return f"the optimum is not known: {refused}"
    problem = positions(case.problem) or case.problem
    need = memory_of(problem, first_range(problem))
    if need <= Effort().memory:
        return "the optimum takes more than seconds here: `ropewalk inventory solve`"
    size = f"{need / 1e9:,.0f}" if need < 1e15 else f"{need / 1e9:.0e}"
    return f"the optimum is out of reach: it would take about {size} GB; `compare` puts other policies beside this rule"


def body(case: Case, found: Candidate, scored: Score, best: Bounds | str) -> dict[str, Any]:
    return {
        "rule": found.name, "parameters": dict(found.parameters), **wording.body(scored),
        "optimal_cost_usd": best.middle if isinstance(best, Bounds) else None,
        "gap": wording.above(scored.cost, best.middle) if isinstance(best, Bounds) else None,
        "tried": found.tried, "cpu_s": round(found.cpu_s, 3), "demand": case.law.name, "cut_probability": case.problem.outcomes.cut,
    }  # fmt: skip


def text(case: Case, found: Candidate, scored: Score, best: Bounds | str) -> str:
    gap = None if isinstance(best, str) else wording.above(scored.cost, best.middle)
    beside = (
        best
        if isinstance(best, str)
        else f"the optimum costs {wording.money(best.middle)}"
        if gap is None
        else f"{100 * (gap if abs(gap) > 5e-5 else 0.0):.2f} % above the optimum, {wording.money(best.middle)}"
    )
    sets = "one set of parameters was" if found.tried == 1 else f"{found.tried} sets of parameters were"
    return "\n".join(
        [
            case.about,
            "",
            f"{found.name}: {found.text}" + (f", in packs of {case.instance.pack}" if case.instance.pack > 1 else ""),
            wording.cost(scored),
            beside,
            wording.means(scored),
            f"{found.made}: {sets} tried in {found.cpu_s:.1f} CPU-s",
        ]
    )
