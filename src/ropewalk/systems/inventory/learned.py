"""The learned policy: one network, shared by all items, corrects (s, S) on the forecast.

Structure-informed (Maggiar et al., arXiv 2507.22040): the network does not invent an order, it moves a rule that is good
already. reorder = M + (z + a) * SD and up_to = reorder + demand forecast over k * exp(b) of Harris's periods, where M and SD
are the forecast over the protection interval, z and k the tuned parameters of the rule, a and b the network's. With a = b = 0,
where training starts, it is the rule itself. It reads the forecast's features (history, price, promotions done and planned,
calendar), the costs as ratios, the lead time, the stock and the pipeline. Trained by learned_fit.py.

The forward is written once for NumPy (answers and evaluation, in float32 and blocks of BLOCK rows) and for JAX (training).
The evaluation replays the NumPy function that serves, so evaluated and served orders are the same by construction; JAX's
differ from them only where a level falls on a rounding edge. Letters: N rows, F features, G inputs, L pipeline columns.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ropewalk.systems.inventory.features import BLOCK, Window, in_blocks
from ropewalk.systems.inventory.forecast import Forecast, outlook_of_block
from ropewalk.systems.inventory.rules import NO_CAP, Known, Levels, Order, economic_quantity, over, place, spread_over

Array = Any
STATE_INPUTS = 5
ECONOMIC_INPUTS = 9
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


def economics(known: Known, xp: ModuleType = np) -> Array:
    """[N,9] what does not depend on stock: costs as ratios, cover, and the shape of the forecast."""
    cover = known.cover * 1.0
    demand, spread = over(known.ahead, cover, xp), spread_over(known, cover, xp)
    rate = known.ahead[..., -1] / known.ahead.shape[-1]
    margin = known.price + known.lost_sale_usd - known.unit_cost
    cost = known.unit_cost + 1e-3
    columns = (
        0.5 * xp.log(economic_quantity(known, rate, xp) / (rate + 1e-3) + 1e-2),
        xp.clip(margin / cost, -1.0, 3.0),
        xp.clip(xp.log(known.holding_usd / cost + 1e-5) + 5.0, -3.0, 3.0),
        xp.clip(xp.log(known.order_cost_usd / ((xp.abs(margin) + 0.05) * (rate + 0.1)) + 1e-3) * 0.5, -3.0, 3.0),
        (cover - 3.0) * 0.5,
        xp.log(demand / (known.mean * cover + 1e-3) + 1e-2),
        xp.log((known.ahead[..., -1] - demand) / (rate * (known.ahead.shape[-1] - cover) + 1e-3) + 1e-2),
        spread / (demand + 1.0),
        xp.log(known.sd / (known.mean + 1e-3) + 1e-2),
    )
    return xp.stack(columns, axis=-1)


def stock_inputs(known: Known, on_hand: Array, pipeline: Array, xp: ModuleType = np) -> Array:
    """[N,5] stock, next arrivals and position against the demand to protect, each within 0..1."""
    around = over(known.ahead, known.cover * 1.0, xp) + 1.0
    later = pipeline[..., 1:].sum(-1)
    position = on_hand + pipeline[..., 0] + later
    columns = (on_hand, pipeline[..., 0], later, on_hand + pipeline[..., 0], position)
    return xp.stack([c / (c + around) for c in columns], axis=-1)


def corrections(weights: Weights, fixed: Array, stock: Array, xp: ModuleType = np) -> Array:
    """[N,2] a and b. `fixed` [N,F+9]: features and economics; `stock` [N,5]."""
    inputs = xp.concatenate([fixed, stock], axis=-1)
    hidden = xp.maximum(inputs @ weights.first + weights.first_bias, 0.0)
    hidden = xp.maximum(hidden @ weights.second + weights.second_bias, 0.0)
    return hidden @ weights.out + weights.out_bias


def moved(known: Known, z: Array, quantity: Array, change: Array, xp: ModuleType = np) -> Levels:
    """The levels of (s, S) on the forecast, moved by the network's answer [N,2]."""
    cover = known.cover * 1.0
    protected = over(known.ahead, cover, xp)
    reorder = protected + xp.clip(z + change[..., 0], *Z_RANGE) * spread_over(known, cover, xp)
    rate = known.ahead[..., -1] / known.ahead.shape[-1]
    factor = quantity * xp.exp(xp.clip(change[..., 1], -LOG_QUANTITY, LOG_QUANTITY))
    periods = factor * economic_quantity(known, rate, xp) / xp.maximum(rate, 1e-3)
    later = over(known.ahead, cover + periods, xp) - protected
    return Levels(reorder, reorder + later, xp.full_like(reorder, NO_CAP))


def levels_of_block(model: Learned, known: Known, on_hand: Array, pipeline: Array) -> Levels:
    """The levels of one block of exactly BLOCK rows, in float32."""
    fixed = np.concatenate([known.features, economics(known)], axis=-1)
    stock = stock_inputs(known, on_hand.astype(np.float32), pipeline.astype(np.float32))
    return moved(known, np.float32(model.z), np.float32(model.quantity), corrections(model.weights, fixed, stock))


def levels(model: Learned, known: Known, on_hand: Array, pipeline: Array) -> Levels:
    """The levels of any number of rows."""

    def flat(*columns: Array) -> Levels:
        return levels_of_block(model, Known(*columns[:-2]), columns[-2], columns[-1])

    return Levels(*in_blocks(flat, *known, on_hand, pipeline))


def policy(model: Learned) -> Any:
    """As the simulator takes it: the very function that serves answers."""

    def order(known: Known, on_hand: Array, pipeline: Array) -> Order:
        return place(levels(model, known, on_hand, pipeline), on_hand + pipeline.sum(-1), known)

    return order


class Terms(NamedTuple):
    """What a request says besides its window [N]; the names are those of Known."""

    cover: Array
    unit_cost: Array
    holding_usd: Array
    lost_sale_usd: Array
    order_cost_usd: Array
    pack_size: Array
    min_order: Array


def known_of_block(forecast: Forecast, window: Window, terms: Terms) -> Known:
    """What the rules may see, of one block of requests."""
    seen = outlook_of_block(forecast, window)
    return Known(seen.scale.level, seen.scale.sd, seen.ahead, seen.spread, seen.features, terms.cover, seen.scale.price,
                 *terms[1:])  # fmt: skip


def answer(
    forecast: Forecast, model: Learned, window: Window, terms: Terms, on_hand: Array, pipeline: Array
) -> tuple[Order, Levels, Known]:
    """Requests of any number of rows -> orders, with the levels and the forecast behind them. One row: the same code."""
    wide = len(Window._fields)

    def flat(*columns: Array) -> tuple[Array, ...]:
        known = known_of_block(forecast, Window(*columns[:wide]), Terms(*columns[wide:-2]))
        reached = levels_of_block(model, known, columns[-2], columns[-1])
        ordered = place(reached, columns[-2] + columns[-1].sum(-1), known)
        return (*ordered, *reached, *known)

    out = in_blocks(flat, *window, *terms, on_hand, pipeline)
    return Order(*out[:2]), Levels(*out[2:5]), Known(*out[5:])


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


__all__ = [
    "BLOCK", "Learned", "Terms", "Weights", "answer", "corrections", "economics", "from_bytes", "known_of_block", "levels",
    "moved", "policy", "stock_inputs", "to_bytes",
]  # fmt: skip
