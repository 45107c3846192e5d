"""Any item as a picture: demand, sales, stock and orders under the learned policy and under the best rule, and its order now.

The weeks of all items travel in the page as one JSON text of whole numbers; `report_items_script` draws the one that is picked.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from ropewalk.methods import html
from ropewalk.methods.html import Html, tag
from ropewalk.systems.inventory.report_view import View, chance

NUMBERS, ITEMS = 60_000, 5_000  # item-periods and items that a page carries at most: under 3 MB
SERIES = {
    "demand": "d", "price": "p", "promo": "a", "sales_model": "sm", "sales_rule": "sr", "stock_model": "km",
    "stock_rule": "kr", "ordered_model": "om", "ordered_rule": "or",
}  # fmt: skip
CENTS = {"price", "promo"}  # kept as hundredths
PLAN = ("order_now", "expected_arrival", "p_stock_out", "expected_profit_usd", "reason")


def items(view: View) -> Html:
    """The section with a search box, a list, and a place for the pictures."""
    weeks, table = view.table("weeks"), view.table("items")
    if weeks is None or table is None or view.best is None:
        return Html("")
    shown = chosen(table, weeks["date"].n_unique())
    body = carried(view, shown, weeks)
    more = "" if shown.height == table.height else (
        f" This page carries the {shown.height:,} items of {table.height:,} on which most is won or lost; all are in the files."
    )  # fmt: skip
    return html.section(
        "Any item, week by week" if view.word == "week" else "Any item, day by day",
        tag("noscript", tag("p", "This part needs scripts. Everything else on the page does without.")),
        tag(
            "div",
            _list(),
            tag("div", id="item", class_="item", aria_live="polite"),
            class_="picks",
            id="items",
            hidden=True,
        ),
        tag("script", Html(_quiet(body)), type="application/json", id="item-data"),
        about=f"Pick one by its name, number or category: what {view.served} and {view.best['policy']} made of its demand."
        + more,
    )


def chosen(items: pl.DataFrame, periods: int) -> pl.DataFrame:
    """The items that the page carries, the largest difference first: all, unless they are too many."""
    room = max(1, min(ITEMS, NUMBERS // max(periods, 1)))
    return items.sort(pl.col("difference").abs(), pl.col("item"), descending=[True, False]).head(room)


def _list() -> Html:
    orders = {"won": "most won", "lost": "most lost", "order": "largest order now", "risk": "most likely to run out",
              "demand": "most demand", "name": "name"}  # fmt: skip
    search = tag("input", type="search", id="item-search", placeholder="name, number or category", autocomplete="off",
                 role="combobox", aria_expanded="true", aria_controls="item-list", aria_label="Search for an item",
                 spellcheck="false")  # fmt: skip
    sort = tag(
        "select",
        *[tag("option", said, value=key) for key, said in orders.items()],
        id="item-sort",
        aria_label="Sort by",
    )
    return tag("div", search, sort, tag("p", id="item-count", class_="count", role="status"),
               tag("ul", id="item-list", role="listbox", aria_label="Items", tabindex="-1"), class_="list")  # fmt: skip


def carried(view: View, shown: pl.DataFrame, weeks: pl.DataFrame) -> str:
    """The JSON: dates, names, plan lines, and each series as one list over items and periods."""
    dates = weeks["date"].unique().sort()
    keys = shown.select("item", "site").with_row_index("row")
    places = weeks.join(keys, on=["item", "site"]).join(
        pl.DataFrame({"date": dates}).with_row_index("column"), on="date"
    )
    plan = keys.join(view.plan.select("item", "site", *PLAN), on=["item", "site"], how="left", maintain_order="left")
    body: dict[str, Any] = {
        "dates": [f"{d:%Y-%m-%d}" for d in dates],
        "word": view.word,
        "currency": view.unit,
        "who": [view.served.removeprefix("the "), view.best["policy"] if view.best else "rule"],
        "item": shown["item"].to_list(),
        "site": shown["site"].to_list(),
        "name": [n or i for n, i in shown.select("name", "item").rows()],
        "category": [c or "" for c in shown["category"].to_list()],
        "difference": _whole(shown["difference"], 100),
        "plan": [_line(row) for row in plan.select(PLAN).rows()],
    }
    at = places["row"].to_numpy().astype(np.int64) * len(dates) + places["column"].to_numpy()
    for name, short in SERIES.items():
        if name in weeks.columns:
            grid = np.zeros(shown.height * len(dates))
            grid[at] = places[name].fill_null(0.0).to_numpy()
            body[short] = _whole(pl.Series(grid), 100 if name in CENTS else 1)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _line(row: tuple[Any, ...]) -> list[Any]:
    order, arrival, p_out, profit, reason = row
    if order is None:
        return []
    return [_short(order), str(arrival), chance(p_out), round(profit, 2), reason, round(p_out, 4)]


def _whole(values: pl.Series, scale: int) -> list[float]:
    """Whole numbers if all are, or if the scale makes hundredths of them; else two digits."""
    found = (values * scale).round(0)
    if scale > 1 or (found == values).all():
        return found.cast(pl.Int64).to_list()
    return values.round(2).to_list()


def _short(value: float) -> float:
    return int(value) if float(value).is_integer() else round(value, 2)


def _quiet(body: str) -> str:
    """JSON that cannot end the element it sits in, nor open another."""
    return body.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("\u2028", "\\u2028")
