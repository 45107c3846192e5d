"""What is known of an item on the day of an order, as the numbers that the forecast and the learned policy read.

Pure NumPy and float32: this is the path that serves one row. A request is one packed row (`pack`). Rows are padded to
whole blocks of BLOCK (`in_blocks`), which vector instructions fill, and every matrix product is taken a row at a time (`product`), so
that each row's answer has the same bits however the rows were batched: the library always sees the same shapes. A few rows
cost what the calls into NumPy cost; few calls matter more than few operations there.
Letters: N rows, W periods of history, H periods ahead, F features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.panel import CALENDAR, Panel

Array = np.ndarray
WINDOW = (
    26  # periods of history read: half a year of weeks; older ones weigh under a fifth of the last at any half-life
)
HORIZON = 8  # periods ahead forecast: lead time and what an order mostly covers; beyond it the rate of the last
BLOCK = 16  # rows: one costs little more than a block of them
PART = 4096  # rows computed at a time: what fits in a cache
HALF_LIVES = (1.5, 4.0, 12.0)  # periods: the last weeks, the month, the quarter
PRIOR_PERIODS = 1.0  # a new item's level starts at the pooled level of all items, worth one period of its own history
YEAR = 52  # periods

AGES = np.arange(WINDOW)[::-1]
WEIGHTS = np.stack([0.5 ** (AGES / half) for half in HALF_LIVES], axis=1).astype(np.float32)  # [W,3]
PER_PERIOD = np.float32(1.0 / WEIGHTS[:, 2].sum())


class Window(NamedTuple):
    """The raw numbers at one decision. History is aligned to the right: the last column is the period just ended."""

    demand: Array  # [N,W] units
    known: Array  # [N,W] 1 where the demand is known: listed and not censored
    promo: Array  # [N,W] 0-1
    price: Array  # [N,W] USD
    plan: Array  # [N,H] 0-1: promotions planned for this period and the next ones
    planned: Array  # [N,H] 1 where the plan is known
    calendar: Array  # [N,4] as panel.calendar_columns


class Terms(NamedTuple):
    """What an item costs and how it is supplied, each [N]."""

    cover: Array  # periods that an order of now protects: lead time + periods to the next review
    unit_cost: Array
    holding_usd: Array
    lost_sale_usd: Array
    order_cost_usd: Array
    pack_size: Array
    min_order: Array


class Stock(NamedTuple):
    """Units of each row [N]: on hand, due next period, due later."""

    on_hand: Array
    due_next: Array
    due_later: Array


def _layout() -> dict[str, slice]:
    sizes = {"known": WINDOW, "demand": WINDOW, "promo": WINDOW, "price": WINDOW, "plan": HORIZON, "planned": HORIZON,
             "calendar": len(CALENDAR), "terms": len(Terms._fields), "stock": len(Stock._fields)}  # fmt: skip
    ends = np.cumsum(list(sizes.values())).tolist()
    return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


AT = _layout()
ROW = AT["stock"].stop  # columns of a packed row
HISTORY = ("weight", "demand", "promo", "price", "demand_squared", "demand_promo", "price_promo")
SUMS = len(HISTORY) * len(HALF_LIVES)
LOGS = SUMS + 5  # and the last three demands, the last price, the level
FEATURES = (
    *(f"{name}_{half:g}" for name in HISTORY for half in HALF_LIVES), "last_1", "last_2", "last_3", "last_price", "level",
    "last_promo", *(f"plan_{h}" for h in range(HORIZON)), *CALENDAR,
)  # fmt: skip
# Added before a logarithm, in the unit of each sum: what nothing would be worth, so that a sum of little weighs little.
LITTLE = np.array([0.5, 0.5, 0.2, 0.5, 0.5, 0.2, 0.2], np.float32).repeat(len(HALF_LIVES))


def _contrasts() -> Array:
    """[LOGS,LOGS] the differences of logarithms that a network is told instead of finding them: demand per period known,
    demand and price under promotion per promotion, promotions per period."""
    out = np.eye(LOGS, dtype=np.float32)
    halves = len(HALF_LIVES)
    for name, base in (("demand", "weight"), ("promo", "weight"), ("demand_squared", "weight"),
                       ("demand_promo", "promo"), ("price_promo", "promo")):  # fmt: skip
        for half in range(halves):
            out[HISTORY.index(base) * halves + half, HISTORY.index(name) * halves + half] = -1.0
    return out


CONTRASTS = _contrasts()


def pack(window: Window, terms: Terms | None = None, stock: Stock | None = None) -> Array:
    """[N,ROW] float32: requests as rows. Demand and promotion of unknown periods are blanked."""
    rows = np.zeros((len(window.demand), ROW), np.float32)
    rows[:, AT["known"]] = window.known
    np.multiply(window.demand, window.known, out=rows[:, AT["demand"]], casting="same_kind")
    np.multiply(window.promo, window.known, out=rows[:, AT["promo"]], casting="same_kind")
    for name in ("price", "plan", "planned", "calendar"):
        rows[:, AT[name]] = getattr(window, name)
    for name, columns in (("terms", terms), ("stock", stock)):
        for at, column in enumerate(columns or (), AT[name].start):
            rows[:, at] = column
    return rows


class Described(NamedTuple):
    features: Array  # [N,F]
    level: Array  # [N,1] units a period: the item's own smoothed demand
    price: Array  # [N,1] USD: its recent mean
    sums: Array  # [N,7,3] HISTORY by HALF_LIVES, demand in units of the level, price in units of the recent price


def describe(rows: Array, prior: float, seasons: bool) -> Described:
    """Features of packed rows, free of units but for the level: logarithms of smoothed sums, whose differences a network's
    first layer can take itself.

    `prior`: pooled level of all items, which a new one starts from. `seasons`: whether the training saw a whole year; if
    not, the place in the year is hidden, since a network would extrapolate from half a year to the other half.
    """
    size = len(rows)
    past = np.empty((size, len(HISTORY), WINDOW), np.float32)
    past[:, :4] = rows[:, : 4 * WINDOW].reshape(size, 4, WINDOW)
    np.multiply(past[:, 1:2], past[:, 1:3], out=past[:, 4:6])
    np.multiply(past[:, 3], past[:, 2], out=past[:, 6])
    sums = product(past.reshape(-1, WINDOW), WEIGHTS).reshape(size, len(HISTORY), len(HALF_LIVES))
    level = (sums[:, 1, 2:] + np.float32(prior * PRIOR_PERIODS)) / (sums[:, 0, 2:] + np.float32(PRIOR_PERIODS))
    price = sums[:, 3, 2:] * PER_PERIOD + np.float32(1e-3)
    per_unit, per_usd = 1.0 / level, 1.0 / price
    sums[:, 1::4] *= per_unit[:, None]  # demand and demand x promotion
    sums[:, 4] *= per_unit * per_unit
    sums[:, 3::3] *= per_usd[:, None]  # price and price x promotion
    out = np.empty((size, len(FEATURES)), np.float32)
    np.add(sums.reshape(size, SUMS), LITTLE, out=out[:, :SUMS])
    np.multiply(rows[:, AT["demand"]][:, -3:], per_unit, out=out[:, SUMS : SUMS + 3])
    out[:, SUMS : SUMS + 3] += np.float32(0.2)
    np.multiply(rows[:, AT["price"]][:, -1:], per_usd, out=out[:, SUMS + 3 : SUMS + 4])
    out[:, SUMS + 3] += np.float32(0.01)
    out[:, SUMS + 4 : LOGS] = level
    out[:, :LOGS] = product(np.log(out[:, :LOGS]), CONTRASTS)
    out[:, LOGS : LOGS + 1] = rows[:, AT["promo"]][:, -1:]
    usual = sums[:, 2, 2:] / (sums[:, 0, 2:] + np.float32(1.0))
    plan = rows[:, AT["plan"]] - usual
    plan *= rows[:, AT["planned"]]  # what is not planned yet is as usual
    np.add(plan, usual, out=out[:, LOGS + 1 : LOGS + 1 + HORIZON])
    out[:, LOGS + 1 + HORIZON :] = rows[:, AT["calendar"]]
    if not seasons:
        out[:, -2:] = 0.0
    return Described(out, level, price, sums)


def deviation(seen: Described) -> Array:
    """[N] units: standard deviation of an item's own demand, a little above Poisson's where there is little history."""
    weight = seen.sums[:, 0, 2] + np.float32(1e-6)
    mean = seen.sums[:, 1, 2] / weight
    variance = np.maximum(seen.sums[:, 4, 2] / weight - mean * mean, 0.0)
    level = seen.level[:, 0]
    prior = np.float32(1.5 * PRIOR_PERIODS) / level
    return level * np.sqrt((variance * weight + prior) / (weight + np.float32(PRIOR_PERIODS)))


def window_at(records: Panel, t: int, promo_known_ahead: int) -> Window:
    """What was known when column t of the panel began: history before t, and the plan for t .. t + known ahead."""
    first = max(0, t - WINDOW)
    short, ahead = WINDOW - (t - first), min(HORIZON, promo_known_ahead + 1, records.shape[1] - t)
    size = records.shape[0]

    def past(grid: Array) -> Array:
        return np.pad(grid[:, first:t].astype(np.float32), ((0, 0), (short, 0)))

    plan, planned = np.zeros((2, size, HORIZON), np.float32)
    plan[:, :ahead] = records.promo[:, t : t + ahead]
    planned[:, :ahead] = 1.0
    price = np.pad(records.price[:, first:t].astype(np.float32), ((0, 0), (short, 0)), mode="edge" if t else "constant")
    at = min(t, records.shape[1] - 1)  # the day after the last one known has the calendar of that one, nearly
    calendar = np.broadcast_to(records.calendar[at].astype(np.float32), (size, len(CALENDAR)))
    known = past(records.listed & ~records.censored)
    return Window(past(records.demand), known, past(records.promo), price, plan, planned, calendar)


def product(rows: Array, weights: Array) -> Array:
    """[N,K] @ [K,C] a row at a time: the bits of a row depend on that row alone. Of several rows at once some kernels of OpenBLAS
    (Haswell, Zen) sum one or another in another order, by where it stands."""
    return (rows[:, None, :] @ weights)[:, 0]


def in_blocks(function: Callable[..., tuple[Array, ...]], *columns: Array) -> tuple[Array, ...]:
    """`function` of whole blocks of rows, at most PART at a time, joined and cut to the rows given; the last block is
    padded with its own last row."""
    size = len(columns[0])
    if size <= PART:
        return tuple(a[:size] for a in function(*(_padded(c) for c in columns)))
    parts = [in_blocks(function, *(c[at : at + PART] for c in columns)) for at in range(0, size, PART)]
    return tuple(np.concatenate(a) for a in zip(*parts, strict=True))


def _padded(rows: Array) -> Array:
    short = -len(rows) % BLOCK
    return rows if not short else np.concatenate([rows, np.repeat(rows[-1:], short, axis=0)])
