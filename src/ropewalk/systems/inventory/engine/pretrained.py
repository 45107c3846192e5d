"""A policy that needs no training: one network for lost sales, over laws of demand, lead times and costs.

It is told of an item what anybody knows on the first day: mean and standard deviation of a period's demand, the cost of a lost sale
against that of holding a unit, and the lead time; and of its state the units on hand and due. It corrects a smooth capped base-stock
rule by a number of standard deviations (as learn.py does for one instance). pretrain.py made it; the file beside this one says with
which seed, in which time, and for which items (`Ranges`).

Letters: I items, K pipeline columns (`LONGEST`), F facts of an item, X inputs.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from ropewalk.errors import ConfigError

if TYPE_CHECKING:
    from ropewalk.systems.inventory.engine.exact import Problem

Array = Any
Weights = tuple[tuple[Array, Array], ...]
LONGEST = 10  # periods: lead times that it knows
FILE = "pretrained.npz"
SLICE = 4  # units of a layer that are summed at once
NEAR = 1e-6  # of a bound: what is as near to it is inside


class Item(NamedTuple):
    """What it is told of items, [I] each."""

    mean: Array  # units a period
    deviation: Array  # units: standard deviation of a period's demand
    penalty: Array  # cost of a lost sale, in the cost of holding a unit for a period
    lead: Array  # periods, whole


@dataclass(frozen=True)
class Ranges:
    """The items that it was trained on; both ends are in."""

    mean: tuple[float, float] = (0.5, 30.0)  # units a period
    successes: tuple[float, float] = (0.6, 30.0)  # R of a negative binomial; beyond: Poisson; 1: geometric
    penalty: tuple[float, float] = (1.0, 100.0)
    lead: tuple[int, int] = (0, LONGEST)

    def hold(self, item: Item) -> Array:
        """[I] whether an item is inside, to a millionth: the moments of a law that is cut are a little smaller. Demand steadier than Poisson
        is taken for Poisson."""
        spread = item.deviation**2 / item.mean - 1.0  # mean / R
        inside = _within(self.mean, item.mean) & (spread <= item.mean / self.successes[0] * (1.0 + NEAR))
        costs = _within(self.penalty, item.penalty)
        return inside & costs & (item.lead >= self.lead[0]) & (item.lead <= self.lead[1])


def _within(ends: tuple[float, float], value: Array) -> Array:
    return (value >= ends[0] * (1.0 - NEAR)) & (value <= ends[1] * (1.0 + NEAR))


class Facts(NamedTuple):
    """What does not change while an item is planned."""

    inputs: Array  # [I,F]
    level: Array  # [I] units: the rule that is corrected
    cap: Array  # [I] units
    places: Array  # [I,K] 1 where units can be: on hand, and due before the order of now
    mean: Array  # [I] units
    deviation: Array  # [I] units


def item_of(mean: Array, deviation: Array, penalty: Array, lead: Array) -> Item:
    """An item as the network takes it: demand no steadier than Poisson."""
    mean = np.asarray(mean, float)
    least = np.sqrt(mean)
    return Item(mean, np.maximum(np.asarray(deviation, float), least), np.asarray(penalty, float), np.asarray(lead))


def item_for(problem: Problem) -> Item:
    """The item of a problem ([] each). ConfigError where the network is not made for it."""
    # here, so that a plan for a table of items does not wait for the libraries of the engine
    from ropewalk.systems.inventory.engine.classic_cost import critical_ratio, lead_times, number, setting_of

    world, terms, holding = problem.world, problem.terms, number(problem.terms.holding)
    wrong = [
        (world.unmet != "lost", "unmet demand that waits: a base-stock policy is the best there"),
        (world.life > 0, "goods that perish"),
        (world.sources > 1, "two sources"),
        (number(terms.order_cost) > 0.0 or world.discounts, "order costs or discounts"),
        (world.lead == "random" or world.shipments != (0,) or world.random_yield, "lead times that are random, later shipments or random yields"),
        (world.review or world.capacity, "periods without a review or capacity prices"),
        (holding <= 0.0, "stock that costs nothing to hold"),
    ]  # fmt: skip
    if any(is_wrong for is_wrong, _ in wrong):
        raise ConfigError(["it is for lost sales of goods that keep, from one source, and not for " + what for is_wrong, what in wrong if is_wrong],
                          "the pre-trained policy")  # fmt: skip
    law, (lead,) = setting_of(problem).law, lead_times(problem)
    units = np.arange(len(law))
    mean, ratio = float(law @ units), critical_ratio(problem)
    return item_of(mean, float(law @ units**2 - mean**2) ** 0.5, ratio / (1.0 - ratio), lead)


def facts(item: Item) -> Facts:
    """In float32, as it was trained."""
    protected = item.lead + 1.0
    z = _quantile(item, protected)
    level = 0.95 * (protected * item.mean + z * item.deviation * np.sqrt(protected))
    cap = 1.15 * item.mean + 0.3 * item.deviation
    lead = np.asarray(item.lead)[..., None]
    columns = [
        0.5 * np.log(item.mean), 0.7 * np.log(item.deviation**2 / item.mean), 0.5 * np.log(item.penalty) - 1.0, z - 1.0,
        item.mean / item.deviation - 1.0,
    ]  # fmt: skip
    inputs = np.concatenate([np.stack(columns, -1), lead == np.arange(LONGEST + 1)], -1)
    places = np.arange(LONGEST) < np.maximum(lead, 1)
    return Facts(*(np.asarray(part, np.float32) for part in (inputs, level, cap, places, item.mean, item.deviation)))


def _quantile(item: Item, periods: Array) -> Array:
    """[I] the critical quantile p / (1 + p) of negative binomial demand of so many periods, in standard deviations over the mean, after
    Cornish & Fisher (Revue de l'Institut International de Statistique 5(4), 1938) from skewness and excess kurtosis."""
    z, variance = ndtri(item.penalty / (1.0 + item.penalty)), item.deviation**2
    skewness = (2.0 * variance / item.mean - 1.0) / (item.deviation * np.sqrt(periods))
    excess = (6.0 * (variance / item.mean - 1.0) / item.mean + 1.0 / variance) / periods
    bend = (z**2 - 1.0) * skewness / 6.0 + (z**3 - 3.0 * z) * excess / 24.0
    return np.asarray(z + bend - (2.0 * z**3 - 5.0 * z) * skewness**2 / 36.0)


class Shown(NamedTuple):
    """What the network sees of items in their states, and the rule that it corrects."""

    columns: Array  # [I,X]
    below: Array  # [I] units that the rule orders
    deviation: Array  # [I] units: what the correction is counted in


def shown(facts: Facts, units: Array, xp: ModuleType = np) -> Shown:
    """For units [I,K]: on hand, and due in 1, 2, ... periods."""
    columns = 0.5 * facts.places * (units - facts.mean[..., None]) / facts.deviation[..., None]
    short = facts.level - units.sum(-1)
    below = facts.cap - facts.deviation * xp.logaddexp(0.0, (facts.cap - short) / facts.deviation)
    fixed = xp.broadcast_to(facts.inputs, (*columns.shape[:-1], facts.inputs.shape[-1]))
    return Shown(xp.concatenate([columns, fixed], -1), below, facts.deviation)


def order(weights: Weights, facts: Facts, units: Array) -> Array:
    """[I] units wanted before rounding, for units [I,K] on hand and due."""
    at = shown(facts, units)
    return np.maximum(at.below + at.deviation * forward(weights, at.columns)[..., 0], 0.0)


def forward(weights: Weights, columns: Array) -> Array:
    """[I,1]: ELU layers, the last one linear."""
    now = np.ascontiguousarray(columns.reshape(-1, columns.shape[-1]).T)
    for weight, bias in weights[:-1]:
        sums = _product(weight, now) + bias[:, None]
        now = np.where(sums > 0.0, sums, np.expm1(np.minimum(sums, 0.0)))
    return (_product(weights[-1][0], now) + weights[-1][1][:, None]).reshape(*columns.shape[:-1], 1)


def _product(weight: Array, columns: Array) -> Array:
    """[H,I] of weight [X,H] and columns [X,I]. Items lie side by side and H goes in slices of SLICE: wider products some BLAS kernels sum in
    another order at another place (OpenBLAS on AMD and Haswell), and an item's order would depend on its neighbours."""
    weight = np.ascontiguousarray(weight.T)
    return np.concatenate([weight[h : h + SLICE] @ columns for h in range(0, len(weight), SLICE)])


@dataclass(frozen=True)
class Made:
    """How the network came to be."""

    seed: int
    steps: int
    item_periods: int
    cpu_seconds: float


@dataclass(frozen=True)
class Pretrained:
    """The network."""

    weights: Weights
    made: Made
    ranges: Ranges

    def wanted(self, item: Item, on_hand: Array, due: Array) -> Array:
        """[I] units before rounding, for units on hand [I] and due [I,k] 1, 2, ... periods from now (k < 10 counts; nothing is due later than
        an order of now would be). ConfigError for items outside the ranges, which it has never seen."""
        outside = np.flatnonzero(~np.atleast_1d(self.ranges.hold(item)))
        if len(outside):
            raise ConfigError(_refusals(item, outside, self.ranges), "the pre-trained policy")
        return self._wanted(facts(item), np.asarray(on_hand, np.float32), np.asarray(due, np.float32))

    def _wanted(self, known: Facts, on_hand: Array, due: Array) -> Array:
        units = np.zeros((*on_hand.shape, LONGEST), np.float32)
        width = min(due.shape[-1], LONGEST - 1)
        units[..., 0], units[..., 1 : width + 1] = on_hand, due[..., :width]
        return order(self.weights, known, units)

    def decide(self, item: Item) -> Callable[[Array], Array]:
        """The policy of one item on states [N,W] as exact.Problem has them, in whole units."""
        self.wanted_in(item, np.zeros((1, 2)))

        def decided(states: Array) -> Array:
            part = 65_536
            every = [self.wanted_in(item, states[at : at + part]) for at in range(0, len(states), part)]
            return np.floor(np.concatenate(every) + 0.5).astype(np.int64)[:, None]

        return decided

    def wanted_in(self, item: Item, states: Array) -> Array:
        """[N] units before rounding for one item in states [N,W] as exact.Problem has them."""
        wide = np.asarray(states, np.float32)
        return self.wanted(item, wide[:, 0], wide[:, 2:])


def _refusals(item: Item, rows: Array, ranges: Ranges) -> list[str]:
    names = ("mean", "deviation", "penalty", "lead")
    row = int(rows[0])
    said = ", ".join(f"{name} {float(np.atleast_1d(part)[row]):g}" for name, part in zip(names, item, strict=True))
    held = ", ".join(
        f"{field.name} {getattr(ranges, field.name)[0]:g} to {getattr(ranges, field.name)[1]:g}"
        for field in fields(ranges)
    )
    return [
        f"{len(rows):,} item(s) are outside what it was trained on; the first, row {row}: {said}. It knows {held}; take a classic policy for these"
    ]


@cache
def load() -> Pretrained:
    """The network of this package."""
    data = resources.files(__package__).joinpath(FILE).read_bytes()
    return from_bytes(data)


def to_bytes(policy: Pretrained) -> bytes:
    """As one .npz without pickles."""
    about = {"made": vars(policy.made), "ranges": vars(policy.ranges)}
    leaves: dict[str, Any] = {f"{at}_{name}": np.asarray(part, np.float32) for at, pair in enumerate(policy.weights)
              for name, part in zip(("weight", "bias"), pair, strict=True)}  # fmt: skip
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(json.dumps(about)), **leaves)
    return buffer.getvalue()


def from_bytes(data: bytes) -> Pretrained:
    with np.load(io.BytesIO(data), allow_pickle=False) as saved:
        about = json.loads(str(saved["about"]))
        layers = (len(saved.files) - 1) // 2
        weights = tuple((saved[f"{at}_weight"], saved[f"{at}_bias"]) for at in range(layers))
    ranges = {name: tuple(ends) for name, ends in about["ranges"].items()}
    return Pretrained(weights, Made(**about["made"]), Ranges(**ranges))
