"""A page that is one file: no network, light and dark, readable by people, screen readers and printers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .style import CSS, SCRIPT
from .text import Html, safe, tag, words

Tone = Literal["plain", "good", "info", "warning", "error"]
ICON: Mapping[str, str] = {"plain": "", "good": "✓", "info": "i", "warning": "!", "error": "×"}  # never colour alone


@dataclass(frozen=True, slots=True)
class Head:
    """A column of a table: its title, how a value is written, and whether it stands to the right as numbers do."""

    title: str
    write: Callable[..., str | Html] | None = None
    right: bool = False
    about: str = ""  # shown when one rests on the title


@dataclass(frozen=True, slots=True)
class Card:
    """One number that a reader should take home."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


def page(
    title: str, *parts: object, lead: object = "", status: tuple[Tone, str] | None = None, foot: object = "",
    style: str = "", script: str = "",
) -> str:  # fmt: skip
    """The whole file. `lead`: what this is, in a sentence; `status`: the one word that the reader came for; `style` and
    `script`: what this page adds to the common ones (trusted text, written as it is)."""
    head = tag(
        "header",
        tag("h1", title),
        badge(status[1], status[0]) if status else None,
        tag("p", lead, class_="lead") if lead else None,
    )
    body = [tag("a", "Skip to the content", href="#content", class_="skip"), head, tag("main", *parts, id="content")]
    if foot:
        body.append(tag("footer", foot))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        # The browser itself refuses any address outside this file.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
        f"<title>{safe(title)}</title>\n<style>{CSS}{style}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + f"\n<script>{SCRIPT};{script}</script>\n</body>\n</html>\n"
    )


def section(title: str, *parts: object, about: object = "") -> Html:
    """A heading, one sentence that says how to read what follows, and what follows."""
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
    intro = tag("p", about, class_="about") if about else None
    return tag("section", tag("h2", title, id=name), intro, *parts, aria_labelledby=name)


def grid(*parts: object) -> Html:
    """Parts side by side where there is room, below one another where there is not."""
    return tag("div", *[tag("div", p, class_="cell") for p in parts], class_="grid")


def paragraph(*parts: object) -> Html:
    return tag("p", *parts)


def note(tone: Tone, *parts: object) -> Html:
    """A sentence in a box."""
    return tag("div", icon(tone), tag("div", *parts), class_=f"note {tone}", role="note")


def icon(tone: Tone) -> Html:
    return tag("span", ICON[tone], class_=f"icon {tone}", aria_hidden="true") if ICON[tone] else Html("")


def badge(text: str, tone: Tone = "plain") -> Html:
    """A word in its tone, with a sign, so that colour says nothing alone."""
    return tag("span", icon(tone), text, class_=f"badge {tone}")


def cards(items: Sequence[Card]) -> Html:
    return tag(
        "dl",
        *[
            tag("div", tag("dt", c.label), tag("dd", c.value, class_="value"),
                tag("dd", c.note, class_="under") if c.note else None, class_=f"card {c.tone}")
            for c in items
        ],
        class_="cards",
    )  # fmt: skip


def table(
    head: Sequence[Head | str],
    rows: Sequence[Sequence[object]],
    *,
    caption: str = "",
    mark: Callable[[Sequence[object]], Tone | None] | None = None,
    sortable: bool = False,
) -> Html:
    """A table; the first cell of a row is its heading. `mark` gives a row a tone; `sortable`: by a click on a title."""
    heads = [Head(h) if isinstance(h, str) else h for h in head]

    def cell(i: int, h: Head, value: object) -> Html:
        if isinstance(value, Html):
            shown = value
        else:
            shown = safe(h.write(value) if h.write is not None and value is not None else words(value))
        right = h.right or (isinstance(value, int | float) and not isinstance(value, bool))
        key = value if sortable and isinstance(value, int | float) else None
        kind = "right" if right else None
        return tag("th", shown, scope="row", class_=kind) if i == 0 else tag("td", shown, class_=kind, data_key=key)

    body = [
        tag("tr", *[cell(i, h, v) for i, (h, v) in enumerate(zip(heads, row, strict=True))],
            class_=(mark(row) if mark else None))
        for row in rows
    ]  # fmt: skip
    top = [
        tag("th", tag("button", h.title, type="button") if sortable else h.title, scope="col",
            class_="right" if h.right else None, title=h.about or None)
        for h in heads
    ]  # fmt: skip
    inner = tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", *top)),
        tag("tbody", *body),
        class_="sortable" if sortable else None,
    )
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption or "table")


def details(summary: str, *parts: object, open_: bool = False) -> Html:
    """What only some readers want: folded away."""
    return tag("details", tag("summary", summary), *parts, open=open_)


def picker(label: str, panels: Mapping[str, object]) -> Html:
    """One panel at a time, chosen by name. Where scripts are off, all are shown, one below the other."""
    options = [tag("option", name, value=i) for i, name in enumerate(panels)]
    shown = [tag("div", tag("h3", name), panel, class_="panel") for name, panel in panels.items()]
    return tag("div", tag("label", label, " ", tag("select", *options), class_="pick"), *shown, class_="picker")
