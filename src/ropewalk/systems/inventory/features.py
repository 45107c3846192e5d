"""What is known of an item on the day of an order, as the numbers that the forecast and the learned policy read.

Pure NumPy and float32, row by row: this is the path that serves one row. Every function works on a block of BLOCK rows
(short ones are padded, `in_blocks`), so that each row's answer has the same bits however the rows were batched: the
linear algebra library always sees the same shapes. Letters: N rows, W periods of history, H periods ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.panel import CALENDAR, Panel

Array = np.ndarray
WINDOW = 26  # periods of history read: half a year of weeks; older weeks weigh less than 4 % at the longest half-life
HORIZON = 8  # periods ahead forecast: lead time and what an order mostly covers; beyond it the rate of the last
BLOCK = 32  # rows computed at a time: one row then costs as much as 32, about 10 us of linear algebra
HALF_LIVES = (1.5, 4.0, 12.0)  # periods: the last weeks, the month, the quarter
PRIOR_PERIODS = 1.0  # a new item's level starts at the pooled level of all items, worth one period of its own history
YEAR = 52  # periods


class Window(NamedTuple):
    """The raw numbers at one decision. History is aligned to the right: the last column is the period just ended."""

    demand: Array  # [N,W] units
    known: Array  # [N,W] 1 where the demand is known: listed and not censored
    promo: Array  # [N,W] 0-1
    price: Array  # [N,W] USD
    plan: Array  # [N,H] 0-1: promotions planned for this period and the next ones
    planned: Array  # [N,H] 1 where the plan is known
    calendar: Array  # [N,K]


def _weights(half_life: float) -> Array:
    age = np.arange(WINDOW)[::-1]
    return 0.5 ** (age / half_life)


WEIGHTS = np.stack([_weights(h) for h in HALF_LIVES], axis=1).astype(np.float32)  # [W,3]
FEATURES = (
    "level_short", "level_mid", "known_periods", "variation", "last_1", "last_2", "last_3", "promo_short", "promo_mid",
    "promo_long", "promo_last", "uplift", "price_last", "promo_price", *(f"plan_{h}" for h in range(HORIZON)), "plan_mean", "log_level",
    *CALENDAR,
)  # fmt: skip


class Scale(NamedTuple):
    """[N] each: the item's own level, spread and price, in units a period and USD."""

    level: Array
    sd: Array
    price: Array


def describe(window: Window, prior: float, seasons: bool) -> tuple[Array, Scale]:
    """Features [N,F], free of units (ratios to the item's level), and the scale that they are relative to.

    `prior`: pooled level of all items, which a new one starts from. `seasons`: whether the training saw a whole year; if
    not, the place in the year is hidden, since a network would extrapolate from half a year to the other half.
    """
    demand = window.demand * window.known
    promoted = window.promo * window.known
    products = demand * promoted, demand * demand, window.price, window.price * window.promo
    rows = np.concatenate([window.known, demand, promoted, *products])
    sums = (rows @ WEIGHTS).reshape(7, -1, len(HALF_LIVES))
    weight, asked = sums[0] + np.float32(1e-6), sums[1]
    total = weight[:, 2] + np.float32(PRIOR_PERIODS)
    level = (asked[:, 2] + np.float32(prior * PRIOR_PERIODS)) / total
    around = level[:, None]
    ratios = (asked[:, :2] + around) / (weight[:, :2] + 1.0) / around
    on_promo = sums[2] / weight
    normal = np.maximum(weight[:, 2] - sums[2][:, 2], 0.0)
    uplift = np.log((sums[3][:, 2] + level) / (sums[2][:, 2] + 1.0)) - np.log(
        (np.maximum(asked[:, 2] - sums[3][:, 2], 0.0) + level) / (normal + 1.0)
    )
    mean = asked[:, 2] / weight[:, 2]
    variance = np.maximum(sums[4][:, 2] / weight[:, 2] - mean * mean, 0.0)
    prior_variance = level * np.float32(1.5)  # a little above Poisson, worth PRIOR_PERIODS
    sd = np.sqrt((variance * weight[:, 2] + prior_variance) / total)
    price = sums[5][:, 2] / WEIGHTS[:, 2].sum()
    out = np.empty((len(level), len(FEATURES)), np.float32)
    out[:, 0:2] = np.log(ratios)
    out[:, 2] = weight[:, 2] * np.float32(1.0 / 16.0)
    out[:, 3] = sd / (level + 1.0)
    last = demand[:, -3:][:, ::-1]
    out[:, 4:7] = last / (last + around) * window.known[:, -3:][:, ::-1]
    out[:, 7:10] = on_promo
    out[:, 10] = window.promo[:, -1]
    out[:, 11] = uplift
    out[:, 12] = np.log((window.price[:, -1] + np.float32(0.01)) / (price + np.float32(0.01)))
    promo_price = (sums[6][:, 2] + price) / (sums[2][:, 2] + 1.0)  # what a promotion costs in margin, shrunk to nothing
    out[:, 13] = np.log((promo_price + np.float32(0.01)) / (price + np.float32(0.01)))
    usual = on_promo[:, 2:3]
    plan = usual + (window.plan - usual) * window.planned
    out[:, 14 : 14 + HORIZON] = plan
    out[:, 14 + HORIZON] = plan.sum(1) * np.float32(1.0 / HORIZON)
    out[:, 15 + HORIZON] = np.log(level) * np.float32(0.5)
    out[:, 16 + HORIZON :] = window.calendar
    if not seasons:
        out[:, -2:] = 0.0
    return out, Scale(level, sd, price)


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


def in_blocks(function: Callable[..., tuple[Array, ...]], *columns: Array) -> tuple[Array, ...]:
    """`function` of blocks of exactly BLOCK rows, joined and cut to the rows given; the last block is padded with its
    own last row. A row's bits depend on that row alone."""
    size = len(columns[0])
    answers = []
    for start in range(0, size, BLOCK):
        block = [_padded(c[start : start + BLOCK]) for c in columns]
        answers.append(function(*block))
    return tuple(np.concatenate(a)[:size] for a in zip(*answers, strict=True))


def _padded(rows: Array) -> Array:
    short = BLOCK - len(rows)
    return rows if short == 0 else np.concatenate([rows, np.repeat(rows[-1:], short, axis=0)])
