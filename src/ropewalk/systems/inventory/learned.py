"""The learned policy: one network, shared by all items, corrects (s, S) on the forecast.

Structure-informed (Maggiar et al., arXiv 2507.22040): the network does not invent an order, it moves a rule that is good
already. reorder = M + (z + a) * SD and up_to = reorder + demand forecast over k * exp(b) of Harris's periods, where M and SD
are the forecast over the protection interval, z and k the tuned parameters of the rule, a and b the network's. With a = b = 0,
where training starts, it is the rule itself. It reads the forecast's features (history, price, promotions done and planned,
calendar), the costs as ratios, the lead time, the stock and the pipeline. Trained by learned_fit.py.

The forward is written once for NumPy (answers and evaluation, in float32 and blocks of BLOCK rows) and for JAX (training).
The evaluation replays the NumPy function that serves, so evaluated and served orders are the same by construction; JAX's
differ from them only where a level falls on a rounding edge. Letters: N rows, F features, G inputs, C channels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ropewalk.systems.inventory.features import AT, Terms, Window, in_blocks, pack
from ropewalk.systems.inventory.forecast import Forecast, outlook_of_block
from ropewalk.systems.inventory.rules import Known, Levels, Order, forecast_levels, place, spread_over, total

Array = Any
FIXED_INPUTS = 7  # besides the features
STATE_INPUTS = 5
Z_RANGE = (-6.0, 8.0)  # standard deviations: from not stocking at all to far beyond what holding costs allow
LOG_QUANTITY = 2.0  # the order quantity is moved by at most a factor of e^2
STOCK_MIX = np.array([[1, 0, 0, 1, 1], [0, 1, 0, 1, 1], [0, 0, 1, 0, 1]], np.float32)  # each, soon, position


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


def economics(known: Known, xp: ModuleType = np) -> Array:
    """[N,7] what does not depend on stock, as ratios: costs to the unit cost, forecast to the item's own level."""
    money = (known.order_cost_usd, known.holding_usd, xp.maximum(known.price + known.lost_sale_usd, 0.0))
    units = (total(known.each, known.cover, xp), spread_over(known, xp), known.each[..., -1])
    ratios = xp.concatenate(
        [xp.stack(money, -1) / (known.unit_cost + 1e-3)[..., None], xp.stack(units, -1) / known.mean[..., None]],
        axis=-1,
    )
    logs = xp.log(ratios + 1e-3)
    return xp.concatenate([logs, (known.cover * 0.5 - 1.5)[..., None]], axis=-1)


def stock_of(on_hand: Array, pipeline: Array, xp: ModuleType = np) -> Array:
    """[N,3] on hand, due next, due later: what the network sees of a pipeline of any length."""
    return xp.stack([on_hand, pipeline[..., 0], pipeline[..., 1:].sum(-1)], axis=-1)


def stock_inputs(protected: Array, stock: Array) -> Array:
    """[N,5] stock, arrivals and position against the demand to protect [N], each within 0..1."""
    mixed = stock @ STOCK_MIX
    return mixed / (mixed + (protected + np.float32(1.0))[..., None])


def corrections(weights: Weights, inputs: Array, xp: ModuleType = np) -> Array:
    """[N,2] a and b from inputs [N,G]: features, economics, stock."""
    hidden = xp.maximum(inputs @ weights.first + weights.first_bias, 0.0)
    hidden = xp.maximum(hidden @ weights.second + weights.second_bias, 0.0)
    return hidden @ weights.out + weights.out_bias


def levels_at(weights: Weights, z: float, quantity: float, known: Known, fixed: Array, stock: Array,
              xp: ModuleType = np) -> Levels:  # fmt: skip
    """The levels of (s, S) on the forecast, moved by the network. `fixed` [N,F+7] features and economics."""
    protected = known.mean * (xp.exp(fixed[..., -4]) - np.float32(1e-3))  # economics holds its logarithm
    inputs = xp.concatenate([fixed, stock_inputs(protected, stock)], axis=-1)
    change = corrections(weights, inputs, xp)
    lowest, highest = (
        np.array(bound, np.float32) for bound in zip(Z_RANGE, (-LOG_QUANTITY, LOG_QUANTITY), strict=True)
    )
    start = np.array([z, 0.0], np.float32)
    held = xp.minimum(xp.maximum(change + start, lowest), highest)
    return forecast_levels(held[..., 0], np.float32(quantity) * xp.exp(held[..., 1]), known, xp)


def levels_of_rows(model: Learned, known: Known, stock: Array) -> Levels:
    """The levels of one block of exactly BLOCK rows, in float32; `stock` [N,3] as stock_of."""
    fixed = np.concatenate([known.features, economics(known)], axis=-1)
    return levels_at(model.weights, model.z, model.quantity, known, fixed, stock)


def levels_of_block(model: Learned, known: Known, on_hand: Array, pipeline: Array) -> Levels:
    """The same with a pipeline [N,L] of any length."""
    return levels_of_rows(model, known, stock_of(on_hand, pipeline).astype(np.float32))


def policy(model: Learned) -> Any:
    """As the simulator takes it: the very function that serves answers."""

    def order(known: Known, on_hand: Array, pipeline: Array) -> Order:
        stock = stock_of(on_hand, pipeline).astype(np.float32)
        levels = Levels(*in_blocks(lambda *c: levels_of_rows(model, Known(*c[:-1]), c[-1]), *known, stock))
        return place(levels, on_hand + pipeline.sum(-1), known)

    return order


class Answer(NamedTuple):
    """What the policy says of N rows."""

    units: Array  # [N] order now, packs and minimum honoured
    reorder: Array  # [N] units: order when the position is at or under it
    up_to: Array  # [N] units
    expected: Array  # [N] units: mean demand over the cover
    spread: Array  # [N] units: its standard deviation; with `forecast.above` the chance of a stock-out


def known_of_rows(forecast: Forecast, rows: Array, classic: bool = True) -> Known:
    """What the rules may see, of one block of packed rows; `classic` as in outlook_of_block."""
    seen = outlook_of_block(forecast, rows, classic)
    cover, *terms = rows[:, AT["terms"]].T
    return Known(seen.level[:, 0], seen.sd, seen.each, seen.spread, seen.features, cover, seen.price[:, 0], *terms)


def known_of_block(forecast: Forecast, window: Window, terms: Terms) -> Known:
    """The same of one block of windows and terms."""
    return known_of_rows(forecast, pack(window, terms))


def answer_of_block(forecast: Forecast, model: Learned, rows: Array) -> Answer:
    """One block of exactly BLOCK packed rows."""
    known = known_of_rows(forecast, rows, classic=False)
    stock = rows[:, AT["stock"]]
    levels = levels_of_rows(model, known, stock)
    order = place(levels, stock.sum(-1), known)
    return Answer(order.units, levels.reorder, levels.up_to, total(known.each, known.cover), spread_over(known))


def answer(forecast: Forecast, model: Learned, rows: Array) -> Answer:
    """Any number of packed rows (features.pack); one row takes the same path as a million."""
    return Answer(*in_blocks(lambda block: answer_of_block(forecast, model, block), rows))


def to_bytes(forecast: Forecast, model: Learned) -> bytes:
    """Both networks as one .npz without pickles."""
    arrays = {f"forecast.{f.name}": np.asarray(getattr(forecast, f.name)) for f in fields(Forecast)}
    arrays |= {f"policy.{name}": np.asarray(value) for name, value in model.weights._asdict().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, z=np.float64(model.z), quantity=np.float64(model.quantity))
    return buffer.getvalue()


def from_bytes(data: bytes) -> tuple[Forecast, Learned]:
    """What to_bytes wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as saved:
        forecast = {f.name: saved[f"forecast.{f.name}"] for f in fields(Forecast)}
        weights = Weights(*(saved[f"policy.{name}"] for name in Weights._fields))
        plain = {name: forecast[name].item() for name in ("prior", "seasons", "promo_known_ahead")}
        return Forecast(**{**forecast, **plain}), Learned(weights, saved["z"].item(), saved["quantity"].item())
