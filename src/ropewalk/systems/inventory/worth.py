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
from scipy.special import betainc, betaln

from ropewalk.systems.inventory.forecast import shape

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
    without = np.empty((len(line.units), periods))
    without[:] = line.on_hand[:, None]
    width = min(periods - 1, line.on_order.shape[1])
    due = line.on_order[:, :width].cumsum(1)
    without[:, 1 : 1 + width] += due
    if 0 < width < periods - 1:
        without[:, 1 + width :] += due[:, -1:]
    arrived = np.arange(periods) >= line.lead_time[:, None]
    return without, without + line.units[:, None] * arrived


def cover(line: Line) -> Array:
    """[N] periods until the next order could arrive."""
    return line.lead_time + line.next_order


def exceeding(mean: Array, sd: Array, levels: Array) -> tuple[Array, Array]:
    """P(D > level) and E(D - level)^+ of negative binomial demand at levels >= 0; all shapes broadcast together.

    With k the whole units of a level, q = m / (m + r) and I the regularised incomplete beta function, P(D > k) is
    I_q(k + 1, r) (Johnson, Kemp & Kotz, Univariate Discrete Distributions, 3rd ed., eq. 5.30), and since
    d P(D = d; r) = m P(D = d - 1; r + 1), E[D; D > k] is m I_q(k, r + 1) with I_q(k, r + 1) = P(D > k) + (k + r) / r P(D = k).
    """
    mean = np.maximum(mean, 1e-9)
    r = np.minimum(np.maximum(shape(mean, sd), 1e-6), 1e9)
    q = mean / (mean + r)
    whole = np.floor(levels)
    k = np.maximum(whole, 0.5)  # of the unit 0 the limit is known: all of the mean
    chance = betainc(whole + 1.0, r, q)
    at = np.exp(k * np.log(q) + r * np.log1p(-q) - betaln(k, r)) * (1.0 / k + 1.0 / r)
    beyond = np.where(whole > 0.0, np.minimum(chance + at, 1.0), 1.0)
    return chance, np.maximum(mean * beyond - levels * chance, 0.0)


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
    mean = _lengthened(each.cumsum(1), periods)
    sd = np.maximum(_lengthened(spread, periods), 1e-3)
    without, supplied = supply(line, periods)
    chance, lost = exceeding(mean, sd, supplied)
    moved = without != supplied  # the rest is lost alike
    lost_without = lost.copy()
    lost_without[moved] = exceeding(mean[moved], sd[moved], without[moved])[1]
    most = np.maximum.accumulate
    value = _worth(line, most(chance, axis=1), most(lost_without, axis=1), most(lost, axis=1))
    return value, mean[np.arange(len(covered)), covered - 1]


def _lengthened(cumulative: Array, periods: int) -> Array:
    """[N,P] float64: a cumulative forecast [N,H], beyond H at the rate of its last period."""
    inside = cumulative[:, :periods].astype(np.float64, copy=False)
    beyond = periods - inside.shape[1]
    if beyond <= 0:
        return inside
    step = inside[:, -1:] - inside[:, -2:-1]
    return np.concatenate([inside, inside[:, -1:] + step * np.arange(1, beyond + 1)], axis=1)


def realised(line: Line, demand: Array, price: Array | None = None) -> Worth:
    """From what was asked for in the next periods [N,P], P at least the cover. The chances are then 0 or 1."""
    periods = int(cover(line).max(initial=1))
    asked = np.cumsum(demand[:, :periods], axis=1)
    lost_without, lost = (
        np.maximum.accumulate(np.maximum(asked - supplied, 0.0), axis=1) for supplied in supply(line, periods)
    )
    return _worth(line if price is None else line._replace(price=price), 1.0 * (lost > 0), lost_without, lost)


def _worth(line: Line, chance: Array, lost_without: Array, lost: Array) -> Worth:
    """[N,P] each, cumulative over periods: chance of running out and sales lost with the order, and without it."""
    covered, rows = cover(line), np.arange(len(line.units))
    last, number = covered - 1, np.arange(lost.shape[1])
    gain = lost_without - lost
    held = (number >= line.lead_time[:, None]) & (number < covered[:, None])
    extra = ((line.units[:, None] - gain) * held).sum(1)
    margin = line.price + line.lost_sale_usd - line.unit_cost
    profit = margin * gain[rows, last] - line.holding_usd * extra - line.order_cost_usd
    soon = np.minimum(line.next_order, lost.shape[1]) - 1
    return Worth(chance[rows, soon], chance[rows, last], profit * (line.units > 0))
