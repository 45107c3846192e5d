"""What the data stage works on: sales as lines, and the tables beside them, whatever source they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

LINE = {  # the columns of a line of sales; one line is one row of the source
    "date": pl.Date,
    "item": pl.String,
    "site": pl.String,
    "units": pl.Float64,
    "usd": pl.Float64,  # what was paid for the line
    "price": pl.Float64,  # paid for a unit; null: unknown
    "regular_price": pl.Float64,  # a unit without promotion; null: unknown
    "unit_cost": pl.Float64,
    "on_hand": pl.Float64,  # at the end of the day
    "stocked_out": pl.Boolean,
    "promo": pl.Float64,  # share of the site under promotion, 0-1
    "ordered": pl.Float64,
}
PROMO = {"item": pl.String, "site": pl.String, "date": pl.Date, "promo": pl.Float64, "price": pl.Float64}


@dataclass(frozen=True)
class Raw:
    """A source, read. Optional tables are None when there is none."""

    lines: pl.DataFrame  # LINE, and `goods` (bool) where the source knows what is no merchandise
    about: str  # what the data is, in a sentence for the report
    names: pl.DataFrame | None = None  # item -> name, category
    items: pl.DataFrame | None = None
    stock: pl.DataFrame | None = None
    orders: pl.DataFrame | None = None
    promotions: Callable[[pl.DataFrame], pl.DataFrame] | None = None  # (item, site) -> PROMO rows, past and planned
    notes: dict[str, Any] = field(default_factory=dict)
    quarantined: tuple[dict[str, Any], ...] = ()  # rows of `set_aside`
