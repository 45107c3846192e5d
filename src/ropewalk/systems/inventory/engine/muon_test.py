"""The packed Muon is optax's Muon of each matrix by itself, where the greater side of each is that of the stack."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ropewalk.systems.inventory.engine.muon import muon
from ropewalk.systems.inventory.engine.network import weights_of


def test_a_stack_of_matrices_with_a_side_of_8_each_moves_as_each_by_itself():
    weights = weights_of([5, 8, 8, 2], seed=0)
    rate, slower = (optax.cosine_decay_schedule(part * 0.01, 50, 0.01) for part in (1.0, 0.5))
    each = optax.contrib.muon(rate, beta=0.9, adam_b2=0.98, adam_learning_rate=slower, consistent_rms=0.2)
    ours, theirs = muon(0.01, 50), each
    here, there = ours.init(weights), theirs.init(weights)
    for seed in range(4):
        keys = jax.tree.unflatten(jax.tree.structure(weights), list(jax.random.split(jax.random.key(seed), 6)))
        slope = jax.tree.map(lambda leaf, key: jax.random.normal(key, leaf.shape), weights, keys)
        change, here = ours.update(slope, here, weights)
        expected, there = theirs.update(slope, there, weights)
        for a, b in zip(jax.tree.leaves(change), jax.tree.leaves(expected), strict=True):
            assert float(jnp.abs(a).max()) > 0.0
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
