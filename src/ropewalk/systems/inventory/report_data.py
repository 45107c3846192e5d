"""What the figures rest on: what the data is, what was set aside, filled and assumed, how it was measured, and the lineage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from ropewalk import config as configs
from ropewalk.methods import html
from ropewalk.methods.html import Head, Html, tag
from ropewalk.systems.inventory import data_items
from ropewalk.systems.inventory.report_view import View, count, span

COSTS = ("gross_margin", "holding_per_year", "lost_sale_usd", "order_cost_usd", "lead_time_periods", "review_every_periods",
         "pack_size", "min_order", "promo_known_ahead_periods", "missing_rows")  # fmt: skip


def rested(view: View) -> Html:
    """The data: rows read, used, set aside; what was filled and censored."""
    read, aside = view.data.get("rows_read"), view.data.get("rows_set_aside")
    about = (
        "What was read but is no demand of a planned item, rule by rule. Nothing leaves the data without a line here."
    )
    lead = []
    if read and aside is not None:
        used = read - aside
        lead = [tag("p", f"Of {read:,} rows read, {used:,} ({html.percent(used / read)}) became the history; "
                    f"{aside:,} were set aside.")]  # fmt: skip
    return html.section("What was set aside, filled and censored", *lead, _set_aside(view), _facts(view), about=about)


def _set_aside(view: View) -> Html:
    if "set_aside" not in view.outcome.dataset.tables:
        return Html("")
    table = view.outcome.dataset.table("set_aside").sort("rows", descending=True).collect()
    if table.is_empty():
        return tag("p", "Nothing was set aside.")
    heads: list[Head | str] = [
        "rule",
        "why",
        Head("rows", right=True),
        Head("units", right=True),
        Head("money", right=True),
    ]
    rows = [
        [r["rule"], r["reason"], f"{r['rows']:,}", html.number(round(r["units"])), view.money(r["usd"])]
        for r in table.iter_rows(named=True)
    ]
    total = table.select(pl.col("rows").sum(), pl.col("units").sum(), pl.col("usd").sum()).row(0)
    rows.append(["all together", "", f"{total[0]:,}", html.number(round(total[1])), view.money(total[2])])
    return html.table(heads, rows, caption="Rows set aside")


def _facts(view: View) -> Html:
    data, word = view.data, view.word
    filled, censored, prices = (data.get(k, {}) for k in ("filled", "censored", "prices"))
    items, stock = data.get("items", {}), data.get("stock", {})
    said = [
        f"{filled.get('rows_filled_with_zero', 0):,} item-{word}s had no row: {data.get('missing_rows', '')}.",
        _censored(censored),
        f"{prices.get('prices_filled', 0):,} item-{word}s without a price got the last one known.",
        *data_items.said(items, view.config.currency),
        f"Stock is {stock.get('stock', 'as given')}; {stock.get('stock_missing', 0):,} items had none in the data.",
    ]
    if data.get("periods_without_rows"):
        said.append(f"{word}s without any row: {', '.join(data['periods_without_rows'])}.")
    return tag("ul", *[tag("li", s) for s in said], class_="facts")


def _censored(found: Mapping[str, Any]) -> str:
    marked, inferred = found.get("days_marked", 0), found.get("days_inferred", 0)
    if not marked + inferred:
        return "No day is marked as out of stock and none is inferred to be: all sales count as demand."
    return (
        f"{marked + inferred:,} days were out of stock ({marked:,} marked, {inferred:,} inferred): there, sales are only a lower "
        f"bound of demand; {found.get('units_added', 0):,.0f} units were added to make up for it."
    )


def assumed(view: View) -> Html:
    """Every cost and term with its value and its reason."""
    described = {d.name: d for d in configs.describe(type(view.config))}
    rows = []
    for name in COSTS:
        if name not in described:
            continue
        value = getattr(view.config, name)
        default = repr(value) == described[name].default
        rows.append([tag("code", name), f"{value:g}" if isinstance(value, float) else html.text.words(value), described[name].unit,
                     described[name].about if default else f"Set for this run. {described[name].about}"])  # fmt: skip
    return html.section(
        "What was assumed",
        html.table(["setting", Head("value", right=True), "unit", "why"], rows, caption="Costs and terms, where the data has none"),
        about="Fixed before the first comparison. Change one with --set NAME=VALUE and run again; a table of items or of stock "
        "takes precedence, item by item.",
    )  # fmt: skip


def measured(view: View) -> Html:
    """How the figures came about, in plain words."""
    cuts = view.data.get("cuts", {})
    spans = [
        [
            what,
            tag("b", cut),
            f"{count(cuts[cut]['periods'], view.word)}, {span(cuts[cut]['from'], cuts[cut]['to'])}",
        ]
        for cut, what in (
            ("train", "learn"),
            ("choose", "tune, find the best classic rule, pick the winner"),
            ("replay", "measure, once"),
        )
        if cut in cuts
    ]
    steps = [
        "Items are chosen by looking at the training cut alone.",
        "Every policy, and the oracle, starts the replay from the same stock and the same orders on the way, and meets the "
        "same demand. What is asked for beyond the stock is lost. What is left at the end, on hand or on order, is credited at purchase cost.",
        "Profit is the margin of what was sold (price paid less purchase cost), less the handling of order lines, the "
        "holding of stock and the goodwill of lost sales. Summed up that is the cash, with the stock at the start and at the "
        "end counted at purchase cost.",
        f"Intervals are a paired bootstrap: items and blocks of four {view.word}s are drawn again with replacement, and both policies "
        "are compared on the same draws. 95 % of the draws lie within the interval. It holds for items and "
        f"{view.word}s like these; it does not know about a different year.",
        "The classic rules were tuned as carefully as the learned policy: on the same weeks, with the same forecast.",
    ]
    return html.section(
        "How it was measured",
        html.table(["for what", "cut", "when"], spans, caption="Three cuts in time, never mixed") if spans else None,
        tag("ul", *[tag("li", s) for s in steps], class_="facts"),
        _advice(view),
    )


def _advice(view: View) -> Html | None:
    """Advice against action, where the sales table said what was ordered instead."""
    table = view.table("advice")
    if table is None:
        return None
    heads: list[Head | str] = [n.removesuffix("_usd").replace("_", " ") for n in table.columns]
    rows = [[view.money(v) if n.endswith("_usd") else v for n, v in r.items()] for r in table.iter_rows(named=True)]
    return html.safe(
        [tag("h3", "Advice and action"), html.table(heads, rows, caption="Profit as advised and as orders were placed")]
    )


def lineage(view: View) -> Html:
    """Which data, code, config and run are behind this page."""
    known: Mapping[str, Any] = view.facts["lineage"]
    rows = [
        [name, tag("code", str(value)[:24])]
        for name, value in known.items()
        if value and not isinstance(value, Mapping)
    ]
    versions = ", ".join(f"{k} {v}" for k, v in known.get("versions", {}).items())
    return html.section(
        "What is behind this page",
        html.table(["record", "id"], rows, caption="Lineage"),
        tag("p", "Versions: " + versions + ".") if versions else None,
        about=html.safe(["The full ids, the configuration and the totals are in ", tag("code", "plan.json"), ". ",
                         tag("code", "ropewalk show ID"), " prints any of them."]),
    )  # fmt: skip
