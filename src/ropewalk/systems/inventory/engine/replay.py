"""Base-stock levels (and caps on orders) of very many items, replayed on history or on drawn demand.

The engine's step (step.py) on whole units, for one kind of policy: every item orders up to its level in every period, at most its cap.
The same events in the same order give the same units, which replay_test.py holds against the step. Units are 16-bit numbers where
they fit, and a block of items stays in a core's cache: billions of item-periods a second, in the memory of a block
(benchmarks/speed.py).

Letters: N items, B of them in a block, Q candidates, T periods.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import draws, replay_block
from ropewalk.systems.inventory.engine.replay_block import Kind, on_history
from ropewalk.systems.inventory.engine.world import World

Array = Any
BLOCK = 4096  # items
CELLS = 1 << 23  # item-periods of a block, where it has more than 64 items
LIMIT = 1 << 32  # units; sums are counted in 32 bits and emptied before they reach it
CUTS = 8  # times at most that they are emptied


class Totals(NamedTuple):
    """Units of each item over the periods that count: [N], or [Q,N] with candidates."""

    served: np.ndarray
    lost: np.ndarray
    left: np.ndarray  # summed over the periods: on the shelf at their end
    owed: np.ndarray  # summed over the periods: waiting at their end
    periods: int

    def cost(self, holding: Array, lost_sale: Array = 0.0, backlog: Array = 0.0) -> np.ndarray:
        """USD a period, from USD a unit (and period), each a number or [N]."""
        return (holding * self.left + lost_sale * self.lost + backlog * self.owed) / self.periods


class Drawn(NamedTuple):
    """Demand that is drawn: item n of N has law `law[n]` of the tables, and is item `first + n` of the seed."""

    tables: draws.Tables
    law: np.ndarray  # [N] int
    seed: int
    first: int = 0


def replay(
    world: World, demand: np.ndarray, level: np.ndarray, cap: np.ndarray | None = None, warm: int = 0, threads: int = 1
) -> Totals:
    """What levels [N], or candidates for them [Q,N], make of a history [T,N]. Whole units; every item begins with its level on
    the shelf; the first `warm` periods do not count. ConfigError names the first number that is none."""
    demand = np.asarray(demand)
    plan = _plan(world, level, cap, warm, len(demand))
    if demand.ndim != 2 or demand.shape[1] != plan.items:
        raise ConfigError(
            [f"demand is {demand.shape}, level {np.shape(level)}: demand is [periods, items]"], "the replay"
        )

    def block(items: slice) -> _Block:
        part = _whole(demand[:, items], "demand", items.start)
        most = int(part.max(initial=0))
        kind = _kind(plan, most, items)
        rows = np.empty((plan.periods, plan.width), np.uint8 if most < 256 else kind.units)
        rows[:, : part.shape[1]], rows[:, part.shape[1] :] = part, 0
        history = jnp.asarray(rows)
        return kind, lambda level, cap: on_history(kind, history, level, cap)

    return _gathered(plan, threads, block)


def replay_drawn(
    world: World, drawn: Drawn, periods: int, level: np.ndarray, cap: np.ndarray | None = None, warm: int = 0, threads: int = 1
) -> Totals:  # fmt: skip
    """The same on `periods` periods of drawn demand: the same demand for every candidate, in any number of threads."""
    plan = _plan(world, level, cap, warm, periods)
    law, tables = np.asarray(drawn.law), drawn.tables
    if law.shape != (plan.items,) or law.min(initial=0) < 0 or law.max(initial=0) >= len(tables.cells) >> tables.bits:
        raise ConfigError([f"law is {law.shape}: it names one of {len(tables.cells) >> tables.bits} laws for each of {plan.items} items"], "the replay")  # fmt: skip

    def block(items: slice) -> _Block:
        kind = _kind(plan, (1 << tables.bits) - 1, items)
        laws = _padded(law[items], plan.width, np.uint32)
        seed, first = np.uint32(drawn.seed % LIMIT), np.uint32(drawn.first + items.start)
        history = replay_block.drawn(tables, seed, first, laws, periods)
        return kind, lambda level, cap: on_history(kind, history, level, cap)

    return _gathered(plan, threads, block)


class _Plan(NamedTuple):
    lead: int
    waits: bool  # unmet demand is owed
    level: np.ndarray  # [Q,N]
    cap: np.ndarray | None  # [Q,N]
    single: bool  # whether the caller gave one candidate, without its axis
    warm: int
    periods: int
    items: int
    width: int  # items of a block


_Block = tuple[Kind, Callable[[Array, Array], Array]]


def _plan(world: World, level: np.ndarray, cap: np.ndarray | None, warm: int, periods: int) -> _Plan:
    taken = [
        (world.sources == 1 and isinstance(world.lead, tuple), "one source with one lead time for all items"),
        (world.unmet != "partial", 'unmet demand that is "lost" or "backlog"'),
        (world.clock == "periods" and not world.review, "an order in every period"),
        (not (world.life or world.random_yield or world.shipments != (0,)), "goods that keep and arrive together and whole"),
        (not (world.discounts or world.capacity), "costs a unit, without discounts and capacity prices"),
    ]  # fmt: skip
    wrong = [f"it takes {what}; step.py simulates the rest" for is_so, what in taken if not is_so]
    if not 0 <= warm < periods:
        wrong.append(f"warm: {warm}; of {periods} periods at least one has to count")
    if wrong:
        raise ConfigError(wrong, "the replay")
    levels = _whole(np.atleast_2d(level), "level", 0)
    caps = None if cap is None else np.broadcast_to(_whole(np.atleast_2d(cap), "cap", 0), levels.shape)
    items = levels.shape[1]
    lead = world.lead[0] if isinstance(world.lead, tuple) else 0
    return _Plan(
        lead,
        world.unmet == "backlog",
        levels,
        caps,
        np.ndim(level) == 1,
        warm,
        periods,
        items,
        max(min(BLOCK, -(-items // 64) * 64, CELLS // periods // 64 * 64), 64),
    )


def _whole(units: np.ndarray, what: str, first: int) -> np.ndarray:
    """The same, once every number is a whole one from 0 to under 2^32."""
    units = np.asarray(units)
    if units.dtype.kind == "u" and units.itemsize < 4:
        return units
    good = (units >= 0) & (units < LIMIT)
    if units.dtype.kind == "f":
        good &= units == np.floor(units)
    if not good.all():
        row, item = np.argwhere(~good)[0]
        at = f"item {first + item}" + (f", period {row}" if what == "demand" else "")
        raise ConfigError([f"{what} of {at}: {units[row, item]}; the replay counts whole units from 0 on: round first, or use step.py"], "the replay")  # fmt: skip
    return units


def _kind(plan: _Plan, most: int, items: slice) -> Kind:
    """What to compile for a block whose greatest demand is `most`."""
    owed = most * ((plan.periods if plan.cap is not None else plan.lead) + 2) if plan.waits else 0
    greatest = max(int(plan.level[:, items].max(initial=0)) + owed, most, 1)
    if greatest * plan.periods >= CUTS * LIMIT:
        raise ConfigError([f"up to {greatest:,} units in each of {plan.periods} periods could lie or wait in items {items.start} to {items.stop - 1}; the replay counts to {CUTS * LIMIT:,}: count in larger units"], "the replay")  # fmt: skip
    emptied = range(plan.warm, plan.periods, (LIMIT - 1) // greatest)
    cuts = tuple(sorted({0, *emptied, plan.periods}))
    return Kind(plan.lead, plan.waits, plan.cap is not None, np.uint16 if greatest < 1 << 16 else np.uint32, cuts)


def _padded(values: np.ndarray, width: int, units: Any) -> np.ndarray:
    """[...,width], with zeros, and what is greater than the units can count at their greatest."""
    room = np.zeros((*values.shape[:-1], width), units)
    np.minimum(values, np.iinfo(units).max, out=room[..., : values.shape[-1]], casting="unsafe")
    return room


def _gathered(plan: _Plan, threads: int, block: Callable[[slice], _Block]) -> Totals:
    """All blocks. A block says what to compile, and what runs levels and caps [Q,B] to units [Q,cuts,4,B]."""
    totals = np.zeros((len(plan.level), 4, plan.items), np.int64)

    def fill(items: slice) -> None:
        kind, run = block(items)
        level = _padded(plan.level[:, items], plan.width, kind.units)
        cap = None if plan.cap is None else _padded(plan.cap[:, items], plan.width, kind.units)
        units = np.asarray(run(level, cap))
        for cut in range(plan.warm > 0, units.shape[1]):  # from `warm` on
            totals[:, :, items] += units[:, cut, :, : items.stop - items.start]

    parts = [slice(begin, min(begin + plan.width, plan.items)) for begin in range(0, plan.items, plan.width)]
    if threads == 1:
        for part in parts:
            fill(part)
    else:
        with ThreadPoolExecutor(threads + 1) as pool:  # one prepares its block while the others are computed
            list(pool.map(fill, parts))
    served, lost, left, owed = totals[0] if plan.single else totals.swapaxes(0, 1)
    return Totals(served, lost, left, owed, plan.periods - plan.warm)
