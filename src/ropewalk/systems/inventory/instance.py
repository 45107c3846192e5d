"""An instance: one item at one site in numbers, as the commands of people take it, from options or a YAML file."""

from __future__ import annotations

from typing import Literal

from ropewalk.config import Settings, Source, setting

MONEY = "USD a unit"


class Instance(Settings):
    """What is ordered, when it comes, what it costs. All per period; a period is the time between two chances to order."""

    demand: str | None = setting(
        None,
        "Law of a period's demand: poisson:M, geometric:M, negbin:R,M (mean M), or given:P0,P1,... (chances of 0, 1, ... units).",
    )
    history: Source | None = setting(
        None, "Or past demands, one row a period: .csv or .parquet. Leave out periods that were out of stock."
    )
    column: str | None = setting(None, "Its column (default: the only one that holds numbers).")
    history_as: Literal["law", "is"] = setting(
        "law", "law: the Poisson or negative binomial law of its mean and variance, since a short history has seen no rare demand; "
        "is: what was seen, as often as it was seen."
    )  # fmt: skip
    lead_time: int = setting(
        1, "From an order to its arrival; 0: it can be sold at once.", unit="periods", low=0, high=60
    )
    lead_time_law: str | None = setting(
        None,
        "Or drawn for each order by itself, so that a later one can arrive first: periods and their chances, as 2:0.5,3:0.3,5:0.2.",
    )
    penalty: float | None = setting(None, "Unmet demand is lost, at this cost (with the margin).", unit=MONEY, above=0)
    backlog: float | None = setting(None, "Unmet demand waits, at this cost.", unit="USD a unit and period", above=0)
    holding: float = setting(
        1.0, "Of what is on the shelf at the end of a period.", unit="USD a unit and period", low=0
    )
    order_cost: float = setting(0.0, "Of an order, whatever its size.", unit="USD", low=0)
    unit_cost: float = setting(0.0, "Purchase price.", unit=MONEY, low=0)
    pack: int = setting(1, "Orders are whole packs.", unit="units", low=1)
    min_order: int = setting(0, "Least order that is placed.", unit="units", low=0)
    max_order: int | None = setting(None, "Largest order.", unit="units", low=1)
    life: int = setting(0, "Goods perish after so long; 0: they keep.", unit="periods", low=0, high=12)
    waste: float = setting(0.0, "Of what perishes.", unit=MONEY, low=0)
    oldest_share: float = setting(
        1.0, "Share of the buyers who take the oldest goods; the others take the freshest.", low=0, high=1
    )
    expedited_lead_time: int | None = setting(
        None,
        "Of a second, faster source; then lead_time and unit_cost are those of the regular one.",
        unit="periods",
        low=0,
    )
    expedited_unit_cost: float | None = setting(None, "Purchase price there.", unit=MONEY, low=0)
    tail: float = setting(
        1e-9, "Probability of the greatest demands that count as the greatest one that is kept.", above=0, below=0.01
    )
