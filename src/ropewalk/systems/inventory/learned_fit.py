"""Training of the learned policy: the pathwise gradient of the profit through the simulator.

As in Madeka et al. (arXiv 2210.03137) and Alvo et al. (arXiv 2306.11246): history is replayed as exogenous demand, the
simulator is differentiated, and Adam climbs the profit. An order of an (s, S) rule is a step in the reorder level, whose
gradient is zero; while learning, the step keeps its value and takes the slope of a sigmoid (`soft_place`). Every batch draws its own costs (holding, lost sale, order
line), lead times and start stock, so that one policy serves the grid of costs and the lead times of other users.

Several networks learn side by side, each from its own start and draws, and the mean of what they say is the policy: on the demo's weeks
before the replay four of them, on half the items each, earn a tenth more over the rule than one alone, and no seed is unlucky.

Resumable: a state is a pytree of arrays, `update` is a pure function of it, and random numbers come from (seed, step).
Letters: I items, T training periods, B items of a batch, E networks.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ropewalk.systems.inventory import learned
from ropewalk.systems.inventory.engine.step import Period, Seen, State, Terms
from ropewalk.systems.inventory.features import FEATURES
from ropewalk.systems.inventory.learned import FIXED_INPUTS, STATE_INPUTS, Learned, Weights
from ropewalk.systems.inventory.panel import Panel
from ropewalk.systems.inventory.panel_replay import periods_of, replay, total_profit
from ropewalk.systems.inventory.rules import Known, Levels, Order, place, reach, round_order

Array = Any
SHORT = 200  # steps: below, compiling takes longer than training
PLAIN = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
FIRST = 4  # periods: the first decision that has some history


@dataclass(frozen=True)
class Settings:
    """How the training runs. Chosen on the weeks kept for choosing."""

    steps: int = 600
    chunk: int = 100  # steps of one update, after which the policy is tried on the weeks kept for choosing
    networks: int = 4
    batch: int = 512  # items, of each network
    periods: int = 20
    channels: int = 32
    rate: float = 3e-3
    gate: float = 0.3  # width of the sigmoid, in standard deviations of the protected demand
    spread_of_costs: float = 2.5  # costs are drawn from 1/2.5 to 2.5 times the item's own
    longest_lead: int = 4


class TrainState(NamedTuple):
    """All that a training is: arrays only."""

    step: Array  # [] int32
    seed: Array  # [] int32
    weights: Weights  # [E,...] each
    optimiser: Any  # [E,...] each
    best: Weights  # [E,...] each
    best_profit: Array  # [] float64 USD on the weeks kept for choosing


class Items(NamedTuple):
    """The terms of the items [I], which a batch varies."""

    unit_cost: Array  # USD
    holding_usd: Array  # USD a unit and period
    lost_sale_usd: Array  # USD a unit
    order_cost_usd: Array  # USD a line
    lead_time: Array  # periods
    margin: Array  # USD a unit, of the usual price


@dataclass(frozen=True)
class Course:
    """What a training reads: the panel of the training weeks, in JAX, and of the weeks kept for choosing, in NumPy."""

    settings: Settings
    z: float
    quantity: float
    train: Period  # [T,I], `known` included
    items: Items
    choose: Panel
    choose_known: Known


def course(
    train: Panel, train_known: Known, choose: Panel, choose_known: Known, z: float, quantity: float,
    settings: Settings | None = None,
) -> Course:  # fmt: skip
    """`z` and `quantity`: the tuned parameters of "(s, S) on forecast", shared by all items."""
    start = min(FIRST, train.shape[1] - 1)
    periods = jax.tree.map(lambda a: jnp.asarray(a[start:], jnp.float32), periods_of(train, train_known, np.float32))
    margin = np.maximum(np.median(train.price, axis=1) - train.unit_cost, 0.0)
    own = *(getattr(train, name) for name in Items._fields[:4]), train.lead_time, margin
    items = Items._make(jnp.asarray(column, jnp.float32) for column in own)
    return Course(settings or Settings(), z, quantity, periods, items, choose, choose_known)


def init(at: Course, seed: int) -> TrainState:
    """The rule itself: the networks' last layers are zero."""
    count, wide, inputs = at.settings.networks, at.settings.channels, len(FEATURES) + FIXED_INPUTS + STATE_INPUTS
    drawn = np.random.default_rng(seed)  # NumPy's: every draw of JAX's outside a jitted function compiles for a second

    def layer(rows: int) -> Array:
        return jnp.asarray(drawn.normal(size=(count, rows, wide)) * (2.0 / rows) ** 0.5, jnp.float32)

    nothing = [jnp.asarray(np.zeros((count, *shape), np.float32)) for shape in ((wide,), (wide,), (wide, 2), (2,))]
    weights = Weights(layer(inputs), nothing[0], layer(wide), *nothing[1:])
    begun = jax.vmap(_optimiser(at.settings).init)(weights)
    state = TrainState(np.int32(0), np.int32(seed), weights, begun, weights, 0.0)
    return state._replace(best_profit=np.float64(tried(at, weights)))


def update(at: Course, state: TrainState) -> TrainState:
    """One chunk of steps, then the trial: the best so far is kept."""
    data = at.z, at.quantity, at.train, at.items
    climb = _plain if at.settings.steps <= SHORT else _chunk
    drawn = [_draws(at.settings, (int(state.seed), e, int(state.step)), *at.train.demand.shape)
             for e in range(at.settings.networks)]  # fmt: skip
    draws = jax.tree.map(lambda *each: np.stack(each), *drawn)
    weights, optimiser = climb(at.settings, *data, draws, state.weights, state.optimiser)
    step = np.int32(state.step + at.settings.chunk)
    profit = tried(at, weights)
    better = profit > state.best_profit
    best, best_profit = (weights, np.float64(profit)) if better else (state.best, state.best_profit)
    return TrainState(step, state.seed, weights, optimiser, best, best_profit)


def finished(at: Course, state: TrainState) -> bool:
    """Whether all steps are done."""
    return int(state.step) >= at.settings.steps


def chosen(at: Course, state: TrainState) -> Learned:
    """The policy that did best on the weeks kept for choosing."""
    return Learned(joined(state.best), at.z, at.quantity)


def joined(weights: Weights) -> Weights:
    """Networks [E,...] as one, which says the mean of what they say: side by side, and nothing between them."""
    each = Weights(*(np.asarray(part, np.float32) for part in weights))
    count, wide = each.first_bias.shape
    second = np.zeros((count, wide, count, wide), np.float32)
    second[np.arange(count), :, np.arange(count)] = each.second
    return Weights(
        np.concatenate(list(each.first), axis=1), each.first_bias.ravel(), second.reshape(count * wide, count * wide),
        each.second_bias.ravel(), np.concatenate(list(each.out)) / np.float32(count), each.out_bias.mean(0),
    )  # fmt: skip


def tried(at: Course, weights: Weights) -> float:
    """USD on the weeks kept for choosing, replayed by the serving code."""
    model = Learned(joined(weights), at.z, at.quantity)
    return float(replay(at.choose, learned.policy(model), at.choose_known).profit.sum())


def _optimiser(settings: Settings) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(settings.rate, settings.steps, 0.02)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=1e-3))


def soft_place(levels: Levels, position: Array, known: Known, deviation: Array, gate: float) -> Order:
    """The order as it will be placed, whole units and all, with the slope of a soft one (straight-through).

    The step at the reorder level has the slope of a sigmoid `gate` standard deviations wide, so that both the fixed cost of an
    order and the sales lost without it reach the level. A soft order in the forward pass as well was tried and is worse: it
    learns to order a little every week, at a share of the fixed cost that nobody offers.
    """
    width = gate * (deviation + 0.5)
    wanted = jnp.maximum(levels.up_to - position, 0.0)
    hard = place(levels, position, known, jnp)
    hard = jax.lax.stop_gradient(Order(jnp.where(hard.lines > 0, hard.units, round_order(wanted, known.pack_size,
                                 known.min_order, jnp)), hard.lines))  # fmt: skip
    share = jax.nn.sigmoid((levels.reorder - position) / width)
    gated = hard.lines + share - jax.lax.stop_gradient(share)
    units = hard.units + wanted - jax.lax.stop_gradient(wanted)
    return Order(gated * units, gated * jax.lax.stop_gradient(jnp.where(hard.units > 0, 1.0, 0.0)))


class Draws(NamedTuple):
    """The chances of S steps. NumPy's, since JAX's generator costs seconds to compile and more to run on a CPU."""

    rows: Array  # [S,B] which items
    start: Array  # [S] first week of the stretch
    factors: Array  # [S,3,B] of the costs of a lost sale, of holding, of an order line
    lead: Array  # [S,B] periods
    kept: Array  # [S,B] whether an item keeps the terms that it has: half of them do
    stocks: Array  # [S,B,1+L] on hand and due, in periods of demand


def _draws(settings: Settings, begin: tuple[int, int, int], periods: int, count: int) -> Draws:
    """The draws of the `chunk` steps that begin so: the same for the same seed, network and step."""
    chance = np.random.default_rng(begin)
    steps, batch, wide = settings.chunk, settings.batch, np.log(settings.spread_of_costs)
    return Draws(
        chance.integers(0, count, (steps, batch), dtype=np.int32),
        chance.integers(0, periods - min(settings.periods, periods) + 1, steps, dtype=np.int32),
        np.exp(chance.uniform(-wide, wide, (steps, 3, batch))).astype(np.float32),
        chance.integers(1, settings.longest_lead + 1, (steps, batch)).astype(np.float32),
        chance.random((steps, batch)) < 0.5,
        chance.uniform(0.0, 2.0, (steps, batch, settings.longest_lead + 1)).astype(np.float32),
    )


def _batch(settings: Settings, train: Period, items: Items, drawn: Draws) -> tuple[Terms, State, Period, Array]:
    """Items, a stretch of weeks, costs, lead times and start stock, as drawn for one step."""
    length = min(settings.periods, train.demand.shape[0])
    part = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, drawn.start, length)[:, drawn.rows], train)
    own = jax.tree.map(lambda a: a[drawn.rows], items)
    lost, holding, line = drawn.factors
    kept = drawn.kept
    lead = jnp.where(kept, jnp.minimum(own.lead_time, settings.longest_lead), drawn.lead)
    costs = {
        "holding_usd": own.holding_usd * jnp.where(kept, 1.0, holding),
        "lost_sale_usd": jnp.where(kept, own.lost_sale_usd, lost * own.lost_sale_usd + (lost - 1.0) * own.margin),
        "order_cost_usd": own.order_cost_usd * jnp.where(kept, 1.0, line),
    }
    terms = Terms(
        unit_cost=own.unit_cost[:, None], order_cost=costs["order_cost_usd"][:, None], holding=costs["holding_usd"],
        lost_sale=costs["lost_sale_usd"], salvage=own.unit_cost, lead=lead[:, None],
    )  # fmt: skip
    cover = part.known.cover - own.lead_time + lead
    known = part.known._replace(cover=cover, **{n: jnp.broadcast_to(c, cover.shape) for n, c in costs.items()})
    level = known.mean[0]
    stocks = drawn.stocks * level[:, None]
    due = jnp.arange(1, settings.longest_lead + 1) <= lead[:, None]
    state = State(stocks[:, :1], jnp.zeros_like(lead), stocks[:, 1:] * due)
    return terms, state, part._replace(known=known), level * (own.margin + 0.1)


def _profit(weights: Weights, z: float, quantity: float, gate: float, batch: tuple) -> Array:
    """Mean profit of a batch, each item's in units that temper the largest sellers."""
    terms, state, periods, worth = batch
    model, reached = Learned(weights, z, quantity), reach(periods.known, jnp)
    fixed = periods.known.features, learned.economics(periods.known, reached, jnp)

    def order(seen: Seen) -> Order:
        known, reached, inputs = seen.known
        levels = learned.levels_at(model, known, reached, inputs, learned.stock_of(seen, jnp), jnp)
        return soft_place(levels, seen.position, known, reached.deviation, gate).by_source

    profit = total_profit(order, terms, state, periods._replace(known=(periods.known, reached, fixed)))
    return (profit / jnp.sqrt(worth + 0.3)).mean() / periods.demand.shape[0]


def _steps(
    settings: Settings, z: float, quantity: float, train: Period, items: Items, draws: Draws, weights: Weights,
    optimiser: Any,
) -> tuple[Weights, Any]:  # fmt: skip
    """`chunk` steps of Adam, of every network; `draws`, `weights` and `optimiser` [E,...]."""
    climb = _optimiser(settings)

    def advance(carry: tuple, drawn: Draws) -> tuple[tuple, None]:
        weights, state = carry
        batch = _batch(settings, train, items, drawn)
        slope = jax.grad(lambda w: -_profit(w, z, quantity, settings.gate, batch))(weights)
        change, state = climb.update(slope, state, weights)
        return (optax.apply_updates(weights, change), state), None

    def learned_alone(draws: Draws, weights: Weights, optimiser: Any) -> tuple[Weights, Any]:
        return jax.lax.scan(advance, (weights, optimiser), draws)[0]

    return jax.vmap(learned_alone)(draws, weights, optimiser)


_chunk = jax.jit(_steps, static_argnames=("settings", "z", "quantity"))
# A short training ends before optimised code would have paid for its compiling (3 s of 8).
_plain = jax.jit(
    _steps,
    static_argnames=("settings", "z", "quantity"),
    compiler_options=PLAIN,
)


def to_bytes(state: TrainState) -> bytes:
    """A state as one .npz without pickles: the leaves in order."""
    buffer = io.BytesIO()
    np.savez(buffer, *(np.asarray(leaf) for leaf in jax.tree.leaves(state)))
    return buffer.getvalue()


def from_bytes(data: bytes, like: TrainState) -> TrainState:
    """The state that to_bytes wrote; `like` gives the structure (init of the same course)."""
    with np.load(io.BytesIO(data), allow_pickle=False) as saved:
        leaves = [saved[name] for name in saved.files]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)
