"""`ropewalk inventory what-if`: cost, stock and parameters of a tuned rule against a lead time, a cost or a service."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import Any

from ropewalk import config as configs
from ropewalk.errors import ConfigError, DataError, MissingError
from ropewalk.methods import html
from ropewalk.systems.inventory.case import Case, case_of
from ropewalk.systems.inventory.commands import wording
from ropewalk.systems.inventory.commands.policies import Candidate, Effort, Score, make, name_of, score, suited, usual
from ropewalk.systems.inventory.instance import Instance
from ropewalk.types import Bench

Found = tuple[Case, Candidate, Score]
LAWS = ("demand", "lead_time_law")  # settings that hold commas
CLOSE, MOST = 1.02, 600  # the cost that a service implies is holding times a power of 1.02, at most the 600th: 140,000


def run(bench: Bench, instance: Instance, vary: str, policy: str | None, steps: int, chart: str | None) -> int:
    if chart is not None and not chart.endswith(".svg"):
        raise DataError([f"{chart}: the name must end in .svg"])
    name, values = varied(vary)
    if chart is not None and name in LAWS:
        raise DataError(["a law is no number, so there is nothing to draw against it"])
    effort = Effort(bench.seed, steps, note=bench.note)
    rows: list[dict[str, Any]] = []
    without: dict[str, str] = {}
    if name == "service":
        if instance.penalty is None and instance.backlog is None:
            bench.note("unmet demand is taken to be lost; with --backlog 1 it waits")
        kept: dict[int, Found] = {}
        ways = {value: partial(at_service, instance, value, policy, effort, kept) for value in values}
    else:
        each = {value: configs.load(Instance, base=instance, values={name: value}, called="--vary") for value in values}
        policy = usual_of(list(each.values())) if policy is None else policy
        ways = {value: partial(solved, one, policy, effort) for value, one in each.items()}
    for value, way in ways.items():
        try:
            found = way()
        except ConfigError as error:
            without[f"{name} {value}"] = "; ".join(error.problems)
            continue
        rows.append(row(name, value, *found))
        bench.note(f"{name} {value}: {wording.cost(found[2])}")
    if not rows:
        raise ConfigError([f"{value}: {why}" for value, why in without.items()], "--vary: nothing is left")
    if chart is not None:
        bench.write(chart, drawn(name, rows).encode())
        bench.note(f"the drawing is {chart}")
    bench.show({"varied": name, "rows": rows, "left_out": without}, text(name, rows) + wording.left_out(without))
    return 0


def varied(said: str) -> tuple[str, list[Any]]:
    """The setting and its values: lead-time=1..8 (or 1..9..2), penalty=4,9,19, demand=poisson:4;negbin:2,5."""
    name, equals, rest = said.partition("=")
    name = name.strip().replace("-", "_")
    known = [*Instance.model_fields, "service"]
    if not equals or not rest.strip():
        raise ConfigError([f"{said!r} says no values: lead-time=1..8, penalty=4,9,19 or service=0.9,0.95"], "--vary")
    if name not in known:
        raise MissingError("setting to vary", name, known)
    if ".." in rest:
        try:
            first, last, by = (
                [int(part) for part in [*rest.split(".."), "1"][:3]] if rest.count("..") < 3 else [0, 0, 0]
            )
            numbers = list(range(first, last + 1, by))
        except ValueError:
            raise ConfigError([f"{rest!r} is no range of whole numbers such as 1..8 or 1..9..2"], "--vary") from None
        if not numbers:
            raise ConfigError([f"{rest!r} holds no number: a range goes upwards, as 1..8 or 1..9..2"], "--vary")
        return name, numbers
    values: list[Any] = [part.strip() for part in rest.split(";" if ";" in rest or name in LAWS else ",")]
    if name == "service":
        try:
            values = [float(value) for value in values]
        except ValueError:
            values = [0.0]
        if not all(0.0 < value < 1.0 for value in values):
            raise ConfigError(
                [f"{rest!r}: a service is a share of the demand that is served at once, as 0.95"], "--vary"
            )
    return name, values


def usual_of(instances: list[Instance]) -> str | None:
    """The policy that is taken for all of them; None where none of them is an instance."""
    cases = []
    for instance in instances:
        with suppress(ConfigError):
            cases.append(case_of(instance))
    return usual(*cases) if cases else None


def solved(instance: Instance, policy: str | None, effort: Effort) -> Found:
    """The instance with its policy, and what that costs."""
    case = case_of(instance)
    candidate = make(suited(case)[-1] if policy is None else name_of(policy), case, effort)
    return case, candidate, score(candidate, case, effort)


def at_service(instance: Instance, target: float, policy: str | None, effort: Effort, kept: dict[int, Found]) -> Found:
    """The least cost of unmet demand, to 2 %, for which the tuned policy serves as much: of all policies that serve as much, as far as
    there is one for every cost, it is the one with the least cost of stock and orders."""
    waits, holding = instance.backlog is not None, max(instance.holding, 1e-6)
    power = lambda cost: math.log(cost / holding) / math.log(CLOSE)  # noqa: E731
    least = math.ceil(power(1.01 * instance.unit_cost)) if instance.unit_cost and not waits else -MOST

    def at(step: int) -> Found:
        if step not in kept:
            settings = {"penalty": None, "backlog": None, "backlog" if waits else "penalty": holding * CLOSE**step}
            kept[step] = solved(
                configs.load(Instance, base=instance, values=settings, called="the instance"), policy, effort
            )
        return kept[step]

    def enough(step: int) -> bool:
        return float(at(step)[2].means.fill_rate) >= target

    high, far = max(round(power(holding * target / (1.0 - target))), least), 16
    while not enough(high):
        if high >= MOST:
            raise ConfigError([f"a service of {target:g} is not reached by any tuned rule here"], "--vary")
        high, far = high + far, 2 * far
    low, far = high, 16
    while low > least and enough(low):
        high, low, far = low, max(low - far, least), 2 * far
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return at(high)


def row(name: str, value: Any, case: Case, candidate: Candidate, scored: Score) -> dict[str, Any]:
    given, means = case.instance, scored.means
    unmet = (given.penalty or 0.0) * float(means.unmet) if given.penalty else (given.backlog or 0.0) * float(means.owed)
    implied = {"implied_usd": given.penalty or given.backlog} if name == "service" else {}
    return {
        name: value, "policy": candidate.name, "parameters": dict(candidate.parameters), "said": said_of(case, candidate), **implied,
        **wording.body(scored), "unmet_usd": unmet, "stock_and_orders_usd": scored.cost - unmet,
    }  # fmt: skip


def said_of(case: Case, candidate: Candidate) -> str:
    """The parameters, in units that are then placed as packs, or how the policy came to be."""
    packs = f", in packs of {case.instance.pack}" if case.instance.pack > 1 else ""
    return (candidate.text or candidate.made) + packs


def text(name: str, rows: list[dict[str, Any]]) -> str:
    service = name == "service"
    heads = [name.replace("_", " "), *(["implied cost"] if service else []), rows[0]["policy"],
             *(["cost"] if not service else []), "of stock and orders", "fill rate", "stock", "orders"]  # fmt: skip
    lines = []
    for r in rows:
        lines.append([
            f"{r[name]:g}" if isinstance(r[name], float) else str(r[name]), *([f"{r['implied_usd']:.3g}"] if service else []), r["said"],
            *([wording.priced(r)] if not service else []), wording.money(r["stock_and_orders_usd"]) + (" simulated" if service and not r["exact"] else ""), f"{100 * r['fill_rate']:.2f} %",
            f"{r['stock_units']:.2f}", f"{r['orders']:.2f}",
        ])  # fmt: skip
    about = f"costs in USD a period, {wording.how_sure(rows)}"
    if service:
        about = about.replace("those with +- (95 %), which were simulated", "those that say so")
        about += "; implied cost: what a unit of unmet demand has to cost for this service to be worth its stock"
    return f"{wording.columns(heads, lines, left=0)}\n\n{about}"


def drawn(name: str, rows: list[dict[str, Any]]) -> str:
    """Cost, and stock, against what varies."""
    x = [float(r[name]) for r in rows]
    called, service = name.replace("_", " "), name == "service"
    cost = "stock_and_orders_usd" if service else "cost_usd"
    wide = [1.96 * r["standard_error_usd"] for r in rows]
    low, high = ([r[cost] + sign * w for r, w in zip(rows, wide, strict=True)] for sign in (-1, 1))
    share = "share" if service else ""
    first, beside = (
        (
            "Cost of stock and orders a period, USD",
            ("implied_usd", "What unmet demand has to cost for that, USD a unit"),
        )
        if service
        else ("Cost a period, USD", ("stock_units", "Units on the shelf at the end of a period"))
    )
    costs = html.Series(rows[0]["policy"], [r[cost] for r in rows], low=low, high=high)
    others = html.Series(beside[1], [r[beside[0]] for r in rows], colour=3)
    return html.drawing(
        html.line(first, x, [costs], x_title=called, x_unit=share, zero=True),
        html.line(beside[1], x, [others], x_title=called, x_unit=share, zero=True),
    )
