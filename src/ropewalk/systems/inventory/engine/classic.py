"""The classic replenishment policies on what the engine shows: pure functions, any batch, NumPy and JAX alike.

All have one shape: parameters [...,P] + Seen + Setting -> units wanted [...,S], cut at 0 and rounded by the engine (step.placed).
Parameters broadcast with the batch, so that many of them, or one set an item, run at once. `RULES` names them all.
The newsvendor on forecasts is in ../rules.py.

Letters: ... any batch, P parameters, S sources (regular first, then expedited), K pipeline columns, D demands of a period,
U units of a grid on which an inventory is known by its law.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ropewalk.systems.inventory.engine.step import Seen

Array = Any  # a NumPy or a JAX array


class Setting(NamedTuple):
    """What a policy knows of its item besides what it sees. Static, but for the law."""

    lead: tuple[int, ...] = (1,)  # periods, by source
    law: Any = None  # [D] probability of a demand of 0, 1, 2, ... in a period; for myopic and projected only
    units: int = 0  # U - 1: more than this is never on hand and outstanding together; 0: looked up, not under jit


Rule = Callable[[Array, Seen, Setting, ModuleType], Array]


class Named(NamedTuple):
    """A policy, and what its parameters are called."""

    wants: Rule
    parameters: tuple[str, ...]


def base_stock(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """level: order up to it. Snyder & Shen, Fundamentals of Supply Chain Theory (2nd ed.), chapter 4."""
    return _positive(parameters[..., 0] - seen.position, xp)[..., None]


def capped_base_stock(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """level, cap: min(cap, (level - position)+). Xin, Understanding the performance of capped base-stock policies in
    lost-sales inventory models, Operations Research 69(1), 2021."""
    return xp.minimum(_positive(parameters[..., 0] - seen.position, xp), parameters[..., 1])[..., None]


def reorder_up_to(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """(s, S), as reorder, up_to: at or below s order up to S. Scarf, The optimality of (S, s) policies in the dynamic
    inventory problem, 1960; Zheng & Federgruen, Operations Research 39(4), 1991."""
    position = seen.position
    return xp.where(position <= parameters[..., 0], parameters[..., 1] - position, 0.0)[..., None]


def reorder_quantity(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """(R, nQ), as reorder, quantity: at or below R order the least multiple of Q that ends above R. Hadley & Whitin, Analysis of
    Inventory Systems, 1963, chapter 5; Federgruen & Zheng, Operations Research 40(4), 1992."""
    reorder, quantity = parameters[..., 0], parameters[..., 1]
    lots = xp.floor((reorder - seen.position) / quantity) + 1.0
    return (_positive(lots, xp) * quantity)[..., None]


def myopic(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """ratio p / (p + h): the order of least expected cost in the period in which it arrives, demand until then being lost where
    the shelf is empty: the least z with P(demand <= inventory at arrival + z) >= ratio. Whole units.
    Zipkin, Old and new methods for lost-sales inventory systems, Operations Research 56(5), 2008: "myopic"."""
    at_arrival = arrival_law(seen, setting, xp)
    below = xp.cumsum(xp.asarray(setting.law), -1)
    inventory, order = xp.arange(at_arrival.shape[-1])[:, None], xp.arange(len(setting.law))
    enough = at_arrival @ below[xp.minimum(inventory + order, len(setting.law) - 1)]  # [...,D] P(nobody is turned away)
    return 1.0 * (enough < parameters[..., 0, None] - 1e-9).sum(-1)[..., None]


def projected(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """level: order so that the expected inventory when the order has arrived is the level, sales that are lost until then taken
    into account. The level need not be whole. van Jaarsveld & Arts, Projected inventory-level policies for lost sales
    inventory systems, Operations Research 72(5), 2024."""
    at_arrival = arrival_law(seen, setting, xp)
    expected = at_arrival @ (1.0 * xp.arange(at_arrival.shape[-1]))
    return _positive(parameters[..., 0] - expected, xp)[..., None]


def single_index(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """expedited_level, regular_level, both on the whole position: expedited up to the first, then regular up to the second.
    Scheller-Wolf, Veeraraghavan & van Houtum, Effective dual sourcing with a single index policy, 2007."""
    expedited = _positive(parameters[..., 0] - seen.position, xp)
    return xp.stack([_positive(parameters[..., 1] - seen.position - expedited, xp), expedited], axis=-1)


def dual_index(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """expedited_level, regular_level: expedited up to the first, counting only what arrives no later than an expedited order of
    now; then regular up to the second, counting all. Veeraraghavan & Scheller-Wolf, Operations Research 56(4), 2008."""
    expedited = _positive(parameters[..., 0] - _near(seen, setting), xp)
    return xp.stack([_positive(parameters[..., 1] - seen.position - expedited, xp), expedited], axis=-1)


def capped_dual_index(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """expedited_level, regular_level, cap: the dual index with a regular order of at most cap. Sun & Van Mieghem, Robust dual
    sourcing inventory management: optimality of capped dual index policies and smoothing, M&SOM 21(4), 2019."""
    both = dual_index(parameters, seen, setting, xp)
    return xp.stack([xp.minimum(both[..., 0], parameters[..., 2]), both[..., 1]], axis=-1)


def tailored_base_surge(parameters: Array, seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """expedited_level, quantity: the same regular order in every period, and expedited up to the level as in the dual index.
    Allon & Van Mieghem, Global dual sourcing: tailored base-surge allocation, Management Science 56(1), 2010."""
    expedited = _positive(parameters[..., 0] - _near(seen, setting), xp)
    return xp.stack([parameters[..., 1] + 0.0 * expedited, expedited], axis=-1)


RULES: dict[str, Named] = {
    "base-stock": Named(base_stock, ("level",)),
    "capped base-stock": Named(capped_base_stock, ("level", "cap")),
    "(s, S)": Named(reorder_up_to, ("reorder", "up_to")),
    "(R, Q)": Named(reorder_quantity, ("reorder", "quantity")),
    "myopic": Named(myopic, ("ratio",)),
    "projected": Named(projected, ("level",)),
    "single index": Named(single_index, ("expedited_level", "regular_level")),
    "dual index": Named(dual_index, ("expedited_level", "regular_level")),
    "capped dual index": Named(capped_dual_index, ("expedited_level", "regular_level", "cap")),
    "tailored base-surge": Named(tailored_base_surge, ("expedited_level", "quantity")),
}


def arrival_law(seen: Seen, setting: Setting, xp: ModuleType = np) -> Array:
    """[...,U] probability of 0, 1, 2, ... units on the shelf when an order of now arrives, without that order: one period of
    sales after the other, each followed by what it brings. Lost sales, goods that keep, whole units."""
    shelf = seen.shelf.sum(-1)
    size = setting.units + 1 if setting.units else int((shelf + seen.outstanding.sum(-1)).max()) + 1
    units = xp.arange(size)
    sale = _sale(setting.law, size, xp)
    chance = 1.0 * (xp.rint(shelf)[..., None] == units)
    for k in range(setting.lead[0]):
        chance = chance @ sale
        came = units - xp.rint(seen.outstanding[..., k]).astype(int)[..., None]  # units before the receipt
        chance = xp.where(came < 0, 0.0, xp.take_along_axis(chance, xp.maximum(came, 0), -1))
    return chance


def _sale(law: Array, size: int, xp: ModuleType) -> Array:
    """[U,U] probability that a period's demand leaves so many of so many units."""
    law = xp.concatenate([xp.asarray(law), xp.zeros(size)])
    before, after = xp.arange(size)[:, None], xp.arange(size)
    sold = xp.where(after > before, 0.0, law[xp.maximum(before - after, 0)])
    return xp.where(after == 0, 1.0 - sold[:, 1:].sum(-1, keepdims=True), sold)


def _near(seen: Seen, setting: Setting) -> Array:
    """[...] the position that counts only what arrives no later than an expedited order of now."""
    return seen.shelf.sum(-1) + seen.outstanding[..., : setting.lead[1]].sum(-1) - seen.owed


def _positive(units: Array, xp: ModuleType) -> Array:
    return xp.maximum(units, 0.0)
