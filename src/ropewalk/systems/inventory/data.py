"""Config -> Snapshot: sales of any source become the tables that training, replay and the order plan read.

    history    item, site, period: units, demand, censored, price, promo, ordered; a row for each period since the first
    items      item, site: terms of supply, costs, status
    stock      item, site: on_hand, on_order_1, ... now
    start      the same at the start of any replay, made up by one rule, the same for every policy
    calendar   period: date, cut (train, choose, replay), where it lies in month and year
    plan       item, site, period after the history: promo and price that are known ahead
    set_aside  rule: rows, units and money that are not demand of a planned item

Everything that is decided about an item (whether it is planned, its cost, what is usual for it) looks at the training
periods alone. rows of the source = rows behind the history + rows set aside; a test holds this.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from ropewalk.systems.inventory import data_censor, data_clean, data_history, data_items, data_periods, data_stock
from ropewalk.systems.inventory.config import Config, seed_of
from ropewalk.systems.inventory.data_history import KEY
from ropewalk.systems.inventory.data_read import PROMO, Raw

if TYPE_CHECKING:
    from ropewalk.types import Job, Snapshot

STEPS = ("reading", "cleaning", "history", "promotions", "done")


def data(config: Config, job: Job) -> Snapshot:
    """Read the sources that `config` names and freeze what they say."""
    _tell(job, 0)
    return snapshot(config, read(config, job), job)


def read(config: Config, job: Job) -> Raw:
    """The source that `config.sales` names."""
    if config.sales == "demo:complete_journey":
        from ropewalk.systems.inventory.data_demo import read_demo

        return read_demo()
    if config.sales.startswith("made:"):
        from ropewalk.systems.inventory.data_made import read_made

        return read_made(config.sales, seed_of(job), data_periods.days(config))
    from ropewalk.systems.inventory.data_own import read_own

    return read_own(config, job)


def snapshot(config: Config, raw: Raw, job: Job) -> Snapshot:
    """The tables of what was read."""
    from ropewalk.types import Snapshot

    log: data_clean.Log = [*raw.quarantined]
    notes: dict[str, Any] = {"about": raw.about, "rows_read": raw.lines.height + sum(int(q["rows"]) for q in log)}
    _tell(job, 1)
    lines = raw.lines.with_columns(data_periods.number(config))
    first, last, empty = data_periods.covered(config, lines.select("period", "date"))
    calendar = data_periods.calendar(config, first, last)
    train = _span(calendar, "train")
    lines = clean(config, raw, lines, calendar, train, log)
    last_day = data_periods.first_day(config, train[1] + 1) - timedelta(days=1)
    lines, notes["censored"] = data_censor.uncensor(config, lines, train, last_day)

    _tell(job, 2)
    sold = data_history.by_period(lines)
    table, notes["filled"] = data_history.dense(config, sold, calendar, empty)
    table, runs = data_censor.zero_runs(config, table, train)
    notes["censored"] |= runs
    _tell(job, 3)
    promotions = _promotions(config, raw, table)
    table = data_history.with_promotions(config, table, promotions)
    table = data_history.with_orders(config, table, raw.orders)
    table, prices = data_history.with_prices(table)
    items, notes["items"] = data_items.items(config, table, train, raw.items, raw.names)
    start = data_stock.start_stock(table, items, train)
    stock, notes["stock"] = data_stock.stock_now(start, raw.stock, _last_on_hand(lines))
    history = data_history.finished(table, items)
    end = int(calendar["period"].max())  # type: ignore[arg-type]
    tables = {
        "history": history,
        "items": items,
        "stock": stock,
        "start": start,
        "calendar": calendar,
        "plan": _plan(config, promotions, items, end),
        "set_aside": pl.DataFrame(log, schema=data_clean.SET_ASIDE),
    }
    notes |= raw.notes | _facts(config, tables, prices, empty)
    for rule in log:
        job.note(f"set aside: {rule['rule']}: {rule['rows']:,} rows, {rule['units']:,.0f} units ({rule['reason']})")
    for sentence in data_items.said(notes["items"], config.currency):
        job.note(sentence)
    _tell(job, 4)
    as_of = datetime.combine(data_periods.first_day(config, end + 1), datetime.min.time(), UTC)
    return Snapshot(as_of=as_of, tables=tables, notes=notes)


def clean(
    config: Config, raw: Raw, lines: pl.DataFrame, calendar: pl.DataFrame, train: tuple[int, int], log: data_clean.Log
) -> pl.DataFrame:
    """The lines of planned items in whole periods; everything else is in `log`."""
    receipts = "goods" in lines.columns
    lines = data_clean.returns(lines, log)
    lines = data_clean.till_entries(lines, log) if receipts else lines
    whole = int(calendar["period"].min()), int(calendar["period"].max())  # type: ignore[arg-type]
    lines = data_clean.outside(config, lines, *whole, log)
    lines = data_clean.by_volume(config, lines, train, log)
    if receipts:
        rule, why = (
            "department petrol, coupons or miscellaneous",
            "petrol, coupons and till entries are not goods on a shelf",
        )
        lines = data_clean.set_aside(lines, ~pl.col("goods"), rule, why, log)
    new = pl.DataFrame(schema={"item": pl.String, "site": pl.String})
    if raw.items is not None and "status" in raw.items.columns:
        marked = raw.items.filter(pl.col("status") == "new").select("item")
        new = lines.select(KEY).unique().join(marked, on="item", how="semi")
    return data_clean.choose(config, lines, train, new, log)


def _span(calendar: pl.DataFrame, cut: str) -> tuple[int, int]:
    inside = calendar.filter(pl.col("cut") == cut)["period"]
    return int(inside.min()), int(inside.max())  # type: ignore[arg-type]


def _promotions(config: Config, raw: Raw, table: pl.DataFrame) -> pl.DataFrame | None:
    if raw.promotions is None:
        return None
    return raw.promotions(table.select(KEY).unique()).with_columns(data_periods.number(config))


def _plan(config: Config, promotions: pl.DataFrame | None, items: pl.DataFrame, end: int) -> pl.DataFrame:
    """What is known of the periods after the history, as far ahead as `promo_known_ahead_periods`."""
    if promotions is None:
        empty = pl.DataFrame(schema=PROMO).with_columns(data_periods.number(config))
        return empty.select(*KEY, "period", "date", "promo", "price")
    first = pl.lit(data_periods.origin(config)) + pl.duration(days=pl.col("period") * data_periods.days(config))
    return (
        promotions.filter(pl.col("period").is_between(end + 1, end + config.promo_known_ahead_periods))
        .join(items.select(KEY), on=KEY, how="semi")
        .group_by(*KEY, "period")
        .agg(promo=pl.col("promo").max().fill_null(0.0).clip(0.0, 1.0), price=pl.col("price").mean())
        .select(*KEY, "period", first.alias("date"), "promo", "price")
        .sort(*KEY, "period")
    )


def _last_on_hand(lines: pl.DataFrame) -> pl.DataFrame | None:
    known = lines.filter(pl.col("on_hand").is_not_null())
    if known.is_empty():
        return None
    return known.sort("date").group_by(KEY).agg(pl.col("on_hand").last())


def _facts(config: Config, tables: dict[str, pl.DataFrame], prices: dict[str, Any], empty: list[int]) -> dict[str, Any]:
    history, calendar = tables["history"], tables["calendar"]
    cuts = {
        str(cut): {"periods": n, "from": str(a), "to": str(b + timedelta(days=data_periods.days(config) - 1))}
        for cut, n, a, b in calendar.group_by("cut", maintain_order=True)
        .agg(n=pl.len(), a=pl.col("date").min(), b=pl.col("date").max())
        .rows()
    }
    return {
        "period": config.period,
        "currency": config.currency,
        "cuts": cuts,
        "prices": prices,
        "periods_without_rows": [str(data_periods.first_day(config, p)) for p in empty],
        "item_periods": history.height,
        "item_periods_censored": int(history["censored"].sum()),
        "units": float(history["units"].sum()),
        "rows_set_aside": int(tables["set_aside"]["rows"].sum()),
        "missing_rows": f"an item-{config.period} without a row is {config.missing_rows}",
    }


def _tell(job: Job, step: int) -> None:
    job.progress("data: " + STEPS[step], step, len(STEPS) - 1)
