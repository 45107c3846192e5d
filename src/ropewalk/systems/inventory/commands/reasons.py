"""How a policy comes to its order: every number that goes into it, in the order in which they are used.

`WHY` has a function a rule: state and parameters in, lines (name, value, how) out. A policy of another kind brings its own along as
`Candidate.why`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ropewalk.systems.inventory.case import Case
from ropewalk.systems.inventory.commands.policies import Candidate
from ropewalk.systems.inventory.engine.classic import RULES, Setting, arrival_law
from ropewalk.systems.inventory.engine.classic_cost import setting_of
from ropewalk.systems.inventory.engine.exact import Array, seen
from ropewalk.systems.inventory.engine.step import Seen

Line = tuple[str, float, str]  # what, how much, from what
Why = Callable[[Seen, Mapping[str, float], Setting], list[Line]]


def why(policy: Candidate, case: Case, state: Array, order: Array) -> list[Line]:
    """The lines of a decision in a state [1,W], from the position to the order that is placed."""
    now = seen(case.problem.world, state)
    lines = [_position(case, state[0])]
    if policy.why is not None:
        lines += policy.why(state)
    elif policy.name in WHY:
        lines += WHY[policy.name](now, policy.parameters, setting_of(case.problem))
    elif policy.name == "exact":
        lines.append(("order", float(order.sum()), "the least cost from now on of all orders: below"))
    wanted = np.asarray(policy.orders(state), float).ravel()
    if not np.array_equal(wanted, order):
        lines.append(("as placed", float(order.sum()), _limits(case)))
    return lines


def _position(case: Case, state: Array) -> Line:
    lives = case.problem.world.lives
    on_hand, owed, due = int(state[:lives].sum()), int(state[lives]), state[lives + 1 :]
    parts = [f"{on_hand} on hand"]
    if due.any():
        parts.append(f"{due.sum()} due ({', '.join(f'{units} {when(k)}' for k, units in enumerate(due, 1) if units)})")
    return ("position", float(on_hand + due.sum() - owed), " + ".join(parts) + (f" - {owed} owed" if owed else ""))


def when(periods: int) -> str:
    return ("now", "next period")[periods] if periods < 2 else f"in {periods} periods"


def _limits(case: Case) -> str:
    given = case.instance
    parts = [f"packs of {given.pack}"] if given.pack > 1 else []
    parts += [f"at least {given.min_order}"] if given.min_order else []
    parts += [f"at most {given.max_order}"] if given.max_order else []
    return ", ".join(parts)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _base_stock(now: Seen, given: Mapping[str, float], _: Setting) -> list[Line]:
    level, position = given["level"], float(now.position[0])
    return [
        (
            "up to the level",
            max(level - position, 0.0),
            f"{level:g} - {position:g}" + (", but not below 0" if level < position else ""),
        )
    ]


def _capped(now: Seen, given: Mapping[str, float], setting: Setting) -> list[Line]:
    (line,), cap = _base_stock(now, given, setting), given["cap"]
    cut = line[1] > cap
    return [line, ("cut at the cap" if cut else "below the cap", min(line[1], cap), f"cap {cap:g}")]


def _reorder_up_to(now: Seen, given: Mapping[str, float], _: Setting) -> list[Line]:
    position, reorder, up_to = float(now.position[0]), given["reorder"], given["up_to"]
    if position > reorder:
        return [("order", 0.0, f"{position:g} is above the reorder level {reorder:g}")]
    return [("order", up_to - position, f"{position:g} is not above the reorder level {reorder:g}: up to {up_to:g}")]


def _reorder_quantity(now: Seen, given: Mapping[str, float], _: Setting) -> list[Line]:
    position, reorder, quantity = float(now.position[0]), given["reorder"], given["quantity"]
    if position > reorder:
        return [("order", 0.0, f"{position:g} is above the reorder level {reorder:g}")]
    lots = np.floor((reorder - position) / quantity) + 1.0
    return [("order", lots * quantity, f"{lots:g} times {quantity:g}, to come above the reorder level {reorder:g}")]


def _myopic(now: Seen, given: Mapping[str, float], setting: Setting) -> list[Line]:
    law = np.cumsum(setting.law)
    at = arrival_law(now, setting)[0]
    enough = lambda order: float(at @ law[np.minimum(np.arange(len(at)) + order, len(law) - 1)])  # noqa: E731
    order = int(RULES["myopic"].wants(np.array([given["ratio"]]), now, setting, np)[0, 0])
    said = f"the least with which nobody is turned away with a chance of {given['ratio']:.3g}: {enough(order):.3f}"
    return [("order", float(order), said + (f", with one less {enough(order - 1):.3f}" if order else ""))]


def _projected(now: Seen, given: Mapping[str, float], setting: Setting) -> list[Line]:
    at = arrival_law(now, setting)[0]
    expected, level = float(at @ np.arange(len(at))), given["level"]
    wanted = max(level - expected, 0.0)
    return [("projected stock", expected, "expected on the shelf when the order has come, without it"),
            ("up to the level", wanted, f"{_number(level)} - {_number(expected)}"), ("to whole units", np.floor(wanted + 0.5), "")]  # fmt: skip


def _two_sources(name: str) -> Why:
    def lines(now: Seen, given: Mapping[str, float], setting: Setting) -> list[Line]:
        near = float(now.shelf.sum() + now.outstanding[0, : setting.lead[1]].sum() - now.owed[0])
        position, level = float(now.position[0]), given["expedited_level"]
        counted = position if name == "single index" else near
        expedited = max(level - counted, 0.0)
        what = "the position" if name == "single index" else "what is there before an expedited order of now"
        out: list[Line] = [
            (
                "expedited",
                expedited,
                f"{level:g} - {counted:g}, {what}" + (", but not below 0" if level < counted else ""),
            )
        ]
        if name == "tailored base-surge":
            return [*out, ("regular", given["quantity"], "the same in every period")]
        regular = max(given["regular_level"] - position - expedited, 0.0)
        out.append(
            (
                "regular",
                regular,
                f"{given['regular_level']:g} - {position:g} - {expedited:g} expedited"
                + (", but not below 0" if not regular else ""),
            )
        )
        if "cap" in given and regular > given["cap"]:
            out.append(("cut at the cap", given["cap"], f"cap {given['cap']:g}"))
        return out

    return lines


WHY: dict[str, Why] = {
    "base-stock": _base_stock,
    "capped base-stock": _capped,
    "(s, S)": _reorder_up_to,
    "(R, Q)": _reorder_quantity,
    "myopic": _myopic,
    "projected": _projected,
    **{name: _two_sources(name) for name in ("single index", "dual index", "capped dual index", "tailored base-surge")},
}
