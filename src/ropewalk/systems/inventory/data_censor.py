"""Days out of stock are not demand: a sale that could not happen is not a customer who did not come.

A day is out of stock where it is marked (`stocked_out`), or where it ended with nothing on hand and sold less than usual.
Usual is the item's mean of that weekday over the training days in stock, days without a row counting as zero sales. The
demand of such a day is what was sold or what is usual, whichever is more. Days in stock are taken as they are.

Where nothing is marked, `zero_runs` can infer: off unless asked for, because a long zero may also be a season or a shelf
that was given to something else.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.data_history import KEY


def uncensor(
    config: Config, lines: pl.DataFrame, train: tuple[int, int], last: Any
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The lines with `demand` (units) and `out` (bool). `last`: the last training day, up to which usual is measured."""
    zero = {"days_marked": 0, "days_inferred": 0, "units_added": 0.0}
    if lines["stocked_out"].null_count() == lines.height and lines["on_hand"].null_count() == lines.height:
        return lines.with_columns(demand=pl.col("units"), out=pl.lit(False)), zero
    days = _days(lines)
    days = days.join(_usual(config, days, train, last), on=[*KEY, "weekday"], how="left")
    usual = pl.col("usual").fill_null(0.0)
    days = days.with_columns(out=pl.col("marked") | (pl.col("bare") & (pl.col("units") < usual)))
    more = pl.when("out").then((usual - pl.col("units")).clip(0.0)).otherwise(0.0)
    days = days.with_columns(more=more).filter("out")
    counts = {
        "days_marked": int(days["marked"].sum()),
        "days_inferred": int((~days["marked"]).sum()),
        "units_added": float(days["more"].sum()),
    }
    first = pl.struct(*KEY, "date").is_first_distinct()  # a day's demand is added once, to its first line
    table = lines.join(days.select(*KEY, "date", "out", "more"), on=[*KEY, "date"], how="left", maintain_order="left")
    demand = pl.col("units") + pl.when(first).then(pl.col("more")).otherwise(0.0).fill_null(0.0)
    return table.with_columns(pl.col("out").fill_null(False), demand=demand).drop("more"), counts


def _days(lines: pl.DataFrame) -> pl.DataFrame:
    """The lines of a day as one row: units, whether it is marked, whether it ended with nothing on hand."""
    return (
        lines.group_by(*KEY, "date", maintain_order=True)
        .agg(
            period=pl.col("period").first(),
            units=pl.col("units").sum(),
            marked=pl.col("stocked_out").fill_null(False).any(),
            bare=(pl.col("on_hand").drop_nulls().last() <= 0).fill_null(False),
        )
        .with_columns(pl.col("bare") & ~pl.col("marked"), weekday=pl.col("date").dt.weekday())
    )


def _usual(config: Config, table: pl.DataFrame, train: tuple[int, int], last: Any) -> pl.DataFrame:
    """Mean units of each item, site and weekday over its training days in stock."""
    inside = table.filter(pl.col("period").is_between(*train))
    out = pl.col("marked") | pl.col("bare")
    sums = inside.group_by(*KEY, "weekday").agg(
        units=pl.col("units").filter(~out).sum(),
        rows=pl.col("date").filter(~out).n_unique(),
        out_days=pl.col("date").filter(out).n_unique(),
        first=pl.col("date").min(),
    )
    if config.missing_rows == "unknown":
        in_stock = pl.col("rows")
    else:
        in_stock = (pl.lit(last) - pl.col("first")).dt.total_days() // 7 + 1 - pl.col("out_days")
    return (
        sums.with_columns(n=in_stock)
        .filter(pl.col("n") > 0)
        .select(*KEY, "weekday", usual=pl.col("units") / pl.col("n"))
    )


LEAST_LOST = (
    20.0  # units that a run must have lost at the usual rate: chance gives a Poisson item such a run once in 5e8
)


def zero_runs(config: Config, table: pl.DataFrame, train: tuple[int, int]) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The dense history with long zero runs of fast movers as out of stock, at the item's mean training demand.

    A run counts when it is `censor_runs_periods` or longer, would have sold LEAST_LOST units, and sales came back after it.
    """
    if config.censor_runs_periods == 0:
        return table, {"item_periods_in_zero_runs": 0}
    usual = pl.col("units").filter(pl.col("period").is_between(*train)).mean().over(KEY).fill_null(0.0)
    zero = pl.col("units") == 0
    table = table.sort(*KEY, "period").with_columns(
        _usual=usual, _run=(~zero).cum_sum().over(KEY), _left=(~zero).cum_sum(reverse=True).over(KEY)
    )
    length = zero.sum().over(*KEY, "_run")
    long = (length >= config.censor_runs_periods) & (length * pl.col("_usual") >= LEAST_LOST)
    table = table.with_columns(_hit=zero & long & (pl.col("_left") > 0) & (pl.col("_run") > 0))
    hits = int(table["_hit"].sum())
    table = table.with_columns(
        censored=pl.col("censored") | pl.col("_hit"),
        demand=pl.when("_hit").then(pl.max_horizontal("demand", "_usual")).otherwise(pl.col("demand")),
    )
    return table.drop("_usual", "_run", "_left", "_hit"), {"item_periods_in_zero_runs": hits}
