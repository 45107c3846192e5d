"""A block of items replayed under base-stock levels (and caps): what is compiled for replay.py.

The engine's step for one kind of policy, in unsigned whole units.

- A position that starts at the level never rises above it, so an order is what was sold (or demanded, where demand waits) since
  the last one: no position is added up.
- Some periods are compiled in a row (`CHUNK`), and what each leaves behind is part of the loop's state. XLA therefore stores it;
  left to itself it computes it again for each later period that reads it, 40 times as slowly (docs/decisions/0024-speed.md).

Letters: B items of a block, T periods, C periods of a chunk, L lead time in periods.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.systems.inventory.engine import draws
from ropewalk.systems.inventory.engine.network import OPTIONS

Array = Any
CHUNK = 16  # periods compiled in a row, at least: with fewer XLA does not copy a chunk of history into the cache first
_ONCE = np.int32(1)  # as data: a loop that XLA knows to run once is taken apart, and with it what makes XLA store


class Kind(NamedTuple):
    """What is compiled; static."""

    lead: int
    waits: bool  # unmet demand is owed
    capped: bool
    units: Any  # the type in which units are counted
    cuts: tuple[int, ...]  # periods at which the sums begin anew: 0, warm, ..., T


class _State(NamedTuple):
    """What the last C periods of a block leave behind, each C arrays [B]. `demand` and `owed` where demand waits, `short` and
    `ordered` with caps."""

    available: tuple  # on the shelf when the demand came
    served: tuple
    demand: tuple
    owed: tuple
    short: tuple  # level less position, when the order was placed
    ordered: tuple

    @property
    def gone(self) -> tuple:
        """By which the position fell."""
        return self.demand or self.served


class _Sums(NamedTuple):
    available: Array  # [B] uint32 units, of all periods
    served: Array
    demand: Array
    owed: Array


def on_history(kind: Kind, history: Array, level: Array, cap: Array) -> Array:
    """[Q,cuts,4,B] units, from cut to cut: served, lost, left and owed, on a history [T,B] under levels and caps [Q,B]. One
    candidate after the other, while the history is in the cache."""
    return _on_history(kind, _ONCE, history, level, cap)[0]


def drawn(tables: draws.Tables, seed: Array, first: Array, law: Array, periods: int) -> Array:
    """[T,B] the demands that draws.history says, computed in a block's cache."""
    return _drawn(tables.bits, periods, tables.cells, seed, first, law)


@partial(jax.jit, static_argnames=("bits", "periods"), compiler_options=OPTIONS)
def _drawn(bits: int, periods: int, cells: Array, seed: Array, first: Array, law: Array) -> Array:
    return draws.history(draws.Tables(cells, bits), seed, first, law, periods)


@partial(jax.jit, static_argnames=("kind",), compiler_options=OPTIONS)
def _on_history(kind: Kind, once: Array, history: Array, level: Array, cap: Array) -> tuple[Array, Array]:
    def rows(begin: Array, count: int) -> Array:
        return jax.lax.dynamic_slice_in_dim(history, begin, count).astype(kind.units)

    return jax.lax.map(lambda at: _rolled(kind, once, at[0], at[1], rows), (level, cap))


def _rolled(
    kind: Kind, once: Array, level: Array, cap: Array, rows: Callable[[Array, int], Array]
) -> tuple[Array, Array]:
    """[cuts,4,B] as on_history says, of demands rows(begin, count) [count,B] under a level and a cap [B]; and `_used`."""
    chunk, zero = _chunk(kind), jnp.zeros(level.shape, jnp.uint32)
    state, found, used = _start(kind, level, chunk), [], zero[0]
    for begin, end in itertools.pairwise(kind.cuts):
        whole = (end - begin) // chunk
        rest = end - begin - whole * chunk
        sums = _Sums(zero, zero, zero, zero)

        def some(at: Array, so_far: tuple, count: int, first: int) -> tuple[_State, _Sums]:
            state, sums = _periods(kind, so_far[0], cap, rows(first + at * chunk, count))
            return state, jax.tree.map(jnp.add, so_far[1], sums)

        if whole:
            state, sums = jax.lax.fori_loop(0, whole * once, partial(some, count=chunk, first=begin), (state, sums))
            used = used + _used(state)
        if rest:
            state, sums = jax.lax.fori_loop(0, once, partial(some, count=rest, first=end - rest), (state, sums))
            used = used + _used(state)
        lost = zero if kind.waits else sums.demand - sums.served
        found.append(jnp.stack([sums.served, lost, sums.available - sums.served, sums.owed]))
    return jnp.stack(found), used


def _chunk(kind: Kind) -> int:
    """Periods compiled in a row: more than an order is on its way, and such that few are left over at the cuts."""
    least = max(CHUNK, kind.lead + 1)
    lengths = [end - begin for begin, end in itertools.pairwise(kind.cuts)]
    return min(range(least, least + 6), key=lambda size: sum(length % size for length in lengths))


def _used(state: _State) -> Array:
    """A number that takes every array of the state to know: what nobody reads XLA does not store."""
    return _wide([row[0] for row in jax.tree.leaves(state)])


def _start(kind: Kind, level: Array, chunk: int) -> _State:
    """The level on the shelf, nothing due, nothing owed."""
    none = (jnp.zeros_like(level),) * chunk
    waits, capped = none if kind.waits else (), none if kind.capped else ()
    return _State((*none[1:], level), none, waits, waits, capped, capped)


def _periods(kind: Kind, state: _State, cap: Array, demands: Array) -> tuple[_State, _Sums]:
    """Some periods [.,B] in a row: receipt, order, demand, as in step.py."""
    available, served, owed, short, ordered = map(
        list, (state.available, state.served, state.owed, state.short, state.ordered)
    )
    gone, chunk, count = list(state.gone), len(state.served), len(demands)
    for at in range(count):
        demand = demands[at]
        if kind.capped:
            short.append(short[-1] - ordered[-1] + gone[-1])
            ordered.append(jnp.minimum(short[-1], cap))
            received = ordered[-1 - kind.lead]
        else:
            received = gone[-1 - kind.lead]
        available.append(available[-1] - served[-1] + received)
        need = owed[-1] + demand if kind.waits else demand
        served.append(jnp.minimum(need, available[-1]))
        gone.append(demand if kind.waits else served[-1])
        if kind.waits:
            owed.append(need - served[-1])
    sums = _Sums(
        *(_wide(part[-count:]) for part in (available, served, list(demands), owed if kind.waits else [0 * demands[0]]))
    )
    keep = _State(
        *(tuple(part[-chunk:]) for part in (available, served, gone if kind.waits else [], owed, short, ordered))
    )
    return keep, sums


def _wide(rows: list[Array]) -> Array:
    """[B] uint32: the sum of rows."""
    return sum((row.astype(jnp.uint32) for row in rows[1:]), rows[0].astype(jnp.uint32))
