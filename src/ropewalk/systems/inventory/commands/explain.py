"""`ropewalk inventory explain`: the order of a policy in one state, and why it is not another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.case import Case, case_of
from ropewalk.systems.inventory.commands import wording
from ropewalk.systems.inventory.commands.lookahead import Arrival, arrival, beside, many, order_in, others, prepared
from ropewalk.systems.inventory.commands.patience import telling
from ropewalk.systems.inventory.commands.policies import Candidate, Effort, fixed, make, name_of, suited, usual
from ropewalk.systems.inventory.commands.reasons import Line, when, why
from ropewalk.systems.inventory.commands.tune import QUICK
from ropewalk.systems.inventory.engine.exact import Array
from ropewalk.systems.inventory.instance import Instance
from ropewalk.types import Bench

SOURCES = ("regular", "expedited")


def run(
    bench: Bench,
    instance: Instance,
    policy: str | None,
    parameters: str | None,
    on_hand: str,
    due: str | None,
    owed: int,
    steps: int,
) -> int:
    case, effort = case_of(instance), Effort(bench.seed, steps, note=bench.note)
    if case.problem.world.lead == "random":
        raise ConfigError(
            ["an order is explained for a lead time that is certain; `tune` and `what-if` say what random ones cost"],
            "--lead-time-law",
        )
    state = case.state(units(on_hand, "--on-hand"), units(due, "--due"), owed)
    rule = suited(case)[-1] if parameters is not None else usual(case)
    name = rule if policy is None else name_of(policy)
    found = make(name, case, effort) if parameters is None else fixed(name, case, numbers(parameters))
    found = prepared(found, case, state, effort)
    order = order_in(found, case, state)
    with telling(bench.note, lambda: "other orders are being looked at"):
        best = optimal(found, case, state)
        orders = others(case, order) if name == "exact" else many(case, order, best)
        more, error = beside(found, case, state, order, orders, bench.seed)
    least = orders[int(np.argmin(more))]
    orders, more, error = shown(orders, more, error, others(case, order, best), least)
    coming = [
        (arrival(case, state, _without(order, s), lead), arrival(case, state, order, lead))
        for s, lead in enumerate(case.leads)
    ]
    lines = why(found, case, state, order)
    bench.show(
        body(case, found, state, order, lines, coming, orders, more, error, best),
        text(case, found, order, lines, coming, orders, more, error, best),
    )
    return 0


def units(said: str | None, option: str) -> list[int]:
    try:
        return [int(part) for part in said.split(",")] if said else []
    except ValueError:
        raise ConfigError([f"{said!r}: whole units, separated by commas, as 2,0,4"], option) from None


def numbers(said: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in said.split(","))
    except ValueError:
        raise ConfigError([f"{said!r}: numbers, separated by commas, as 17,5"], "--parameters") from None


def optimal(policy: Candidate, case: Case, state: Array) -> Array | None:
    """[S] what the optimum orders here, where it takes seconds."""
    if policy.name == "exact":
        return None
    try:
        best = prepared(Candidate("exact", case.problem, policy.decide), case, state, Effort(memory=QUICK))
    except ConfigError:
        return None
    return order_in(best, case, state)


def shown(
    orders: Array, more: Array, error: Array | None, wanted: Array, least: Array
) -> tuple[Array, Array, Array | None]:
    """The rows of the orders that are `wanted`, and of the least."""
    rows = (orders[:, None, :] == np.concatenate([wanted, least[None, :]])[None]).all(-1).any(1)
    return orders[rows], more[rows], None if error is None else error[rows]


def _without(order: Array, source: int) -> Array:
    out = order.copy()
    out[source] = 0
    return out


def body(
    case: Case, policy: Candidate, state: Array, order: Array, lines: list[Line], coming: list[tuple[Arrival, Arrival]],
    orders: Array, more: Array, error: Array | None, best: Array | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "order": order.tolist(), "policy": policy.name, "parameters": dict(policy.parameters), "made": policy.made,
        "state": dict(zip(case.problem.columns, state[0].tolist(), strict=True)),
        "why": [{"what": what, "units": value, "from": how} for what, value, how in lines],
        "arrival": [
            {"source": SOURCES[s], "periods": a.periods, "stock_without": a.stock, "stock_with": b.stock, "p_short_without": a.short,
             "p_short_with": b.short, "p_short_before": b.short_before} for s, (a, b) in enumerate(coming)
        ],
        "instead": [
            {"order": other.tolist(), "costs_more_usd": float(m), "standard_error_usd": None if error is None else float(error[i])}
            for i, (other, m) in enumerate(zip(orders, more, strict=True))
        ],
        "least_order": orders[int(np.argmin(more))].tolist(),
        "optimal_order": None if best is None else best.tolist(), "demand": case.law.name, "cut_probability": case.problem.outcomes.cut,
    }  # fmt: skip


def said(order: Array | list[int]) -> str:
    return str(order[0]) if len(order) == 1 else f"{order[0]} regular, {order[1]} expedited"


def text(
    case: Case, policy: Candidate, order: Array, lines: list[Line], coming: list[tuple[Arrival, Arrival]], orders: Array, more: Array,
    error: Array | None, best: Array | None,
) -> str:  # fmt: skip
    parts = [
        case.about,
        "",
        f"order {said(order)}: {policy.name}"
        + (f", {policy.text} ({policy.made})" if policy.text else f" ({policy.made})"),
        "",
    ]
    rows = [[what, f"{value:.4g}", how] for what, value, how in lines]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    parts += [f"  {what.ljust(widths[0])}  {value.rjust(widths[1])}  {how}".rstrip() for what, value, how in rows]
    for source, (without, with_it) in enumerate(coming):
        parts += ["", _arrives(case, source, without, with_it)]
    parts += ["", _instead(order, orders, more, error)]
    least = orders[int(np.argmin(more))]
    if more.min() < 0.0 and (best is None or (least != best).any()):
        parts += ["", f"of all that were looked at, {said(least)} costs least"]
    if best is not None:
        parts += ["", f"the optimum orders {'the same' if (best == order).all() else said(best)} here"]
    return "\n".join(parts)


def _arrives(case: Case, source: int, without: Arrival, with_it: Arrival) -> str:
    which = (
        "an order"
        if len(case.leads) == 1
        else f"a {SOURCES[source]} order"
        if source == 0
        else f"an {SOURCES[source]} order"
    )
    owed = " less what is owed" if case.instance.backlog else ""
    rows = [
        [f"expected stock{owed} then, before demand", f"{without.stock:.2f}", f"{with_it.stock:.2f}"],
        ["chance to fall short in that period", f"{100 * without.short:.1f} %", f"{100 * with_it.short:.1f} %"],
    ]
    out = wording.columns([f"{which} of now can be sold {when(without.periods)}", "without it", "with it"], rows)
    if without.periods:
        alone = "whatever is ordered now" if len(case.leads) == 1 else "with all that is ordered now"
        out += f"\nchance to fall short before that, {alone}: {100 * with_it.short_before:.1f} %"
    return out


def _instead(order: Array, orders: Array, more: Array, error: Array | None) -> str:
    rows = []
    for i, (other, m) in enumerate(zip(orders, more, strict=True)):
        here = bool((other == order).all())
        shown = "" if here else f"{m:+.4f}" + ("" if error is None else f" +- {1.96 * error[i]:.4f}")
        rows.append([*map(str, other), shown])
    heads = ["order instead"] if len(order) == 1 else ["regular", "expedited"]
    how = "exact" if error is None else "simulated, with 95 % intervals"
    about = f"costs more, USD in all ({how}): this order once, the policy from the next period on"
    return f"{wording.columns([*heads, 'costs more'], rows, left=0)}\n{about}"
