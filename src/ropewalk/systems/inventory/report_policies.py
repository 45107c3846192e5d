"""The policies beside each other, with intervals; and the same comparison under other costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ropewalk.methods import html
from ropewalk.methods.html import Head, Html, tag
from ropewalk.systems.inventory.report_view import View

NONE = html.text.NONE
POINTS = f"{html.text.THIN}pt"  # percentage points
SHOWN = 8  # policies in the drawing; the table has all


def policies(view: View) -> Html:
    """One row a policy: the figure, and under it the paired difference to the best classic rule."""
    if not view.policies or view.best is None:
        return Html("")
    measures: list[tuple[str, str, Callable[..., str]]] = [
        ("profit_usd", "profit", view.money), ("lost_units", "units lost", _units),
        ("mean_stock_units", "mean stock, units", _units), ("fill_rate", "fill rate", _share),
        ("order_lines", "order lines", _units),
    ]  # fmt: skip
    rows = [[_name(p), *[_figure(p, m, write) for m, _, write in measures]] for p in view.policies]
    heads: list[Head | str] = ["policy", *[Head(title, right=True) for _, title, _ in measures]]
    tones: dict[int, html.Tone | None] = {
        id(row): "good" if p.get("chosen") else None for row, p in zip(rows, view.policies, strict=True)
    }
    return html.section(
        "Against the rules",
        tag(
            "div",
            html.table(heads, rows, mark=lambda row: tones[id(row)], caption="The policies over the replay"),
            class_="policies",
        ),
        _bars(view),
        about=f"Every policy was replayed over {view.replayed} from the same stock. Under each figure: its difference to "
        f"{view.best['policy']}, the best classic rule before the replay began, and the 95 % interval of that difference. "
        "(pt: percentage points.) The oracle knows the future: nobody can earn more.",
    )


def _name(p: dict[str, Any]) -> Html:
    badges = [html.badge("chosen", "good")] if p.get("chosen") else []
    what = "best classic rule" if p.get("best") else {"oracle": "bound: knows the future", "classic": "classic rule",
                                                      "learned": "learned on earlier data"}.get(p["kind"], "")  # fmt: skip
    return html.safe([p["policy"], " ", *badges, tag("small", what, class_="id")])


def _figure(p: dict[str, Any], measure: str, write: Callable[..., str]) -> Html:
    middle, low, high = (p.get(f"{measure}_{end}") for end in ("difference", "low", "high"))
    below = []
    if middle is not None:
        below.append(tag("small", _signed(write, middle), class_="delta"))
        if low is not None and high is not None:
            below.append(
                tag("small", f"{_signed(write, low).removesuffix(POINTS)} to {_signed(write, high)}", class_="delta")
            )
    return html.safe([write(p.get(measure)), *below])


def _signed(write: Callable[..., str], value: float) -> str:
    return write(value, sign=True)


def _share(value: float | None, sign: bool = False) -> str:
    """93.0 %; a difference of two shares in percentage points: +1.5 points."""
    if value is None:
        return NONE
    size = f"{abs(100 * value):.1f}"
    if not sign:
        return f"{size}{html.text.THIN}%"
    return f"{html.text.MINUS if value < 0 and size != '0.0' else '+' if size != '0.0' else ''}{size}{POINTS}"


def _units(value: float | None, sign: bool = False) -> str:
    return html.number(None if value is None else round(value, 0 if abs(value) >= 100 else 1), sign=sign)


def _bars(view: View) -> Html:
    compared = [p for p in view.policies if p.get("profit_usd_difference") is not None]
    shown = sorted(compared, key=lambda p: -p["profit_usd"])[:SHOWN]
    if not shown or view.best is None:
        return Html("")
    return html.bars(
        f"Profit compared with {view.best['policy']}",
        [p["policy"] for p in shown], [p["profit_usd_difference"] for p in shown],
        low=[p.get("profit_usd_low") for p in shown], high=[p.get("profit_usd_high") for p in shown],
        unit=view.unit, sign=True, wide=True, tones=["good" if p["profit_usd_difference"] >= 0 else "error" for p in shown],
        about=("" if len(shown) == len(compared) else f"The {SHOWN} best. ")
        + "Over the whole replay; whiskers: 95 % interval. A whisker that crosses zero could be chance."
        + (f" The oracle's bound lies at {view.money(view.headroom, True)}." if view.headroom is not None else ""),
    )  # fmt: skip


# -- other costs --


def grid(view: View) -> Html:
    """The difference at half, the assumed and twice the cost of holding and of a lost sale."""
    table = view.table("grid")
    if table is None:
        return Html("")
    rows = table.sort("holding_factor", "lost_sale_factor").to_dicts()
    across = sorted({r["lost_sale_factor"] for r in rows})
    at = {(r["holding_factor"], r["lost_sale_factor"]): r for r in rows}
    top = max((abs(r["difference_usd"]) for r in rows), default=1.0) or 1.0
    body = [
        tag("tr", tag("th", _times(h), scope="row"), *[_cell(view, at.get((h, s)), top) for s in across])
        for h in sorted({r["holding_factor"] for r in rows})
    ]
    head = tag("tr", tag("th", "cost of holding", scope="col"),
               *[tag("th", f"a lost sale {_times(s)}", scope="col", class_="mid") for s in across])  # fmt: skip
    inner = tag("table", tag("thead", head), tag("tbody", *body), class_="heat")
    known = [r for r in rows if r.get("low_usd") is not None]
    wins, losses = sum(r["low_usd"] > 0 for r in known), sum(r["high_usd"] < 0 for r in known)
    return html.section(
        "If the costs are other than assumed",
        tag("p", f"Of {len(rows)} combinations the learned policy earns more in {wins} and less in {losses}; in the "
            f"other {len(rows) - wins - losses} the difference could be chance."),
        tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label="Profit difference under other costs"),
        about="Profit of the learned policy less that of the classic rule that is best at those costs. Each cost is halved, "
        "as assumed, and doubled; the cost of a lost sale counts its margin too.",
    )  # fmt: skip


def _times(factor: float) -> str:
    return {0.5: "halved", 1.0: "as assumed", 2.0: "doubled"}.get(factor, f"× {factor:g}")


def _cell(view: View, row: dict[str, Any] | None, top: float) -> Html:
    if row is None:
        return tag("td", NONE)
    value, low, high = row["difference_usd"], row.get("low_usd"), row.get("high_usd")
    sure = low is not None and high is not None and (low > 0 or high < 0)
    tone = ("good" if value > 0 else "error") if sure else "plain"
    says = ("earns more" if value > 0 else "earns less") if sure else "could be chance"
    return tag(
        "td", tag("b", view.money(value, True)), tag("small", view.range(low, high), class_="delta"),
        tag("small", f"{says} · against {row['best_classic']}", class_="delta"),
        class_=f"mid {tone}", style=f"--strength:{round(100 * abs(value) / top)}%",
    )  # fmt: skip
