"""The table of items: what its columns are called, what they may hold, and which of them a table has.

Letters: T periods of history, K periods ahead.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ropewalk.errors import DataError
from ropewalk.systems.inventory.bulk.demand import LONGEST
from ropewalk.types import Column

if TYPE_CHECKING:
    from ropewalk.systems.inventory.config import Config

MOST = 1e9  # units
FEWEST = 4  # periods of history, to LONGEST
KEY = (
    Column("item", "str", "the code of the item"),
    Column("site", "str", "shop or depot", required=False, default="main"),
)
LISTS = (
    Column(
        "demand_history",
        "float",
        "units asked for, the period that just ended last; fewer of a new item",
        "units",
        low=0,
        high=MOST,
    ),
    Column("on_order", "float", "units due in 1, 2, ... periods", "units", low=0, high=MOST, required=False),
)
SPREAD = {
    "demand_history": "demand_ago_",
    "on_order": "on_order_",
}  # the same as columns: ago_1 is the period just ended
NUMBERS = (
    Column("on_hand", "float", "units that can be sold now", "units", low=0, high=MOST),
    Column("lead_time_periods", "int", "from the order to its arrival", "periods", low=0, high=52, required=False),
    Column("review_every_periods", "int", "between chances to order", "periods", low=1, high=52, required=False),
    Column("price_usd", "float", "price", "USD/unit", low=0, high=1e7),
    Column("unit_cost_usd", "float", "purchase price", "USD/unit", low=0, high=1e7, required=False),
    Column("holding_usd", "float", "a unit held for a period", "USD/unit/period", low=0, high=1e6, required=False),
    Column("lost_sale_usd", "float", "a lost sale, beyond its margin", "USD/unit", low=-1e6, high=1e6, required=False),
    Column("order_cost_usd", "float", "an order line", "USD/line", low=0, high=1e6, required=False),
    Column("pack_size", "int", "orders are multiples of it", "units", low=1, high=1e6, required=False),
    Column("min_order", "int", "smallest order", "units", low=0, high=MOST, required=False),
)
COLUMNS = (*KEY, *LISTS, *NUMBERS)


@dataclass(frozen=True)
class Layout:
    """Where a table has what. Empty where it has not."""

    history: tuple[str, ...]  # one column of lists, or columns, the oldest period first
    on_order: tuple[str, ...]  # one column of lists, or K columns
    others: tuple[str, ...]  # of KEY and NUMBERS

    @property
    def columns(self) -> list[str]:
        return [*self.others, *self.history, *self.on_order]


def layout(schema: Mapping[str, pl.DataType], where: str, length: Callable[[str], int]) -> Layout:
    """What a table with this schema holds. `length`: of the longest list in a column. DataError names all that is wrong."""
    problems = [*_misspelt(schema, where), *_not_numbers(schema, where)]
    found = {column.name: _list_or_columns(schema, column.name, where, problems) for column in LISTS}
    for column in COLUMNS:
        if column.required and column.name not in schema and not found.get(column.name):
            more = f", nor {SPREAD[column.name]}1, {SPREAD[column.name]}2, ..." if column.name in SPREAD else ""
            problems.append(f"{where}: there is no column {column.name!r}{more}; it has {', '.join(list(schema)[:20])}")
    if problems:
        raise DataError(problems)
    history = found["demand_history"][::-1]
    if len(history) == 1 and schema[history[0]].is_nested():
        kind = schema[history[0]]
        periods = kind.shape[0] if isinstance(kind, pl.Array) else min(length(history[0]), LONGEST)
    else:
        periods = len(history)
    if not FEWEST <= periods <= LONGEST:
        raise DataError([f"{where}: {history[0]} holds {periods} periods of history; {FEWEST} to {LONGEST} are needed"])
    return Layout(history, found["on_order"], tuple(c.name for c in (*KEY, *NUMBERS) if c.name in schema))


def _list_or_columns(schema: Mapping[str, pl.DataType], name: str, where: str, problems: list[str]) -> tuple[str, ...]:
    """`name`, or its columns 1, 2, ... in this order."""
    begin = SPREAD[name]
    ends = sorted(int(c.removeprefix(begin)) for c in schema if c.startswith(begin) and c.removeprefix(begin).isdigit())
    if name in schema and ends:
        problems.append(f"{where}: {name} and {begin}{ends[0]} say the same; leave one of them out")
    if ends != list(range(1, len(ends) + 1)):
        lack = next(n for n in range(1, ends[-1] + 1) if n not in ends)
        problems.append(f"{where}: there is {begin}{ends[-1]} but no {begin}{lack}; columns are numbered 1, 2, 3, ...")
    return (name,) if name in schema else tuple(f"{begin}{n}" for n in ends)


def _misspelt(schema: Mapping[str, pl.DataType], where: str) -> list[str]:
    """Optional columns that may be there under another name: a default would stand in for them silently."""
    others = [name for name in schema if name not in {c.name for c in COLUMNS}]
    missing = [c.name for c in COLUMNS if not c.required and c.name not in schema]
    close = {name: difflib.get_close_matches(name, others, n=1, cutoff=0.85) for name in missing}
    return [
        f"{where}: there is no column {name!r}, but {found[0]!r}. Rename it, or leave it out"
        for name, found in close.items()
        if found and not found[0].startswith(tuple(SPREAD.values()))
    ]


def _not_numbers(schema: Mapping[str, pl.DataType], where: str) -> list[str]:
    """Columns whose type cannot hold what they should."""
    wrong = []
    for name, kind in schema.items():
        base = next((c.name for c in LISTS if name == c.name or _is_spread(name, c.name)), None)
        inner = kind.inner if base == name and isinstance(kind, (pl.List, pl.Array)) else kind
        flat = base == name and not isinstance(kind, (pl.List, pl.Array))
        if flat or ((base or name in {c.name for c in NUMBERS}) and not inner.is_numeric()):
            must = "lists of numbers" if base == name else "numbers"
            wrong.append(f"{where}: column {name} is {kind}; it must hold {must}")
    return wrong


def _is_spread(name: str, base: str) -> bool:
    return name.startswith(SPREAD[base]) and name.removeprefix(SPREAD[base]).isdigit()


# -- what is not in the table --


def defaults(config: Config) -> dict[str, float]:
    """What holds for all items where the table has no such column: the settings. Money that depends on the item is a share:
    of the price (unit cost), of the unit cost a period (holding). The settings' own cost of an order line is for people who handle each; a table
    without that column comes from a system that places orders by itself."""
    changed = config.order_cost_usd != type(config).model_fields["order_cost_usd"].default
    return {
        "lead_time_periods": config.lead_time_periods,
        "review_every_periods": config.review_every_periods,
        "unit_cost_usd": 1.0 - config.gross_margin,
        "holding_usd": config.holding_per_year / config.periods_per_year,
        "lost_sale_usd": config.lost_sale_usd,
        "order_cost_usd": config.order_cost_usd if changed else 0.0,
        "pack_size": config.pack_size,
        "min_order": config.min_order,
    }


def said(assumed: Mapping[str, float], names: Sequence[str], word: str, currency: str) -> str:
    """The assumed ones of these columns, for people."""
    lead, review = assumed["lead_time_periods"], assumed["review_every_periods"]
    told = {
        "unit_cost_usd": f"unit cost {100 * assumed['unit_cost_usd']:g} % of the price",
        "holding_usd": f"holding {100 * assumed['holding_usd']:.2g} % of the unit cost a {word}",
        "lead_time_periods": f"lead time {lead:g} {word}{'s' * (lead != 1)}",
        "review_every_periods": f"an order every {word}" if review == 1 else f"an order every {review:g} {word}s",
        "lost_sale_usd": f"goodwill {assumed['lost_sale_usd']:g} {currency} a lost sale",
        "order_cost_usd": f"an order line {assumed['order_cost_usd']:g} {currency}",
        "pack_size": f"packs of {assumed['pack_size']:g}",
        "min_order": f"minimum order {assumed['min_order']:g}",
    }
    return ", ".join(told[name] for name in names)
