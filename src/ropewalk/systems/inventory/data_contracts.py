"""What the tables that users bring must look like."""

from __future__ import annotations

from ropewalk.types import Column, Contract

_DATE = Column("date", "date", "the day (or first day of the week) of the sale", low=1990, high=2100)
_ITEM = Column("item", "str", "the code of the item")
_SITE = Column("site", "str", "shop or depot; without it all is one site", required=False)

SALES = Contract(
    (
        _DATE,
        _ITEM,
        Column("site", "str", "shop or depot; without it all is one site", default="main"),
        Column("units", "float", "units sold; negative is a return", unit="units", low=-1e9, high=1e9),
        Column("price", "float", "price paid for a unit", unit="USD/unit", low=0, high=1e7, required=False),
        Column("regular_price", "float", "price without promotion", unit="USD/unit", low=0, high=1e7, required=False),
        Column("unit_cost", "float", "purchase cost of a unit", unit="USD/unit", low=0, high=1e7, required=False),
        Column("on_hand", "float", "stock at the end of the day", unit="units", low=-1e9, high=1e9, required=False),
        Column("stocked_out", "bool", "whether the shelf was empty at any time of the day", required=False),
        Column("promo", "float", "share of the site under promotion, 0 to 1", low=0, high=1, required=False),
        Column("ordered", "float", "units ordered that day", unit="units", low=0, high=1e9, required=False),
    )
)
ITEMS = Contract(
    (
        _ITEM,
        _SITE,
        Column("name", "str", "what people call it", required=False),
        Column("category", "str", "its category", required=False),
        Column("supplier", "str", "who delivers it", required=False),
        Column(
            "status", "str", "active, new or discontinued", required=False, choices=("active", "new", "discontinued")
        ),
        Column("unit_cost", "float", "purchase cost of a unit", unit="USD/unit", low=0, high=1e7, required=False),
        Column(
            "lead_time_periods", "int", "periods from order to arrival", unit="periods", low=0, high=52, required=False
        ),
        Column(
            "review_every_periods",
            "int",
            "periods between chances to order",
            unit="periods",
            low=1,
            high=52,
            required=False,
        ),
        Column("order_days", "str", "weekdays of orders, as mon,thu", required=False),
        Column("pack_size", "int", "units an order is rounded to", unit="units", low=1, high=1e6, required=False),
        Column("min_order", "int", "smallest order", unit="units", low=0, high=1e9, required=False),
        Column("order_cost_usd", "float", "cost of an order line", unit="USD", low=0, high=1e6, required=False),
        Column("lost_sale_usd", "float", "goodwill lost with a sale", unit="USD/unit", low=0, high=1e6, required=False),
    ),
    keys=("item", "site"),
)
STOCK_COLUMNS = (
    _ITEM,
    _SITE,
    Column("on_hand", "float", "units on hand now", unit="units", low=0, high=1e9),
)
PLAN = Contract(
    (
        Column("date", "date", "the day that the promotion or price holds", low=1990, high=2100),
        _ITEM,
        _SITE,
        Column("promo", "float", "share of the site under promotion, 0 to 1", low=0, high=1, required=False),
        Column("price", "float", "price of a unit", unit="USD/unit", low=0, high=1e7, required=False),
    ),
    keys=("date", "item", "site"),
)
ORDERS = Contract(
    (
        Column("date", "date", "the day of the order", low=1990, high=2100),
        _ITEM,
        _SITE,
        Column("ordered", "float", "units ordered", unit="units", low=0, high=1e9),
    )
)


def stock(names: list[str]) -> Contract:
    """The contract of a stock table with the columns `names`: on_order_1, on_order_2, ... are as many as it has."""
    due = [n for n in names if n.startswith("on_order_") and n.removeprefix("on_order_").isdigit()]
    about = "units that arrive in so many periods"
    more = tuple(Column(n, "float", about, unit="units", low=0, high=1e9, required=False) for n in due)
    return Contract(STOCK_COLUMNS + more, keys=("item", "site"))
