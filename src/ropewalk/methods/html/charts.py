"""Drawings as inline SVG: lines over time, bars, points, histograms.

Each is a figure with a title, a key in words, a tooltip on every mark and, folded away, the figures themselves as a
table: what the drawing says can be read without seeing it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from .axes import HEIGHT, WIDE, WIDTH, Frame, Value, as_number, breadth, days, decades, fitted, named, reach, ticks
from .page import Tone, details, table
from .text import Html, amount, number, tag, words

FIGURES = 400  # a drawing with more rows than this keeps no table of its figures: the page stays small


@dataclass(frozen=True, slots=True)
class Series:
    """One line or cloud: y by x, a gap where None; `low` and `high` draw a band (lines) or whiskers (points)."""

    name: str
    y: Sequence[float | None]
    x: Sequence[Value] | None = None  # its own x; else the one that all share
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None
    style: Literal["line", "dash", "step", "points"] = "line"
    colour: int | None = None  # 1..6; else by order


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across a drawing with a name: a limit, a day on which something changed."""

    at: Value
    name: str


def line(
    title: str, x: Sequence[Value], series: Sequence[Series], *, unit: str = "", x_title: str = "", about: str = "",
    zero: bool = False, rules: Sequence[Rule] = (), limits: Sequence[Rule] = (), diagonal: bool = False,
    wide: bool = False, x_range: tuple[float, float] | None = None, y_range: tuple[float, float] | None = None,
    x_unit: str = "", log: bool = False,
) -> Html:  # fmt: skip
    """Series over numbers or days. `rules` stand (at an x), `limits` lie (at a y), `diagonal`: where x equals y; `log`: x grows by
    factors."""
    xs = [[as_number(v) for v in (s.x if s.x is not None else x)] for s in series]
    calendar = any(isinstance(v, date) for s in series for v in (s.x if s.x is not None else x))
    flat = [v for s in series for part in (s.y, s.low or (), s.high or ()) for v in map(as_number, part)]
    places = [v for part in xs for v in part] + [as_number(r.at) for r in rules]
    across = x_range or ((min(places) / 1.1, max(places) * 1.1) if log else reach(places, room=0 if calendar else 0.02))
    tall = y_range or reach(flat + [as_number(r.at) for r in limits], zero=zero)
    top = 26 if rules else 10
    f = Frame(
        across, tall, width=WIDE if wide else WIDTH, top=top, height=HEIGHT + top + (50 if wide else 0), log_x=log
    )
    many = 10 if wide else 5
    if calendar:
        x_ticks = days(*across, about=many)
    else:
        x_ticks = named(decades(*across) if log else ticks(*across, about=many), x_unit)
    out = f.axes(x_ticks, named(ticks(*tall), unit), x_title)
    if diagonal:
        low, high = max(across[0], tall[0]), min(across[1], tall[1])
        out.append(tag("line", x1=f.px(low), y1=f.py(low), x2=f.px(high), y2=f.py(high), class_="rule"))
    for r in rules:
        out += _standing(f, r, f.top - 8)
    for r in limits:
        at = f.py(as_number(r.at))
        out.append(tag("line", x1=f.left, x2=f.width - f.right, y1=at, y2=at, class_="rule"))
        out.append(tag("text", r.name, x=f.width - f.right, y=at - 5, class_="end"))
    for i, (s, sx) in enumerate(zip(series, xs, strict=True)):
        out.append(tag("g", *_draw(f, s, sx, unit, x if s.x is None else s.x), class_=_colour(s, i)))
    heads = [x_title or ("day" if calendar else "x"), *[s.name for s in series]]
    shared = all(s.x is None for s in series)
    rows = list(zip(x, *[s.y for s in series], strict=True)) if shared else [
        (words(v), *[y if j == i else None for j in range(len(series))])
        for i, s in enumerate(series) for v, y in zip(s.x if s.x is not None else x, s.y, strict=True)
    ]  # fmt: skip
    return figure(title, out, f, about=about, key=[(s.name, _colour(s, i), s.style) for i, s in enumerate(series)],
                  heads=heads, rows=rows, unit=unit)  # fmt: skip


def _standing(f: Frame, r: Rule, y: float) -> list[Html]:
    at = f.px(as_number(r.at))
    half = 3.4 * len(r.name)
    side = "end" if at + half > f.width else None if at - half < f.left else "mid"
    return [
        tag("line", x1=at, x2=at, y1=y + 4, y2=f.height - f.bottom, class_="rule"),
        tag("text", r.name, x=at, y=y, class_=f"{side or ''} name"),
    ]


def _colour(s: Series, i: int) -> str:
    return f"s{s.colour or i % 6 + 1}"


def _draw(f: Frame, s: Series, xs: Sequence[float], unit: str, labels: Sequence[Value]) -> list[Html]:
    ys = [as_number(v) for v in s.y]
    runs: list[list[int]] = [[]]
    for i, (a, b) in enumerate(zip(xs, ys, strict=True)):
        if math.isfinite(a) and math.isfinite(b):
            runs[-1].append(i)
        elif runs[-1]:
            runs.append([])
    out = []
    if s.low is not None and s.high is not None:
        for i, (low, high) in enumerate(zip(map(as_number, s.low), map(as_number, s.high), strict=True)):
            if s.style == "points" and math.isfinite(low + high):
                out.append(tag("line", x1=f.px(xs[i]), x2=f.px(xs[i]), y1=f.py(low), y2=f.py(high), class_="whisker"))
        if s.style != "points":
            for run in runs:
                there = [(f.px(xs[i]), f.py(as_number(s.high[i]))) for i in run]
                back = [(f.px(xs[i]), f.py(as_number(s.low[i]))) for i in reversed(run)]
                out.append(tag("path", d="M" + "L".join(f"{a} {b}" for a, b in there + back) + "Z", class_="band"))
    if s.style != "points":
        for run in runs:
            points = [(f.px(xs[i]), f.py(ys[i])) for i in run]
            if not points:
                continue
            path = f"M{points[0][0]} {points[0][1]}"
            for a, b in points[1:]:
                path += f"H{a}V{b}" if s.style == "step" else f"L{a} {b}"
            out.append(tag("path", tag("title", s.name), d=path, class_="line dash" if s.style == "dash" else "line"))
    if s.style != "dash" and sum(map(len, runs)) <= FIGURES:
        kind, size = ("mark", 4.5) if s.style == "points" else ("mark", 3) if len(ys) <= 25 else ("hit", 4)
        for i in (i for run in runs for i in run):
            said = f"{s.name}: {amount(ys[i], unit)} at {words(labels[i])}"
            out.append(tag("circle", tag("title", said), cx=f.px(xs[i]), cy=f.py(ys[i]), r=size, class_=kind))
    return out


def points(
    title: str, series: Sequence[Series], *, unit: str = "", about: str = "", x_title: str = "", **more: object
) -> Html:
    """Clouds of points, each series with its own x; whiskers where low and high are given. Options as `line`'s."""
    drawn = [
        Series(s.name, s.y, s.x, s.low, s.high, "points" if s.style == "line" else s.style, s.colour) for s in series
    ]
    return line(title, drawn[0].x or (), drawn, unit=unit, about=about, x_title=x_title, **more)  # type: ignore[arg-type]


def bars(
    title: str, names: Sequence[str], values: Sequence[float | None], *, unit: str = "", about: str = "",
    low: Sequence[float | None] | None = None, high: Sequence[float | None] | None = None,
    tones: Sequence[Tone | None] | None = None, limits: Sequence[Rule] = (), sign: bool = False, wide: bool = False,
) -> Html:  # fmt: skip
    """Lying bars, one a name, with the value at the end; whiskers where `low` and `high` are given."""
    flat = [as_number(v) for part in (values, low or (), high or ()) for v in part]
    across = reach(flat + [as_number(r.at) for r in limits], zero=True, room=0.2 if not wide else 0.12)
    shown = [fitted(n, 260 if wide else 152) for n in names]
    shift = 18 + max((breadth(n) for n in shown), default=0)
    top, width = 22 if limits else 4, WIDE if wide else WIDTH
    f = Frame(across, (0, 1), left=shift, top=top, width=width, height=26 * len(names) + top + 32, bottom=28)
    out = f.axes(named(ticks(*across, about=8 if wide else 4), unit), ())
    zero = f.px(0)
    for i, (name, value) in enumerate(zip(names, map(as_number, values), strict=True)):
        y = f.top + 26 * i
        out.append(tag("text", shown[i], tag("title", name), x=shift - 8, y=y + 17, class_="end name"))
        if not math.isfinite(value):
            out.append(tag("text", "not known", x=zero + 6, y=y + 17))
            continue
        at, said = f.px(value), amount(value, unit, sign)
        kind = (tones[i] if tones else None) or "s1"
        ends = [as_number(part[i]) for part in (low, high) if part is not None]
        told, wide_px = tag("title", f"{name}: {said}"), max(abs(at - zero), 0.5)
        bar = tag("rect", told, x=min(zero, at), width=wide_px, y=y + 4, height=18, rx=2, class_="fill")
        whisker = None
        if len(ends) == 2 and all(map(math.isfinite, ends)):
            a, b = (f.px(v) for v in ends)
            whisker = tag(
                "path", d=f"M{a} {y + 13}H{b}M{a} {y + 9}V{y + 17}M{b} {y + 9}V{y + 17}", class_="axis", fill="none"
            )
        far = max([at, zero, *[f.px(e) for e in ends if math.isfinite(e)]])
        out += [tag("g", bar, class_=kind), whisker or Html(""), tag("text", said, x=far + 6, y=y + 17, class_="name")]
    out.append(tag("line", x1=zero, x2=zero, y1=f.top, y2=f.height - f.bottom, class_="axis"))
    for r in limits:
        out += _standing(f, r, f.top - 8)
    heads, rows = ["", "value"], [[n, v] for n, v in zip(names, values, strict=True)]
    if low is not None and high is not None:
        heads, rows = [*heads, "low", "high"], [[*r, a, b] for r, a, b in zip(rows, low, high, strict=True)]
    return figure(title, out, f, about=about, heads=heads, rows=rows, unit=unit)


def histogram(
    title: str, edges: Sequence[float], counts: Sequence[float], *, unit: str = "", about: str = "", log: bool = False,
    rules: Sequence[Rule] = (), x_title: str = "", wide: bool = False,
) -> Html:  # fmt: skip
    """Counts between edges (one more edge than counts). `log`: edges grow by factors, as latencies do."""
    low, high = edges[0], max([edges[-1], *[as_number(r.at) * 1.05 for r in rules]])
    top = 12 + 15 * len(rules)
    f = Frame(
        (low, high),
        reach([float(c) for c in counts], zero=True),
        log_x=log,
        top=top,
        height=HEIGHT + top - 10,
        width=WIDE if wide else WIDTH,
    )
    places = decades(low, high) if log else ticks(low, high, about=6)
    out = f.axes(named(places, unit), named(ticks(*f.y)), x_title)
    floor = f.py(0)
    for a, b, count in zip(edges, edges[1:], counts, strict=False):
        said, y = f"{amount(a, unit)} to {amount(b, unit)}: {number(count)}", f.py(count)
        out.append(tag("g", tag("rect", tag("title", said), x=f.px(a), width=max(f.px(b) - f.px(a) - 1, 0.5), y=y,
                                height=max(floor - y, 0), class_="fill"), class_="s1"))  # fmt: skip
    for i, r in enumerate(rules):
        out += _standing(f, r, 12 + 15 * i)
    rows = [[f"{amount(a, unit)} to {amount(b, unit)}", c] for a, b, c in zip(edges, edges[1:], counts, strict=False)]
    return figure(title, out, f, about=about, heads=["range", "count"], rows=rows, unit="")


def figure(
    title: str, drawing: Sequence[Html], frame: Frame, *, about: str = "", key: Sequence[tuple[str, str, str]] = (),
    heads: Sequence[str] = (), rows: Sequence[Sequence[object]] = (), unit: str = "",
) -> Html:  # fmt: skip
    """A drawing with its title, its key (shown when there is more than one name) and its figures, folded away."""
    described = tag("title", title + (f". {about}" if about else ""))
    box, kind = f"0 0 {frame.width:g} {frame.height:g}", "chart wide" if frame.width > WIDTH else "chart"
    svg = tag("svg", described, *drawing, viewBox=box, role="img", class_=kind, xmlns="http://www.w3.org/2000/svg")
    legend = tag("ul", *[tag("li", _swatch(c, s), name) for name, c, s in key], class_="key") if len(key) > 1 else None
    write: Callable[[object], object] = lambda v: amount(v, unit) if isinstance(v, int | float) else v  # noqa: E731
    shown = [[write(v) if j else words(v) for j, v in enumerate(row)] for row in rows]
    folded = details("The figures", table(list(heads), shown)) if 0 < len(rows) <= FIGURES else None
    plain = unit and unit != "share" and unit != "s" and unit.upper() != "USD"
    caption = tag(
        "figcaption", title, tag("span", f", {unit}") if plain else None, tag("small", about) if about else None
    )
    return tag("figure", caption, legend, tag("div", svg, class_="draw"), folded)


def _swatch(colour: str, style: str) -> Html:
    if style == "points":
        inner = tag("circle", cx=12, cy=6, r=4.5, class_="mark")
    else:
        inner = tag("path", d="M0 6H24", class_="line dash" if style == "dash" else "line")
    return tag("svg", inner, viewBox="0 0 24 12", class_=colour, aria_hidden="true")
