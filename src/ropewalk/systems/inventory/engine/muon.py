"""Muon (Jordan 2024; Liu et al., arXiv 2502.16982) for the small network of network.py.

A step moves a matrix of weights by its momentum made orthogonal, so in all its directions alike, where Adam gives every single
weight its own pace. It is optax's. All matrices go through it as one stack, filled up with zeros, which stay zeros; the biases, by
Adam, as one vector: with an iteration of its own for each matrix a training took 3 CPU-seconds longer to compile. Every matrix has the
step of one of the stack's size n x n; by itself it would have the same where its greater side is n, else a shorter one.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from ropewalk.systems.inventory.engine.network import Weights

Array = Any
MOMENTUM = 0.9


def muon(rate: float, steps: int) -> optax.GradientTransformation:
    """For `Weights`, with a cosine rate that ends at a hundredth of `rate`; biases have half of it."""
    paces = [optax.cosine_decay_schedule(part * rate, steps, 0.01) for part in (1.0, 0.5)]
    dimensions: Any = (optax.contrib.MuonDimensionNumbers(1, 2), None)
    inner = optax.contrib.muon(paces[0], beta=MOMENTUM, adam_b2=0.98, adam_learning_rate=paces[1], consistent_rms=0.2,
                               muon_weight_dimension_numbers=dimensions)  # fmt: skip

    def update(slope: Weights, state: Any, weights: Weights | None = None) -> tuple[Weights, Any]:
        packed = _packed(slope)
        change, state = inner.update(packed, state, packed)  # the weights themselves it needs for their shapes alone
        return _unpacked(change, slope), state

    return optax.GradientTransformation(lambda weights: inner.init(_packed(weights)), update)


def _packed(weights: Weights) -> tuple[Array, Array]:
    """[K,n,n] matrices, n the greatest of their sizes, and [.] all biases."""
    most = max(size for weight, _ in weights for size in weight.shape)
    filled = [jnp.pad(weight, [(0, most - size) for size in weight.shape]) for weight, _ in weights]
    return jnp.stack(filled), jnp.concatenate([bias for _, bias in weights])


def _unpacked(packed: tuple[Array, Array], like: Weights) -> Weights:
    layers, begin = [], 0
    for matrix, (weight, bias) in zip(packed[0], like, strict=True):
        above, below = weight.shape
        layers.append((matrix[:above, :below], packed[1][begin : begin + len(bias)]))
        begin += len(bias)
    return tuple(layers)
