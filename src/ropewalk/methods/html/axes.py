"""From values to places: round ticks for numbers, calendar ticks for days, and the frame that a drawing sits in."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .text import MINUS, THIN, Html, duration, tag

WIDTH, WIDE, HEIGHT = 480, 960, 250  # at these widths text is drawn at about its true size
Value = float | int | date | None


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) that lie within [low, high], close to `about` of them."""
    if not low < high:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s for s in (1, 2, 2.5, 5, 10) if s * power >= raw * 0.999) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """1, 10, 100 ... within [low, high], and 2 and 5 times them where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    parts = (1,) if len(powers) > 4 else (1, 2, 5)
    return [s * 10.0**p for p in powers for s in parts if low * 0.999 <= s * 10.0**p <= high * 1.001]


def named(places: Sequence[float], unit: str = "") -> list[tuple[float, str]]:
    """Ticks with names that carry no more digits than they need: 0, 0.1, 0.2; $0, $500; 0 %, 20 %."""
    if unit == "s":
        return [(v, re.sub(r"\.0+(?=\D)|(?<=\.\d)0+(?=\D)", "", duration(v))) for v in places]
    scale = 100 if unit == "share" else 1
    digits = max((_digits(v * scale) for v in places), default=0)
    before, after = ("$", "") if unit.upper() in {"USD", "$"} else ("", THIN + "%" if unit == "share" else "")
    return [(v, f"{MINUS if v < 0 else ''}{before}{abs(v) * scale:,.{digits}f}{after}") for v in places]


def _digits(value: float) -> int:
    return next((d for d in range(12) if abs(round(value, d) - value) <= 1e-9 * max(abs(value), 1e-3)), 12)


def as_number(value: Value) -> float:
    """A place on a line: days since the year 1 for days, NaN for None."""
    if value is None:
        return math.nan
    if isinstance(value, datetime):
        return value.toordinal() + (value.hour * 3600 + value.minute * 60 + value.second) / 86400
    if isinstance(value, date):
        return float(value.toordinal())
    return float(value)


def days(low: float, high: float, about: int = 6) -> list[tuple[float, str]]:
    """Ticks of a calendar between two ordinals: hours, days, weeks on Mondays, months or years, whichever are few."""
    span = high - low
    start = date.fromordinal(max(1, math.floor(low)))
    if span <= 2:
        step = next(s for s in (1, 2, 3, 6, 12, 24) if s / 24 * about >= span)
        hours = range(math.ceil(low * 24 / step), math.floor(high * 24 / step) + 1)
        at = [(h * step / 24, datetime(1, 1, 1) + timedelta(hours=h * step - 24)) for h in hours]
        return [(x, f"{t:%H:%M}") for x, t in at]
    if span <= 90:
        step = next(s for s in (1, 2, 7, 14, 28) if s * about >= span or s == 28)
        first = start + timedelta(days=(-start.weekday()) % 7 if step >= 7 else 0)
        marks = [first + timedelta(days=step * i) for i in range(int(span / step) + 2)]
        return [(float(d.toordinal()), f"{d.day} {d:%b}") for d in marks if low <= d.toordinal() <= high]
    step = next(s for s in (1, 2, 3, 6, 12, 24, 60, 120) if s * 30.4 * about >= span or s == 120)
    months = range(start.year * 12 // step * step, date.fromordinal(math.floor(high)).year * 12 + 13, step)
    marks = [date(m // 12, m % 12 + 1, 1) for m in months]
    name = "%Y" if step >= 12 else "%b %Y"
    return [(float(d.toordinal()), f"{d:{name}}") for d in marks if low <= d.toordinal() <= high]


def breadth(text: str) -> float:
    """About how wide a text is drawn, in pixels at 12 px: capitals are wider than the rest."""
    return sum(8.4 if c.isupper() or c in "MW&%@" else 3.8 if c in "ijl.,:;|'()[] " else 7.0 for c in text)


def fitted(text: str, room: float) -> str:
    """The text, or as much of its beginning as there is room for."""
    if breadth(text) <= room:
        return text
    kept = text
    while kept and breadth(kept) + 10 > room:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def reach(values: Sequence[float], zero: bool = False, room: float = 0.04) -> tuple[float, float]:
    """[low, high] that holds all finite values (and zero), with a little room at an end that is not zero."""
    finite = [v for v in values if math.isfinite(v)] + ([0.0] if zero else [])
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    if low == high:
        pad = abs(low) * 0.5 or 1.0
        return (low, low + pad) if zero and low == 0 else (low - pad, high + pad)
    pad = (high - low) * room
    return (low if zero and low == 0 else low - pad), (high if zero and high == 0 else high + pad)


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle of a drawing and the scales that lead into it."""

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 58
    right: float = 14
    top: float = 10
    bottom: float = 40
    width: float = WIDTH
    height: float = HEIGHT
    log_x: bool = False

    def px(self, value: float) -> float:
        low, high = self.x
        if self.log_x:
            low, high, value = math.log(low), math.log(high), math.log(max(value, 1e-300))
        return round(self.left + (value - low) / (high - low) * (self.width - self.left - self.right), 1)

    def py(self, value: float) -> float:
        low, high = self.y
        return round(
            self.height - self.bottom - (value - low) / (high - low) * (self.height - self.top - self.bottom), 1
        )

    def axes(
        self, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]], x_title: str = ""
    ) -> list[Html]:
        """Grid lines with their values on the left; marks and names below; zero drawn stronger."""
        out, edge, floor = [], self.width - self.right, self.height - self.bottom
        for value, name in y_ticks:
            y, kind = self.py(value), "axis" if value == 0 else "grid-line"
            out.append(tag("line", x1=self.left, x2=edge, y1=y, y2=y, class_=kind))
            out.append(tag("text", name, x=self.left - 8, y=y + 4, class_="end"))
        taken = -1e9
        for value, name in x_ticks:
            x, half = self.px(value), 3.4 * len(name)
            ends_here = x + half > self.width
            start = x - 2 * half if ends_here else x - half
            if start < taken + 8:
                continue  # names that would run into each other: the later one gives way
            taken = start + 2 * half
            out.append(tag("line", x1=x, x2=x, y1=floor, y2=floor + 4, class_="axis"))
            out.append(tag("text", name, x=x, y=floor + 18, class_="end" if ends_here else "mid"))
        if x_title:
            out.append(tag("text", x_title, x=(self.left + edge) / 2, y=self.height - 4, class_="mid"))
        return out
