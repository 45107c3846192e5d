"""Lines that are not demand for an item that can be planned are set aside, each by a rule that is printed and counted."""

from __future__ import annotations

from typing import Any

import polars as pl

from ropewalk.errors import DataError
from ropewalk.systems.inventory.config import Config

SET_ASIDE = {"rule": pl.String, "reason": pl.String, "rows": pl.Int64, "units": pl.Float64, "usd": pl.Float64}
Log = list[dict[str, Any]]


def set_aside(lines: pl.DataFrame, gone: pl.Expr, rule: str, reason: str, log: Log) -> pl.DataFrame:
    """The lines that stay. What goes is added to `log`; a rule that takes nothing leaves no entry."""
    leaves = gone.fill_null(False)
    taken = lines.filter(leaves)
    if taken.is_empty():
        return lines
    sums = taken.select(pl.col("units").sum(), pl.col("usd").sum()).row(0)
    log.append({"rule": rule, "reason": reason, "rows": taken.height, "units": float(sums[0]), "usd": float(sums[1])})
    return lines.filter(~leaves)


def returns(lines: pl.DataFrame, log: Log) -> pl.DataFrame:
    """Lines of negative units, and lines of no units for which money changed hands."""
    lines = set_aside(lines, pl.col("units") < 0, "units < 0", "a return is not demand", log)
    empty = (pl.col("units") == 0) & (pl.col("usd") != 0)
    return set_aside(lines, empty, "units = 0 and money paid", "no unit was sold", log)


def till_entries(lines: pl.DataFrame, log: Log) -> pl.DataFrame:
    """Lines of a receipt that say zero units: not a sale. (In a table of sales by day a zero is a zero, and stays.)"""
    return set_aside(lines, pl.col("units") == 0, "units = 0 on a receipt", "a return or a coupon, not a sale", log)


def by_volume(config: Config, lines: pl.DataFrame, train: tuple[int, int], log: Log) -> pl.DataFrame:
    """Items whose median sale in the training periods exceeds `volume_quantity`: petrol in millilitres, say."""
    sold = lines.lazy().filter(pl.col("period").is_between(*train) & (pl.col("units") > 0))
    medians = sold.group_by("item").agg(pl.col("units").median())
    big = medians.filter(pl.col("units") > config.volume_quantity).select("item").collect()["item"]
    rule = f"median units of a line in training > {config.volume_quantity:g}"
    return set_aside(lines, pl.col("item").is_in(big.implode()), rule, "sold by volume, not by piece", log)


def outside(config: Config, lines: pl.DataFrame, first: int, last: int, log: Log) -> pl.DataFrame:
    """Lines of partial periods at either end, and of periods older than the training cut."""
    why = f"the first and the last {config.period} are planned only if whole, and older than the cuts is not read"
    rule = f"outside the whole {config.period}s of the cuts"
    return set_aside(lines, ~pl.col("period").is_between(first, last), rule, why, log)


def choose(config: Config, lines: pl.DataFrame, train: tuple[int, int], new: pl.DataFrame, log: Log) -> pl.DataFrame:
    """Lines of the items that are planned, chosen on the training periods alone. `new` (item, site) are kept anyway."""
    periods = train[1] - train[0] + 1
    need = config.min_sold_share * periods
    sold = lines.lazy().filter(pl.col("period").is_between(*train)).group_by("item", "site")
    seen = sold.agg(
        sold=pl.col("period").filter(pl.col("units") > 0).n_unique(),
        usd=pl.col("usd").sum(),
        units=pl.col("units").sum(),
    ).collect()
    often = seen.filter((pl.col("sold") >= need - 1e-9) & (pl.col("sold") > 0))
    kept = often.sort(["usd", "units", "item", "site"], descending=[True, True, False, False]).head(config.max_items)
    if kept.is_empty() and new.is_empty():
        best = int(seen["sold"].max() or 0)  # type: ignore[arg-type]
        raise DataError(
            [
                f"{config.sales}: no item has sales in {config.min_sold_share:.0%} of the {periods} training {config.period}s; "
                f"the best has them in {best}. Lower min_sold_share, or plan in longer periods."
            ]
        )
    marks = (
        seen.lazy()
        .select("item", "site", seen=True)
        .join(often.lazy().select("item", "site", often=True), on=["item", "site"], how="left")
        .join(kept.lazy().select("item", "site", kept=True), on=["item", "site"], how="full", coalesce=True)
        .join(new.lazy().select("item", "site", new=True), on=["item", "site"], how="full", coalesce=True)
        .collect()
    )
    width = lines.columns
    lines = lines.join(marks, on=["item", "site"], how="left", maintain_order="left")
    stays = (pl.col("kept") | pl.col("new")).fill_null(False)
    first_seen = ~stays & pl.col("seen").is_null()
    lines = set_aside(
        lines, first_seen, "no row in the training periods", "first sold later; list it as new to plan it", log
    )
    rule = f"sales in under {config.min_sold_share:.0%} of the {periods} training {config.period}s"
    lines = set_aside(lines, ~stays & pl.col("often").is_null(), rule, "sold too rarely to learn from", log)
    rule = f"not among the {config.max_items:,} items of most training revenue"
    return set_aside(lines, ~stays, rule, "more items than max_items", log).select(width)
