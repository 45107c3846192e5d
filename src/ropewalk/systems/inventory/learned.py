"""The learned policy: one network, shared by all items, corrects (s, S) on the forecast.

Structure-informed (Maggiar et al., arXiv 2507.22040): the network does not invent an order, it moves a rule that is good
already. reorder = M + (z + a) * SD and up_to = reorder + demand forecast over k * exp(b) of Harris's periods, where M and SD
are the forecast over the protection interval, z and k the tuned parameters of the rule, a and b the network's. With a = b = 0,
where training starts, it is the rule itself. It reads the forecast's features (history, price, promotions done and planned,
calendar), the costs as ratios, the lead time, the stock and the pipeline. Trained by learned_fit.py.

The forward is written once for NumPy (answers and evaluation, in blocks of BLOCK rows), for floats (one row) and for JAX
(training). The evaluation replays the NumPy function that serves, so evaluated and served orders are the same by construction; JAX's
differ from them only where a level falls on a rounding edge. Letters: N rows, F features, G inputs, C channels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ropewalk.systems.inventory import scalars
from ropewalk.systems.inventory.features import AT, BLOCK, in_blocks
from ropewalk.systems.inventory.forecast import Forecast, outlook_of_block
from ropewalk.systems.inventory.rules import Known, Levels, Order, forecast_levels, place, spread_over, total

Array = Any
FIXED_INPUTS = 8  # besides the features
STATE_INPUTS = 5
CENTRE = np.array([-2.0, -5.0, 1.0, 0.5, 0.0, 0.4, 0.0, 3.0])  # of ratios(): where a grocer's items lie
SLOPE = np.array([0.7, 1.0, 1.0, 1.5, 1.5, 3.0, 3.0, 0.5])
Z_RANGE = (-6.0, 8.0)  # standard deviations: from not stocking at all to far beyond what holding costs allow
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


def ratios(known: Known, xp: ModuleType = np) -> tuple[Array, ...]:
    """Eight columns [N] that do not depend on stock: costs to the unit cost, forecast to the item's own level; then what a
    unit sold is worth beyond its cost, and of that the goodwill, which the network has to see finely; cover."""
    cost = 1.0 / (known.unit_cost + 1e-3)
    own = 1.0 / known.mean
    last = known.each[-1] if xp is scalars else known.each[..., -1]
    return (
        known.order_cost_usd * cost + 1e-3,
        known.holding_usd * cost + 1e-3,
        total(known.each, known.cover, xp) * own + 1e-3,
        spread_over(known, xp) * own + 1e-3,
        last * own + 1e-3,
        xp.minimum((known.price + known.lost_sale_usd) * cost - 1.0, 3.0),
        xp.minimum(known.lost_sale_usd * cost, 3.0),
        known.cover,
    )


def economics(known: Known, xp: ModuleType = np) -> Array:
    """[N,8] float32: the ratios as the network reads them."""
    return logs(xp.stack(ratios(known, xp), axis=-1), xp)


def logs(columns: Array, xp: ModuleType = np) -> Array:
    """[N,8] float32: logarithms of the first five ratios, the others as they are; all of them of the order of 1."""
    scaled = xp.concatenate([xp.log(columns[..., :5]), columns[..., 5:]], axis=-1)
    return ((scaled - CENTRE) * SLOPE).astype(np.float32)


def stock_of(on_hand: Array, pipeline: Array, xp: ModuleType = np) -> Array:
    """[N,3] on hand, due next, due later: what the network sees of a pipeline of any length."""
    return xp.stack([on_hand, pipeline[..., 0], pipeline[..., 1:].sum(-1)], axis=-1)


def stock_inputs(protected: Array, stock: Array) -> tuple[Array, ...]:
    """Five columns [N]: stock, arrivals and position against the demand to protect [N], each within 0..1. `stock` [N,3]
    columns in front."""
    on_hand, due_next, due_later = stock
    soon = on_hand + due_next
    return tuple(
        units / (units + (protected + 1.0)) for units in (on_hand, due_next, due_later, soon, soon + due_later)
    )


def corrections(weights: Weights, inputs: Array, xp: ModuleType = np) -> Array:
    """[N,2] a and b from inputs [N,G]: features, economics, stock."""
    hidden = xp.maximum(inputs @ weights.first + weights.first_bias, 0.0)
    hidden = xp.maximum(hidden @ weights.second + weights.second_bias, 0.0)
    return hidden @ weights.out + weights.out_bias


def moves(weights: Weights, z: float, quantity: float, inputs: Array, xp: ModuleType = np) -> tuple[Array, Array]:
    """z [N] and order quantity [N] (in Harris's) of each row: the rule's, moved by the network."""
    change = corrections(weights, inputs, xp)
    factor = xp.exp(xp.minimum(xp.maximum(change[..., 1], -LOG_QUANTITY), LOG_QUANTITY))
    return xp.minimum(xp.maximum(change[..., 0] + z, Z_RANGE[0]), Z_RANGE[1]), factor * quantity


def levels_at(weights: Weights, z: float, quantity: float, known: Known, fixed: Array, stock: Array,
              xp: ModuleType = np) -> Levels:  # fmt: skip
    """The levels of (s, S) on the forecast, moved by the network. `fixed` [N,F+8] features and economics; `stock` [N,3]."""
    protected = total(known.each, known.cover, xp)
    columns = stock_inputs(protected, (stock[..., 0], stock[..., 1], stock[..., 2]))
    inputs = xp.concatenate([fixed, xp.stack(columns, axis=-1).astype(np.float32)], axis=-1)
    z_of_row, quantity_of_row = moves(weights, z, quantity, inputs, xp)
    if xp is np:
        z_of_row, quantity_of_row = z_of_row.astype(np.float64), quantity_of_row.astype(np.float64)
    return forecast_levels(z_of_row, quantity_of_row, known, xp)


def levels_of_rows(model: Learned, known: Known, stock: Array) -> Levels:
    """The levels of one block of exactly BLOCK rows: the network in float32, the rule in float64; `stock` as stock_of."""
    known = _wide(known)
    fixed = np.concatenate([known.features, economics(known)], axis=-1)
    return levels_at(model.weights, model.z, model.quantity, known, fixed, stock.astype(np.float64))


def _wide(known: Known) -> Known:
    """All but the features in float64, as Python's floats are."""
    wide = (column.astype(np.float64) for column in known)
    return Known(*wide)._replace(features=known.features)


def policy(model: Learned) -> Any:
    """As the simulator takes it: the very function that serves answers."""

    def order(known: Known, on_hand: Array, pipeline: Array) -> Order:
        stock = stock_of(on_hand, pipeline)
        levels = Levels(*in_blocks(lambda *c: levels_of_rows(model, Known(*c[:-1]), c[-1]), *known, stock))
        return place(levels, on_hand + pipeline.sum(-1), _wide(known))

    return order


class Answer(NamedTuple):
    """What the policy says of N rows, with the forecast behind it."""

    units: Array  # [N] order now, packs and minimum honoured
    reorder: Array  # [N] units: order when the position is at or under it
    up_to: Array  # [N] units
    expected: Array  # [N] units: mean demand over the cover
    deviation: Array  # [N] units: its standard deviation; with `forecast.above` the chance of a stock-out
    each: Array  # [N,H] units: mean demand of each period
    spread: Array  # [N,H] units: standard deviation of the first 1..H periods together
    price: Array  # [N] USD: recent mean


def known_of_rows(forecast: Forecast, rows: Array, classic: bool = True) -> Known:
    """What the rules may see, of one block of packed rows; `classic` as in outlook_of_block."""
    seen = outlook_of_block(forecast, rows, classic)
    cover, *terms = rows[:, AT["terms"]].T
    return Known(seen.level[:, 0], seen.sd, seen.each, seen.spread, seen.features, cover, seen.price[:, 0], *terms)


def answer_of_block(forecast: Forecast, model: Learned, rows: Array) -> Answer:
    """One block of exactly BLOCK packed rows."""
    known = _wide(known_of_rows(forecast, rows, classic=False))
    stock = rows[:, AT["stock"]].astype(np.float64)
    levels = levels_of_rows(model, known, stock)
    position = stock[:, 0] + stock[:, 1] + stock[:, 2]
    expected, deviation = total(known.each, known.cover), spread_over(known)
    units = place(levels, position, known).units
    return Answer(units, levels.reorder, levels.up_to, expected, deviation, known.each, known.spread, known.price)


def answer_of_row(forecast: Forecast, model: Learned, rows: Array) -> Answer:
    """One packed row [1,ROW]: the networks in the same block as ever, all else on floats. The bits are those of a block."""
    block = np.zeros((BLOCK, rows.shape[1]), np.float32)
    block[0] = rows[0]
    seen = outlook_of_block(forecast, block, classic=False)
    level, price = seen.level.item(0), seen.price.item(0)
    cover, *terms = rows[0, AT["terms"]].tolist()
    each, spread = seen.each[0].tolist(), seen.spread[0].tolist()
    known: Known = Known(level, 0.0, each, spread, None, cover, price, *terms)
    stock = rows[0, AT["stock"]].tolist()
    inputs = np.zeros((BLOCK, model.weights.first.shape[0]), np.float32)
    features = seen.features.shape[1]
    inputs[0, :features] = seen.features[0]
    inputs[0, features : features + FIXED_INPUTS] = logs(np.array(ratios(known, scalars)))
    expected = total(each, cover, scalars)
    inputs[0, features + FIXED_INPUTS :] = stock_inputs(expected, stock)
    z, quantity = moves(model.weights, model.z, model.quantity, inputs)
    levels = forecast_levels(z.item(0), quantity.item(0), known, scalars)
    units = place(levels, stock[0] + stock[1] + stock[2], known, scalars).units
    row = units, levels.reorder, levels.up_to, expected, spread_over(known, scalars), each, spread, price
    return Answer(*(np.array([value]) for value in row))


def answer(forecast: Forecast, model: Learned, rows: Array) -> Answer:
    """Any number of packed rows (features.pack)."""
    if len(rows) == 1:
        return answer_of_row(forecast, model, rows)
    return Answer(*in_blocks(lambda block: answer_of_block(forecast, model, block), rows))


def to_bytes(forecast: Forecast, model: Learned) -> bytes:
    """Both networks as one .npz without pickles."""
    arrays: dict[str, Array] = {f"forecast.{f.name}": np.asarray(getattr(forecast, f.name)) for f in fields(Forecast)}
    arrays |= {f"policy.{name}": np.asarray(value) for name, value in model.weights._asdict().items()}
    buffer = io.BytesIO()
    arrays |= {"z": np.float64(model.z), "quantity": np.float64(model.quantity)}
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def from_bytes(data: bytes) -> tuple[Forecast, Learned]:
    """What to_bytes wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as saved:
        forecast = {f.name: saved[f"forecast.{f.name}"] for f in fields(Forecast)}
        weights = Weights(*(saved[f"policy.{name}"] for name in Weights._fields))
        plain = {name: forecast[name].item() for name in ("prior", "seasons", "promo_known_ahead")}
        return Forecast(**{**forecast, **plain}), Learned(weights, saved["z"].item(), saved["quantity"].item())
