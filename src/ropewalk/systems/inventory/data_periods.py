"""Dates become periods; the periods that the data covers get a cut.

A period's number counts from a fixed day (weeks since 1970-01-05 for Monday weeks, days since 1970-01-01), so that the
same week has the same number in every dataset.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from ropewalk.errors import DataError
from ropewalk.spine.data import cuts
from ropewalk.systems.inventory.config import Config

FIRST_DAY = {"monday": date(1970, 1, 5), "sunday": date(1970, 1, 4), "saturday": date(1970, 1, 3)}
MOST_EMPTY = 0.5  # share of periods without any row above which the dates are taken for a mistake


def days(config: Config) -> int:
    """Days of a period."""
    return 7 if config.period == "week" else 1


def origin(config: Config) -> date:
    return FIRST_DAY[config.week_starts] if config.period == "week" else date(1970, 1, 1)


def number(config: Config, column: str = "date") -> pl.Expr:
    """The period of a date column."""
    return ((pl.col(column) - pl.lit(origin(config))).dt.total_days() // days(config)).cast(pl.Int64).alias("period")


def first_day(config: Config, period: int) -> date:
    return origin(config) + timedelta(days=period * days(config))


def covered(config: Config, dates: pl.DataFrame) -> tuple[int, int, list[int]]:
    """First and last period that the dates cover, and the periods between without any row.

    The first or the last period is partial, and left out, when it has rows on fewer dates than the median period has.
    `dates`: period, date; repeated rows do no harm.
    """
    found = dates.group_by("period").agg(n=pl.col("date").n_unique()).sort("period")
    if found.is_empty():
        raise DataError(["there is no row of sales to plan from"])
    usual = float(np.median(found["n"].to_numpy()))
    first, last = (int(found["period"][i]) for i in (0, -1))
    _plausible(config, found["period"], first, last)
    inside = found.filter(
        ~((pl.col("period") == first) & (pl.col("n") < usual)) & ~((pl.col("period") == last) & (pl.col("n") < usual))
    )
    if inside.is_empty():
        return first, last, []
    first, last = int(inside["period"].min()), int(inside["period"].max())  # type: ignore[arg-type]
    return first, last, sorted(set(range(first, last + 1)) - set(inside["period"].to_list()))


def _plausible(config: Config, periods: pl.Series, first: int, last: int) -> None:
    """Refuse dates that leave most of their span empty: a year mistyped, or data by the month."""
    total = last - first + 1
    if total - len(periods) <= MOST_EMPTY * total:
        return
    gaps = periods.diff().fill_null(1)
    before = int(periods[int(gaps.arg_max() or 0) - 1])
    raise DataError(
        [
            f"{config.sales}: the dates span {total:,} {config.period}s, but {total - len(periods):,} of them have no row at all; "
            f"the longest gap follows {first_day(config, before)}. Is a date mistyped, or is the data monthly?"
        ]
    )


def calendar(config: Config, first: int, last: int) -> pl.DataFrame:
    """Every period from first to last: period, date of its first day, cut, and where it lies in month and year."""
    total = last - first + 1
    parts = {"train": config.train, "choose": config.choose, "replay": config.replay}
    least = max(2, config.lead_time_periods + 1)  # an order that is placed in a cut arrives in it
    table = pl.DataFrame({"period": range(first, last + 1)}, schema={"period": pl.Int64}).with_columns(
        date=pl.lit(origin(config)) + pl.duration(days=pl.col("period") * days(config)),
        cut=pl.Series(cuts.labels(total, parts, least, config.sales, config.period), dtype=pl.String),
    )
    month = 2 * np.pi * (pl.col("date").dt.day() - 1) / 30.5
    year = 2 * np.pi * (pl.col("date").dt.ordinal_day() - 1) / 365.25
    waves = {"sin_month": month.sin(), "cos_month": month.cos(), "sin_year": year.sin(), "cos_year": year.cos()}
    return table.filter(pl.col("cut") != "").with_columns(**waves)
