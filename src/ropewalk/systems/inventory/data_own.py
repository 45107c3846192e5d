"""A user's own tables: read, held against their contracts, brought to the same lines as every other source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from ropewalk.errors import DataError
from ropewalk.spine.data import quarantine
from ropewalk.spine.data.contracts import Checked, check
from ropewalk.spine.data.sources import read_table
from ropewalk.systems.inventory import data_contracts as contracts
from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.data_read import LINE, PROMO, Raw
from ropewalk.types import Contract, Job

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_own(config: Config, job: Job) -> Raw:
    """The tables that the config names; notes say what was not used, quarantined what was set aside."""
    aside: list[tuple[str, dict[str, Any]]] = []

    def table(address: str | None, contract: Contract) -> pl.DataFrame | None:
        if address is None:
            return None
        frame = read_table(address, config.separator, config.encoding)
        checked = check(
            frame,
            contract,
            address,
            config.on_bad_rows,
            columns=config.columns if address == config.sales else {},
            date_format=config.date_format,
            decimal_comma=config.decimal_comma,
            separator=config.separator,
            encoding=config.encoding,
        )
        for note in checked.notes:
            job.note(note)
        aside.extend(_quarantined(config, address, checked, job))
        return checked.frame

    sales = table(config.sales, contracts.SALES)
    assert sales is not None
    items = _checked_days(config, table(config.items, contracts.ITEMS))
    stock = None
    if config.stock is not None:
        names = read_table(config.stock, config.separator, config.encoding).collect_schema().names()
        stock = table(config.stock, contracts.stock(names))
    sites = sales["site"].unique().sort()
    plan = _sited(config.plan, table(config.plan, contracts.PLAN), sites)
    orders = _sited(config.orders, table(config.orders, contracts.ORDERS), sites)
    stock = _sited(config.stock, stock, sites)
    lines = sales.with_columns(usd=(pl.col("units") * pl.col("price")).fill_null(0.0)).select(
        pl.col(n).cast(k) for n, k in LINE.items()
    )
    repeated = sales.height - sales.select(pl.struct("date", "item", "site").n_unique()).item()
    return Raw(
        lines,
        about=f"Sales of {config.sales}: {sales.height:,} rows, {sales['item'].n_unique():,} items, {len(sites):,} sites.",
        items=items,
        stock=stock,
        orders=orders,
        promotions=None if plan is None else (lambda _items: plan.select(pl.col(n).cast(k) for n, k in PROMO.items())),
        notes={"rows_added_up": int(repeated), "rows_quarantined": sum(int(entry["rows"]) for _, entry in aside)},
        quarantined=tuple(entry for address, entry in aside if address == config.sales),
    )


def _quarantined(config: Config, address: str, checked: Checked, job: Job) -> list[tuple[str, dict[str, Any]]]:
    """The bad rows written to their files, and an entry of `set_aside` for each reason."""
    if checked.quarantined is None:
        return []
    name = Path(address.rstrip("/")).name.split(".")[0] or "table"
    path = quarantine.write(checked.quarantined, Path(config.quarantine_folder), name)[1]
    job.note(f"{address}: {checked.quarantined.height:,} bad rows were set aside in {path}")
    return [
        (address, {"rule": f"quarantine: {why}", "reason": f"see {path}", "rows": n, "units": 0.0, "usd": 0.0})
        for why, n in checked.reasons.items()
    ]


def _sited(address: str | None, table: pl.DataFrame | None, sites: pl.Series) -> pl.DataFrame | None:
    """The table with a site in every row: the only site where none is given, an error where there are several."""
    if table is None or table["site"].null_count() == 0:
        return table
    if len(sites) > 1:
        raise DataError(
            [
                f"{address}: {table['site'].null_count():,} rows have no site, but the sales have {len(sites)}. Add the column site."
            ]
        )
    return table.with_columns(pl.col("site").fill_null(sites[0]))


def _checked_days(config: Config, items: pl.DataFrame | None) -> pl.DataFrame | None:
    """The items with order_days in small letters; an error names the first word that is no weekday."""
    if items is None:
        return None
    days = items["order_days"].str.to_lowercase().str.replace_all(" ", "")
    for value in days.drop_nulls().unique().sort():
        wrong = [d for d in value.split(",") if d not in WEEKDAYS]
        if wrong:
            raise DataError(
                [
                    f"{config.items}: order_days {value!r} holds {wrong[0]!r}, which is no weekday. Write them as mon,thu."
                ]
            )
    return items.with_columns(order_days=days)
