"""Training of the forecast: maximum likelihood of the demand over 1..H periods, on the training weeks only."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.special import gammaln

from ropewalk.systems.inventory.features import FEATURES, HORIZON, YEAR, describe, in_blocks, pack, window_at
from ropewalk.systems.inventory.forecast import LOG_EXCESS, LOG_LIMIT, Forecast, standardised
from ropewalk.systems.inventory.panel import Panel, take_periods

Array = np.ndarray
FIRST = 4  # periods of history before the first example: enough for a level


class Examples(NamedTuple):
    """One row an item and date. Letters: N rows, H periods ahead."""

    features: Array  # [N,F]
    level: Array  # [N] units a period
    demand: Array  # [N,H] units over the next 1..H periods
    known: Array  # [N,H] 1 where all of these periods lie in the training weeks, listed and uncensored


def examples(records: Panel, stop: int, prior: float, seasons: bool, promo_known_ahead: int) -> Examples:
    """All items at all dates before `stop`; nothing at or after `stop` is read, neither demand nor plan."""
    out, past = [], take_periods(records, 0, stop)
    for t in range(min(FIRST, stop - 1), stop):
        rows = pack(window_at(past, t, promo_known_ahead))
        features, level, _, _ = in_blocks(lambda block: describe(block, prior, seasons), rows)
        ahead = min(HORIZON, stop - t)
        known, demand = np.zeros((2, records.shape[0], HORIZON), np.float32)
        seen = (records.listed & ~records.censored)[:, t : t + ahead]
        known[:, :ahead] = np.logical_and.accumulate(seen, axis=1)
        demand[:, :ahead] = np.cumsum(records.demand[:, t : t + ahead], axis=1)
        out.append(Examples(features, level[:, 0], demand, known))
    return Examples(*(np.concatenate(column) for column in zip(*out, strict=True)))


def _loss(weights: dict, batch: Examples) -> jax.Array:
    """Mean negative log likelihood of the negative binomial over the horizons that are known."""
    hidden = jax.nn.relu(batch.features @ weights["hidden"] + weights["hidden_bias"])
    answer = hidden @ weights["out"] + weights["out_bias"]
    each = batch.level[:, None] * jnp.exp(jnp.clip(answer[:, :HORIZON], -LOG_LIMIT, LOG_LIMIT))
    mean = jnp.cumsum(each, axis=1)
    r = jnp.exp(-jnp.clip(answer[:, HORIZON:], *LOG_EXCESS))
    k = batch.demand
    log_p = gammaln(k + r) - gammaln(r) + r * jnp.log(r / (r + mean)) + k * jnp.log(mean / (r + mean))
    return -(log_p * batch.known).sum() / jnp.maximum(batch.known.sum(), 1.0)


@partial(jax.jit, static_argnames=("rate",))
def _train(weights: dict, data: Examples, draws: jax.Array, rate: float) -> tuple[dict, jax.Array]:
    """`draws` [S,B]: the examples of each step."""
    optimiser = optax.adamw(optax.cosine_decay_schedule(rate, draws.shape[0], 0.01), weight_decay=1e-3)

    def update(carry: tuple, rows: jax.Array) -> tuple[tuple, jax.Array]:
        weights, state = carry
        loss, slope = jax.value_and_grad(_loss)(weights, jax.tree.map(lambda a: a[rows], data))
        change, state = optimiser.update(slope, state, weights)
        return (optax.apply_updates(weights, change), state), loss

    (weights, _), losses = jax.lax.scan(update, (weights, optimiser.init(weights)), draws)
    return weights, losses


def fit(
    records: Panel, stop: int, *, promo_known_ahead: int = 3, seed: int = 0, steps: int = 1500, channels: int = 32,
    size: int = 2048, rate: float = 5e-3,
) -> Forecast:  # fmt: skip
    """The forecast trained on the columns before `stop` of a panel. The same arguments give the same bits."""
    past = records.listed[:, :stop] & ~records.censored[:, :stop]
    prior = float((records.demand[:, :stop] * past).sum() / max(past.sum(), 1))
    prior = max(prior, 1e-2)
    seasons = stop >= YEAR
    data = examples(records, stop, prior, seasons, promo_known_ahead)
    centre, width = data.features.mean(0), data.features.std(0) + np.float32(1e-2)
    data = data._replace(features=standardised(data.features, centre, width))
    drawn = np.random.default_rng(seed)  # NumPy's: JAX's generator costs seconds to compile
    start = {
        "hidden": drawn.normal(size=(len(FEATURES), channels)) * (2.0 / len(FEATURES)) ** 0.5,
        "hidden_bias": np.zeros(channels),
        "out": np.zeros((channels, 2 * HORIZON)),
        "out_bias": np.repeat([0.0, -1.0], HORIZON),
    }
    weights = {name: jnp.asarray(value, jnp.float32) for name, value in start.items()}
    draws = drawn.integers(0, len(data.level), (steps, size), dtype=np.int32)
    weights, _ = _train(weights, jax.tree.map(jnp.asarray, data), jnp.asarray(draws), rate)
    return Forecast(
        **{name: np.asarray(value) for name, value in weights.items()}, centre=centre, width=width, prior=prior,
        seasons=seasons, promo_known_ahead=promo_known_ahead,
    )  # fmt: skip
