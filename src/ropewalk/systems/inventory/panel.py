"""The tables of the inventory system as one frozen record of dense arrays.

Letters: I items (an item at a site is one of them), T periods, L the longest lead time in periods, K calendar columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

Array = np.ndarray
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CALENDAR = ("sin_month", "cos_month", "sin_year", "cos_year")


@dataclass(frozen=True)
class Panel:
    """What a replay needs: history as exogenous data, the terms of supply and costs, the stock to start from.

    Money is in USD; units are those in which the item is sold; a period is the planning step (a week, say).
    """

    item: Array  # [I] str
    site: Array  # [I] str
    period: Array  # [T] int, as in the calendar table
    cut: Array  # [T] str: train, choose, replay; empty where the calendar has no cuts
    demand: Array  # [I,T] units asked for, whether or not they were sold
    listed: Array  # [I,T] bool: the history has a row, so that 0 means that nobody asked
    censored: Array  # [I,T] bool: out of stock and nothing sold, so that nothing of the demand was seen
    price: Array  # [I,T] USD a unit, gaps filled with the last known price, leading gaps with the first
    promo: Array  # [I,T] share of the site under promotion, 0-1; known ahead, because the retailer plans it
    calendar: Array  # [T,K] columns CALENDAR
    unit_cost: Array  # [I] USD a unit, paid when ordered
    holding_usd: Array  # [I] USD a unit left at the end of a period
    lost_sale_usd: Array  # [I] USD a unit lost, beyond its margin (negative: part of the buyers come back)
    order_cost_usd: Array  # [I] USD an order line
    lead_time: Array  # [I] int periods: ordered at the start of t, on hand at the start of t + lead_time
    pack_size: Array  # [I] units
    min_order: Array  # [I] units
    review: Array  # [I,T] bool: an order may be placed
    on_hand0: Array  # [I] units
    pipeline0: Array  # [I,L] units; column k arrives at the start of the first period + k

    @property
    def shape(self) -> tuple[int, int]:
        """Items and periods."""
        return self.demand.shape


BY_ITEM_AND_PERIOD = ("demand", "listed", "censored", "price", "promo", "review")
BY_PERIOD = ("period", "cut", "calendar")


def panel(tables: Mapping[str, pl.DataFrame]) -> Panel:
    """The panel of the tables `history`, `items`, `stock` and `calendar`; one row of `items` is one item at a site. A table
    `plan` (item, site, period, promo), if there is one, says what is planned for periods whose history is still to come."""
    items = tables["items"].sort("item", "site")
    calendar = tables["calendar"].sort("period")
    rows, columns, history = _places(tables["history"], items, calendar)
    shape = items.height, calendar.height

    def grid(name: str, empty: float) -> Array:
        out = np.full(shape, empty)
        out[rows, columns] = history[name].cast(float).fill_null(empty).to_numpy()
        return out

    promo = grid("promo", 0.0)
    if "plan" in tables:
        at, when, plan = _places(tables["plan"], items, calendar)
        promo[at, when] = plan["promo"].cast(float).fill_null(0.0).to_numpy()
    listed = np.zeros(shape, bool)
    listed[rows, columns] = True
    lead = items["lead_time_periods"].to_numpy().astype(np.int64)
    on_hand, pipeline = _stock(tables["stock"], items, int(lead.max(initial=1)))
    return Panel(
        item=items["item"].cast(str).to_numpy().astype(str),
        site=items["site"].cast(str).to_numpy().astype(str),
        period=calendar["period"].to_numpy(),
        cut=calendar["cut"].cast(str).to_numpy().astype(str) if "cut" in calendar.columns else np.full(shape[1], ""),
        demand=grid("demand", 0.0), listed=listed, censored=(grid("censored", 0.0) > 0) & (grid("units", 0.0) <= 0),
        price=filled(grid("price", np.nan)), promo=promo, calendar=calendar_columns(calendar["date"]),
        unit_cost=_money(items, "unit_cost_usd"), holding_usd=_money(items, "holding_usd"),
        lost_sale_usd=_money(items, "lost_sale_usd"), order_cost_usd=_money(items, "order_cost_usd"),
        lead_time=lead, pack_size=_money(items, "pack_size"), min_order=_money(items, "min_order"),
        review=review_periods(items, calendar), on_hand0=on_hand, pipeline0=pipeline,
    )  # fmt: skip


def review_periods(items: pl.DataFrame, calendar: pl.DataFrame) -> Array:
    """[I,T] every n-th period; where a period is a day and an item has order days (`mon,thu`), on those days of them."""
    every = items["review_every_periods"].to_numpy()[:, None]
    found = calendar["period"].to_numpy()[None, :] % every == 0
    dates = calendar["date"]
    daily = len(dates) > 1 and (dates[1] - dates[0]).days == 1
    if not daily or "order_days" not in items.columns:
        return found
    weekday = dates.dt.weekday().to_numpy() - 1
    for row, days in enumerate(items["order_days"].to_list()):
        if days:
            named = [DAYS.index(d.strip().lower()[:3]) for d in days.split(",")]
            found[row] &= np.isin(weekday, named)
    return found


def _money(items: pl.DataFrame, name: str) -> Array:
    return items[name].cast(float).to_numpy().copy()


def _places(history: pl.DataFrame, items: pl.DataFrame, calendar: pl.DataFrame) -> tuple[Array, Array, pl.DataFrame]:
    """Row and column of each history row in the grid, with the rows that the grid has a place for."""
    inside = history.join(items.select("item", "site").with_row_index("_row"), on=["item", "site"]).join(
        calendar.select("period").with_row_index("_column"), on="period"
    )
    return inside["_row"].to_numpy(), inside["_column"].to_numpy(), inside


def _stock(stock: pl.DataFrame, items: pl.DataFrame, longest: int) -> tuple[Array, Array]:
    """On hand [I] and pipeline [I,L] from columns `on_hand`, `on_order_1` (next period), `on_order_2`, ...

    An order due in k periods is received at the start of the period k from now: column k. Column 0 is what arrives
    before the first decision, which a count of stock already includes, so it starts empty.
    """
    aligned = items.select("item", "site").join(stock, on=["item", "site"], how="left", maintain_order="left")
    names = sorted((n for n in aligned.columns if n.startswith("on_order_")), key=lambda n: int(n.rsplit("_", 1)[1]))
    width = max([longest, *(int(n.rsplit("_", 1)[1]) for n in names)]) + 1
    pipeline = np.zeros((items.height, width))
    for name in names:
        pipeline[:, int(name.rsplit("_", 1)[1])] = aligned[name].cast(float).fill_null(0.0).to_numpy()
    return aligned["on_hand"].cast(float).fill_null(0.0).to_numpy().copy(), pipeline


def filled(price: Array) -> Array:
    """Each row's gaps filled with the value before, leading gaps with the first value, an empty row with 0."""
    known = ~np.isnan(price)
    last = np.maximum.accumulate(np.where(known, np.arange(price.shape[1]), -1), axis=1)
    first = np.argmax(known, axis=1)[:, None]
    filled = np.take_along_axis(price, np.where(last >= 0, last, first), axis=1)
    return np.nan_to_num(filled)


def calendar_columns(dates: pl.Series) -> Array:
    """[T,4] where a date lies in its month (pay days) and in its year (seasons), each as sine and cosine."""
    month = 2 * np.pi * (dates.dt.day().to_numpy() - 1) / 30.5
    year = 2 * np.pi * (dates.dt.ordinal_day().to_numpy() - 1) / 365.25
    return np.stack([np.sin(month), np.cos(month), np.sin(year), np.cos(year)], axis=1)


def cut_periods(records: Panel, cut: str) -> tuple[int, int]:
    """First column and one past the last of a cut, which is contiguous in time."""
    at = np.flatnonzero(records.cut == cut)
    if at.size == 0:
        raise ValueError(f"the calendar has no period in cut {cut!r}; it has {sorted(set(records.cut.tolist()))}")
    return int(at[0]), int(at[-1]) + 1


def take_items(records: Panel, which: Array) -> Panel:
    """The same panel for some items: a mask or indices into I."""
    kept = {f.name: getattr(records, f.name)[which] for f in fields(Panel) if f.name not in BY_PERIOD}
    return replace(records, **kept)


def take_periods(records: Panel, start: int, stop: int) -> Panel:
    """The same panel for columns start to stop (exclusive). The start stock is unchanged: it belongs to any start."""
    kept = {name: getattr(records, name)[:, start:stop] for name in BY_ITEM_AND_PERIOD}
    return replace(records, **kept, **{name: getattr(records, name)[start:stop] for name in BY_PERIOD})


def with_costs(records: Panel, holding: float = 1.0, lost_sale: float = 1.0) -> Panel:
    """The same panel with the cost of holding and the whole cost of a lost sale (margin + goodwill) multiplied.

    The margin is lost in the replay itself, so the factor's effect on it is added to the goodwill, which a factor under 1
    makes negative: part of the buyers come back or take another item.
    """
    past = records.cut == "train" if (records.cut == "train").any() else np.ones(records.shape[1], bool)
    margin = np.maximum(np.median(records.price[:, past], axis=1) - records.unit_cost, 0.0)
    goodwill = lost_sale * records.lost_sale_usd + (lost_sale - 1.0) * margin
    return replace(records, holding_usd=records.holding_usd * holding, lost_sale_usd=goodwill)


def toy_panel(items: int = 3, periods: int = 12, seed: int = 0, **columns: Array) -> Panel:
    """A small panel in memory, for tests and tutorials: Poisson demand, a promotion now and then; any column can be given."""
    rng = np.random.default_rng(seed)
    shape = items, periods
    promo = (rng.random(shape) < 0.15) * 1.0
    filled = {
        "item": np.array([f"item {i}" for i in range(items)]), "site": np.full(items, "shop"),
        "period": np.arange(periods), "cut": np.full(periods, ""),
        "demand": rng.poisson(rng.gamma(2.0, 2.0, (items, 1)) * (1.0 + promo)).astype(float),
        "listed": np.ones(shape, bool), "censored": np.zeros(shape, bool), "price": np.full(shape, 3.0) - 0.5 * promo,
        "promo": promo, "calendar": np.zeros((periods, len(CALENDAR))), "unit_cost": np.full(items, 2.0),
        "holding_usd": np.full(items, 0.01), "lost_sale_usd": np.zeros(items), "order_cost_usd": np.full(items, 0.25),
        "lead_time": np.full(items, 2), "pack_size": np.ones(items), "min_order": np.zeros(items),
        "review": np.ones(shape, bool), "on_hand0": np.full(items, 4.0), "pipeline0": np.tile([0.0, 4.0, 4.0], (items, 1)),
    }  # fmt: skip
    return Panel(**{**filled, **columns})
