"""What was decided and what it is worth, in money with its interval; the orders of now; what changed since the last plan."""

from __future__ import annotations

from typing import Any

import polars as pl

from ropewalk.methods import html
from ropewalk.methods.html import Card, Head, Html, tag
from ropewalk.systems.inventory.report_view import View, count, day, named

TOP = 12  # lines that are shown; the files have all


def headline(view: View) -> Html:
    """The decision, in one large figure and two sentences."""
    chosen, best = view.policy(chosen=True), view.best
    if chosen is None or best is None:
        return tag("div", tag("p", view.outcome.verdict), class_="hero")
    if chosen is best or chosen.get("profit_usd_difference") is None:
        parts = [
            tag("p", f"Decided over {view.replayed} that no policy had seen", class_="kicker"),
            tag("p", chosen["policy"], class_="sum"),
            tag("p", f"The orders below follow {_the(chosen)}: {_refused(view)}"),
        ]
    else:
        gain, low, high = (chosen[f"profit_usd_{end}"] for end in ("difference", "low", "high"))
        parts = [
            tag("p", f"Earned beyond the best rule, over {view.replayed} that no policy had seen", class_="kicker"),
            tag("p", view.money(gain, True), class_="sum"),
            tag("p", f"95 % interval {view.range(low, high)}", class_="range"),
            tag("p", f"The orders below follow {_the(chosen)}. It earned {view.money(chosen['profit_usd'])}, "
                f"{html.percent(gain / abs(best['profit_usd'] or 1), sign=True)} against {best['policy']}, the best classic "
                f"rule ({view.money(best['profit_usd'])}){_of_headroom(view, gain)}."),
        ]  # fmt: skip
    return tag("div", *parts, class_="hero")


def _the(policy: dict[str, Any]) -> str:
    return "the learned policy" if policy["kind"] == "learned" else f"the rule {policy['policy']}"


def _refused(view: View) -> str:
    learned = view.learned
    if learned is None or learned.get("profit_usd_difference") is None:
        return view.outcome.verdict
    return (
        f"the learned policy differs from it by {view.money(learned['profit_usd_difference'], True)} "
        f"(95 % interval {view.range(learned.get('profit_usd_low'), learned.get('profit_usd_high'))}), which is no reason to "
        f"change. {view.outcome.verdict}"
    )


def _of_headroom(view: View, gain: float) -> str:
    room = view.headroom
    return f", and {html.percent(gain / room)} of what knowing the future would add" if room and room > 0 else ""


def cards(view: View) -> Html:
    """The plan in five figures."""
    sums = view.facts["totals"]
    release = view.outcome.release
    out = [
        Card("to order now", view.money(sums["order_value_usd"]), f"{sums['units']:,.0f} units at purchase cost"),
        Card("order lines", f"{sums['lines']:,}", f"of {count(sums['items'], 'item')} at a site"),
        Card("expected profit of the orders", view.money(sums["expected_profit_usd"]), "until the next order could arrive"),
        Card("likely to run out", f"{sums['likely_to_run_out']:,}", "items at 50 % or more before the next chance to order",
             "warning" if sums["likely_to_run_out"] else "good"),
        Card("release", f"v{release.version}" if release else "none",
             "the learned policy" if release and release.choice == "model" else "the best classic rule" if release else
             "nothing passed the gate", "plain"),
    ]  # fmt: skip
    return html.cards(out)


def what_the_data_is(view: View) -> Html:
    """What the money rests on, where a reader cannot miss it."""
    items = view.data.get("items", {})
    said = [str(view.data.get("about", "")), _about_costs(items), _about_stock(view)]
    return html.note("info", tag("p", " ".join(s for s in said if s)))


def _about_costs(items: dict[str, Any]) -> str:
    assumed, size = items.get("unit_cost_assumed", 0), items.get("items", 0)
    if not assumed:
        return ""
    which = "every item" if assumed == size else f"{assumed:,} of {count(size, 'item')}"
    return f"The purchase cost of {which} is assumed: {items.get('unit_cost_rule', 'from a margin')}."


def _about_stock(view: View) -> str:
    said = view.data.get("stock", {}).get("stock", "")
    return f"The stock of now is {said}." if said.startswith("made up") else ""


def orders(view: View) -> Html:
    """The lines that earn most, and what changed since the last plan."""
    placed = view.plan.filter(pl.col("order_now") > 0)
    heads: list[Head | str] = ["item", Head("order", right=True), Head("arrives"), Head("chance to run out", right=True,
             about="before the next chance to order"), Head("profit", right=True, about="expected"), "why"]  # fmt: skip
    rows = [
        [named(r), html.number(r["order_now"]), r["expected_arrival"], html.percent(r["p_stock_out"]),
         view.money(r["expected_profit_usd"]), r["reason"]]
        for r in placed.head(TOP).iter_rows(named=True)
    ]  # fmt: skip
    shown = html.table(
        heads, rows, caption=f"The {len(rows)} lines with the highest expected profit, of {placed.height:,}"
    )
    return html.section(
        f"Orders of {day(view.facts['as_of'])}",
        shown if rows else tag("p", "Nothing needs to be ordered now."),
        _changes(view),
        about=html.safe(["All lines, with all columns: ", tag("code", "orders.csv"), " and ", tag("code", "orders.parquet"),
                         ", beside this page."]),
    )  # fmt: skip


def _changes(view: View) -> Html:
    title = tag("h3", "Since the last plan")
    sentence = tag("p", view.facts["changes"]["sentence"])
    rows = [
        [
            named(r),
            html.number(r["order_before"]),
            html.number(r["order_now"]),
            view.money(r["difference_usd"], True),
            r["why"],
        ]
        for r in view.changed.head(TOP).iter_rows(named=True)
    ]
    if not rows:
        return html.safe([title, sentence])
    heads: list[Head | str] = [
        "item",
        Head("before", right=True),
        Head("now", right=True),
        Head("at cost", right=True),
        "why",
    ]
    caption = f"The {len(rows)} largest differences at cost; all {view.changed.height:,} are in changes.csv"
    return html.safe([title, sentence, html.table(heads, rows, caption=caption)])
