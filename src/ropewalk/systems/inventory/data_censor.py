"""Days out of stock are not demand: a sale that could not happen is not a customer who did not come.

A day is out of stock where it is marked (`stocked_out`), or where it ended with nothing on hand: then the last unit was sold, and
its demand was at least what was sold. (Not so of an item whose shelf is empty at the end of every training day of which
there is a row: that is a column that nobody keeps, or bread that is given away at night.) The demand of such a day is what is
expected of one with so many sales or more (data_censor_law.py); of a day without any sale, what is usual. Usual is the
mean of the item's weekday over the training days, days without a row counting as zero sales, days sold out at what is
expected of them. Days in stock are taken as they are.

What it does not know: whether a shelf that was left empty still was so on days without a row; what else was out of stock, so
that people took this.

Where nothing is marked, `zero_runs` can infer: off unless asked for, because a long zero may also be a season or a shelf
that was given to something else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from ropewalk.systems.inventory import data_censor_law as law
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
    cells = _cells(config, days, train, last)
    in_stock = cells.group_by(KEY).agg(known=pl.col("rows").sum() > 0)
    days = days.join(in_stock, on=KEY, how="left", maintain_order="left").with_columns(pl.col("known").fill_null(False))
    days = days.with_columns(empty=pl.col("marked") | (pl.col("bare") & pl.col("known")))
    days = _expected(days, cells, train)
    some = pl.max_horizontal("units", "expected") > 0
    days = days.filter(pl.col("marked") | (pl.col("empty") & some))
    days = days.with_columns(out=pl.lit(True), more=(pl.col("expected") - pl.col("units")).clip(0.0))
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


def _cells(config: Config, days: pl.DataFrame, train: tuple[int, int], last: Any) -> pl.DataFrame:
    """Each item, site and weekday of the training days: days in stock, `rows` of them, units sold on them."""
    inside = days.filter(pl.col("period").is_between(*train))
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
    return sums.with_columns(days=in_stock.cast(pl.Int64).clip(0)).sort(*KEY, "weekday")


def _expected(days: pl.DataFrame, cells: pl.DataFrame, train: tuple[int, int]) -> pl.DataFrame:
    """The days with `expected`: the demand of a day like this one, were it out of stock."""
    sold_out = days.filter(pl.col("empty") & pl.col("known") & (pl.col("units") > 0))
    items = sold_out.select(KEY).unique().sort(KEY).with_row_index("at")
    fitted = cells.join(items, on=KEY, how="inner", maintain_order="left").with_row_index("cell")
    inside = days.filter(pl.col("period").is_between(*train) & (pl.col("units") > 0)).join(
        items, on=KEY, how="inner", maintain_order="left"
    )
    out = inside.filter("empty").join(
        fitted.select(*KEY, "weekday", "cell"), on=[*KEY, "weekday"], how="inner", maintain_order="left"
    )
    item, weekday = (fitted[name].to_numpy().astype(int) for name in ("at", "weekday"))
    number, units = (fitted[name].to_numpy().astype(float) for name in ("days", "units"))
    seen = inside.filter(~pl.col("empty"))
    found = law.fitted(law.Days(item, weekday, number, units, *_kinds(out, "cell"), *_kinds(seen, "at")))
    means = fitted.select(*KEY, "weekday", usual=pl.lit(found.mean), excess=pl.lit(found.excess[item]))
    plain = cells.filter(pl.col("days") > 0).select(*KEY, "weekday", plain=pl.col("units") / pl.col("days"))
    days = days.join(means, on=[*KEY, "weekday"], how="left", maintain_order="left")
    days = days.join(plain, on=[*KEY, "weekday"], how="left", maintain_order="left")
    censored = days["empty"].to_numpy() & (days["units"].to_numpy() > 0) & days["usual"].is_not_null().to_numpy()
    expected = days.select(pl.coalesce("usual", "plain").fill_null(0.0)).to_series().to_numpy().copy()
    part = days.filter(censored)
    expected[censored] = law.at_least(*(part[name].to_numpy() for name in ("units", "usual", "excess")))[0]
    return days.with_columns(expected=pl.Series(expected, dtype=pl.Float64))


def _kinds(days: pl.DataFrame, of: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equal days once, and how often: `of`, units, times."""
    kinds = days.group_by(of, "units").len().sort(of, "units")
    return kinds[of].to_numpy().astype(int), kinds["units"].to_numpy(), kinds["len"].to_numpy().astype(float)


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
