"""The sentence that says why an order line differs from the last plan's. Pure: two requests in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LATELY = 4  # periods: what a buyer has in mind as "lately"
PROMOTED = 0.2  # share of the site from which a promotion is worth a word
SAME = 0.005  # relative difference below which two figures read the same


def sentence(
    row: Mapping[str, Any], effects: Mapping[str, float] | None, facts: Mapping[str, str], releases: tuple[str, str]
) -> str:
    """`row`: a line of both plans; `effects`: part -> units; `facts`: part -> what changed, in words."""
    if effects is None:
        return _by_figures(row)
    known = {"policy": _release(*releases), "status": "discontinued"} | dict(facts)
    large = sorted((p for p, e in effects.items() if abs(e) >= 0.5), key=lambda p: -abs(effects[p]))
    told = [f"{known.get(p, p + ' changed')} ({units(effects[p], sign=True)})" for p in large]
    return "; ".join(told)[:1].upper() + "; ".join(told)[1:] + "." if told else "Rounding."


def _release(before: str, now: str) -> str:
    return "the same release answers differently" if before == now else f"{now} decides instead of {before}"


def _by_figures(row: Mapping[str, Any]) -> str:
    pairs = (("expected_demand", "expected demand"), ("order_up_to", "order-up-to level"),
             ("on_hand", "on hand"), ("on_order", "on order"))  # fmt: skip
    told = [
        f"{name} {units(row[key])} instead of {units(row[f'{key}_old'])}"
        for key, name in pairs
        if row.get(f"{key}_old") is not None and _differ(row[key], row[f"{key}_old"])
    ]
    told = told or ["the policy changed"]
    return "; ".join(told)[:1].upper() + "; ".join(told)[1:] + "."


def facts_between(old: Mapping[str, Any], new: Mapping[str, Any], word: str) -> dict[str, str]:
    """part -> what changed between two requests of one item, in words."""
    return {
        "stock": _stock(old, new),
        "demand": _demand(old, new, word),
        "promotion": _promotion(old, new, word),
        "money": _money(old, new),
        "terms": _terms(old, new, word),
    }


def _stock(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    have, had = (r["on_hand"] + sum(r["on_order"]) for r in (new, old))
    if _differ(have, had):
        return f"{units(have)} on hand and on order instead of {units(had)}"
    return f"{units(new['on_hand'])} on hand instead of {units(old['on_hand'])}, the rest arrives at another time"


def _demand(old: Mapping[str, Any], new: Mapping[str, Any], word: str) -> str:
    now, then = (sum(r["demand_history"][-LATELY:]) / LATELY for r in (new, old))
    if not _differ(now, then):
        return f"the forecast moved on; demand is still {units(now)} a {word}"
    return f"demand {units(now)} a {word} lately, {units(then)} before"


def _promotion(old: Mapping[str, Any], new: Mapping[str, Any], word: str) -> str:
    at, was = _planned(new), _planned(old)
    if at is not None and at != was:
        return f"a promotion is planned {'now' if at == 0 else f'in {_count(at, word)}'}"
    if at is None and was is not None:
        return "no promotion is planned any more"
    return "the promotion plan changed"


def _planned(request: Mapping[str, Any]) -> int | None:
    pairs = zip(request["promo_plan"], request["promo_planned"], strict=True)
    return next((i for i, (share, known) in enumerate(pairs) if share * known >= PROMOTED), None)


def _money(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    told = []
    if _differ(new["unit_cost_usd"], old["unit_cost_usd"]):
        told.append(f"unit cost {new['unit_cost_usd']:,.2f} instead of {old['unit_cost_usd']:,.2f}")
    if _differ(new["price_history"][-1], old["price_history"][-1]):
        told.append(f"price {new['price_history'][-1]:,.2f} instead of {old['price_history'][-1]:,.2f}")
    names = {"holding_usd": "the cost of holding", "lost_sale_usd": "the cost of a lost sale",
             "order_cost_usd": "the cost of an order line"}  # fmt: skip
    told += [f"{said} changed" for name, said in names.items() if _differ(new[name], old[name])]
    return ", ".join(told) or "prices of the past weeks moved on"


def _terms(old: Mapping[str, Any], new: Mapping[str, Any], word: str) -> str:
    told = []
    if new["may_order"] != old["may_order"]:
        told.append("an order day now" if new["may_order"] else "not an order day now")
    if new["lead_time_periods"] != old["lead_time_periods"]:
        told.append(f"lead time {_count(new['lead_time_periods'], word)} instead of {old['lead_time_periods']}")
    if new["pack_size"] != old["pack_size"]:
        told.append(f"packs of {units(new['pack_size'])} instead of {units(old['pack_size'])}")
    if new["min_order"] != old["min_order"]:
        told.append(f"minimum order {units(new['min_order'])} instead of {units(old['min_order'])}")
    if new["next_order_periods"] != old["next_order_periods"]:
        told.append(f"next chance to order in {_count(new['next_order_periods'], word)}")
    return ", ".join(told) or "the terms of supply changed"


def units(value: float, sign: bool = False) -> str:
    """12 · 3.4 · 1,200; with `sign`, +12 and −3."""
    size = abs(value)
    body = f"{size:,.0f}" if size >= 10 or float(value).is_integer() else f"{size:.1f}"
    return f"{'−' if value < 0 else '+' if sign else ''}{body}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _differ(a: float, b: float) -> bool:
    return abs(a - b) > SAME * max(abs(a), abs(b), 1e-9)
