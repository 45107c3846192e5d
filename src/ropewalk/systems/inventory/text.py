"""The report as a person reads it in a terminal: the demo's table and what it does and does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ropewalk.systems.inventory.data_items import said
from ropewalk.types import Dataset, Report

if TYPE_CHECKING:
    from ropewalk.systems.inventory.config import Config

HEAD = ("policy", "profit", "sales lost", "mean stock", "fill rate", "orders")


def report_text(config: Config, dataset: Dataset, report: Report) -> str:
    """The table of policies, the grid of costs, and the sentences that belong to them."""
    notes = report.notes
    cuts = dataset.notes["cuts"]
    replay = cuts["replay"]
    parts = [
        str(notes["about"]),
        f"{notes['items']:,} items; trained {cuts['train']['from']} to {cuts['train']['to']}, chosen to {cuts['choose']['to']}, "
        f"replayed {replay['from']} to {replay['to']} ({replay['periods']} {config.period}s), once.",
        set_aside(dataset),
        *said(dataset.notes["items"], config.currency),
        "",
        policies(report, config.currency),
        "",
        f"[low, high]: 95 % interval of the difference to the best classic rule ({report.baseline}), paired bootstrap over "
        f"items and blocks of 4 {config.period}s.",
        oracle_line(report),
        under_cost(notes, config.currency),
        "",
        f"Profit difference, {notes['served']} against the best classic rule of each cell, {config.currency}:",
        grid(report),
        "",
        f"Promise: the order lines of the replay were expected to earn {_money(notes['promise']['expected_usd'])} and earned "
        f"{_money(notes['promise']['realised_usd'])} {config.currency}.",
    ]
    return "\n".join(p for p in parts if p is not None)


def set_aside(dataset: Dataset) -> str:
    """How many rows are not planned, by rule."""
    rows = dataset.table("set_aside").collect()
    if rows.height == 0:
        return "No row was set aside."
    total = int(rows["rows"].sum())
    rules = "; ".join(f"{r['rows']:,} {r['rule']}" for r in rows.iter_rows(named=True))
    return f"Set aside {total:,} of {dataset.notes['rows_read']:,} rows: {rules}."


def policies(report: Report, currency: str) -> str:
    """One block a policy: totals above, intervals of the differences below."""
    rows: list[tuple[str, ...]] = [(HEAD[0], f"{HEAD[1]} ({currency})", *HEAD[2:])]
    for row in report.tables["policies"].iter_rows(named=True):
        rows.append(_totals(row))
        if row["profit_usd_low"] is not None:
            rows.append(_intervals(row))
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    lines = [
        "  ".join(v.ljust(w) if i == 0 else v.rjust(w) for i, (v, w) in enumerate(zip(r, widths, strict=True)))
        for r in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _totals(row: dict[str, Any]) -> tuple[str, ...]:
    mark = " *" if row["chosen"] else ""
    kind = " (best classic)" if row["best"] else " (knows the future)" if row["kind"] == "oracle" else ""
    values = [_number(row[m]) for m in ("profit_usd", "lost_units", "mean_stock_units")]
    fill = "" if row["fill_rate"] is None else f"{100 * row['fill_rate']:.1f} %"
    return (f"{row['policy']}{kind}{mark}", *values, fill, _number(row["order_lines"]))


def _intervals(row: dict[str, Any]) -> tuple[str, ...]:
    def interval(metric: str, scale: float = 1.0, digits: int = 0) -> str:
        low, high = scale * row[f"{metric}_low"], scale * row[f"{metric}_high"]
        return f"[{low:+,.{digits}f}, {high:+,.{digits}f}]"

    return (
        "", interval("profit_usd"), interval("lost_units"), interval("mean_stock_units"),
        interval("fill_rate", 100.0, 1), interval("order_lines"),
    )  # fmt: skip


def oracle_line(report: Report) -> str:
    """The bound, and how much of it is reached."""
    share = report.notes["share_of_oracle"]
    if share is None:
        return "No bound: units are not whole, and the oracle counts whole units."
    return f"The oracle knows all demand and starts from the same stock: {report.notes['served']} earns {100 * share:.1f} % of it."


def under_cost(notes: Any, currency: str) -> str | None:
    """What comes from prices under the assumed cost, which is where the assumption matters most."""
    found = notes["below_cost"]
    if found["share_of_demand"] == 0:
        return None
    return (
        f"{100 * found['share_of_demand']:.1f} % of the demand came at prices under the assumed unit cost: {found['difference_usd']:+,.0f} "
        f"{currency} of the difference are from there, {found['difference_elsewhere_usd']:+,.0f} from everything else."
    )


def grid(report: Report) -> str:
    """Rows: cost of a lost sale; columns: cost of holding."""
    table = report.tables["grid"]
    factors = sorted(table["holding_factor"].unique().to_list())
    width = 30
    lines = ["lost sale \\ holding".ljust(20) + "".join(f"x {f:g}".rjust(width) for f in factors)]
    for lost in factors:
        cells = table.filter(table["lost_sale_factor"] == lost).sort("holding_factor").iter_rows(named=True)
        text = "".join(
            f"{c['difference_usd']:+,.0f} [{c['low_usd']:+,.0f}, {c['high_usd']:+,.0f}]".rjust(width) for c in cells
        )
        lines.append(f"x {lost:g}".ljust(20) + text)
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _money(value: float) -> str:
    return f"{value:,.0f}"
