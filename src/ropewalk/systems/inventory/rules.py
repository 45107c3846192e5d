"""Classic replenishment rules, all of one shape: parameters + what is known when ordering -> levels -> order.

One code for NumPy (answers) and for JAX (tuning, learning): the array module is an argument, `xp`.
Letters: N rows (items, or items at many dates), H periods ahead, P the protection interval.

Sources: base-stock and (s, S): Snyder & Shen, Fundamentals of Supply Chain Theory (2nd ed.), ch. 4; the order quantity
sqrt(2 K m / h): Harris 1913, ibid. ch. 3; capped base-stock: Xin, "Understanding the performance of capped base-stock
policies in lost-sales inventory models", Operations Research 69(1), 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ropewalk.systems.inventory.engine.step import Policy, Seen

Array = Any  # a NumPy or a JAX array


class Known(NamedTuple):
    """What is known of each item when an order can be placed. Nothing here looks past the start of the period,
    but for the promotions that the retailer has planned itself."""

    mean: Array  # [N] units a period: mean of the item's own recent demand
    sd: Array  # [N] units: standard deviation of the same
    each: Array  # [N,H] units: forecast of the demand of this period and of each of the next ones
    spread: Array  # [N,H] units: standard deviation of the demand of the first 1..H of them together
    features: Array  # [N,F] inputs of the networks (features.py)
    cover: Array  # [N] periods whose demand an order of now has to protect: lead time + periods to the next review
    price: Array  # [N] USD: recent price
    unit_cost: Array  # [N] USD
    holding_usd: Array  # [N] USD a unit and period
    lost_sale_usd: Array  # [N] USD a unit, beyond the margin
    order_cost_usd: Array  # [N] USD an order line
    pack_size: Array  # [N] units
    min_order: Array  # [N] units

    @property
    def ahead(self) -> Array:
        """[N,H] units: forecast of the demand of the first 1..H periods together."""
        return self.each.cumsum(-1)


class Levels(NamedTuple):
    """Order when the inventory position is at or under `reorder`: up to `up_to`, at most `cap` units."""

    reorder: Array  # [N] units
    up_to: Array  # [N] units
    cap: Array  # [N] units


class Order(NamedTuple):
    """An order as placed: units, and the order lines that it costs (1 where units > 0; a fraction while learning)."""

    units: Array  # [N], or in the engine [...,S]
    lines: Array  # the same

    @property
    def by_source(self) -> Order:
        """[N,1] as the engine takes it: all from the only source."""
        return Order(self.units[..., None], self.lines[..., None])


Rule = Callable[[Array, Known, ModuleType], Levels]
NO_CAP = 1e9


def round_order(wanted: Array, pack_size: Array, min_order: Array, xp: ModuleType = np) -> Array:
    """The one rounding rule: the nearest number of whole packs, half a pack up; a wanted order of less than half a pack
    is not placed; one that is placed is raised to the least number of packs that meets the minimum."""
    packs = xp.floor(wanted / pack_size + 0.5)
    return (packs >= 1.0) * xp.maximum(packs, xp.ceil(min_order / pack_size)) * pack_size


def place(levels: Levels, position: Array, known: Known, xp: ModuleType = np) -> Order:
    """The order that the levels ask for at this inventory position (on hand + on order)."""
    wanted = xp.where(position <= levels.reorder, xp.minimum(levels.up_to - position, levels.cap), 0.0)
    units = round_order(wanted, known.pack_size, known.min_order, xp)
    return Order(units, 1.0 * (units > 0.0))


class Reach(NamedTuple):
    """What the rules on a forecast read off it, each [N]."""

    protected: Array  # units: expected demand over the cover
    deviation: Array  # units: its standard deviation
    harris: Array  # periods of mean forecast demand that Harris's quantity lasts: sqrt(2 K / (h m))


def reach(known: Known, xp: ModuleType = np) -> Reach:
    """Computed once an order: the learned policy reads it and corrects the levels that follow from it."""
    rate = xp.vecdot(known.each, _ahead(known.each.shape[-1]).share)
    handling = 2.0 * known.order_cost_usd / (xp.maximum(known.holding_usd, 1e-9) * xp.maximum(rate, 1e-3))
    return Reach(total(known.each, known.cover, xp), spread_over(known, xp), xp.sqrt(handling))


def total(each: Array, periods: Array, xp: ModuleType = np) -> Array:
    """[N] units: a forecast [N,H] summed over a number of periods [N], whole or not; past H at the rate of the last."""
    ahead = _ahead(each.shape[-1])
    return xp.vecdot(each, xp.minimum(xp.maximum(periods[..., None] - ahead.begun, 0.0), ahead.most))


class _Ahead(NamedTuple):
    """Constants of the H periods ahead, each [H]."""

    begun: np.ndarray  # periods until each begins
    most: np.ndarray  # periods that a sum can take of each: one, but of the last any number
    share: np.ndarray  # of the mean


@cache
def _ahead(size: int) -> _Ahead:
    return _Ahead(np.arange(size) * 1.0, np.array([1.0] * (size - 1) + [np.inf]), np.full(size, 1.0 / size))


def over(ahead: Array, periods: Array) -> Array:
    """`total` of a cumulative forecast [N,H], in NumPy."""
    return total(np.diff(ahead, axis=-1, prepend=0.0), periods)


def spread_over(known: Known, xp: ModuleType = np) -> Array:
    """[N] units: standard deviation of the demand over the cover; past H it grows as the square root of time."""
    size = known.spread.shape[-1]
    at = xp.minimum(known.cover, 1.0 * size)[..., None] == _ahead(size).begun + 1.0
    return xp.vecdot(known.spread, 1.0 * at) * xp.sqrt(xp.maximum(known.cover * (1.0 / size), 1.0))


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
    level = total(known.each, known.cover, xp) + parameters[..., 0] * spread_over(known, xp)
    return Levels(level, level, xp.full_like(level, NO_CAP))


def forecast_s_S(parameters: Array, known: Known, xp: ModuleType = np) -> Levels:
    """Parameters [...,2]: z and the order quantity in units of Harris's: (s, S) on the forecast, so that the quantity
    covers the promotions planned after the protection interval."""
    return forecast_levels(parameters[..., 0], parameters[..., 1], known, reach(known, xp), xp)


def forecast_levels(z: Array, quantity: Array, known: Known, seen: Reach, xp: ModuleType = np) -> Levels:
    """The levels of (s, S) on the forecast; the learned policy moves z and quantity, row by row."""
    reorder = seen.protected + z * seen.deviation
    later = total(known.each, known.cover + quantity * seen.harris, xp) - seen.protected
    return Levels(reorder, reorder + later, NO_CAP + 0.0 * reorder)


RULES: dict[str, Rule] = {
    "base-stock": base_stock,
    "capped base-stock": capped_base_stock,
    "(s, S)": s_S,
    "newsvendor": newsvendor,
    "(s, S) on forecast": forecast_s_S,
}


def policy_of(rule: str, parameters: Array, xp: ModuleType = np) -> Policy:
    """A rule with its parameters as the engine takes a policy; what it sees as `known` is a Known."""

    def order(seen: Seen) -> Order:
        return place(RULES[rule](parameters, seen.known, xp), seen.position, seen.known, xp).by_source

    return order
