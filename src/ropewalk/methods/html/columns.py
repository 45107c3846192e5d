"""Standing bars over days or numbers, up for gains and down for losses, and the line of what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from .axes import HEIGHT, WIDE, WIDTH, Frame, Value, as_number, days, named, reach, ticks
from .charts import figure
from .text import Html, amount, tag, words


def columns(
    title: str, x: Sequence[Value], values: Sequence[float | None], *, unit: str = "", about: str = "", total: str = "",
    x_title: str = "", wide: bool = False,
) -> Html:  # fmt: skip
    """One bar an x, toned by its sign. `total` names a line of the running sum; without a name there is none."""
    xs, ys = [as_number(v) for v in x], [0.0 if v is None else float(v) for v in values]
    sums = list(accumulate(ys)) if total else []
    step = min((b - a for a, b in pairwise(xs)), default=1.0)
    across = (min(xs, default=0) - 0.6 * step, max(xs, default=1) + 0.6 * step)
    f = Frame(
        across, reach([*ys, *sums], zero=True), width=WIDE if wide else WIDTH, height=HEIGHT + (50 if wide else 0)
    )
    calendar = any(hasattr(v, "isoformat") for v in x)
    about_ticks = 10 if wide else 5
    at = days(*across, about=about_ticks) if calendar else named(ticks(*across, about=about_ticks))
    out = f.axes(at, named(ticks(*f.y), unit), x_title)
    half, zero = 0.38 * step, f.py(0)
    for place, value, name in zip(xs, ys, x, strict=True):
        top = f.py(value)
        told = tag("title", f"{words(name)}: {amount(value, unit, sign=True)}")
        bar = tag("rect", told, x=f.px(place - half), width=max(f.px(place + half) - f.px(place - half), 1),
                  y=min(top, zero), height=max(abs(top - zero), 0.5), rx=1.5, class_="fill")  # fmt: skip
        out.append(tag("g", bar, class_="good" if value >= 0 else "error"))
    if sums:
        path = "M" + "L".join(f"{f.px(a)} {f.py(b)}" for a, b in zip(xs, sums, strict=True))
        dots = [
            tag("circle", tag("title", f"{total} until {words(n)}: {amount(s, unit, sign=True)}"), cx=f.px(a), cy=f.py(s),
                r=2.5, class_="mark") for a, s, n in zip(xs, sums, x, strict=True)
        ]  # fmt: skip
        out.append(tag("g", tag("path", d=path, class_="line"), *dots, class_="s6"))
    heads = [x_title or ("day" if calendar else "x"), "value", *([total] if total else [])]
    rows = [[n, v, *([s] if total else [])] for n, v, s in zip(x, ys, sums or ys, strict=True)]
    return figure(title, out, f, about=about, heads=heads, rows=rows, unit=unit)
