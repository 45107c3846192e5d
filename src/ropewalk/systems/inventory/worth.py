"""What an order line is worth, and the chance of running out: from a forecast before, from the real demand after.

With demand D_j and supply S_j, both cumulative over the first j periods, the sales lost in them are max_i<=j (D_i - S_i)^+
(the reflection of a queue, Asmussen, Applied Probability and Queues, section III.7). Realised figures use it exactly. The
expected figures take the largest of the expectations, which bounds the expectation of the largest from below, closely
where one period dominates, as the one before an arrival does.

Letters: N rows, P periods looked at (the longest cover), H periods of the forecast.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.forecast import WIDEST, log_pmf

Array = np.ndarray


class Line(NamedTuple):
    """An order line with all that its worth depends on."""

    units: Array  # [N] ordered
    on_hand: Array  # [N]
    on_order: Array  # [N,L] due in 1, 2, ... periods
    lead_time: Array  # [N] int periods
    next_order: Array  # [N] int periods until the next chance to order
    price: Array  # [N] USD
    unit_cost: Array  # [N] USD
    holding_usd: Array  # [N] USD a unit and period
    lost_sale_usd: Array  # [N] USD
    order_cost_usd: Array  # [N] USD


def supply(line: Line, periods: int) -> tuple[Array, Array]:
    """[N,P] what can be sold in the first 1, 2, ... periods, without the order and with it."""
    due = np.zeros((len(line.units), periods))
    width = min(periods - 1, line.on_order.shape[1])
    due[:, 1 : 1 + width] = line.on_order[:, :width]
    without = line.on_hand[:, None] + np.cumsum(due, axis=1)
    arrived = np.arange(periods)[None, :] >= line.lead_time[:, None]
    return without, without + line.units[:, None] * arrived


def cover(line: Line) -> Array:
    """[N] periods until the next order could arrive."""
    return line.lead_time + line.next_order


def exceeding(mean: Array, sd: Array, levels: Array) -> tuple[Array, Array]:
    """[N,K] P(D > level) and E(D - level)^+ of negative binomial demand [N], at whole levels [N,K]."""
    whole = np.floor(np.maximum(levels, 0.0))
    terms = int(min(whole.max(initial=0.0), WIDEST - 1)) + 1
    beyond = 1.0 - np.cumsum(np.exp(log_pmf(mean, sd, terms)), axis=1)  # P(D > k)
    np.maximum(beyond, 0.0, out=beyond)
    at = np.minimum(whole, terms - 1).astype(np.int64)
    row = np.arange(len(mean))[:, None]
    chance = beyond[row, at]
    below = np.cumsum(beyond, axis=1)[row, at] - chance  # sum of P(D > k) over k < level
    loss = np.maximum(mean[:, None] - below, 0.0) - (levels - whole) * chance
    far = whole >= WIDEST
    if far.any():
        chance, loss = (np.where(far, b, a) for a, b in zip((chance, loss), _normal(mean, sd, levels), strict=True))
    return chance, np.maximum(loss, 0.0)


def _normal(mean: Array, sd: Array, levels: Array) -> tuple[Array, Array]:
    """The same for demand in the thousands, where the normal law is as good. Logistic form of its distribution
    (Bowling et al., J. Ind. Eng. Manag. 2(1), 2009: error < 1.4e-4)."""
    z = np.clip((levels - mean[:, None]) / sd[:, None], -8.0, 8.0)
    chance = 1.0 / (1.0 + np.exp(0.07056 * z**3 + 1.5976 * z))
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return chance, sd[:, None] * np.maximum(density - z * chance, 0.0)


class Worth(NamedTuple):
    """[N] each."""

    p_stock_out: Array  # before the next chance to order
    p_stock_out_covered: Array  # before the next order could arrive
    profit_usd: Array  # of the line


def expected(line: Line, each: Array, spread: Array) -> tuple[Worth, Array]:
    """From a forecast: mean demand of each period [N,H], standard deviation of the first 1..H together [N,H]. Also the
    demand expected until the next order could arrive [N]."""
    covered = cover(line)
    periods = int(covered.max(initial=1))
    mean = _lengthened(np.cumsum(each, axis=1), periods)
    sd = np.maximum(_lengthened(spread, periods), 1e-3)
    levels = np.stack(supply(line, periods), axis=2).reshape(-1, 2)
    chances, lost = (
        np.maximum.accumulate(found.reshape(-1, periods, 2), axis=1).transpose(1, 0, 2)
        for found in exceeding(mean.ravel(), sd.ravel(), levels)
    )
    return _worth(line, chances, lost), mean[np.arange(len(covered)), covered - 1]


def _lengthened(cumulative: Array, periods: int) -> Array:
    """[N,P] float64: a cumulative forecast [N,H], beyond H at the rate of its last period."""
    inside = cumulative[:, :periods].astype(np.float64)
    beyond = periods - inside.shape[1]
    if beyond <= 0:
        return inside
    step = inside[:, -1:] - inside[:, -2:-1]
    return np.concatenate([inside, inside[:, -1:] + step * np.arange(1, beyond + 1)], axis=1)


def realised(line: Line, demand: Array, price: Array | None = None) -> Worth:
    """From what was asked for in the next periods [N,P], P at least the cover. The chances are then 0 or 1."""
    covered = cover(line)
    periods = int(covered.max(initial=1))
    asked = np.cumsum(demand[:, :periods], axis=1)
    short = np.stack([(asked - s).T for s in supply(line, periods)], axis=2)
    lost = np.maximum.accumulate(np.maximum(short, 0.0), axis=0)
    return _worth(line if price is None else line._replace(price=price), np.where(lost > 0, 1.0, 0.0), lost)


def _worth(line: Line, chances: Array, lost: Array) -> Worth:
    """`chances` and `lost` [P,N,2] cumulative over periods, without the order and with it."""
    covered, rows = cover(line), np.arange(len(line.units))
    last = covered - 1
    saved = lost[last, rows, 0] - lost[last, rows, 1]
    number = np.arange(lost.shape[0])[:, None]
    held = (number >= line.lead_time) & (number < covered)
    extra = np.where(held, line.units - (lost[:, :, 0] - lost[:, :, 1]), 0.0).sum(0)
    margin = line.price + line.lost_sale_usd - line.unit_cost
    profit = margin * saved - line.holding_usd * extra - line.order_cost_usd
    soon = np.minimum(line.next_order, chances.shape[0]) - 1
    return Worth(chances[soon, rows, 1], chances[last, rows, 1], np.where(line.units > 0, profit, 0.0))
