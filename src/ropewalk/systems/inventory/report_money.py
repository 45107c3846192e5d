"""Where money is won and lost: by kind of cost, by item, by category, over time.

What the purchase of stock costs falls out of a difference of two policies: both start with the same stock, and what is
left is credited at cost. So the difference of profits is, exactly, margin of the sales - holding - order lines - goodwill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from ropewalk.methods import html
from ropewalk.methods.html import Head, Html, tag
from ropewalk.systems.inventory.report_view import View, capital, count, named

TOP = 8  # winners, losers and categories that are named
SIDES = ("model", "rule")
KINDS = {
    "margin": "margin of sales",
    "holding": "holding of stock",
    "handling": "order lines",
    "goodwill": "goodwill",
}


def money(view: View) -> Html:
    """The section; empty where the evaluation left no weeks."""
    weeks, items = view.table("weeks"), view.table("items")
    if weeks is None or items is None or view.best is None:
        return Html("")
    if not (items["difference"] != 0).any():
        return html.section("Where money is won and lost", tag("p", f"{capital(view.served)} is the best classic rule itself: "
                            "there is no difference to split."))  # fmt: skip
    costs = view.outcome.dataset.table("items").select(
        "item", "site", "unit_cost_usd", "holding_usd", "lost_sale_usd", "order_cost_usd").collect()  # fmt: skip
    split = by_kind(weeks, costs)
    share = float((items["difference"] > 0).sum()) / items.height
    won, lost = (
        float(items.filter(sign)["difference"].sum()) for sign in (pl.col("difference") > 0, pl.col("difference") < 0)
    )
    ahead = (
        f"{capital(view.served)} earns more on {html.percent(share)} of {count(items.height, 'item')} "
        f"({view.money(won, True)} in all) and less on the others ({view.money(lost, True)})."
    )
    return html.section(
        "Where money is won and lost",
        tag("p", ahead),
        _under_cost(view),
        html.grid(_kinds(view, split, float(items["difference"].sum())), _over_time(view, split)),
        html.grid(_spread(view, items), _categories(view, items)),
        html.grid(_extremes(view, items, "Items won", True), _extremes(view, items, "Items lost", False)),
        about=f"{capital(view.served)} less {view.best['policy']}, item by item, over {view.replayed}.",
    )


def by_kind(weeks: pl.DataFrame, costs: pl.DataFrame) -> pl.DataFrame:
    """date -> difference of each of KINDS, model less rule."""
    sums = {
        "margin": lambda side: (pl.col("price") - pl.col("unit_cost_usd")) * pl.col(f"sales_{side}"),
        "holding": lambda side: -pl.col("holding_usd") * pl.col(f"stock_{side}"),
        "handling": lambda side: -pl.col("order_cost_usd") * (pl.col(f"ordered_{side}") > 0),
        "goodwill": lambda side: -pl.col("lost_sale_usd") * pl.col(f"lost_{side}"),
    }
    joined = weeks.join(costs, on=["item", "site"], how="left")
    return (
        joined.group_by("date").agg((f("model") - f("rule")).sum().alias(kind) for kind, f in sums.items()).sort("date")
    )


def _kinds(view: View, split: pl.DataFrame, total: float) -> Html:
    parts = {said: float(split[kind].sum()) for kind, said in KINDS.items()}
    parts = {said: value for said, value in parts.items() if said != KINDS["goodwill"] or abs(value) > 1e-9}
    rest = total - sum(parts.values())
    if abs(rest) > 0.01 * max(abs(v) for v in [*parts.values(), 1.0]):
        parts["what is left, credited"] = rest
    names = [*parts, "all together"]
    values = [*parts.values(), total]
    return html.bars(
        "What the difference is made of", names, values, unit=view.unit, sign=True, tones=_tones(values),
        about="To the right it earns or saves more, to the left it earns less or spends more.",
    )  # fmt: skip


def _under_cost(view: View) -> Html | None:
    """What comes from sales under the assumed cost: where the assumption of a margin matters most."""
    found = view.notes.get("below_cost")
    if not isinstance(found, Mapping) or not found.get("share_of_demand"):
        return None
    return html.note("warning", tag("p",
        f"{html.percent(found['share_of_demand'])} of the demand came at prices under the unit cost, which is assumed. A policy "
        f"may earn by not selling at a loss: {view.money(found['difference_usd'], True)} of the difference are from there, "
        f"{view.money(found['difference_elsewhere_usd'], True)} from everything else. If suppliers pay for promotions, which "
        "the data does not say, the first part is not real."))  # fmt: skip


def _over_time(view: View, split: pl.DataFrame) -> Html:
    difference = split.select(pl.sum_horizontal(*KINDS)).to_series()
    return html.columns(
        f"Difference {view.word} by {view.word}", split["date"].to_list(), difference.to_list(), unit=view.unit,
        total="added up", about=f"Bars: each {view.word}. Line: added up since the replay began.",
    )  # fmt: skip


def _spread(view: View, items: pl.DataFrame) -> Html:
    values = items["difference"].to_numpy()
    edges, counts, outside = spread(values)
    note = f" The first and the last bar hold {outside:,} items that lie farther out." if outside else ""
    return html.histogram(
        "Items by what they win or lose", edges, counts, unit=view.unit, x_title=f"{view.unit} an item over the replay",
        about=f"Half of the items lie between {view.money(float(np.quantile(values, 0.25)), True)} and "
        f"{view.money(float(np.quantile(values, 0.75)), True)}." + note,
    )  # fmt: skip


def spread(values: np.ndarray, bins: int = 24) -> tuple[list[float], list[float], int]:
    """Edges at round places with zero among them, counts, and how many values the outer bins took from beyond."""
    low, high = (float(v) for v in np.quantile(values, [0.01, 0.99]))
    step = html.axes.ticks(0.0, max(high - low, 1e-6), bins)[1]
    first, last = min(np.floor(low / step), -1), max(np.ceil(high / step), 1)
    edges = np.arange(first, last + 1) * step
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    outside = int(((values < edges[0]) | (values > edges[-1])).sum())
    return [round(float(e), 9) for e in edges], [float(c) for c in counts], outside


def _categories(view: View, items: pl.DataFrame) -> Html:
    known = items.with_columns(pl.col("category").fill_null("").replace("", "no category"))
    sums = (
        known.group_by("category").agg(pl.col("difference").sum(), items=pl.len()).sort("difference", descending=True)
    )
    if sums.height < 2:
        return Html("")
    half = TOP // 2 + 1
    shown = sums if sums.height <= 2 * half else pl.concat([sums.head(half), sums.tail(half)])
    more = f"The {half} best and the {half} worst of {sums.height} categories. " if sums.height > shown.height else ""
    values = shown["difference"].to_list()
    names = shown["category"].to_list()
    return html.bars("By category", names, values, unit=view.unit, sign=True, tones=_tones(values),
                     about=more + "Sums over their items.")  # fmt: skip


def _extremes(view: View, items: pl.DataFrame, title: str, won: bool) -> Html:
    rows = items.sort("difference", descending=won).head(TOP)
    rows = rows.filter(pl.col("difference") > 0 if won else pl.col("difference") < 0)
    heads: list[Head | str] = ["item", Head("difference", right=True), Head("units lost", right=True, about="served policy / rule"),
             Head("mean stock", right=True, about="served policy / rule")]  # fmt: skip
    cells = [
        [named(r), view.money(r["difference"], True), _pair(r, "lost"), _pair(r, "stock")]
        for r in rows.iter_rows(named=True)
    ]
    if not cells:
        return tag("p", f"{title}: none.")
    return html.safe([
        tag("h3", title),
        html.table(heads, cells, caption="Units lost and mean stock: served policy / best rule"),
    ])  # fmt: skip


def _pair(row: dict[str, float], what: str) -> str:
    return " / ".join(html.number(round(row[f"{what}_{side}"])) for side in SIDES)


def _tones(values: Sequence[float]) -> list[html.Tone | None]:
    return ["good" if v >= 0 else "error" for v in values]
