"""The replay: every policy and the oracle on weeks that nothing was chosen on, from the same stock.

Profit of an item and period is what the period earned with stock valued at purchase cost: margin of the sales, less
holding, handling and goodwill. Summed up it is cash, plus what is left at cost, less what was there at cost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.methods.stats.bootstrap import Interval, paired_interval
from ropewalk.systems.inventory import forecast as forecasts
from ropewalk.systems.inventory.model import LEARNED, InventoryModel, Ruled
from ropewalk.systems.inventory.panel import Panel, cut_periods, take_periods
from ropewalk.systems.inventory.panel_replay import earned
from ropewalk.systems.inventory.requests import dates_of, panel_of, replayed
from ropewalk.types import Dataset, Job, Metric, Report

if TYPE_CHECKING:
    import polars as pl

    from ropewalk.systems.inventory.config import Config
    from ropewalk.systems.inventory.panel_replay import Replay

Array = np.ndarray
FACTORS = (0.5, 1.0, 2.0)
GRID_RULES = ("(s, S)", "(s, S) on forecast")  # the others order every period, which handling makes dear at any cell
GRID_SCOPES = ("shared", "group")
METRICS = ("profit_usd", "lost_units", "mean_stock_units", "fill_rate", "order_lines")


def evaluate(config: Config, model: InventoryModel, dataset: Dataset, job: Job) -> Report:
    """The report of the replay weeks; the first metric is profit against the best classic rule."""
    from ropewalk.systems.inventory.calibration import calibration
    from ropewalk.systems.inventory.text import report_text

    records = panel_of(dataset)
    start, stop = cut_periods(records, "replay")
    part = take_periods(records, start, stop)
    known = forecasts.known(model.forecast, records, 0, stop)
    seen = type(known)(*(column[start:stop] for column in known))
    replays = replay_all(model, part, seen, job)
    served, best = name_of(model), model.rule.name
    oracle = oracle_usd(part)
    policies = policy_table(part, replays, served, best, oracle, job.seed)
    profit = {name: earned(part, replay) for name, replay in replays.items()}
    interval = paired_interval(profit[served], profit[best], seed=job.seed).scaled(part.demand.size)
    grid = cost_grid(model, records, known, job)
    weeks = week_table(dataset, part, replays[served], replays[best], profit[served], profit[best])
    dates = dates_of(config, dataset)
    asked, ordered = replayed(records, model, dates, start, stop)
    notes = {
        "served": served,
        "cuts": dataset.notes["cuts"],
        "about": dataset.notes["about"],
        "period": config.period,
        "currency": config.currency,
        "items": int(part.shape[0]),
        "share_of_oracle": float(profit[served].sum() / oracle.sum()) if oracle is not None else None,
        "below_cost": below_cost(part, profit[served] - profit[best]),
        "grid_won": int((grid["low_usd"] > 0).sum()),
    }
    reliability, promise = calibration(records, asked, ordered, model, start)
    report = Report(
        metrics=metrics(part, replays, served, best, profit, interval),
        baseline=best,
        pairs=pairs_table(part, profit[served], profit[best]),
        tables={
            "policies": policies,
            "grid": grid,
            "weeks": weeks,
            "items": item_table(dataset, weeks),
            "calibration": reliability,
            **advice_table(dataset, part, replays[served], profit[served]),
        },
        notes={**notes, "promise": promise},
        text="",
    )
    return replace(report, text=report_text(config, dataset, report))


def name_of(model: InventoryModel) -> str:
    """The policy that the model serves, as the tables print it."""
    return model.policy.name if isinstance(model.policy, Ruled) else LEARNED


def replay_all(model: InventoryModel, part: Panel, known: Any, job: Job) -> dict[str, Replay]:
    """Every classic rule of the model, and its learned policy, on the same weeks from the same stock."""
    from ropewalk.systems.inventory import learned
    from ropewalk.systems.inventory.panel_replay import replay

    policies: dict[str, Any] = {rule.name: rule.policy(part.item, part.site) for rule in model.rules}
    policies[LEARNED] = learned.policy(model.learned)
    found: dict[str, Replay] = {}
    job.report(0, item_periods=0)
    for name, policy in policies.items():
        job.progress("replaying", len(found), len(policies), "policies")
        found[name] = replay(part, policy, known)
        job.report(len(found), item_periods=len(found) * part.demand.size)
    return found


def oracle_usd(part: Panel) -> Array | None:
    """[I] what an oracle earns, valued alike; None where units are not whole, which it cannot count."""
    from ropewalk.systems.inventory.oracle import oracle_profit

    try:
        return oracle_profit(part) - part.unit_cost * (part.on_hand0 + part.pipeline0.sum(1))
    except ValueError:
        return None


def figures(part: Panel, replay: Replay) -> dict[str, Array]:
    """[I,T] each metric's share of every item and period, so that the total is `sum * SCALE`."""
    flow = replay.flow
    return {
        "profit_usd": earned(part, replay),
        "lost_units": flow.lost,
        "mean_stock_units": flow.left / part.shape[1],
        "fill_rate": flow.served / max(part.demand.sum(), 1.0),
        "order_lines": flow.lines,
    }


def differences(part: Panel, one: Replay, other: Replay, seed: int) -> dict[str, Interval]:
    """The paired interval of every metric's total difference."""
    mine, theirs = figures(part, one), figures(part, other)
    return {m: paired_interval(mine[m], theirs[m], seed=seed).scaled(part.demand.size) for m in METRICS}


def policy_table(
    part: Panel, replays: dict[str, Replay], served: str, best: str, oracle: Array | None, seed: int
) -> pl.DataFrame:
    """One row a policy: totals, and the differences to the best classic rule with their 95 % intervals."""
    import polars as pl

    rows = []
    for name, replay in sorted(replays.items(), key=lambda pair: -earned(part, pair[1]).sum()):
        row: dict[str, Any] = {"policy": name, "kind": LEARNED if name == LEARNED else "classic"}
        row |= {m: float(v.sum()) for m, v in figures(part, replay).items()}
        found = differences(part, replay, replays[best], seed) if name != best else None
        for m in METRICS:
            interval = found[m] if found is not None else None
            row[f"{m}_difference"] = interval.difference if interval else None
            row[f"{m}_low"] = interval.low if interval else None
            row[f"{m}_high"] = interval.high if interval else None
        rows.append({**row, "best": name == best, "chosen": name == served})
    if oracle is not None:
        rows.insert(
            0, {"policy": "oracle", "kind": "oracle", "profit_usd": float(oracle.sum()), "best": False, "chosen": False}
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def below_cost(part: Panel, difference: Array) -> dict[str, float]:
    """How much was asked for at prices under the (assumed) unit cost, and how much of the difference comes from there.

    A policy may earn by not selling at a loss; where suppliers pay for promotions, which the data does not say, that
    part of the difference is not there.
    """
    under = part.price < part.unit_cost[:, None]
    return {
        "share_of_demand": float(part.demand[under].sum() / max(part.demand.sum(), 1.0)),
        "difference_usd": float(difference[under].sum()),
        "difference_elsewhere_usd": float(difference[~under].sum()),
    }


def metrics(
    part: Panel, replays: dict[str, Replay], served: str, best: str, profit: dict[str, Array], interval: Interval
) -> tuple[Metric, ...]:
    """Profit first: it gates. Intervals are of the difference, shown around the model's own figure."""
    mine, theirs = figures(part, replays[served]), figures(part, replays[best])
    base = float(profit[best].sum())
    units = {"lost_units": "units", "mean_stock_units": "units", "fill_rate": "share", "order_lines": "lines"}
    first = Metric("profit", base + interval.difference, "USD", base + interval.low, base + interval.high, base)
    return (
        first,
        *(
            Metric(
                m,
                float(mine[m].sum()),
                unit,
                baseline=float(theirs[m].sum()),
                better="higher" if m == "fill_rate" else "lower",
            )
            for m, unit in units.items()
        ),
    )


def pairs_table(part: Panel, model: Array, baseline: Array) -> pl.DataFrame:
    """Profit of every item and period under both: what the gate's paired test draws from."""
    import polars as pl

    size, periods = part.shape
    names = np.char.add(np.char.add(part.item.astype(str), " @ "), part.site.astype(str))
    return pl.DataFrame(
        {
            "unit": np.repeat(names, periods),
            "block": np.tile(part.period, size),
            "model": model.ravel(),
            "baseline": baseline.ravel(),
        }
    )


def cost_grid(model: InventoryModel, records: Panel, known: Any, job: Job) -> pl.DataFrame:
    """The profit difference where holding and lost sales cost half or twice as much.

    For each cell the classic rules are tuned again on the training weeks and the best is chosen again on the choosing
    weeks; the learned policy is the same network, which reads the costs. `known` covers all periods of `records`.
    """
    import polars as pl

    from ropewalk.systems.inventory.panel import with_costs
    from ropewalk.systems.inventory.train import best_rule, tuned

    cells = [(h, s) for h in FACTORS for s in FACTORS]
    rows = []
    for done, (holding, lost) in enumerate(cells):
        job.progress("replaying at other costs", done, len(cells), "cells")
        costed = with_costs(records, holding, lost)
        seen = at_costs(known, costed)
        rule = model.rule
        if (holding, lost) != (1.0, 1.0):
            rule = best_rule(tuned(costed, seen, GRID_RULES, GRID_SCOPES), costed, seen)[0][0]
        rows.append({"holding_factor": holding, "lost_sale_factor": lost, **_cell(model, costed, seen, rule, job.seed)})
    return pl.DataFrame(rows)


def at_costs(known: Any, records: Panel) -> Any:
    """What is known [T,I,...], with the costs of another panel of the same items."""
    names = ("holding_usd", "lost_sale_usd")
    shape = known.holding_usd.shape
    changed = {n: np.broadcast_to(getattr(records, n).astype(np.float32), shape) for n in names}
    return known._replace(**changed)


def _cell(model: InventoryModel, records: Panel, known: Any, rule: Ruled, seed: int) -> dict[str, Any]:
    from ropewalk.systems.inventory import learned
    from ropewalk.systems.inventory.panel_replay import replay

    start, stop = cut_periods(records, "replay")
    part = take_periods(records, start, stop)
    seen = type(known)(*(c[start:stop] for c in known))
    mine = earned(part, replay(part, learned.policy(model.learned), seen))
    theirs = earned(part, replay(part, rule.policy(part.item, part.site), seen))
    found = paired_interval(mine, theirs, seed=seed).scaled(part.demand.size)
    return {
        "best_classic": rule.name,
        "profit_best_usd": float(theirs.sum()),
        "profit_learned_usd": float(mine.sum()),
        "difference_usd": found.difference,
        "low_usd": found.low,
        "high_usd": found.high,
    }


def week_table(
    dataset: Dataset, part: Panel, model: Replay, rule: Replay, earned_model: Array, earned_rule: Array
) -> pl.DataFrame:
    """Every item and replay period: demand, price, promotion, and what the model and the best rule made of it."""
    import polars as pl

    size, periods = part.shape
    dates = (
        dataset.table("calendar").collect().filter(pl.col("period").is_in(part.period.tolist())).sort("period")["date"]
    )
    columns: dict[str, Any] = {
        "item": np.repeat(part.item.astype(str), periods),
        "site": np.repeat(part.site.astype(str), periods),
        "period": np.tile(part.period, size),
        "date": np.tile(dates.to_numpy(), size),
        "demand": part.demand.ravel(),
        "price": part.price.ravel(),
        "promo": part.promo.ravel(),
    }
    for suffix, replay, profit in (("model", model, earned_model), ("rule", rule, earned_rule)):
        flow = replay.flow
        parts = {"sales": flow.served, "lost": flow.lost, "stock": flow.left, "ordered": flow.ordered, "profit": profit}
        columns |= {f"{name}_{suffix}": values.ravel() for name, values in parts.items()}
    return pl.DataFrame(columns).with_columns(pl.col("date").cast(pl.Date))


def item_table(dataset: Dataset, weeks: pl.DataFrame) -> pl.DataFrame:
    """Every item over the replay: where money is won and lost."""
    import polars as pl

    names = dataset.table("items").select("item", "site", "name", "category").collect()
    sums = [pl.col(f"{m}_{s}").sum() for m in ("profit", "lost") for s in ("model", "rule")]
    means = [pl.col(f"stock_{s}").mean() for s in ("model", "rule")]
    return (
        weeks.group_by("item", "site", maintain_order=True)
        .agg(*sums, *means, pl.col("demand").sum())
        .join(names, on=["item", "site"], how="left", maintain_order="left")
        .with_columns(difference=pl.col("profit_model") - pl.col("profit_rule"))
    )


def advice_table(dataset: Dataset, part: Panel, model: Replay, profit: Array) -> dict[str, pl.DataFrame]:
    """Profit as advised and as the orders were really placed, where the sales table says what was ordered."""
    import polars as pl

    placed = (
        dataset.table("history")
        .select("item", "site", "period", "ordered")
        .filter(pl.col("ordered").is_not_null())
        .collect()
    )
    inside = placed.filter(pl.col("period").is_in(part.period.tolist()))
    if inside.height == 0:
        return {}
    orders = np.zeros(part.shape)
    row = {key: i for i, key in enumerate(zip(part.item.tolist(), part.site.tolist(), strict=True))}
    column = {int(p): t for t, p in enumerate(part.period)}
    for item, site, period, units in inside.iter_rows():
        if (item, site) in row:
            orders[row[item, site], column[period]] = units
    known = np.flatnonzero(orders.sum(1) > 0)  # items of which nothing is recorded say nothing about their buyer
    action = replay_orders(part, orders)
    spent = earned(part, action)
    figures_of = {"as advised": (model, profit), "as placed": (action, spent)}
    return {
        "advice": pl.DataFrame(
            [
                {
                    "action": name,
                    "items": len(known),
                    "profit_usd": float(money[known].sum()),
                    "lost_units": float(found.flow.lost[known].sum()),
                    "mean_stock_units": float(found.flow.left[known].sum(0).mean()),
                    "order_lines": float(found.flow.lines[known].sum()),
                }
                for name, (found, money) in figures_of.items()
            ]
        )
    }


def replay_orders(part: Panel, orders: Array) -> Replay:
    """Orders [I,T] that were placed, replayed like a policy's. An order that was placed could be placed."""
    from ropewalk.systems.inventory.panel_replay import replay
    from ropewalk.systems.inventory.rules import Order

    always = replace(part, review=np.ones(part.shape, bool))
    return replay(always, lambda seen: Order(seen.known, 1.0 * (seen.known > 0)).by_source, orders.T)
