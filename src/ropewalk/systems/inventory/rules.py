"""Classic replenishment rules, all of one shape: parameters + what is known when ordering -> levels -> order.

One code for NumPy (the answer path) and for JAX (tuning, learning): the array module is an argument, `xp`.
Letters: N rows (items, or items at many dates), H periods ahead, P the protection interval.

Sources: base-stock and (s, S): Snyder & Shen, Fundamentals of Supply Chain Theory (2nd ed.), ch. 4; the order quantity
sqrt(2 K m / h): Harris 1913, ibid. ch. 3; capped base-stock: Xin, "Understanding the performance of capped base-stock
policies in lost-sales inventory models", Operations Research 69(1), 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

Array = Any  # a NumPy or a JAX array


class Known(NamedTuple):
    """What is known of each item when an order can be placed. Nothing here looks past the start of the period,
    but for the promotions that the retailer has planned itself."""

    mean: Array  # [N] units a period: mean of the item's own recent demand
    sd: Array  # [N] units: standard deviation of the same
    ahead: Array  # [N,H] units: forecast of the demand of this period and the next ones, cumulative
    spread: Array  # [N,H] units: its standard deviation
    features: Array  # [N,F] inputs of the networks (features.py)
    cover: Array  # [N] periods whose demand an order of now has to protect: lead time + periods to the next review
    price: Array  # [N] USD: recent price
    unit_cost: Array  # [N] USD
    holding_usd: Array  # [N] USD a unit and period
    lost_sale_usd: Array  # [N] USD a unit, beyond the margin
    order_cost_usd: Array  # [N] USD an order line
    pack_size: Array  # [N] units
    min_order: Array  # [N] units


class Levels(NamedTuple):
    """Order when the inventory position is at or under `reorder`: up to `up_to`, at most `cap` units."""

    reorder: Array  # [N] units
    up_to: Array  # [N] units
    cap: Array  # [N] units


class Order(NamedTuple):
    """An order as placed: units, and the order lines that it costs (1 where units > 0; a fraction while learning)."""

    units: Array  # [N]
    lines: Array  # [N]


Rule = Callable[[Array, Known, ModuleType], Levels]
NO_CAP = 1e9


def round_order(wanted: Array, pack_size: Array, min_order: Array, xp: ModuleType = np) -> Array:
    """The one rounding rule: the nearest number of whole packs, half a pack up; a wanted order of less than half a pack
    is not placed; one that is placed is raised to the least number of packs that meets the minimum."""
    packs = xp.floor(wanted / pack_size + 0.5)
    return xp.where(packs >= 1.0, xp.maximum(packs, xp.ceil(min_order / pack_size)), 0.0) * pack_size


def place(levels: Levels, position: Array, known: Known, xp: ModuleType = np) -> Order:
    """The order that the levels ask for at this inventory position (on hand + on order)."""
    wanted = xp.where(position <= levels.reorder, xp.minimum(levels.up_to - position, levels.cap), 0.0)
    units = round_order(wanted, known.pack_size, known.min_order, xp)
    return Order(units, xp.where(units > 0.0, 1.0, 0.0))


def over(cumulative: Array, periods: Array, xp: ModuleType = np) -> Array:
    """A cumulative forecast [N,H] read at a number of periods [N], at least 1, linear between, and past H at the rate
    of the last period."""
    last = cumulative.shape[-1]
    low = xp.clip(xp.floor(periods), 1, last - 1).astype(np.int32)
    before = xp.take_along_axis(cumulative, (low - 1)[..., None], -1)[..., 0]
    after = xp.take_along_axis(cumulative, low[..., None], -1)[..., 0]
    return before + (after - before) * (periods - low)


def spread_over(known: Known, periods: Array, xp: ModuleType = np) -> Array:
    """Standard deviation of the forecast over a number of periods [N], read like `over`."""
    return xp.maximum(over(known.spread, periods, xp), 1e-3)


def economic_quantity(known: Known, rate: Array, xp: ModuleType = np) -> Array:
    """Harris: the order of least cost of ordering and holding at a constant rate, sqrt(2 K m / h)."""
    return xp.sqrt(2.0 * known.order_cost_usd * xp.maximum(rate, 0.0) / xp.maximum(known.holding_usd, 1e-9))


def _history_level(z: Array, known: Known, xp: ModuleType) -> Array:
    """mean * P + z * sd * sqrt(P): the level that protects P periods if demand stays as it was."""
    return known.mean * known.cover + z * known.sd * xp.sqrt(1.0 * known.cover)


def base_stock(parameters: Array, known: Known, xp: ModuleType = np) -> Levels:
    """Parameters [...,1]: z. Order up to mean * P + z * sd * sqrt(P) whenever the position is below it."""
    level = _history_level(parameters[..., 0], known, xp)
    return Levels(level, level, xp.full_like(level, NO_CAP))


def capped_base_stock(parameters: Array, known: Known, xp: ModuleType = np) -> Levels:
    """Parameters [...,2]: z, and the cap of an order in periods of mean demand."""
    level = _history_level(parameters[..., 0], known, xp)
    return Levels(level, level, parameters[..., 1] * known.mean + 1.0 + 0.0 * level)


def s_S(parameters: Array, known: Known, xp: ModuleType = np) -> Levels:
    """Parameters [...,2]: z of the reorder level, and the order quantity in units of Harris's."""
    reorder = _history_level(parameters[..., 0], known, xp)
    up_to = reorder + parameters[..., 1] * economic_quantity(known, known.mean, xp)
    return Levels(reorder, up_to, xp.full_like(reorder, NO_CAP))


def newsvendor(parameters: Array, known: Known, xp: ModuleType = np) -> Levels:
    """Parameters [...,1]: z. Order up to a quantile of the forecast over P, written as mean + z * sd of the forecast."""
    periods = 1.0 * known.cover
    level = over(known.ahead, periods, xp) + parameters[..., 0] * spread_over(known, periods, xp)
    return Levels(level, level, xp.full_like(level, NO_CAP))


def forecast_s_S(parameters: Array, known: Known, xp: ModuleType = np) -> Levels:
    """Parameters [...,2]: z and the order quantity in units of Harris's: (s, S) on the forecast, so that the quantity
    covers the promotions planned after the protection interval."""
    reorder = newsvendor(parameters[..., :1], known, xp).reorder
    horizon = known.ahead.shape[-1]
    rate = known.ahead[..., -1] / horizon
    periods = parameters[..., 1] * economic_quantity(known, rate, xp) / xp.maximum(rate, 1e-3)
    later = over(known.ahead, known.cover + periods, xp) - over(known.ahead, 1.0 * known.cover, xp)
    return Levels(reorder, reorder + later, xp.full_like(reorder, NO_CAP))


RULES: dict[str, Rule] = {
    "base-stock": base_stock,
    "capped base-stock": capped_base_stock,
    "(s, S)": s_S,
    "newsvendor": newsvendor,
    "(s, S) on forecast": forecast_s_S,
}
