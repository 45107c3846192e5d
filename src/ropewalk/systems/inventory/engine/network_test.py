"""The fast network is the plain one: the same values, the same gradients, less kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ropewalk.systems.inventory.engine import network
from ropewalk.systems.inventory.engine.step import Period, State, Terms, step
from ropewalk.systems.inventory.engine.world import World


def plain(weights, inputs):
    for weight, bias in weights[:-1]:
        inputs = jax.nn.elu(weight @ inputs + bias[:, None])
    weight, bias = weights[-1]
    return weight @ inputs + bias[:, None]


def close(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def drawn(*sizes, rows=40, seed=0):
    weights = network.weights_of(sizes, seed, last=1.0)
    rng = np.random.default_rng(seed)
    weights = tuple((weight, jnp.asarray(rng.normal(size=bias.shape), jnp.float32)) for weight, bias in weights)
    return (
        weights,
        jnp.asarray(rng.normal(size=(sizes[0], rows)), jnp.float32),
        jnp.asarray(rng.normal(size=rows), jnp.float32),
    )


@pytest.mark.parametrize("sizes", [(3, 2), (4, 8, 6, 2)])
def test_values_and_gradients_are_those_of_the_plain_network(sizes):
    weights, inputs, scale = drawn(*sizes)

    def value(function):
        return lambda weights, inputs: (jnp.sin(function(weights, inputs)) * scale).sum()

    close(jax.jit(network.network)(weights, inputs), plain(weights, inputs))
    close(*(jax.jit(jax.grad(value(function), (0, 1)))(weights, inputs) for function in (network.network, plain)))


def test_a_row_weighs_in_the_gradient_of_the_weights_and_not_in_that_of_the_inputs():
    weights, inputs, _ = drawn(3, 8, 8, 1)
    learns = jnp.asarray(np.random.default_rng(1).choice([0.0, 1.0, 1.7], inputs.shape[1]), jnp.float32)
    of_weights, of_inputs = jax.jit(jax.grad(lambda *at: network.network(*at, learns).sum(), (0, 1)))(weights, inputs)
    close(of_weights, jax.jit(jax.grad(lambda w: (plain(w, inputs) * learns).sum()))(weights))
    close(of_inputs, jax.jit(jax.grad(lambda x: plain(weights, x).sum()))(inputs))


def test_each_of_two_outputs_may_have_a_weight_of_its_own():
    weights, inputs, _ = drawn(3, 8, 8, 2)
    learns = jnp.asarray(np.random.default_rng(1).normal(size=(2, inputs.shape[1])), jnp.float32)
    of_weights, of_inputs = jax.jit(jax.grad(lambda *at: network.network(*at, learns).sum(), (0, 1)))(weights, inputs)
    close(of_weights, jax.jit(jax.grad(lambda w: (plain(w, inputs) * learns).sum()))(weights))
    close(of_inputs, jax.jit(jax.grad(lambda x: plain(weights, x).sum()))(inputs))


def test_what_a_row_weighs_may_hang_on_what_the_network_says():
    weights, inputs, middle = drawn(3, 8, 1)

    def weigh(outputs, middle):
        return 1.0 / (1.0 + (outputs[0] - middle) ** 2)

    found = jax.jit(jax.grad(lambda w: network.network(w, inputs, middle, weigh).sum()))(weights)
    learns = weigh(plain(weights, inputs), middle)
    close(found, jax.jit(jax.grad(lambda w: (plain(w, inputs) * learns).sum()))(weights))


def test_a_rollout_of_the_engine_has_the_gradient_of_the_plain_network():
    weights, _, _ = drawn(2, 8, 1)
    world, terms = World(lead=(2,), lots=False), Terms(holding=1.0, lost_sale=9.0)
    demand = jnp.asarray(np.random.default_rng(2).gamma(2.0, 2.5, (12, 20)), jnp.float32)
    begin = State(jnp.full((20, 1), 6.0), jnp.zeros(20), jnp.full((20, 2), 4.0))

    def cost(weights, function):
        def one(state, demand):
            def wanted(seen):
                columns = jnp.stack([seen.shelf[:, 0], seen.outstanding[:, 0]]) / 5.0
                return jax.nn.softplus(function(weights, columns)[0] + 2.0)[:, None]

            state, flow = step(world, wanted, terms, state, Period(demand))
            return state, flow.profit

        return -jax.lax.scan(one, begin, demand)[1].mean()

    close(
        *(
            jax.jit(jax.value_and_grad(cost), static_argnums=1)(weights, function)
            for function in (network.network, plain)
        )
    )


def test_only_the_inputs_are_kept_for_the_way_back():
    weights, inputs, _ = drawn(4, 16, 16, 1, rows=96)
    kept = jax.tree.leaves(jax.vjp(network.network, weights, inputs)[1])
    assert sum(leaf.size for leaf in kept if 96 in leaf.shape) == inputs.size


def test_the_exponential_is_right_to_1e_6_compiled_too():
    x = jnp.concatenate([jnp.linspace(-40.0, 0.0, 100_001), jnp.asarray([-1e30])])
    for function in (network.exp_of_negative, jax.jit(network.exp_of_negative)):
        assert float(jnp.abs(function(x) - jnp.exp(x)).max()) < 1e-6


def test_a_slope_is_that_of_the_value():
    x = jnp.asarray([-5.0, -1.0, -0.1, 0.1, 3.0])
    slope = jnp.where(x > 0.0, 1.0, jnp.exp(x))
    np.testing.assert_allclose(network.elu_slope(network.elu(x)), slope, rtol=1e-4, atol=1e-5)


def test_the_weights_of_a_seed_are_its_own_and_the_last_layer_starts_small():
    one, again, other = (network.weights_of((4, 32, 1), seed) for seed in (1, 1, 2))
    close(one, again)
    assert (one[0][0] != other[0][0]).any()
    assert float(jnp.abs(one[1][0]).max()) < 0.1 < float(jnp.abs(one[0][0]).max())
