"""Drawings as a file of their own: the figures of charts.py without a page around them, for documents."""

from __future__ import annotations

import re

from .axes import WIDE
from .style import DRAWING
from .text import Html, tag

GAP, TITLE, KEY = 24, 28, 18  # pixels
SWATCH = 40  # what stands before a name of the key


def drawing(*figures: Html) -> str:
    """An SVG file: figures beside each other, each under its title and its key, light or dark as the reader's screen is."""
    at, parts, tall = 0.0, [], 0.0
    head = TITLE + (KEY if any(map(_key, figures)) else 0)
    for figure in figures:
        title = re.search(r"<figcaption>([^<]*)", figure)
        body = str(figure).partition('<div class="draw">')[2].partition("</div>")[0]
        box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body)
        assert title is not None, "a figure of charts.py has a title"
        assert box is not None, "and a drawing"
        inner = Html(body.partition(">")[2].rpartition("</svg>")[0])
        wide, high = float(box[1]), float(box[2])
        above = [tag("text", Html(title[1]), x=14, y=19, class_="title"), *_key(figure)]
        parts.append(
            tag("g", *above, tag("g", inner, transform=f"translate(0 {head})"), transform=f"translate({at:g} 0)")
        )
        at, tall = at + wide + GAP, max(tall, high + head)
    size = {"viewBox": f"0 0 {at - GAP:g} {tall:g}", "width": f"{min(at - GAP, 2 * WIDE):g}", "height": f"{tall:g}"}
    ground = tag("rect", width="100%", height="100%", class_="ground", rx=6)
    return f"{tag('svg', tag('style', Html(DRAWING)), ground, *parts, xmlns='http://www.w3.org/2000/svg', role='img', **size)}\n"


def _key(figure: Html) -> list[Html]:
    out, x = [], 14.0
    for colour, kind, name in re.findall(
        r'<li><svg[^>]*class="(s\d)"[^>]*>.*?class="([^"]*)".*?</svg>([^<]*)</li>', figure
    ):
        mark = (
            tag("circle", cx=x + 12, cy=32, r=4.5, class_="mark")
            if kind == "mark"
            else tag("path", d=f"M{x:g} 32h24", class_=kind)
        )
        out.append(tag("g", mark, tag("text", Html(name), x=x + 30, y=36), class_=colour))
        x += SWATCH + 7.0 * len(name) + 8
    return out
