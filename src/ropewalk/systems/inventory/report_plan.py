"""What was decided and what it is worth, in money with its interval; the orders of now; what changed since the last plan."""

from __future__ import annotations

import polars as pl

from ropewalk.methods import html
from ropewalk.methods.html import Card, Head, Html, tag
from ropewalk.systems.inventory import data_items
from ropewalk.systems.inventory.report_view import View, capital, chance, count, day, named, short, why

TOP = 8  # lines that are shown; the files have all


def headline(view: View) -> Html:
    """The decision, in one large figure and two sentences."""
    chosen, best = view.policy(chosen=True), view.best
    if chosen is None or best is None:
        return tag("div", tag("p", view.outcome.verdict), class_="hero")
    gain, low, high = (chosen.get(f"profit_usd_{end}") for end in ("difference", "low", "high"))
    if gain is None:  # the best classic rule itself was chosen
        return tag(
            "div", tag("p", f"The best of all over the {view.word}s to choose on", class_="kicker"),
            tag("p", best["policy"], class_="sum"), tag("p", f"{view.outcome.verdict} {_who_orders(view)}"), class_="hero",
        )  # fmt: skip
    earned = (
        f"{capital(view.served)} earned {view.money(chosen['profit_usd'])}, "
        f"{html.percent(gain / abs(best['profit_usd'] or 1), sign=True)} against {best['policy']}, the best classic rule "
        f"({view.money(best['profit_usd'])}){_of_headroom(view, gain) if gain > 0 else ''}."
    )
    return tag(
        "div",
        tag("p", f"{'Earned' if gain >= 0 else 'Lost'} against the best classic rule, over {view.replayed} that no policy had "
            "seen", class_="kicker"),
        tag("p", view.money(gain, True), class_="sum"),
        tag("p", f"95 % interval {view.range(low, high)}", class_="range"),
        tag("p", f"{earned} {_who_orders(view)}"),
        None if view.accepted else tag("p", f"The gate: {view.outcome.verdict}"),
        class_="hero",
    )  # fmt: skip


def _who_orders(view: View) -> str:
    release = view.outcome.release
    if release is None:
        return "Nothing is live; the orders below are what this run's policy would order."
    if view.accepted:
        return f"The orders below follow {view.served}, live as v{release.version}."
    if release.run == view.outcome.run.id:
        return f"The orders below follow the best classic rule, live as v{release.version}."
    return f"The orders below follow v{release.version}, which stays live."


def _of_headroom(view: View, gain: float) -> str:
    room = view.headroom
    return f", and {html.percent(gain / room)} of what knowing the future would add" if room and room > 0 else ""


def cards(view: View) -> Html:
    """The plan in five figures."""
    sums = view.facts["totals"]
    release = view.outcome.release
    out = [
        Card("to order now", view.money(sums["order_value_usd"]), f"{sums['units']:,.0f} units at purchase cost"),
        Card("order lines", f"{sums['lines']:,}", f"of {count(sums['items'], 'item')} planned"),
        Card("expected profit of the orders", view.money(sums["expected_profit_usd"]), "until the next order could arrive"),
        Card("likely to run out", f"{sums['likely_to_run_out']:,}", "items at 50 % or more, before the next chance to order",
             "warning" if sums["likely_to_run_out"] else "good"),
        Card("release", f"v{release.version}" if release else "none", who_is_live(view)),
    ]  # fmt: skip
    return html.cards(out)


def who_is_live(view: View) -> str:
    """In three words, for a badge."""
    release = view.outcome.release
    if release is None:
        return "nothing is live"
    if view.accepted:
        return f"{view.served.removeprefix('the ')} is live"
    return "best classic rule is live" if release.run == view.outcome.run.id else f"v{release.version} stays live"


def what_the_data_is(view: View) -> Html:
    """What the money rests on, where a reader cannot miss it."""
    items = view.data.get("items", {})
    said = [str(view.data.get("about", "")), *data_items.said(items, view.config.currency), _about_stock(view)]
    return html.note("info", tag("p", " ".join(s for s in said if s)))


def _about_stock(view: View) -> str:
    left = view.facts.get("stock", {}).get("the replay's end", 0)
    which = "every item" if left == view.plan.height else f"{count(left, 'item')} of {view.plan.height:,}"
    return (
        f"The stock of now is not in the data either: for {which} the plan goes on from what the replay left."
        if left
        else ""
    )


def orders(view: View) -> Html:
    """The lines that earn most, and what changed since the last plan."""
    placed = view.plan.filter(pl.col("order_now") > 0)
    heads: list[Head | str] = ["item", Head("order", right=True), Head("arrives"), Head("runs out by next order", right=True,
             about="chance, before the next chance to order; the reason tells the chance until an order placed then could arrive"), Head("profit", right=True, about="expected"), "why"]  # fmt: skip
    rows = [
        [named(r), html.number(r["order_now"]), short(r["expected_arrival"]), chance(r["p_stock_out"]),
         view.money(r["expected_profit_usd"]), why(r["reason"])]
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
            why(r["why"]),
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
