"""A small dense network inside a rollout, forwards and backwards at the speed at which a core multiplies.

What makes it fast on CPUs (docs/decisions/0024-speed.md):

- The batch is the last axis, so that what is done to each element runs along it, and no layer is transposed.
- Only the inputs are kept for the way back, where the layers are computed again: two products in eight cost less than writing
  every layer of every period to memory and reading it back.
- ELU takes its exponential from a polynomial: a few multiplications that run as vectors.

Letters: B rows of a batch, X inputs, C channels, S outputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Array = Any
Weights = tuple[tuple[Array, Array], ...]  # layers: [C,X], [C,C], ..., [S,C], each with a bias [C] or [S]
Weigh = Callable[[Array, Any], Array]
OPTIONS = {"xla_cpu_prefer_vector_width": 512}
"""compiler_options of the jax.jit around a training: the widest vectors that the processor has (XLA takes half of AVX-512)."""


def exp_of_negative(x: Array) -> Array:
    """exp of numbers <= 0 in float32, within 1e-6; below -16 it is exp(-16). p(x/16)^16, p of degree 4 with p(0) = 1 and, of
    those, the smallest error of its 16th power on [-16,0] (by linear programming)."""
    part = jnp.where(x < -16.0, -16.0, x)
    power = jnp.full_like(part, 0.035866170 / 16**4)
    for coefficient in (0.16534202 / 16**3, 0.49989246 / 16**2, 0.99999762 / 16, 1.0):
        power = power * part + coefficient
    for _ in range(4):
        power = power * power
    return power


def elu(sums: Array) -> Array:
    return jnp.where(sums > 0.0, sums, exp_of_negative(sums) - 1.0)


def elu_slope(value: Array) -> Array:
    """The slope of `elu` where its value is `value`."""
    return jnp.where(value > 0.0, 0.0, value) + 1.0


def weights_of(sizes: Sequence[int], seed: int, last: float = 0.1) -> Weights:
    """Random float32 weights for layers of these sizes (inputs first, outputs last), biases 0: normal with variance 1.5 / inputs
    of the layer, those of the last layer times `last`, so that the network starts near 0."""
    drawn = np.random.default_rng(seed)
    layers = []
    for at, (below, above) in enumerate(itertools.pairwise(sizes)):
        scale = (1.5 / below) ** 0.5 * (last if at == len(sizes) - 2 else 1.0)
        layers.append(
            (
                jnp.asarray(drawn.normal(size=(below, above)).T * scale, jnp.float32),
                jnp.asarray(np.zeros(above), jnp.float32),
            )
        )
    return tuple(layers)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def network(weights: Weights, inputs: Array, learns: Any = None, weigh: Weigh | None = None) -> Array:
    """[S,B] of inputs [X,B]. `learns` [B] or [S,B]: weight of each output in the gradient of the weights (None: 1); the gradient
    of the inputs is whole. Where that weight hangs on what the network says, `weigh(outputs, learns)` gives it; `learns` is then
    whatever `weigh` needs besides. Reverse mode only."""
    return _output(weights, _layers(weights, inputs))


def _layers(weights: Weights, inputs: Array) -> list[Array]:
    """The inputs and every hidden layer."""
    layers = [inputs]
    for weight, bias in weights[:-1]:
        layers.append(elu(weight @ layers[-1] + bias[:, None]))
    return layers


def _output(weights: Weights, layers: list[Array]) -> Array:
    weight, bias = weights[-1]
    return weight @ layers[-1] + bias[:, None]


def _forward(weights: Weights, inputs: Array, learns: Any, weigh: Weigh | None) -> tuple[Array, tuple]:
    outputs = network(weights, inputs, learns)
    return outputs, (weights, inputs, learns, None if weigh is None else outputs)


def _backward(weigh: Weigh | None, kept: tuple, slope: Array) -> tuple[Weights, Array, Any]:
    """One weight a row goes along as a number; where each output has its own, the weighted slope is carried beside the whole one."""
    weights, inputs, learns, outputs = kept
    share = learns if weigh is None else weigh(outputs, learns)
    beside = share is not None and share.ndim > 1 and len(share) > 1
    counted = slope if share is None else slope * share
    layers = _layers(weights, inputs)
    slopes = []
    for at in reversed(range(len(weights))):
        (weight, _), layer = weights[at], layers[at]
        single = len(slope) == 1  # a product with one row or column is quicker the other way round
        slopes.append(((layer @ counted.T).T if single else counted @ layer.T, counted.sum(1)))
        bend = elu_slope(layer) if at else 1.0
        slope = (weight.T * slope if single else weight.T @ slope) * bend
        if beside:
            counted = weight.T @ counted * bend
        else:
            counted = slope if share is None else slope * share
    return tuple(reversed(slopes)), slope, jax.tree.map(jnp.zeros_like, learns)


network.defvjp(_forward, _backward)
