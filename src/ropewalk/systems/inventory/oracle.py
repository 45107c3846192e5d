"""The bound: what an oracle that knows all demand in advance would have earned, exactly, item by item.

With the demand known, only the stock when an order arrives matters, so the pipeline folds into known arrivals and the
problem is lot sizing with lost sales (Wagner & Whitin 1958; with lost sales: Sandbothe & Thompson, Operations Research
38(3), 1990). Dynamic programme over periods and whole units of stock:

V_t(x) = max over orders q placed at t - lead, allowed by review, pack and minimum, of
         -unit_cost q - order_cost [q > 0] + g_t(x + q),
g_t(y) = price min(y, d) - lost_sale (d - y)+ - holding (y - d)+ + V_{t+1}((y - d)+),    V_T(x) = unit_cost x.

Sales are forced, as in the simulator: stock is sold while it is asked for, even at a loss. Orders that would arrive after
the end cost their line and are credited in full, so none is placed. Not a bound but the optimum for whole-unit demand,
stock and packs, and for any policy whose orders are whole units (as round_order makes them). Letters: I items, T periods.
"""

from __future__ import annotations

import numpy as np

from ropewalk.systems.inventory.panel import Panel, take_items

Array = np.ndarray
CELLS = 4_000_000  # items x stock levels computed at a time: 32 MB an array


def oracle_profit(records: Panel) -> Array:
    """[I] USD, the credit of what is left included: no policy of whole units can earn more on these periods."""
    _require_whole(records)
    arrivals = _arrivals(records)
    most = _highest(records)
    order = np.argsort(most)  # items of like size together, so that the tables are small
    out = np.empty(records.shape[0])
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop + 1 - start) * (most[order[stop]] + 1) <= CELLS:
            stop += 1
        which = order[start:stop]
        out[which] = _solve(take_items(records, which), arrivals[which], int(most[which].max()))
        start = stop
    return out


def _require_whole(records: Panel) -> None:
    for name in ("demand", "on_hand0", "pipeline0", "pack_size", "min_order"):
        values = getattr(records, name)
        if np.any(values != np.round(values)):
            first = values[values != np.round(values)].flat[0]
            raise ValueError(f"the oracle counts whole units, but {name} holds {first}; round it or change the unit")


def _arrivals(records: Panel) -> Array:
    """[I,T] units that arrive from the start pipeline."""
    out = np.zeros(records.shape)
    width = min(records.pipeline0.shape[1], records.shape[1])
    out[:, :width] = records.pipeline0[:, :width]
    return out


def _highest(records: Panel) -> Array:
    """[I] a stock that no optimal plan exceeds: everything asked for, what is there already, and one rounding up."""
    there = records.on_hand0 + records.pipeline0.sum(1)
    return (records.demand.sum(1) + there + records.pack_size + records.min_order).astype(np.int64)


def _solve(records: Panel, arrivals: Array, most: int) -> Array:
    """[I] the optimum of items whose stock stays within 0..most."""
    size, periods = records.shape
    stock = np.arange(most + 1)
    worth = records.unit_cost[:, None] * stock
    for t in range(periods - 1, -1, -1):
        demand = records.demand[:, t].astype(np.int64)[:, None]
        left = np.maximum(stock - demand, 0)
        worth = (
            records.price[:, t, None] * np.minimum(stock, demand)
            - records.lost_sale_usd[:, None] * np.maximum(demand - stock, 0)
            - records.holding_usd[:, None] * left
            + np.take_along_axis(worth, left, axis=1)
        )
        placed = t - records.lead_time
        may = (placed >= 0) & records.review[np.arange(size), np.maximum(placed, 0)]
        worth = np.where(may[:, None], np.maximum(worth, _ordering(records, worth)), worth)
        worth = _received(worth, arrivals[:, t].astype(np.int64))
    beyond = records.unit_cost * records.pipeline0[:, periods:].sum(1)  # due after the end: credited as it is
    return worth[np.arange(size), records.on_hand0.astype(np.int64)] + beyond


def _ordering(records: Panel, worth: Array) -> Array:
    """[I,S] worth of the best allowed order at each stock: packs of the item's size, at least its minimum."""
    net = worth - records.unit_cost[:, None] * np.arange(worth.shape[1])
    best = np.full_like(worth, -np.inf)
    for pack in np.unique(records.pack_size.astype(np.int64)):
        rows = records.pack_size == pack
        ahead = _best_ahead(net[rows], int(pack))
        least = np.maximum(np.ceil(records.min_order[rows] / pack), 1).astype(np.int64) * pack
        at = np.arange(worth.shape[1]) + least[:, None]
        inside = at < worth.shape[1]
        reached = np.take_along_axis(ahead, np.minimum(at, worth.shape[1] - 1), axis=1)
        best[rows] = np.where(inside, reached, -np.inf)
    return best + records.unit_cost[:, None] * np.arange(worth.shape[1]) - records.order_cost_usd[:, None]


def _best_ahead(net: Array, pack: int) -> Array:
    """[I,S] the highest of net at x, x + pack, x + 2 pack, ..."""
    size, width = net.shape
    columns = -(-width // pack) * pack
    padded = np.full((size, columns), -np.inf)
    padded[:, :width] = net
    by_pack = padded.reshape(size, -1, pack)
    return np.maximum.accumulate(by_pack[:, ::-1], axis=1)[:, ::-1].reshape(size, columns)[:, :width]


def _received(worth: Array, units: Array) -> Array:
    """Worth as a function of the stock before `units` arrive; past the table's end the last value, never reached."""
    at = np.minimum(np.arange(worth.shape[1]) + units[:, None], worth.shape[1] - 1)
    return np.take_along_axis(worth, at, axis=1)
