"""Demand drawn by counting: what an item demands in a period follows from the seed, the item and the period alone, so that it is
the same in any block, on any number of threads, and from any period on.

- An item's key is two words: Threefry-2x32 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011) of the item
  under the seed, which is what jax.random.fold_in gives.
- A period's word is the period under that key, as in SplitMix (Steele, Lea, Flood, Fast splittable pseudorandom number
  generators, OOPSLA 2014): the period times 2^32 over the golden ratio, the key's first word added, mixed by "lowbias32"
  (Wellons, Prospecting for hash functions, 2018), with the key's second word added halfway.
- The word finds the demand in an alias table (Walker, ACM TOMS 3(3), 1977): its first bits choose a cell, the others decide
  between the cell's own demand and the one that fills the cell up. Probabilities are whole multiples of 2^-32.

Letters: ... any batch, G laws, D demands 0, 1, 2, ... of a law.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ropewalk.errors import ConfigError

Array = Any
ONE = 1 << 32  # of the parts into which a probability is cut
MOST_BITS = 16


class Tables(NamedTuple):
    """Alias tables of some laws, one after the other."""

    cells: Array  # [G * 2^bits] uint32: threshold (32 - bits bits), then the demand above it (bits bits)
    bits: int  # a table has 2^bits cells


def tables(laws: Sequence[np.ndarray]) -> Tables:
    """Of laws, each [D] P(D = 0), P(D = 1), ...; what is missing to 1 (a cut tail) is spread over the law in proportion.
    ConfigError where a law is none, or reaches beyond 65,535 units."""
    wrong = [f"law {at}: {sentence}" for at, law in enumerate(laws) for sentence in _refused(np.asarray(law, float))]
    if wrong:
        raise ConfigError(wrong, "the laws of demand")
    bits = max(int(np.ceil(np.log2(max(len(law) for law in laws)))), 1)
    parts = np.zeros((len(laws), 1 << bits), np.int64)
    for at, law in enumerate(laws):
        share = np.floor(np.asarray(law, float) / np.sum(law) * ONE).astype(np.int64)
        share[share.argmax()] += ONE - share.sum()
        parts[at, : len(share)] = share
    return Tables(jnp.asarray(_alias(parts, bits).reshape(-1)), bits)


def _refused(law: np.ndarray) -> list[str]:
    if law.ndim != 1 or not len(law) or not np.isfinite(law).all() or (law < 0).any() or law.sum() <= 0:
        return ["give the probabilities of a demand of 0, 1, 2, ...: none negative, not all 0"]
    if len(law) > 1 << MOST_BITS:
        return [f"{len(law)} demands; at most {1 << MOST_BITS}, so count in larger units (hundreds, cases)"]
    return []


def _alias(parts: np.ndarray, bits: int) -> np.ndarray:
    """[G,2^bits] cells of parts of 2^32: the emptiest cell is filled up by the fullest, until all hold the same."""
    full, rows = ONE >> bits, np.arange(len(parts))
    left, done = parts.copy(), np.zeros(parts.shape, bool)
    threshold, other = np.zeros_like(parts), np.tile(np.arange(1 << bits), (len(parts), 1))
    for _ in range((1 << bits) - 1):
        low = np.where(done, ONE, left).argmin(1)
        high = np.where(done, -1, left).argmax(1)
        lacks = full - left[rows, low]
        short = lacks > 0  # a cell that holds enough stays its own
        threshold[rows, low] = np.where(short, left[rows, low], 0)
        other[rows, low] = np.where(short, high, low)
        left[rows, high] -= lacks
        done[rows, low] = True
    return (threshold << bits | other).astype(np.uint32)


def keys(seed: int, items: Array) -> tuple[Array, Array]:
    """Two words [...] of each item."""
    seeded = jax.random.key(seed, impl="threefry2x32")
    words = jax.vmap(lambda item: jax.random.key_data(jax.random.fold_in(seeded, item)))(items)
    return words[..., 0], words[..., 1]


def word(key: tuple[Array, Array], period: Array) -> Array:
    """[...] uint32, all values alike."""
    x = jnp.asarray(period, jnp.uint32) * np.uint32(0x9E3779B9) + key[0]
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D) + key[1]
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def demand(drawn: Tables, law: Array, word: Array) -> Array:
    """[...] units of a word, under the law [...] of its item."""
    cell_bits = 32 - drawn.bits
    own = word >> cell_bits
    at = (jnp.asarray(law, jnp.uint32) << drawn.bits) + own
    found = jax.lax.gather(drawn.cells, at[..., None], _ONE_OF_MANY, (1,), mode="promise_in_bounds")
    cell = jax.lax.optimization_barrier(found)  # a loop of its own: XLA would compute the word in both
    inside = word & np.uint32((1 << cell_bits) - 1)
    return jnp.where(inside < cell >> drawn.bits, own, cell & np.uint32((1 << drawn.bits) - 1))


def history(drawn: Tables, seed: Array, first: Array, law: Array, periods: int) -> Array:
    """[periods,B] demands of the B items from `first` on, item b by law[b], in 8 or 16 bits."""
    key = keys(seed, jnp.arange(len(law), dtype=jnp.uint32) + first)
    units = jnp.uint8 if drawn.bits <= 8 else jnp.uint16

    def one(_: None, time: Array) -> tuple[None, Array]:
        return None, demand(drawn, law, jax.lax.optimization_barrier(word(key, time))).astype(units)

    return jax.lax.scan(one, None, jnp.arange(periods, dtype=jnp.uint32))[1]


_ONE_OF_MANY = jax.lax.GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,))
