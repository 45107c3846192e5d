"""A made outcome: the end of a life with a base-stock rule as the model, seeded and offline; for tests and to look at pages.

Its figures have the shape of real ones and mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.data import data
from ropewalk.systems.inventory.panel import cut_periods, take_periods
from ropewalk.systems.inventory.requests import panel_of
from ropewalk.types import Blob, Columns, Dataset, Metric, Outcome, Release, Report, Run, Table

NAMES = (
    "OATS, ROLLED",
    "TEA & BISCUITS",
    "<script>alert(1)</script>",
    '=HYPERLINK("x")',
    'JAM "EXTRA"',
    "BLÅBÄR 400 G",
)
KINDS = ("CEREAL", "DRINKS", "FRUIT & VEG", "BAKERY", "FROZEN", "SNACKS, SWEET", "DAIRY")
FACTORS = (0.5, 1.0, 2.0)


class QuietJob:
    """A job that keeps what it is told."""

    seed, rank, size, threads = 0, 0, 1, 1

    def __init__(self, folder: Path) -> None:
        self.folder, self.notes = folder, []  # type: ignore[var-annotated]

    def progress(self, what: str, done: float, total: float, unit: str = "") -> None: ...

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


@dataclass(frozen=True)
class BaseStock:
    """Orders up to the mean demand of its cover and `z` of its square roots."""

    z: float = 1.5
    forecast: Any = field(default_factory=lambda: SimpleNamespace(promo_known_ahead=3))

    def order(self, asked: Columns) -> Any:
        cover = asked["lead_time_periods"] + asked["next_order_periods"]
        mean = asked["demand_history"][:, -8:].mean(1) * (1 + 0.3 * asked["promo_plan"].mean(1)) * cover
        up_to = mean + self.z * np.sqrt(mean)
        units = np.maximum(np.ceil(up_to - asked["on_hand"] - asked["on_order"].sum(1)), 0.0) * asked["may_order"]
        return SimpleNamespace(units=units, up_to=up_to, mean=mean)

    def predict(self, asked: Columns) -> Columns:
        order = self.order(asked)
        units, up_to, mean = order.units, order.up_to, order.mean
        soon = 1 / (1 + np.exp((asked["on_hand"] - mean / 3) / np.sqrt(mean / 3 + 1)))
        margin = asked["price_history"][:, -1] - asked["unit_cost_usd"]
        said = [
            f"Order {u:.0f}: about {m:.0f} expected, order up to {s:.0f}."
            for u, m, s in zip(units, mean, up_to, strict=True)
        ]
        return {
            "order_now": units, "expected_arrival": asked["date"] + (7 * asked["lead_time_periods"]).astype("m8[D]"),
            "order_up_to": up_to, "reorder_at": up_to, "expected_demand": mean, "p_stock_out": soon,
            "p_stock_out_covered": soon * 0.4, "expected_profit_usd": margin * units * 0.6, "reason": np.array(said, object),
        }  # fmt: skip

    def save(self, folder: Path) -> None:
        (folder / "z").write_text(str(self.z))


def made_outcome(
    folder: Path, *, items: int = 40, periods: int = 40, z: float = 1.5, previous: Path | None = None, won: bool = True
) -> Outcome[Config]:
    """An outcome of `items` made items. `won`: whether the learned policy is the one that serves."""
    config = Config(sales=f"made:{items}x{periods}")
    job = QuietJob(folder)
    dataset = made_dataset(config, job)
    report = made_report(dataset, won)
    created = datetime(2024, 12, 30, 9, tzinfo=UTC)
    run = Run("run-5f0c", "inventory", config.model_dump(), dataset.hash, "c0de", "m0de1", 74.2, 139.0, 0.97, created,
              {"python": "3.11", "jax": "0.5"})  # fmt: skip
    release = Release("release-91ab", "inventory", 2 if z != 1.5 else 1, run.id, "report-77aa", "m0de1",
                      "model" if won else "baseline", "live", "won", created)  # fmt: skip
    verdict = "The learned policy earns more." if won else "Nothing beats the best classic rule."
    return Outcome(config, BaseStock(z), dataset, report, run, release, verdict, previous, folder, job)  # type: ignore[arg-type]


def made_dataset(config: Config, job: Any) -> Dataset:
    """The dataset that `data` makes, with names and categories, held in memory."""
    found = data(config, job)
    tables = dict(found.tables)
    rng = np.random.default_rng(3)
    size = tables["items"].height
    tables["items"] = tables["items"].with_columns(
        name=pl.Series([f"{NAMES[i % len(NAMES)]}, {i}" for i in range(size)]),
        category=pl.Series(rng.choice(KINDS, size).tolist()),
        supplier=pl.Series(rng.choice(["Mill & Co", "North"], size).tolist()),
    )
    described = {n: Table(Blob(n, 0), t.height, {c: str(k) for c, k in t.schema.items()}) for n, t in tables.items()}
    return Dataset("inventory", "d5" * 32, found.as_of, described, found.notes, lambda blob: tables[blob.hash].lazy())


def made_report(dataset: Dataset, won: bool = True) -> Report:
    """The tables of an evaluation, replayed under two made policies."""
    rng = np.random.default_rng(5)
    records = panel_of(dataset)
    start, stop = cut_periods(records, "replay")
    past, part = records.demand[:, :start].mean(1), take_periods(records, start, stop)
    noise = rng.normal(0, 0.3, part.shape)
    model = _replayed(part, past[:, None] * (1 + 0.4 * part.promo) + noise, 1.4)
    rule = _replayed(part, past[:, None] + 0 * noise, 1.0)
    weeks, items = _weeks(dataset, part, model, rule), _items(dataset, part, model, rule)
    gain = float(items["difference"].sum())
    tables = {
        "weeks": weeks, "items": items, "policies": _policies(items, gain, won), "grid": _grid(items, gain),
        "calibration": _calibration(rng),
    }  # fmt: skip
    metric = Metric("profit", float(items["profit_model"].sum()), "USD", baseline=float(items["profit_rule"].sum()))
    notes = {
        "text": "policy  profit",
        "promise": {"expected_usd": 1234.5, "realised_usd": 1190.2},
        "served": "learned",
        "below_cost": {"share_of_demand": 0.021, "difference_usd": gain / 5, "difference_elsewhere_usd": gain * 4 / 5},
    }
    return Report((metric,), "base-stock", None, tables, notes, "policy  profit")


def _replayed(part: Any, mean: np.ndarray, z: float) -> dict[str, np.ndarray]:
    on_hand, due = part.on_hand0.copy(), part.pipeline0.copy()
    out: dict[str, list[np.ndarray]] = {n: [] for n in ("sales", "lost", "stock", "ordered", "profit")}
    for t in range(part.shape[1]):
        on_hand, due = on_hand + due[:, 0], np.roll(due, -1, axis=1)
        due[:, -1] = 0
        level = 3 * mean[:, t] + z * np.sqrt(3 * np.maximum(mean[:, t], 0.1))
        units = np.maximum(np.ceil(level - on_hand - due.sum(1)), 0)
        due[:, 1] += units
        sales = np.minimum(on_hand, part.demand[:, t])
        on_hand = on_hand - sales
        profit = (
            part.price[:, t] * sales
            - part.unit_cost * units
            - part.order_cost_usd * (units > 0)
            - part.holding_usd * on_hand
        )
        for name, value in zip(out, (sales, part.demand[:, t] - sales, on_hand, units, profit), strict=True):
            out[name].append(value)
    grids = {name: np.stack(values, 1) for name, values in out.items()}
    return grids | {"total": grids["profit"].sum(1) + part.unit_cost * (on_hand + due.sum(1))}


def _weeks(dataset: Dataset, part: Any, model: dict[str, np.ndarray], rule: dict[str, np.ndarray]) -> pl.DataFrame:
    size, periods = part.shape
    dates = dataset.table("calendar").collect().filter(pl.col("cut") == "replay")["date"].to_list()
    body = {"item": np.repeat(part.item, periods), "site": np.repeat(part.site, periods),
            "period": np.tile(part.period, size), "date": dates * size, "demand": part.demand.ravel(),
            "price": part.price.ravel(), "promo": part.promo.ravel()}  # fmt: skip
    for end, flow in (("model", model), ("rule", rule)):
        body |= {f"{n}_{end}": flow[n].ravel() for n in ("sales", "lost", "stock", "ordered", "profit")}
    return pl.DataFrame(body)


def _items(dataset: Dataset, part: Any, model: dict[str, np.ndarray], rule: dict[str, np.ndarray]) -> pl.DataFrame:
    named = dataset.table("items").select("item", "site", "name", "category").sort("item", "site").collect()
    return named.with_columns(
        profit_model=pl.Series(model["total"]), profit_rule=pl.Series(rule["total"]),
        difference=pl.Series(model["total"] - rule["total"]),
        lost_model=pl.Series(model["lost"].sum(1)), lost_rule=pl.Series(rule["lost"].sum(1)),
        stock_model=pl.Series(model["stock"].mean(1)), stock_rule=pl.Series(rule["stock"].mean(1)),
        demand=pl.Series(part.demand.sum(1)),
    )  # fmt: skip


def _policies(items: pl.DataFrame, gain: float, won: bool) -> pl.DataFrame:
    best = float(items["profit_rule"].sum())
    lost, stock = float(items["lost_rule"].sum()), float(items["stock_rule"].sum())
    rows = []
    for name, kind, shift in (("learned", "learned", gain), ("base-stock", "classic", 0.0), ("(s, S)", "classic", -0.4 * abs(gain)),
                              ("capped base-stock", "classic", -0.1 * abs(gain)), ("newsvendor", "classic", -0.8 * abs(gain)),
                              ("oracle", "oracle", 4 * abs(gain))):  # fmt: skip
        part = shift / max(abs(gain), 1e-9)
        row = {"policy": name, "kind": kind, "profit_usd": best + shift, "lost_units": lost * (1 - 0.2 * part),
               "mean_stock_units": stock * (1 + 0.03 * part), "fill_rate": 0.93 + 0.015 * part,
               "order_lines": 900.0 * (1 - 0.05 * part), "best": name == "base-stock",
               "chosen": name == ("learned" if won else "base-stock")}  # fmt: skip
        for metric, base in (("profit_usd", best), ("lost_units", lost), ("mean_stock_units", stock), ("fill_rate", 0.93),
                             ("order_lines", 900.0)):  # fmt: skip
            known = kind != "oracle" and name != "base-stock"
            middle = row[metric] - base  # type: ignore[operator]
            ends = (middle, middle - 0.3 * abs(middle), middle + 0.3 * abs(middle)) if known else (None, None, None)
            row |= dict(zip((f"{metric}_{e}" for e in ("difference", "low", "high")), ends, strict=True))
        rows.append(row)
    return pl.DataFrame(rows)


def _grid(items: pl.DataFrame, gain: float) -> pl.DataFrame:
    best = float(items["profit_rule"].sum())
    return pl.DataFrame([
        {"holding_factor": h, "lost_sale_factor": s, "best_classic": "base-stock" if s > 0.5 else "(s, S)",
         "profit_best_usd": best * s, "profit_learned_usd": best * s + gain * (s - 0.6) * h,
         "difference_usd": gain * (s - 0.6) * h, "low_usd": gain * (s - 0.6) * h - 0.3 * abs(gain),
         "high_usd": gain * (s - 0.6) * h + 0.3 * abs(gain)}
        for h in FACTORS for s in FACTORS
    ])  # fmt: skip


def _calibration(rng: np.random.Generator) -> pl.DataFrame:
    edges = np.linspace(0, 1, 11)
    return pl.DataFrame([
        {"forecast": name, "low": float(a), "high": float(b), "predicted": float((a + b) / 2),
         "observed": float(np.clip((a + b) / 2 + rng.normal(0, 0.03), 0, 1)), "rows": int(4000 * np.exp(-6 * a)) + 12}
        for name in ("next chance to order", "until the next order could arrive")
        for a, b in pairwise(edges.tolist())
    ])  # fmt: skip
