"""The learned policy: a network, shared by all items, corrects (s, S) on the forecast. (It is several side by side: learned_fit.joined.)

Structure-informed (Maggiar et al., arXiv 2507.22040): the network does not invent an order, it moves a rule that is good
already. reorder = M + (z + a) * SD and up_to = reorder + demand forecast over k * exp(b) of Harris's periods, where M and SD
are the forecast over the protection interval, z and k the tuned parameters of the rule, a and b the network's. With a = b = 0,
where training starts, it is the rule itself. It reads the forecast's features (history, price, promotions done and planned,
calendar), the costs as ratios, the lead time, the stock and the pipeline. Trained by learned_fit.py.

The forward is written once for NumPy (answers and evaluation, in whole blocks of rows) and for JAX (training). The
evaluation replays the NumPy function that serves, so evaluated and served orders are the same by construction; JAX's differ
from them only where a level falls on a rounding edge. Letters: N rows, F features, G inputs, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ropewalk.systems.inventory.features import AT, in_blocks, product
from ropewalk.systems.inventory.forecast import Forecast, outlook_of_blocks
from ropewalk.systems.inventory.rules import Known, Levels, Order, Reach, forecast_levels, place, reach

if TYPE_CHECKING:
    from ropewalk.systems.inventory.engine.step import Policy, Seen

Array = Any
FIXED_INPUTS = 8  # besides the features
STATE_INPUTS = 5
CENTRE = np.array([-2.0, -5.0, 1.0, 0.5, 0.0, 0.4, 0.0, 3.0])  # of economics(): where a grocer's items lie
SLOPE = np.array([0.7, 1.0, 1.0, 1.5, 1.5, 3.0, 3.0, 0.5])
Z_RANGE = (-6.0, 8.0)  # standard deviations: from not stocking at all to far beyond what holding costs allow
STOCK_SUMS = np.array(
    [[1.0, 0, 0, 1, 1], [0, 1, 0, 1, 1], [0, 0, 1, 0, 1]]
)  # [3,5] each, what comes soon, the position
LOG_QUANTITY = 2.0  # the order quantity is moved by at most a factor of e^2


class Weights(NamedTuple):
    """A network of two hidden layers, float32."""

    first: Array  # [G,C]
    first_bias: Array  # [C]
    second: Array  # [C,C]
    second_bias: Array  # [C]
    out: Array  # [C,2]
    out_bias: Array  # [2]


@dataclass(frozen=True)
class Learned:
    """The policy as it is saved: the weights, and the parameters of the rule that they correct."""

    weights: Weights
    z: float
    quantity: float


def economics(known: Known, seen: Reach, xp: ModuleType = np) -> Array:
    """[N,8] float32: what does not depend on stock, as the network reads it, of the order of 1 each: logarithms of costs to
    the unit cost and of the forecast to the item's own level; then what a unit sold is worth beyond its cost, and of that
    the goodwill, which the network has to see finely; cover."""
    cost = 1.0 / (known.unit_cost + 1e-3)
    own = 1.0 / known.mean
    goodwill = known.lost_sale_usd * cost
    logs = (
        known.order_cost_usd * cost,
        known.holding_usd * cost,
        seen.protected * own,
        seen.deviation * own,
        known.each[..., -1] * own,
    )
    plain = xp.minimum(known.price * cost + goodwill - 1.0, 3.0), xp.minimum(goodwill, 3.0), known.cover
    scaled = columns([*xp.log(xp.asarray(logs) + 1e-3), *plain], xp)
    return ((scaled - CENTRE) * SLOPE).astype(np.float32)


def columns(parts: Sequence[Array], xp: ModuleType = np) -> Array:
    """[N,K] of K columns [N]."""
    return np.array(parts).T if xp is np else xp.stack(parts, axis=-1)


def stock_of(seen: Seen, xp: ModuleType = np) -> Array:
    """[N,3] on hand, due next, due later: what the network sees of a pipeline of any length."""
    return columns([seen.on_hand, seen.outstanding[..., 0], seen.outstanding[..., 1:].sum(-1)], xp)


def stock_inputs(protected: Array, stock: Array, xp: ModuleType = np) -> Array:
    """[N,5] float32: stock, arrivals and position of `stock` [N,3] against the demand to protect [N], each within 0..1."""
    units = _product(xp)(stock, STOCK_SUMS)
    return (units / (units + (protected + 1.0)[..., None])).astype(np.float32)


def corrections(weights: Weights, inputs: Array, xp: ModuleType = np) -> Array:
    """[N,2] a and b from inputs [N,G]: features, economics, stock."""
    dot = _product(xp)
    hidden = xp.maximum(dot(inputs, weights.first) + weights.first_bias, 0.0)
    hidden = xp.maximum(dot(hidden, weights.second) + weights.second_bias, 0.0)
    return dot(hidden, weights.out) + weights.out_bias


def _product(xp: ModuleType) -> Any:
    return product if xp is np else xp.matmul


def moves(weights: Weights, z: float, quantity: float, inputs: Array, xp: ModuleType = np) -> tuple[Array, Array]:
    """z [N] and order quantity [N] (in Harris's) of each row: the rule's, moved by the network."""
    change = corrections(weights, inputs, xp)
    factor = xp.exp(xp.minimum(xp.maximum(change[..., 1], -LOG_QUANTITY), LOG_QUANTITY))
    return xp.minimum(xp.maximum(change[..., 0] + z, Z_RANGE[0]), Z_RANGE[1]), factor * quantity


def levels_at(model: Learned, known: Known, seen: Reach, fixed: Sequence[Array], stock: Array,
              xp: ModuleType = np) -> Levels:  # fmt: skip
    """The levels of (s, S) on the forecast, moved by the network. `fixed`: features and economics [N,F+8], in any number of
    parts; `stock` [N,3]."""
    inputs = xp.concatenate([*fixed, stock_inputs(seen.protected, stock, xp)], axis=-1)
    z_of_row, quantity_of_row = moves(model.weights, model.z, model.quantity, inputs, xp)
    if xp is np:
        z_of_row, quantity_of_row = z_of_row.astype(np.float64), quantity_of_row.astype(np.float64)
    return forecast_levels(z_of_row, quantity_of_row, known, seen, xp)


def levels_of_rows(model: Learned, known: Known, stock: Array) -> Levels:
    """The levels of whole blocks of rows: the network in float32, the rule on `known` and `stock` [N,3] in float64."""
    seen = reach(known)
    return levels_at(model, known, seen, (known.features, economics(known, seen)), stock)


def _wide(known: Known) -> Known:
    """All but the features in float64."""
    wide = (column.astype(np.float64, copy=False) for column in known)
    return Known(*wide)._replace(features=known.features)


def policy(model: Learned) -> Policy:
    """As the engine takes it: the very function that serves answers."""

    def order(seen: Seen) -> Order:
        known = _wide(seen.known)
        stock = stock_of(seen)
        levels = Levels(*in_blocks(lambda *c: levels_of_rows(model, Known(*c[:-1]), c[-1]), *known, stock))
        return place(levels, seen.position, known).by_source

    return order


class Answer(NamedTuple):
    """What the policy says of N rows, with the forecast behind it."""

    units: Array  # [N] order now, packs and minimum honoured
    reorder: Array  # [N] units: order when the position is at or under it
    up_to: Array  # [N] units
    each: Array  # [N,H] units: mean demand of each period
    spread: Array  # [N,H] units: standard deviation of the first 1..H periods together
    price: Array  # [N] USD: recent mean


def known_of_rows(forecast: Forecast, rows: Array, classic: bool = True) -> Known:
    """What the rules may see, of whole blocks of packed rows; `classic` as in outlook_of_blocks."""
    seen = outlook_of_blocks(forecast, rows, classic)
    cover, *terms = rows[:, AT["terms"]].T
    return Known(seen.level[:, 0], seen.sd, seen.each, seen.spread, seen.features, cover, seen.price[:, 0], *terms)


def answer_of_blocks(forecast: Forecast, model: Learned, rows: Array) -> Answer:
    """Whole blocks of packed rows."""
    known = _wide(known_of_rows(forecast, rows, classic=False))
    stock = rows[:, AT["stock"]].astype(np.float64)
    levels = levels_of_rows(model, known, stock)
    units = place(levels, stock.sum(-1), known).units
    return Answer(units, levels.reorder, levels.up_to, known.each, known.spread, known.price)


def answer(forecast: Forecast, model: Learned, rows: Array) -> Answer:
    """Any number of packed rows (features.pack)."""
    return Answer(*in_blocks(lambda blocks: answer_of_blocks(forecast, model, blocks), rows))
