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

from ropewalk.systems.inventory.features import HORIZON, describe, deviation, in_blocks, pack, product, window_at
from ropewalk.systems.inventory.panel import Panel
from ropewalk.systems.inventory.rules import Known

Array = np.ndarray
LOG_LIMIT = 3.0  # a period's demand is forecast within e^-3 .. e^3 of the level
LOG_EXCESS = (-7.0, 3.0)  # log a_h: from as good as Poisson to a coefficient of variation of 4.5
LOWEST = np.array([-LOG_LIMIT] * HORIZON + [LOG_EXCESS[0]] * HORIZON, np.float32)
HIGHEST = np.array([LOG_LIMIT] * HORIZON + [LOG_EXCESS[1]] * HORIZON, np.float32)
CUMULATIVE = np.triu(np.ones((HORIZON, HORIZON), np.float32))


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
    level: Array  # [N,1] units a period
    price: Array  # [N,1] USD
    each: Array  # [N,H] units: mean of each period
    spread: Array  # [N,H] units: standard deviation of the first 1..H periods together
    sd: Array  # [N] units: of the item's own past; empty where the caller does not need it


def standardised(features: Array, centre: Array, width: Array) -> Array:
    """Features as the networks read them, held within 4 standard deviations of what the training saw."""
    out = features - centre
    out /= width
    return np.minimum(np.maximum(out, -4.0, out=out), 4.0, out=out)


def outlook_of_blocks(model: Forecast, rows: Array, classic: bool = True) -> Outlook:
    """The forecast of whole blocks of packed rows (features.in_blocks says why). `classic`: the rules on an item's own past
    need its standard deviation, the learned policy does not."""
    seen = describe(rows, model.prior, model.seasons)
    inputs = standardised(seen.features, model.centre, model.width)
    hidden = product(inputs, model.hidden)
    hidden += model.hidden_bias
    answer = product(np.maximum(hidden, 0.0, out=hidden), model.out)
    answer += model.out_bias
    np.exp(np.minimum(np.maximum(answer, LOWEST, out=answer), HIGHEST, out=answer), out=answer)
    each = answer[:, :HORIZON] * seen.level
    ahead = product(each, CUMULATIVE)
    spread = np.sqrt(ahead + answer[:, HORIZON:] * (ahead * ahead))
    sd = deviation(seen) if classic else np.empty(len(rows), np.float32)
    return Outlook(inputs, seen.level, seen.price, each, spread, sd)


def outlook(model: Forecast, rows: Array) -> Outlook:
    """The forecast of any number of packed rows."""
    return Outlook(*in_blocks(lambda blocks: outlook_of_blocks(model, blocks), rows))


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
        seen.level[:, 0], seen.sd, seen.each, seen.spread, seen.features, periods.astype(np.float32),
        *(c.astype(np.float32) for c in (seen.price[:, 0], records.unit_cost, records.holding_usd, records.lost_sale_usd,
                                         records.order_cost_usd, records.pack_size, records.min_order)),
    )  # fmt: skip


def known(model: Forecast, records: Panel, start: int, stop: int) -> Known:
    """What was known at each of the columns start..stop of a panel, stacked in front: [T,I,...]."""
    ahead = cover(records)
    each = [
        known_at(records, outlook(model, pack(window_at(records, t, model.promo_known_ahead))), ahead[:, t])
        for t in range(start, stop)
    ]
    return Known(*(np.stack(column) for column in zip(*each, strict=True)))


def shape(mean: Array, sd: Array) -> Array:
    """The negative binomial's r of a mean and a standard deviation; large where the demand is as good as Poisson."""
    return mean * mean / np.maximum(sd * sd - mean, 1e-6 * mean + 1e-12)
