"""The forecast: how many units of an item will be asked for in the coming periods, as a distribution.

Demand over the next h periods together is negative binomial: mean M_h and variance M_h + a_h * M_h^2. One small network,
shared by all items, reads features.py and gives, for h = 1..H, the log of each period's demand relative to the item's own
exponentially smoothed level, and log a_h. A new item leans on the pooled level. Trained by forecast_fit.py; this module
only predicts, in NumPy. Sources: negative binomial for intermittent retail demand: Snyder, Ord & Beaumont, "Forecasting the
intermittent demand for slow-moving inventories", Int. J. of Forecasting 28(2), 2012; one network for all items: Salinas
et al., "DeepAR", Int. J. of Forecasting 36(3), 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ropewalk.systems.inventory.features import HORIZON, Scale, Window, describe, in_blocks, window_at
from ropewalk.systems.inventory.panel import Panel
from ropewalk.systems.inventory.rules import Known

Array = np.ndarray
LOG_LIMIT = 3.0  # a period's demand is forecast within e^-3 .. e^3 of the level
WIDEST = 2048  # terms of the exact distribution; larger demands use a normal on the cube-root scale


@dataclass(frozen=True)
class Forecast:
    """Weights (float32) and the constants that the features need."""

    hidden: Array  # [F,C]
    hidden_bias: Array  # [C]
    out: Array  # [C,2H]
    out_bias: Array  # [2H]
    centre: Array  # [F] mean of each feature on the training weeks
    width: Array  # [F] their standard deviation
    prior: float  # units a period
    seasons: bool  # the training saw a whole year
    promo_known_ahead: int  # periods


class Outlook(NamedTuple):
    """The forecast of N rows."""

    features: Array  # [N,F] standardised
    scale: Scale
    ahead: Array  # [N,H] units: cumulative mean
    spread: Array  # [N,H] units: its standard deviation


def standardised(features: Array, centre: Array, width: Array) -> Array:
    """Features as the networks read them, held within 4 standard deviations of what the training saw."""
    return np.clip((features - centre) / width, -4.0, 4.0)


def outlook_of_block(model: Forecast, window: Window) -> Outlook:
    """The forecast of one block of rows (features.in_blocks says why)."""
    features, scale = describe(window, model.prior, model.seasons)
    inputs = standardised(features, model.centre, model.width)
    hidden = np.maximum(inputs @ model.hidden + model.hidden_bias, 0.0)
    answer = hidden @ model.out + model.out_bias
    each = scale.level[:, None] * np.exp(np.clip(answer[:, :HORIZON], -LOG_LIMIT, LOG_LIMIT))
    ahead = np.cumsum(each, axis=1)
    excess = np.exp(np.clip(answer[:, HORIZON:], -7.0, 3.0))
    return Outlook(inputs, scale, ahead, np.sqrt(ahead + excess * ahead * ahead))


def outlook(model: Forecast, window: Window) -> Outlook:
    """The forecast of any number of rows."""

    def flat(*columns: Array) -> tuple[Array, ...]:
        answer = outlook_of_block(model, Window(*columns))
        return (answer.features, *answer.scale, answer.ahead, answer.spread)

    features, level, sd, price, ahead, spread = in_blocks(flat, *window)
    return Outlook(features, Scale(level, sd, price), ahead, spread)


def cover(records: Panel) -> Array:
    """[I,T] periods that an order of then has to protect: lead time + periods to the next review."""
    size, periods = records.shape
    gap = np.ones((size, periods), np.int64)
    for t in range(periods - 2, -1, -1):
        gap[:, t] = np.where(records.review[:, t + 1], 1, gap[:, t + 1] + 1)
    return records.lead_time[:, None] + gap


def known_at(records: Panel, seen: Outlook, periods: Array) -> Known:
    """What a rule may see: the outlook with the terms of the items; `periods` [I] is the cover."""
    return Known(
        seen.scale.level, seen.scale.sd, seen.ahead, seen.spread, seen.features, periods.astype(np.float32),
        *(c.astype(np.float32) for c in (seen.scale.price, records.unit_cost, records.holding_usd, records.lost_sale_usd,
                                         records.order_cost_usd, records.pack_size, records.min_order)),
    )  # fmt: skip


def known(model: Forecast, records: Panel, start: int, stop: int) -> Known:
    """What was known at each of the columns start..stop of a panel, stacked in front: [T,I,...]."""
    ahead = cover(records)
    each = [
        known_at(records, outlook(model, window_at(records, t, model.promo_known_ahead)), ahead[:, t])
        for t in range(start, stop)
    ]
    return Known(*(np.stack(column) for column in zip(*each, strict=True)))


def shape(mean: Array, sd: Array) -> Array:
    """The negative binomial's r of a mean and a standard deviation; large where the demand is as good as Poisson."""
    return mean * mean / np.maximum(sd * sd - mean, 1e-6 * mean + 1e-12)


def log_pmf(mean: Array, sd: Array, terms: int) -> Array:
    """[N,terms] log P(D = k), by the recursion P(k) = P(k-1) * (k-1+r)/k * m/(m+r)."""
    mean = np.maximum(np.asarray(mean, np.float64), 1e-9)
    r = np.clip(shape(mean, np.asarray(sd, np.float64)), 1e-6, 1e9)
    k = np.arange(1, terms)
    ratio = np.log((k - 1 + r[:, None]) / k) + np.log(mean / (mean + r))[:, None]
    first = -r * np.log1p(mean / r)
    return np.concatenate([first[:, None], first[:, None] + np.cumsum(ratio, axis=1)], axis=1)


def above(mean: Array, sd: Array, level: Array) -> Array:
    """[N] probability that demand exceeds `level` units: a stock-out, if level is what can be sold."""
    whole = np.floor(np.asarray(level, np.float64))
    terms = int(np.clip(whole.max(initial=0), 0, WIDEST - 1)) + 1
    inside = np.cumsum(np.exp(log_pmf(mean, sd, terms)), axis=1)
    at = np.clip(whole, 0, terms - 1).astype(np.int64)
    exact = 1.0 - np.take_along_axis(inside, at[:, None], 1)[:, 0]
    chance = np.where(whole >= WIDEST, _tail(mean, sd, whole), exact)
    return np.clip(np.where(whole < 0, 1.0, chance), 0.0, 1.0)


def quantile(mean: Array, sd: Array, p: Array | float) -> Array:
    """[N] the least number of units k with P(D <= k) >= p."""
    mean, sd, p = np.broadcast_arrays(*(np.atleast_1d(np.asarray(a, np.float64)) for a in (mean, sd, p)))
    far = mean + 12.0 * sd + 4.0
    terms = int(min(np.ceil(far.max(initial=1)), WIDEST))
    inside = np.cumsum(np.exp(log_pmf(mean, sd, terms)), axis=1)
    exact = (inside < p[:, None] - 1e-12).sum(1)
    return np.where(exact >= terms, np.maximum(np.round(_wilson_hilferty(mean, sd, p)), 0), exact).astype(np.float64)


def _wilson_hilferty(mean: Array, sd: Array, p: Array) -> Array:
    """A gamma quantile by Wilson & Hilferty 1931, for demands too large to sum up."""
    from statistics import NormalDist

    z = np.array([NormalDist().inv_cdf(float(min(max(q, 1e-12), 1 - 1e-12))) for q in p])
    k = (mean / sd) ** 2
    return mean * (1 - 1 / (9 * k) + z / (3 * np.sqrt(k))) ** 3


def _tail(mean: Array, sd: Array, level: Array) -> Array:
    """P(D > level) of the same gamma."""
    from math import erf

    k = (mean / sd) ** 2
    z = ((np.maximum(level + 0.5, 0) / mean) ** (1 / 3) - 1 + 1 / (9 * k)) * 3 * np.sqrt(k)
    return np.array([0.5 - 0.5 * erf(v / np.sqrt(2)) for v in z])
