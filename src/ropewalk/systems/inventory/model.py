"""The model that answers: a forecast, a policy on it (learned, or a classic rule), and the worth of the order.

No JAX. Matrix products are taken a row at a time, so that a row's answer has the same bits in a service, in a file
and in the evaluation, which replays `order`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ropewalk.errors import DataError
from ropewalk.systems.inventory import worth
from ropewalk.systems.inventory.contract import REQUEST
from ropewalk.systems.inventory.features import AT, CALENDAR, Stock, Terms, Window, in_blocks, pack
from ropewalk.systems.inventory.forecast import Forecast
from ropewalk.systems.inventory.learned import Learned, Weights, known_of_rows
from ropewalk.systems.inventory.learned import answer as learned_answer
from ropewalk.systems.inventory.reasons import reasons
from ropewalk.systems.inventory.rules import RULES, place, policy_of
from ropewalk.types import Columns

if TYPE_CHECKING:
    from ropewalk.systems.inventory.panel import Panel
    from ropewalk.systems.inventory.tune import Tuned

Array = np.ndarray
FORMAT = 1
LEARNED = "learned"


@dataclass(frozen=True)
class Ruled:
    """A classic rule with its parameters: of every item, or of the items that have their own."""

    rule: str
    scope: str  # shared, group, item
    shared: Array  # [D] for an item that has none of its own: the median of those that do
    own: dict[tuple[str, str], Array]  # (item, site) -> [D]

    @property
    def name(self) -> str:
        """As the tables print it."""
        return self.rule if self.scope == "shared" else f"{self.rule}, per {self.scope}"

    def parameters(self, item: Array, site: Array) -> Array:
        """[N,D] float32."""
        if not self.own:
            return np.broadcast_to(self.shared, (len(item), len(self.shared)))
        return np.array([self.own.get(key, self.shared) for key in zip(item, site, strict=True)], np.float32)

    @classmethod
    def of(cls, found: Tuned, records: Panel) -> Ruled:
        """A tuned rule [I,D] with the items of the panel that it was tuned on."""
        if found.scope == "shared":
            return cls(found.rule, found.scope, found.parameters[0], {})
        keys = zip(records.item.tolist(), records.site.tolist(), strict=True)
        own = dict(zip(keys, found.parameters, strict=True))
        return cls(found.rule, found.scope, np.median(found.parameters, axis=0).astype(np.float32), own)

    def policy(self, item: Array, site: Array) -> Any:
        """As the engine takes it, for these items."""
        return policy_of(self.rule, self.parameters(item.tolist(), site.tolist()))


Policy = Learned | Ruled


class Ordered(NamedTuple):
    """Orders of N rows, and what is behind them."""

    units: Array  # [N]
    reorder: Array  # [N] units
    up_to: Array  # [N] units
    each: Array  # [N,H] units: forecast of each period
    spread: Array  # [N,H] units: standard deviation of the first 1..H periods together
    price: Array  # [N] USD


@dataclass(frozen=True)
class InventoryModel:
    """`policy` orders: the learned one, or `rule`, the best classic rule, which is the baseline of every report."""

    forecast: Forecast
    policy: Policy
    learned: Learned
    rules: tuple[Ruled, ...]  # one of each kind, for the report's table
    rule: Ruled
    period_days: int

    def predict(self, requests: Columns) -> Columns:
        """[N] requests of contract.REQUEST -> [N] answers of contract.ANSWER."""
        found = self.order(requests)
        line = worth.Line(
            found.units, requests["on_hand"], requests["on_order"], requests["lead_time_periods"], requests["next_order_periods"],
            found.price, *(requests[n] for n in ("unit_cost_usd", "holding_usd", "lost_sale_usd", "order_cost_usd")),
        )  # fmt: skip
        value, demand = worth.expected(line, found.each, found.spread)
        days = (requests["lead_time_periods"] * self.period_days).astype("m8[D]")
        return {
            "order_now": found.units,
            "expected_arrival": requests["date"] + days,
            "order_up_to": found.up_to,
            "reorder_at": found.reorder,
            "expected_demand": demand,
            "p_stock_out": value.p_stock_out,
            "p_stock_out_covered": value.p_stock_out_covered,
            "expected_profit_usd": value.profit_usd,
            "reason": reasons(
                requests, found.units, found.reorder, demand, value.p_stock_out_covered, self.period_days
            ),
        }

    def order(self, requests: Columns) -> Ordered:
        """Units to order, and the levels and the forecast behind them."""
        rows = packed(requests)
        if isinstance(self.policy, Learned):
            ordered = Ordered(*learned_answer(self.forecast, self.policy, rows))
        else:
            own = self.policy.parameters(requests["item"], requests["site"])
            rule = self.policy.rule
            found = in_blocks(lambda *blocks: _ruled(self.forecast, rule, *blocks), rows, own)
            ordered = Ordered(*(column.astype(np.float64, copy=False) for column in found))
        return ordered._replace(units=np.where(requests["may_order"], ordered.units, 0.0))

    def baseline(self) -> InventoryModel:
        """The best classic rule on the same forecast."""
        return replace(self, policy=self.rule)

    # -- on disk --

    def save(self, folder: Path) -> None:
        """model.json and arrays.npz; the same model gives the same bytes."""
        arrays = {f"forecast.{f.name}": np.asarray(getattr(self.forecast, f.name)) for f in fields(Forecast)}
        arrays |= {f"learned.{name}": np.asarray(value) for name, value in self.learned.weights._asdict().items()}
        rules = []
        for at, rule in enumerate(self.rules):
            keys = sorted(rule.own)
            rules.append({"rule": rule.rule, "scope": rule.scope, "keys": [list(k) for k in keys]})
            arrays[f"rule{at}.shared"] = rule.shared
            if keys:
                arrays[f"rule{at}.own"] = np.array([rule.own[k] for k in keys], np.float32)
        body = {
            "format": FORMAT,
            "period_days": self.period_days,
            "policy": LEARNED if isinstance(self.policy, Learned) else "rule",
            "z": self.learned.z,
            "quantity": self.learned.quantity,
            "rules": rules,
            "rule": [r.name for r in self.rules].index(self.rule.name),
        }
        (folder / "model.json").write_text(json.dumps(body))
        with (folder / "arrays.npz").open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]


def _ruled(forecast: Forecast, rule: str, rows: Array, parameters: Array) -> Ordered:
    """Whole blocks of packed rows under a classic rule with its parameters [N,D]."""
    known = known_of_rows(forecast, rows)
    levels = RULES[rule](parameters, known, np)
    units = place(levels, rows[:, AT["stock"]].sum(-1), known).units
    return Ordered(units, levels.reorder, levels.up_to, known.each, known.spread, known.price)


def load(folder: Path) -> InventoryModel:
    """What `save` wrote."""
    body = json.loads((folder / "model.json").read_text())
    if body["format"] != FORMAT:
        raise DataError(
            [f"{folder}: this model has format {body['format']}, this version of ropewalk reads {FORMAT}; train again"]
        )
    with np.load(folder / "arrays.npz", allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    plain = {name: arrays[f"forecast.{name}"].item() for name in ("prior", "seasons", "promo_known_ahead")}
    forecast = Forecast(**{**{f.name: arrays[f"forecast.{f.name}"] for f in fields(Forecast)}, **plain})
    weights = Weights(*(arrays[f"learned.{name}"] for name in Weights._fields))
    learned = Learned(weights, body["z"], body["quantity"])
    rules = tuple(_rule(entry, at, arrays) for at, entry in enumerate(body["rules"]))
    rule = rules[body["rule"]]
    return InventoryModel(
        forecast, learned if body["policy"] == LEARNED else rule, learned, rules, rule, body["period_days"]
    )


def _rule(entry: dict[str, Any], at: int, arrays: dict[str, Array]) -> Ruled:
    keys = [(item, site) for item, site in entry["keys"]]
    own = dict(zip(keys, arrays[f"rule{at}.own"], strict=True)) if keys else {}
    return Ruled(entry["rule"], entry["scope"], arrays[f"rule{at}.shared"], own)


# -- requests as the forecast and the rules read them --


def packed(requests: Columns) -> Array:
    """[N,ROW] the packed rows of requests."""
    names = ("demand_history", "known_history", "promo_history", "price_history", "promo_plan", "promo_planned")
    history = [requests[name] for name in names]
    window = Window(*history, calendar=calendar_of(requests["date"]))  # type: ignore[misc]
    cover = requests["lead_time_periods"] + requests["next_order_periods"]
    money = ("unit_cost_usd", "holding_usd", "lost_sale_usd", "order_cost_usd", "pack_size", "min_order")
    due = requests["on_order"]
    stock = Stock(requests["on_hand"], due[:, 0], due[:, 1:].sum(-1))
    return pack(window, Terms(cover, *(requests[name] for name in money)), stock)


def calendar_of(date: Array) -> Array:
    """[N,K] as panel.calendar_columns, for dates as NumPy has them."""
    month = (date - date.astype("M8[M]")).astype(np.float32) * np.float32(2 * np.pi / 30.5)
    year = (date - date.astype("M8[Y]")).astype(np.float32) * np.float32(2 * np.pi / 365.25)
    columns = np.empty((len(date), len(CALENDAR)), np.float32)
    for at, column in enumerate((np.sin(month), np.cos(month), np.sin(year), np.cos(year))):
        columns[:, at] = column
    return columns


def columns_of(rows: dict[str, Any]) -> Columns:
    """Columns with the contract's defaults filled in: for callers in Python who give only what they know."""
    size = len(rows["on_hand"])
    filled = {}
    for column in REQUEST.columns:
        value = rows.get(column.name, column.default)
        array = np.asarray(value)
        filled[column.name] = array if column.name in rows else np.broadcast_to(array, (size, *array.shape))
    return filled
