"""Pages for people as one file: escaped text, numbers with units, tables, drawings. Pure: values in, a string out.

html.page("Stock", html.section("Money", html.cards([...]), html.line("Sales", weeks, [html.Series("units", y)])))
"""

from .charts import Rule, Series, bars, histogram, line, points
from .columns import columns
from .drawing import drawing
from .page import Card, Head, Tone, badge, cards, details, grid, note, page, paragraph, picker, section, table
from .text import Html, amount, duration, interval, money, number, percent, plain, safe, tag

__all__ = [
    "page", "section", "grid", "paragraph", "note", "badge", "cards", "table", "details", "picker", "Card", "Head", "Tone",
    "line", "points", "bars", "histogram", "columns", "drawing", "Series", "Rule",
    "Html", "safe", "tag", "amount", "number", "money", "percent", "duration", "interval", "plain",
]  # fmt: skip
