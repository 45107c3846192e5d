"""The settings of inventory: where the data is, how time is cut, the terms of supply, the money, the training."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import field_validator, model_validator

from ropewalk.config import Settings, Source, setting

if TYPE_CHECKING:
    from ropewalk.types import Job


class Config(Settings):
    """Every default says why it is what it is. Money is in one currency, `currency`; units are those of the sales table."""

    sales: Source = setting(
        "demo:complete_journey",
        "Table of sales (file, folder, s3://...): date, item, units; optional site, price, regular_price, unit_cost, "
        "on_hand, stocked_out, promo, ordered. The default is real purchases, so that the first run needs no data; "
        "made:40x40 makes 40 items over 40 periods.",
    )
    items: Source | None = setting(
        None,
        "Table of items: item; optional site, name, category, supplier, unit_cost, lead_time_periods, pack_size, min_order, "
        "review_every_periods, order_days, status (active, new, discontinued). Without it the terms below hold for all.",
    )
    stock: Source | None = setting(
        None,
        "Table of stock now: item, on_hand; optional site, on_order_1, on_order_2, ... (due in 1, 2, ... periods). "
        "Without it the last on_hand of the sales table is taken, and without that a start stock is made up and said so.",
    )
    plan: Source | None = setting(None, "Table of what is known ahead: date, item; optional site, promo (0-1), price.")
    orders: Source | None = setting(
        None, "Table of orders as placed: date, item, ordered; optional site. Read back as actions."
    )
    columns: dict[str, str] = setting({}, "Names of your columns where they differ: {units: qty, item: sku}.")
    separator: str = setting(",", "Separator of CSV files: a comma is what CSV says.")
    decimal_comma: bool | None = setting(
        None, "Whether text files write 3,5 for 3.5. None: as the numbers show it, refused where they leave a doubt."
    )
    encoding: str | None = setting(
        None,
        "Encoding of text files that are not UTF-8, such as windows-1252. None: refused, since guesses garble names.",
    )
    date_format: str | None = setting(None, "Format of dates such as %d/%m/%Y; ISO dates (2024-03-31) need none.")
    on_bad_rows: Literal["stop", "quarantine"] = setting(
        "stop",
        "stop: a row that breaks its contract ends the run, since silent loss of rows is worse; quarantine: sets it aside in a file.",
    )
    quarantine_folder: str = setting("out/quarantine", "Where bad rows are written, as CSV and Parquet.")
    missing_rows: Literal["zero", "unknown"] = setting(
        "zero",
        "An item-period without a row: zero sales (most systems write a row only for a sale) or unknown, not used as demand.",
    )
    currency: str = setting("USD", "Label of money; nothing is converted. Names that end in _usd mean this currency.")

    period: Literal["week", "day"] = setting(
        "week", "Planning step: most shops reorder at most once a week per supplier."
    )
    week_starts: Literal["monday", "sunday", "saturday"] = setting("monday", "First day of a week: ISO 8601.")
    train: float = setting(
        30 / 51, "Share of the periods to learn on, or their number if above 1: 30 of the demo's 51.", above=0
    )
    choose: float = setting(
        10 / 51, "Share or number of the next periods, to tune and choose on: 10 of 51, as many as replayed.", above=0
    )
    replay: float = setting(11 / 51, "Share or number of the last periods, replayed once: 11 of 51.", above=0)

    lead_time_periods: int = setting(
        2,
        "From an order to its arrival: a week to pick and ship, a week of slack, as a chain with its own depots.",
        unit="periods",
        low=0,
        high=52,
    )
    review_every_periods: int = setting(
        1, "Periods between chances to order: every one.", unit="periods", low=1, high=52
    )
    pack_size: int = setting(1, "Units an order is rounded to: single units, the neutral choice.", unit="units", low=1)
    min_order: int = setting(0, "Smallest order of an item: none, the neutral choice.", unit="units", low=0)
    gross_margin: float = setting(
        0.30,
        "Margin where unit cost is unknown: cost = (1 - margin) x median price paid; grocers' accounts show 25-30 % of net sales.",
        unit="share of price",
        above=0,
        below=1,
    )
    holding_per_year: float = setting(
        0.25,
        "Cost of stock a year (capital, room, shrink): textbooks give 0.20-0.30 of its cost.",
        unit="share of unit cost",
        low=0,
        high=5,
    )
    lost_sale_usd: float = setting(
        0.0, "Goodwill lost with a sale, beyond its margin: unknown, so nothing is invented.", unit="USD/unit", low=0
    )
    order_cost_usd: float = setting(
        0.25, "Handling of one order line: 45 seconds of work at 20 USD an hour.", unit="USD/line", low=0
    )

    min_sold_share: float = setting(
        0.8,
        "Items need a sale in this share of training periods: below, demand is rare and needs other methods.",
        low=0,
        high=1,
    )
    max_items: int = setting(
        100_000, "Most items planned, those with the highest training revenue: fits 16 GB.", unit="items", low=1
    )
    volume_quantity: float = setting(
        100,
        "Items whose median training sale exceeds this are sold by volume (petrol in millilitres) and set aside.",
        unit="units",
        above=0,
    )
    promo_known_ahead_periods: int = setting(
        3,
        "Promotions are planned ahead: lead time 2 and this period, so that an order can answer them.",
        unit="periods",
        low=0,
    )
    censor_runs_periods: int = setting(
        0,
        "Zero runs at least this long in a fast mover count as out of stock; 0: off, since a zero is evidence only if marked.",
        unit="periods",
        low=0,
    )

    forecast_steps: int = setting(
        1500, "Gradient steps of the demand forecast: the loss is flat after 1,500.", unit="steps", stage="train", low=1
    )
    steps: int = setting(
        1500,
        "Gradient steps of the learned policy: where the profit on the choose periods stops rising.",
        stage="train",
        low=0,
    )
    width: int = setting(32, "Width of the learned policy's networks: wider did not earn more.", stage="train", low=2)
    batch_items: int = setting(
        128,
        "Items of one gradient step of each of the four networks: enough to steady the gradient.",
        stage="train",
        low=1,
    )

    @field_validator("columns", mode="before")
    @classmethod
    def _names(cls, given: Any) -> Any:
        """A text such as units=qty,item=sku or {units: qty} is read as the dict that it stands for."""
        if not isinstance(given, str):
            return given
        pairs = [re.split("[:=]", p, maxsplit=1) for p in given.strip().strip("{}").split(",") if p.strip()]
        if any(len(p) != 2 for p in pairs):
            raise ValueError(f"{given!r} is not read. Write units=qty,item=sku")
        return {ours.strip(): theirs.strip() for ours, theirs in pairs}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        parts = (self.train, self.choose, self.replay)
        if all(p <= 1 for p in parts) and sum(parts) > 1 + 1e-9:
            raise ValueError(
                f"train + choose + replay are shares and sum to {sum(parts):.3f}; they must sum to at most 1"
            )
        if any(p <= 1 for p in parts) and any(p > 1 for p in parts):
            raise ValueError(
                "train, choose and replay must be all shares (up to 1) or all numbers of periods (above 1)"
            )
        if any(p > 1 and p != int(p) for p in parts):
            raise ValueError("train, choose and replay must be whole numbers when they count periods")
        if len(self.separator) != 1:
            raise ValueError(f"separator must be one character, not {self.separator!r}")
        return self

    @field_validator("encoding")
    @classmethod
    def _known(cls, given: str | None) -> str | None:
        try:
            codecs.lookup(given or "utf-8")
        except LookupError:
            raise ValueError(f"{given!r} is no encoding. Write windows-1252, iso-8859-15 or utf-16") from None
        return given

    @property
    def periods_per_year(self) -> float:
        return 365.25 / (7 if self.period == "week" else 1)


FIRST_SEED = 7  # what --seed 0 begins with: the figures of the docs were drawn with it


def seed_of(job: Job) -> int:
    """The seed of everything random in data and training: there is one, `--seed`."""
    return FIRST_SEED + job.seed


def small() -> Config:
    """A life of seconds: 40 made items over 51 weeks, no file and no network."""
    return Config(sales="made:40x51", steps=60, forecast_steps=100, width=8, batch_items=40)


__all__ = ["Config", "seed_of", "small"]
