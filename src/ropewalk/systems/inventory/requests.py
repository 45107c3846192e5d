"""Requests as a caller would send them: from the replay of a cut (with what came true), and for the order plan of now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ropewalk.systems.inventory import worth
from ropewalk.systems.inventory.contract import LONGEST_LEAD, REQUEST
from ropewalk.systems.inventory.features import HORIZON, WINDOW
from ropewalk.systems.inventory.forecast import cover
from ropewalk.systems.inventory.panel import Panel, cut_periods, panel, review_periods, take_periods
from ropewalk.types import Columns, Dataset, HeldOut

if TYPE_CHECKING:
    import polars as pl

    from ropewalk.systems.inventory.config import Config
    from ropewalk.systems.inventory.model import InventoryModel

Array = np.ndarray


def panel_of(dataset: Dataset) -> Panel:
    """The dataset as arrays, with the stock that every replay starts from."""
    names = {"history": "history", "items": "items", "stock": "start", "calendar": "calendar"}
    return panel({key: dataset.table(name).collect() for key, name in names.items()})


def at(records: Panel, t: int, on_hand: Array, pipeline: Array, promo_known_ahead: int, dates: Array) -> Columns:
    """Requests of every item when column t begins (t may be one past the end). `pipeline` [I,L]: due in 1, 2, ... periods;
    `dates` [T+1] first days of the periods."""
    size, periods = records.shape
    first = max(0, t - WINDOW)

    def past(grid: Array, edge: bool = False) -> Array:
        short = ((0, 0), (WINDOW - (t - first), 0))
        return np.pad(grid[:, first:t].astype(np.float64), short, mode="edge" if edge and t else "constant")

    ahead = max(0, min(HORIZON, promo_known_ahead + 1, periods - t))
    plan, planned = np.zeros((2, size, HORIZON))
    plan[:, :ahead], planned[:, :ahead] = records.promo[:, t : t + ahead], 1.0
    due = np.zeros((size, LONGEST_LEAD))
    width = min(LONGEST_LEAD, pipeline.shape[1])
    due[:, :width] = pipeline[:, :width]
    now = min(t, periods - 1)
    return {
        "item": records.item.astype(object),
        "site": records.site.astype(object),
        "date": np.full(size, dates[t]),
        "on_hand": on_hand.astype(np.float64),
        "on_order": due,
        "demand_history": past(records.demand),
        "known_history": past(records.listed & ~records.censored),
        "promo_history": past(records.promo),
        "price_history": past(records.price, edge=True),
        "promo_plan": plan,
        "promo_planned": planned,
        "unit_cost_usd": records.unit_cost,
        "holding_usd": records.holding_usd,
        "lost_sale_usd": records.lost_sale_usd,
        "order_cost_usd": records.order_cost_usd,
        "lead_time_periods": records.lead_time,
        "next_order_periods": cover(records)[:, now] - records.lead_time,
        "may_order": records.review[:, now],
        "pack_size": records.pack_size,
        "min_order": records.min_order,
    }


def frame(columns: Columns) -> pl.DataFrame:
    """Columns as a table, a row a request."""
    import polars as pl

    made = {}
    for name, values in columns.items():
        if values.ndim == 2:
            made[name] = pl.Series(name, values, dtype=pl.Array(pl.Float64, values.shape[1])).arr.to_list()
        else:
            made[name] = pl.Series(name, values.tolist() if values.dtype == object else values)
    return pl.DataFrame(made)


def columns(table: pl.DataFrame) -> Columns:
    """The contract's columns of a table, as a model reads them."""
    made: dict[str, Array] = {}
    for column in REQUEST.columns:
        series = table[column.name]
        if column.length is not None:
            made[column.name] = series.list.to_array(column.length).to_numpy()
        elif column.kind == "str":
            made[column.name] = np.array(series.to_list(), object)
        elif column.kind == "date":
            made[column.name] = series.to_numpy().astype("M8[D]")
        else:
            made[column.name] = series.to_numpy()
    return made


def dates_of(config: Config, dataset: Dataset) -> Array:
    """[T+1] first days of the periods, and of the one that begins when the history ends."""
    days = dataset.table("calendar").collect().sort("period")["date"].to_numpy().astype("M8[D]")
    return np.append(days, days[-1] + period_days(config))


def period_days(config: Config) -> int:
    """Days of a period."""
    return 7 if config.period == "week" else 1


def replayed(
    records: Panel, model: InventoryModel, dates: Array, start: int, stop: int
) -> tuple[list[Columns], list[Array]]:
    """Requests and orders of the periods start..stop, the model's own orders followed; stock starts as in every replay.

    The requests are the model's input here, so what is evaluated is what is served, to the bit.
    """
    on_hand = records.on_hand0.astype(np.float64).copy()
    pipeline = records.pipeline0.astype(np.float64).copy()
    width = pipeline.shape[1]
    lands = np.arange(width)[None, :] == records.lead_time[:, None] - 1
    asked, ordered = [], []
    for t in range(start, stop):
        on_hand = on_hand + pipeline[:, 0]
        pipeline = np.concatenate([pipeline[:, 1:], np.zeros_like(pipeline[:, :1])], axis=1)
        request = at(records, t, on_hand, pipeline, model.forecast.promo_known_ahead, dates)
        units = model.order(request).units
        asked.append(request)
        ordered.append(units)
        available = on_hand + units * (records.lead_time == 0)
        on_hand = available - np.minimum(available, records.demand[:, t])
        pipeline = pipeline + units[:, None] * lands
    return asked, ordered


def stacked(parts: list[Columns]) -> Columns:
    """Requests of several periods under each other."""
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def came_true(
    records: Panel, asked: list[Columns], ordered: list[Array], start: int
) -> tuple[list[int], list[worth.Worth]]:
    """For the periods whose whole cover lies in the history: what the lines were worth in the end."""
    longest = int((asked[0]["lead_time_periods"] + asked[0]["next_order_periods"]).max())
    ahead = int(asked[0]["promo_planned"].sum(1).max())  # a later request would know less of the plan than a real one
    kept, found = [], []
    for k, (request, units) in enumerate(zip(asked, ordered, strict=True)):
        t = start + k
        if t + max(longest, ahead) > records.shape[1]:
            break
        line = line_of(request, units, records.price[:, t : t + longest].mean(1))
        kept.append(k)
        found.append(worth.realised(line, records.demand[:, t : t + longest]))
    return kept, found


def line_of(request: Columns, units: Array, price: Array) -> worth.Line:
    """The order lines of N requests: `units` at mean price `price`."""
    return worth.Line(
        units, request["on_hand"], request["on_order"], request["lead_time_periods"], request["next_order_periods"],
        price, *(request[n] for n in ("unit_cost_usd", "holding_usd", "lost_sale_usd", "order_cost_usd")),
    )  # fmt: skip


def held_out(config: Config, dataset: Dataset, model: InventoryModel) -> HeldOut:
    """The replay weeks as requests with what came true, and the choosing weeks as the reference for drift."""
    import polars as pl

    records, dates = panel_of(dataset), dates_of(config, dataset)
    start, stop = cut_periods(records, "replay")
    asked, ordered = replayed(records, model, dates, start, stop)
    kept, worths = came_true(records, asked, ordered, start)
    truths = pl.DataFrame(
        {
            "ran_out": np.concatenate([w.p_stock_out > 0 for w in worths]),
            "ran_out_covered": np.concatenate([w.p_stock_out_covered > 0 for w in worths]),
            "profit_usd": np.concatenate([w.profit_usd for w in worths]),
            "done.order_now": np.concatenate([ordered[k] for k in kept]),
        }
    )
    earlier = cut_periods(records, "choose")
    before, _ = replayed(records, model, dates, *earlier)
    return HeldOut(frame(stacked([asked[k] for k in kept])), truths, frame(stacked(before)))


def requests_now(config: Config, dataset: Dataset, model: InventoryModel) -> pl.DataFrame:
    """A request for every item as of the end of the history; beside the contract's columns `stock_source` and `status`.

    Where stock is made up (the demo), it is what the model's own replay has left, so that the plan continues the report.
    """
    import polars as pl

    records, dates = panel_of(dataset), dates_of(config, dataset)
    periods = records.shape[1]
    stock = dataset.table("stock").collect()
    given = panel({"history": dataset.table("history").collect(), "items": dataset.table("items").collect(),
                   "stock": stock.drop("source"), "calendar": dataset.table("calendar").collect()})  # fmt: skip
    source = dataset.table("items").collect().sort("item", "site").select("item", "site").join(
        stock.select("item", "site", "source"), on=["item", "site"], how="left", maintain_order="left"
    )["source"].fill_null("none")  # fmt: skip
    made_up = (source == "made up").to_numpy()
    on_hand, pipeline = given.on_hand0.astype(np.float64), given.pipeline0[:, 1:].astype(np.float64)
    if made_up.any():
        left, due = _left(records, model, dates)
        width = min(pipeline.shape[1], due.shape[1])
        on_hand[made_up] = left[made_up]
        pipeline[made_up] = 0.0
        pipeline[made_up, :width] = due[made_up, :width]
    asked = at(records, periods, on_hand, pipeline, 0, dates)
    plan = dataset.table("plan").collect()
    if plan.height:
        _with_plan(asked, records, plan, int(records.period[-1]))
    source = source.replace({"made up": "the replay's end"})
    status = dataset.table("items").collect().sort("item", "site")["status"]
    now, later = _chances(dataset, period_days(config))
    asked = {**asked, "may_order": now & (status != "discontinued").to_numpy(), "next_order_periods": later}
    return frame(asked).with_columns(source.alias("stock_source"), pl.Series("status", status))


def _chances(dataset: Dataset, days: int) -> tuple[Array, Array]:
    """[I] whether the period that begins now is one to order in, and periods until the next chance after it."""
    import polars as pl

    items = dataset.table("items").collect().sort("item", "site")
    last = dataset.table("calendar").collect().sort("period").tail(1)
    ahead = int(items["review_every_periods"].to_numpy().max(initial=1)) + 8
    steps = range(1, ahead + 1)
    first = last["date"].item()
    coming = pl.DataFrame(
        {
            "period": [last["period"].item() + k for k in steps],
            "date": [first + timedelta(days=k * days) for k in steps],
        }
    )
    open_ = review_periods(items, coming)
    return open_[:, 0], 1 + np.argmax(open_[:, 1:], axis=1)


def _left(records: Panel, model: InventoryModel, dates: Array) -> tuple[Array, Array]:
    """On hand now and due in 1, 2, ... periods, after the replay weeks under the model."""
    start, stop = cut_periods(records, "replay")
    part = take_periods(records, start, stop)
    asked, ordered = replayed(records, model, dates, start, stop)
    size, width = len(records.item), records.pipeline0.shape[1]
    horizon = stop - start + width + 1
    arrives = np.zeros((size, horizon))
    arrives[:, :width] += records.pipeline0
    rows = np.arange(size)
    for k, units in enumerate(ordered):
        np.add.at(arrives, (rows, np.minimum(k + records.lead_time, horizon - 1)), units)
    last = asked[-1]
    available = last["on_hand"] + ordered[-1] * (records.lead_time == 0)
    on_hand = available - np.minimum(available, part.demand[:, -1])
    now = stop - start
    return on_hand + arrives[:, now], arrives[:, now + 1 :]


def _with_plan(asked: Columns, records: Panel, plan: pl.DataFrame, last: int) -> None:
    """Fill in what is planned for the periods ahead; an item without a row has no promotion then."""
    place = {key: row for row, key in enumerate(zip(records.item.tolist(), records.site.tolist(), strict=True))}
    for item, site, period, promo in plan.select("item", "site", "period", "promo").iter_rows():
        row, ahead = place.get((item, site)), int(period) - last - 1
        if row is not None and 0 <= ahead < HORIZON:
            asked["promo_plan"][row, ahead] = promo or 0.0
            asked["promo_planned"][:, ahead] = 1.0
