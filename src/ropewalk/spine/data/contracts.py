"""A table held against its contract: one message with every problem, or the clean rows and the bad ones apart.

Each problem says the file, the row as a person finds it, the column, the value, how many rows, and the way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import polars as pl

from ropewalk.errors import DataError
from ropewalk.spine.data import sources, typed
from ropewalk.types import Column, Contract

OnBadRows = Literal["stop", "quarantine"]
COMMON = {  # what people call a column; it is suggested, never assumed
    "date": ("day", "ds", "time", "timestamp", "week", "sold_on", "order_date", "sales_date"),
    "item": ("sku", "product", "product_id", "article", "item_id", "upc", "ean", "material", "id"),
    "site": ("store", "store_id", "shop", "location", "warehouse", "depot", "site_id"),
    "units": ("qty", "quantity", "sold", "units_sold", "volume", "sales", "sales_qty", "demand", "y"),
    "price": ("unit_price", "sales_price", "selling_price", "sell_price"),
    "on_hand": ("stock", "inventory", "soh", "stock_on_hand", "quantity_on_hand"),
    "unit_cost": ("cost", "purchase_price", "cogs"),
}
MOST_PROBLEMS = 62  # as many as a mask of 64 bits holds
NUMBERS = ("int", "float")
NOT_A_NUMBER = tuple(f"is not {typed.SAYS[kind]}" for kind in NUMBERS)
WITH_POINT = (
    "Write 1234.5: a point for decimals, nothing for thousands, no unit; or set decimal_comma=true to read 1234,5."
)
WITH_COMMA = "Write 1234,5: a comma for decimals, nothing for thousands, no unit; or set decimal_comma=false."
UNDECIDED = (
    "It may be 1.234 or 1234, and no row decides. Set decimal_comma=true for the first; write 1234 for the second."
)
ROW, MASK, VALUE = "_ropewalk_row", "_ropewalk_mask", "_ropewalk_value_"


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows that keep the contract, typed, with every column of it; absent optional ones hold their default or null."""

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    quarantined: pl.DataFrame | None = None  # row, reason, and the columns as they were
    reasons: Mapping[str, int] = field(default_factory=dict)  # reason -> rows set aside


@dataclass(frozen=True, slots=True)
class Written:
    """How text files are written: what none says is read from the values."""

    date_format: str | None
    decimal_comma: bool | None
    separator: str
    encoding: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a row can be bad."""

    column: str
    reason: str
    bad: pl.Expr
    remedy: str


def check(
    frame: pl.LazyFrame,
    contract: Contract,
    where: str,
    on_bad_rows: OnBadRows = "stop",
    *,
    columns: Mapping[str, str] | None = None,
    date_format: str | None = None,
    decimal_comma: bool | None = None,
    separator: str = ",",
    encoding: str | None = None,
) -> Checked:
    """Hold `frame`, read from the address (or called) `where`, against `contract`.

    `columns`: contract's name -> the file's, where they differ. `decimal_comma`: whether text says 3,5 for 3.5; None: as the
    values show. DataError lists all problems; with "quarantine" the bad
    rows are returned apart, unless a column is missing or no row is left.
    """
    try:
        how = Written(date_format, decimal_comma, separator, encoding)
        return _check(frame, contract, where, on_bad_rows, columns or {}, how)
    except (pl.exceptions.PolarsError, OSError) as error:
        from ropewalk.spine.data.broken import explain

        raise explain(where, sources.files(where), separator, error, encoding) from None


def _check(
    frame: pl.LazyFrame,
    contract: Contract,
    where: str,
    on_bad_rows: OnBadRows,
    columns: Mapping[str, str],
    how: Written,
) -> Checked:
    given = frame
    frame, notes = _named(frame, contract, where, columns)
    schema = frame.collect_schema()
    formats = {
        c.name: how.date_format or _format(frame, c, schema, where) for c in contract.columns if c.name in schema
    }
    rules, values = _rules(contract, schema, where, formats, bool(how.decimal_comma))
    mask = pl.sum_horizontal(
        [pl.when(r.bad.fill_null(False)).then(pl.lit(1 << i, pl.Int64)).otherwise(0) for i, r in enumerate(rules)]
        or [pl.lit(0, pl.Int64)]
    )
    plain = frame.with_columns(typed.text(name) for name, kind in schema.items() if kind == pl.String)
    staged = plain.with_columns(v.alias(VALUE + name) for name, v in values.items())  # so that each is computed once
    table = staged.select(*[_filled(c) for c in contract.columns], mask.alias(MASK)).collect(engine="streaming")
    table, rules = _repeated(table, contract, rules)
    if table.is_empty():
        raise DataError([f"{where}: the table has the columns but no row."])
    bad = table.with_row_index(ROW).filter(pl.col(MASK) != 0).select(ROW, MASK)
    if bad.is_empty():
        return Checked(_ordered(table.drop(MASK), contract), tuple(notes))
    if how.decimal_comma is None:
        numbers = [c.name for c in contract.columns if c.kind in NUMBERS and schema.get(c.name) == pl.String]
        comma = typed.decimal_comma(frame, numbers) if numbers else False
        if comma:
            again = _check(given, contract, where, on_bad_rows, columns, replace(how, decimal_comma=True))
            return replace(again, notes=(*again.notes, f"{where}: the comma is read as the decimal mark"))
        if comma is None:
            rules = [replace(r, remedy=UNDECIDED) if r.reason in NOT_A_NUMBER else r for r in rules]
    problems = list(_problems(frame, bad, rules, where, how))
    if on_bad_rows == "stop" or bad.height == table.height:
        left = ["no row is left after setting the bad ones aside"] if on_bad_rows == "quarantine" else []
        raise DataError([p for p, _, _ in problems] + [f"{where}: {x}" for x in left])
    apart = _apart(frame, bad, rules, where)
    clean = _ordered(table.filter(pl.col(MASK) == 0).drop(MASK), contract)
    return Checked(clean, tuple(notes), apart, dict(apart.group_by("reason", maintain_order=True).len().iter_rows()))


def _named(
    frame: pl.LazyFrame, contract: Contract, where: str, columns: Mapping[str, str]
) -> tuple[pl.LazyFrame, list[str]]:
    """The frame under the contract's names, without the columns it does not speak of."""
    have = frame.collect_schema().names()
    unknown = [f"{ours}={theirs}" for ours, theirs in columns.items() if ours in contract.names and theirs not in have]
    if unknown:
        raise DataError([f"{where}: columns says {unknown[0]}, but the table has only {', '.join(have)}."])
    plain = {h.strip().lower().replace(" ", "_"): h for h in reversed(have)}
    found = {c: columns.get(c) or (c if c in have else plain.get(c)) for c in contract.names}
    taken = {theirs: ours for ours, theirs in found.items() if theirs}
    lacking = [
        _lacks(c, have, where) for c in contract.columns if c.required and c.default is None and not found[c.name]
    ]
    if lacking:
        raise DataError(lacking)
    ignored = [h for h in have if h not in taken]
    notes = [f"{where}: columns not used: {', '.join(ignored)}"] if ignored else []
    notes += [f"{where}: {theirs!r} is read as {ours}" for theirs, ours in taken.items() if theirs != ours]
    return frame.select(pl.col(theirs).alias(ours) for theirs, ours in taken.items()), notes


def _lacks(column: Column, have: list[str], where: str) -> str:
    low = {h.lower(): h for h in have}
    close = [low[n] for n in COMMON.get(column.name, ()) if n in low]
    close += [low[n] for n in difflib.get_close_matches(column.name, low, n=1, cutoff=0.6)]
    hint = f" Is it {close[0]!r}? Then set columns={{{column.name}: {close[0]}}}." if close else ""
    return f"{where}: there is no column {column.name!r} ({column.about}); it has {', '.join(have[:20])}.{hint}"


def _format(frame: pl.LazyFrame, column: Column, schema: pl.Schema, where: str) -> str | None:
    if column.kind != "date" or schema[column.name] != pl.String:
        return None
    return typed.date_format(frame, column.name, where)


def _rules(
    contract: Contract, schema: pl.Schema, where: str, formats: Mapping[str, str | None], decimal_comma: bool
) -> tuple[list[Rule], dict[str, pl.Expr]]:
    """What makes a row bad, and name -> the typed column. Rules read the given column and, under VALUE, the typed one."""
    rules: list[Rule] = []
    values: dict[str, pl.Expr] = {}
    wrong = []
    for column in contract.columns:
        if column.name not in schema:
            values[column.name] = _absent(column)
            continue
        kind = schema[column.name]
        value = typed.typed(column, kind, formats[column.name], decimal_comma)
        if value is None:
            says = typed.SAYS[column.kind] if column.length is None else f"a list of {column.length}"
            wrong.append(
                f"{where}: column {column.name} is of type {kind}; it must be {says}. Convert it before you export."
            )
            continue
        rules += _of(column, pl.col(column.name), pl.col(VALUE + column.name), formats[column.name], decimal_comma)
        values[column.name] = value
    if wrong:
        raise DataError(wrong)
    return rules[:MOST_PROBLEMS], values


def _filled(column: Column) -> pl.Expr:
    value = pl.col(VALUE + column.name)
    return (value if column.default is None else value.fill_null(pl.lit(column.default))).alias(column.name)


def _absent(column: Column) -> pl.Expr:
    inner = typed.TYPES[column.kind]
    return pl.lit(column.default, inner if column.length is None else pl.List(inner)).alias(column.name)


def _of(column: Column, given: pl.Expr, value: pl.Expr, date_format: str | None, decimal_comma: bool) -> Iterator[Rule]:
    name, unit = column.name, f" {column.unit}" if column.unit else ""
    says = typed.SAYS[column.kind]
    remedy = "Correct it, or set on_bad_rows=quarantine."
    if column.kind == "date":
        remedy = f"Dates are read as {date_format or '%Y-%m-%d (2024-03-31)'}; correct it, or set date_format."
    elif column.kind in NUMBERS:
        remedy = WITH_COMMA if decimal_comma else WITH_POINT
    yield Rule(name, f"is not {says}", given.is_not_null() & value.is_null(), remedy)
    if column.required and column.default is None:
        yield Rule(name, "is empty", given.is_null(), f"Every row needs {column.about}.")
    if column.length is not None:
        yield Rule(name, f"is not a list of {column.length}", value.list.len() != column.length, "Give as many values.")
        return
    if column.kind == "float":
        yield Rule(
            name, "is not finite", value.is_not_null() & ~value.is_finite(), "Leave it empty where it is unknown."
        )
    if column.kind in NUMBERS:
        if column.low is not None:
            yield Rule(name, f"is below {column.low:g}{unit}", value < column.low, f"It is {column.about}.")
        if column.high is not None:
            yield Rule(
                name,
                f"is above {column.high:g}{unit}",
                value.is_finite() & (value > column.high),
                f"It is {column.about}.",
            )
    if column.kind == "date":  # bounds of a date are years
        if column.low is not None:
            yield Rule(name, f"is before the year {column.low:g}", value.dt.year() < column.low, "Is it mistyped?")
        if column.high is not None:
            yield Rule(name, f"is after the year {column.high:g}", value.dt.year() > column.high, "Is it mistyped?")
    if column.choices:
        yield Rule(
            name, f"is none of {', '.join(column.choices)}", ~value.is_in(column.choices), "Use one of these words."
        )


def _repeated(table: pl.DataFrame, contract: Contract, rules: list[Rule]) -> tuple[pl.DataFrame, list[Rule]]:
    """The mask with one more bit for rows whose key an earlier row has."""
    if not contract.keys:
        return table, rules
    again = ~pl.struct(contract.keys).is_first_distinct()
    keys = ", ".join(contract.keys)
    rule = Rule(contract.keys[0], f"repeats the {keys} of an earlier row", again, "Keep one row for each.")
    bit = pl.when(again).then(pl.lit(1 << len(rules), pl.Int64)).otherwise(0)
    return table.with_columns(pl.col(MASK) + bit), [*rules, rule]


def _problems(
    frame: pl.LazyFrame, bad: pl.DataFrame, rules: list[Rule], where: str, how: Written
) -> Iterator[tuple[str, str, int]]:
    """(sentence, reason, rows) of each rule that some row breaks."""
    for i, rule in enumerate(rules):
        rows = bad.filter((pl.col(MASK) & (1 << i)) != 0)[ROW]
        if rows.is_empty():
            continue
        value = frame.slice(int(rows[0]), 1).select(rule.column).collect().to_series().to_list()[0]
        shown = f" {value!r}" if isinstance(value, str) and value else "" if value in (None, "") else f" {value}"
        more = f" ({len(rows):,} rows)" if len(rows) > 1 else ""
        at = sources.place(where, int(rows[0]), how.separator, how.encoding)
        yield (
            f"{at}: {rule.column}{shown} {rule.reason}{more}. {rule.remedy}",
            f"{rule.column} {rule.reason}",
            len(rows),
        )


def _apart(frame: pl.LazyFrame, bad: pl.DataFrame, rules: list[Rule], where: str) -> pl.DataFrame:
    """The bad rows as they were given, with their row in the file and the first rule that each breaks."""
    reason = pl.coalesce(
        [pl.when((pl.col(MASK) & (1 << i)) != 0).then(pl.lit(f"{r.column} {r.reason}")) for i, r in enumerate(rules)]
    )
    marked = bad.lazy().with_columns(reason=reason)
    rows = frame.with_row_index(ROW).join(marked, on=ROW, how="inner", maintain_order="left")
    header = 1 if sources.ending(where) in sources.TEXT else 0
    return rows.select(
        pl.col(ROW).cast(pl.Int64).add(1 + header).alias("row"), "reason", *frame.collect_schema().names()
    ).collect()


def _ordered(table: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """In order of time, if the contract says which column that is; rows of the same time keep their order."""
    if contract.time is None or table[contract.time].is_sorted():
        return table
    return table.sort(contract.time, maintain_order=True)
