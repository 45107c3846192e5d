"""Text that is safe in a page, and numbers as people read them: with their unit, a minus sign and few digits."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from datetime import date, datetime

MINUS, THIN, DASH, NONE = "−", "\u202f", "–", "—"

UNITS_OF_TIME = ((1e-3, 1e-6, "µs"), (1, 1e-3, "ms"), (100, 1, "s"), (5400, 60, "min"), (172800, 3600, "h"))

VOID = frozenset({"br", "img", "input", "meta"})  # elements without content and without an end


class Html(str):
    """Markup that is known to be safe. Every other string is escaped on its way into a page."""

    __slots__ = ()


def safe(value: object) -> Html:
    """`value` as markup: `Html` as it is, a list joined, None as nothing, anything else escaped."""
    if isinstance(value, Html):
        return value
    if value is None:
        return Html("")
    if isinstance(value, list | tuple):
        return Html("".join(safe(v) for v in value))
    return Html(html.escape(str(value), quote=True))


def tag(name: str, *children: object, **attributes: object) -> Html:
    """An element: `tag("p", "1 < 2", class_="note")`. False and None leave an attribute out, True writes it bare."""
    parts = []
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(f" {key}")
        elif value is not None and value is not False:
            parts.append(f' {key}="{html.escape(str(value), quote=True)}"')
    if name in VOID:
        return Html(f"<{name}{''.join(parts)}>")
    return Html(f"<{name}{''.join(parts)}>{safe(children)}</{name}>")


def number(value: float | None, unit: str = "", digits: int = 3, sign: bool = False) -> str:
    """`digits` significant digits, whole numbers in full: 12,346 · 0.0123 · −4.5 h. None and NaN are a dash."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        body = "∞"
    else:
        size = abs(value)
        places = 0 if size == 0 else max(0, digits - 1 - math.floor(math.log10(size)))
        body = f"{size:,.{min(places, 12)}f}"
        if float(value).is_integer() and size < 1e15:
            body = f"{size:,.0f}"
        elif size < 1e-6:
            body = f"{size:.{digits - 1}e}"
        if not body.strip("0.,"):
            value = 0.0
    lead = MINUS if value < 0 else "+" if sign and value > 0 else ""
    if unit.upper() in {"USD", "$"}:
        return f"{lead}${body}"
    if unit == "%":
        return f"{lead}{body}{THIN}%"
    return f"{lead}{body}{THIN}{unit}" if unit else f"{lead}{body}"


def money(value: float | None, sign: bool = False) -> str:
    """Dollars: cents below 100, whole dollars above; −$1,234."""
    if value is None or math.isnan(value):
        return NONE
    body = f"{abs(value):,.2f}" if abs(value) < 99.995 else f"{abs(value):,.0f}"
    lead = "" if not body.strip("0.,") else MINUS if value < 0 else "+" if sign and value > 0 else ""
    return f"{lead}${body}"


def percent(share: float | None, sign: bool = False) -> str:
    """A share of one as per cent: 0.1234 -> 12.3 %."""
    if share is None or math.isnan(share):
        return NONE
    hundred = 100 * share
    places = 1 if abs(hundred) >= 0.95 else 2
    body = f"{abs(hundred):.{places}f}".removesuffix(".0").removesuffix(".00")
    lead = "" if not body.strip("0.") else MINUS if share < 0 else "+" if sign and share > 0 else ""
    return f"{lead}{body}{THIN}%"


def duration(seconds: float | None) -> str:
    """Time in the unit that fits: 250 µs, 3.4 ms, 12 s, 4.5 min, 2.1 h, 3 d."""
    if seconds is None or math.isnan(seconds):
        return NONE
    for limit, size, unit in UNITS_OF_TIME:
        if abs(seconds) < limit:
            return number(seconds / size, unit)
    return number(seconds / 86400, "d")


def plain(text: str) -> str:
    """A number of this module for a terminal or a log that knows ASCII only."""
    return text.translate(
        {ord(MINUS): "-", ord(THIN): " ", ord(DASH): "-", ord(NONE): "-", ord("µ"): "u", ord("∞"): "inf"}
    )


def interval(low: float | None, high: float | None, unit: str = "", sign: bool = False) -> str:
    """From low to high: '$12 to $34'. Either end missing is a dash."""
    if low is None or high is None:
        return NONE
    write = money if unit.upper() in {"USD", "$"} else lambda v, sign: number(v, unit, sign=sign)
    return f"{write(low, sign)} to {write(high, sign)}"


def amount(value: float | None, unit: str = "", sign: bool = False) -> str:
    """A value in its unit: USD as money, 'share' as per cent, 's' as a time, else a number with the unit behind it."""
    if value is None:
        return NONE
    if unit.upper() in {"USD", "$"}:
        return money(value, sign)
    if unit == "share":
        return percent(value, sign)
    if unit == "s":
        return duration(value)
    return number(value, unit, sign=sign)


def words(value: object) -> str:
    """Anything in a cell: numbers by `number`, days without a clock, lists with commas, None as a dash."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(float(value))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return ", ".join(words(v) for v in value)
    return str(value)
