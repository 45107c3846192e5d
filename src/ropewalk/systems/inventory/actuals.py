"""What came true of past answers, from newer sales: whether stock ran out, and what the order lines earned.

An answer is about its cover: from its date until the next order could arrive. It is told once all of that lies in the sales;
before, it is left for later.

Ran out: where the sales say what was on hand, or mark days out of stock, there was such a day; where they do not, what was
sold is all that there was to sell (on hand, on order, and the order). Earned: what the order line added, counted as
in the report; it was the order that was placed, where that is known, else the advice. Where stock ran out unmarked, sales are a
lower bound of demand, and so is what the order earned.

What it does not know: stock that came or went otherwise than by sales and orders; that the last period is not over, where
it is the only one in the table.

Letters: N events, P periods of the longest cover.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ropewalk.errors import DataError
from ropewalk.systems.inventory import data_censor, data_clean, data_history, data_periods, worth
from ropewalk.systems.inventory.data_history import KEY
from ropewalk.systems.inventory.panel import filled
from ropewalk.systems.inventory.requests import line_of

if TYPE_CHECKING:
    from ropewalk.systems.inventory.config import Config
    from ropewalk.systems.inventory.data_read import Raw
    from ropewalk.types import Columns, Job

Array = np.ndarray
ASKED = (
    "on_hand",
    "lead_time_periods",
    "next_order_periods",
    "unit_cost_usd",
    "holding_usd",
    "lost_sale_usd",
    "order_cost_usd",
)
TRUTHS = {
    "id": pl.String,
    "ran_out": pl.Boolean,  # before the next chance to order
    "ran_out_covered": pl.Boolean,  # before the next order could arrive
    "profit_usd": pl.Float64,  # of the order line
    "done.order_now": pl.Float64,  # null: not known
}


def actuals(
    config: Config, raw: Raw, events: pl.DataFrame, job: Job, again: bool = False
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The table that `truths` takes, columns TRUTHS, and how many events were told, or why they were not.

    `raw`: the newer sales, and orders; `events`: as the lane keeps them, with what is known of them; `again`: tell also what
    is known.
    """
    sales = _by_day(config, raw, job)
    first, last, _ = data_periods.covered(config, sales.select("period", "date"))
    begin, end = data_periods.first_day(config, first), data_periods.first_day(config, last + 1)
    sales, _ = data_censor.uncensor(config, sales, (first, last), end - timedelta(days=1))
    asked = _asked(events)
    if asked.height and asked.join(sales, on=KEY, how="semi").is_empty():
        raise DataError([_strangers(config, asked, sales)])
    over = pl.col("date") + pl.duration(days=pl.col("cover") * data_periods.days(config))
    asked = asked.with_columns(
        state=pl.when(pl.col("known") & ~pl.lit(again)).then(pl.lit("known_already"))
        .when(pl.col("date") < begin).then(pl.lit("older_than_the_sales"))
        .when(over > end).then(pl.lit("cover_not_over"))
        .otherwise(pl.lit("told")),
        phase=_days_since(config, "date") % data_periods.days(config),  # nought, unless an event's period begins late
    )  # fmt: skip
    due = asked.filter(pl.col("state") == "told")
    orders = _orders(raw)
    told = pl.concat(
        [pl.DataFrame(schema=TRUTHS), *(_told(config, part, sales, orders, *p) for p, part in due.group_by("phase"))]
    )
    states = dict(asked.group_by("state").len().rows())
    counts = {name: states.get(name, 0) for name in ("cover_not_over", "known_already", "older_than_the_sales")}
    table = due.select("id").join(told, on="id", how="inner", maintain_order="left")
    found = {"events": events.height, "told": table.height, **counts, "sales_unknown": due.height - table.height}
    return table if orders is not None else table.drop("done.order_now"), found


def _by_day(config: Config, raw: Raw, job: Job) -> pl.DataFrame:
    """The lines that are demand; what is set aside is told."""
    log: data_clean.Log = [*raw.quarantined]
    lines = data_clean.returns(raw.lines.with_columns(data_periods.number(config)), log)
    for rule in log:
        job.note(f"set aside: {rule['rule']}: {rule['rows']:,} rows ({rule['reason']})")
    return lines


def _orders(raw: Raw) -> pl.DataFrame | None:
    """Orders as placed, a row each, from the table of orders and the sales; None where neither has any."""
    parts = [raw.lines.filter(pl.col("ordered").is_not_null()).select("date", *KEY, "ordered")]
    if raw.orders is not None:
        parts.append(raw.orders.select("date", *KEY, "ordered"))
    placed = pl.concat(parts)
    return placed if placed.height else None


def _asked(events: pl.DataFrame) -> pl.DataFrame:
    """What was asked and answered, a row an event. An event of a contract that did not have these columns is no row."""

    def field(column: str, name: str, kind: Any) -> pl.Expr:
        inside = events.schema.get(column)
        there = isinstance(inside, pl.Struct) and name in {f.name for f in inside.fields}
        return (pl.col(column).struct.field(name) if there else pl.lit(None)).cast(kind)

    table = events.select(
        "id",
        *(pl.col("request").struct.field(n) for n in (*KEY, "date", "on_order", *ASKED)),
        price=pl.col("request").struct.field("price_history").list.last(),
        units=pl.coalesce(field("done", "order_now", pl.Float64), field("answer", "order_now", pl.Float64)),
        known=field("truth", "profit_usd", pl.Float64).is_not_null(),
    )
    return table.with_columns(cover=pl.col("lead_time_periods") + pl.col("next_order_periods")).drop_nulls()


def _strangers(config: Config, asked: pl.DataFrame, sales: pl.DataFrame) -> str:
    theirs, ours = (
        ", ".join(sorted(t.select(pl.format("{} at {}", *KEY)).to_series().unique())[:2]) for t in (sales, asked)
    )
    return (
        f"{config.sales}: nothing of the {asked.height:,} answers is in it: it has {theirs}, ...; the answers are about {ours}, ... "
        "Are the codes and the sites written as before?"
    )


def _days_since(config: Config, column: str) -> pl.Expr:
    return (pl.col(column) - pl.lit(data_periods.origin(config))).dt.total_days()


def _told(
    config: Config, due: pl.DataFrame, sales: pl.DataFrame, orders: pl.DataFrame | None, phase: int
) -> pl.DataFrame:
    """The truths of events whose periods begin `phase` days after the calendar's."""
    number = ((_days_since(config, "date") - phase) // data_periods.days(config)).alias("period")
    due = due.with_columns(number)
    sold = data_history.by_period(sales.with_columns(number))
    if orders is not None:
        due = due.with_columns(done=_placed(due, orders.with_columns(number)))
        due = due.with_columns(units=pl.coalesce("done", "units"))
    demand, price, out, known = _ahead(config, due, sold)
    asked: Columns = {name: due[name].to_numpy() for name in ASKED} | {"on_order": _rows(due["on_order"])}
    line = line_of(asked, due["units"].to_numpy(), price)
    value = worth.realised(line, demand)
    marked = sales.group_by(KEY).agg(marked=pl.any_horizontal(pl.col("on_hand", "stocked_out").is_not_null()).any())
    says = due.join(marked, on=KEY, how="left", maintain_order="left")["marked"].fill_null(False).to_numpy()[:, None]
    empty = np.where(says, out, np.cumsum(demand, axis=1) >= worth.supply(line, demand.shape[1])[1] - 1e-9)
    ahead = np.arange(demand.shape[1])
    soon, covered = ((empty & (ahead < n[:, None])).any(1) for n in (line.next_order, worth.cover(line)))
    return pl.DataFrame(
        {
            "id": due["id"], "ran_out": soon, "ran_out_covered": covered, "profit_usd": value.profit_usd + 0.0,  # no -0.0 in a CSV
            "done.order_now": due["done"] if orders is not None else pl.Series([None] * due.height, dtype=pl.Float64),
        }, schema=TRUTHS,
    ).filter(known)  # fmt: skip


def _placed(due: pl.DataFrame, orders: pl.DataFrame) -> pl.Series:
    """[N] what was ordered in the first period of each event: nothing where others were ordered then and this was not, and
    null outside the periods in which orders are recorded."""
    sums = orders.group_by(*KEY, "period").agg(pl.col("ordered").sum())
    recorded = pl.col("period").is_between(orders["period"].min(), orders["period"].max())
    found = due.select(*KEY, "period").join(sums, on=[*KEY, "period"], how="left", maintain_order="left")
    return found.select(pl.when(recorded).then(pl.col("ordered").fill_null(0.0))).to_series()


def _ahead(config: Config, due: pl.DataFrame, sold: pl.DataFrame) -> tuple[Array, Array, Array, Array]:
    """Demand [N,P], mean price over the cover [N], out of stock [N,P], and whether sales of the whole cover are known [N]."""
    size = due.height, int(due["cover"].max())  # type: ignore[arg-type]
    each = (
        due.select(*KEY, "period", "cover")
        .with_row_index("row")
        .with_columns(ahead=pl.int_ranges("cover"))
        .explode("ahead")
        .with_columns(pl.col("period") + pl.col("ahead"))
        .join(sold, on=[*KEY, "period"], how="left", maintain_order="left")
    )
    open_ = pl.col("period").is_in(sold["period"].unique().implode())  # somebody sold something then
    known = open_ if config.missing_rows == "zero" else pl.col("units").is_not_null()
    at = each["row"].to_numpy(), each["ahead"].to_numpy()
    demand, out, price = np.zeros(size), np.zeros(size, bool), np.full(size, np.nan)
    demand[at], out[at] = each["demand"].fill_null(0.0), each["censored"].fill_null(False)
    price[at] = each["price"].fill_null(np.nan)
    paid = filled(np.concatenate([due["price"].to_numpy()[:, None], price], axis=1))[:, 1:]
    inside = np.arange(size[1]) < due["cover"].to_numpy()[:, None]
    whole = each.group_by("row", maintain_order=True).agg(known=known.all())["known"].to_numpy()
    return demand, (paid * inside).sum(1) / inside.sum(1), out, whole


def _rows(lists: pl.Series) -> Array:
    """[N,L] lists of any lengths, the short ones followed by nought."""
    width = int(lists.list.len().max() or 0)  # type: ignore[arg-type]
    return np.array([row + [0.0] * (width - len(row)) for row in lists.to_list()], float).reshape(len(lists), width)
