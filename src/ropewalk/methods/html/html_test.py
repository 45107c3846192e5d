"""A page promises: nothing from the network, nothing unescaped, numbers as people read them, figures as words too."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.methods import html
from ropewalk.methods.html import axes

DAYS = [date(2024, 1, 1) + timedelta(days=7 * i) for i in range(20)]


class Balanced(HTMLParser):
    """Fails when an element is closed that is not open, or left open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def everything() -> str:
    return html.page(
        "Stock & <orders>",
        html.cards([html.Card("profit", "$12", "a week", "good")]),
        html.section(
            "Money",
            html.note("warning", "Margins are assumed."),
            html.table(
                ["item", html.Head("profit", html.money, True)],
                [["<b>", 12.5], ["tea", None]],
                caption="Items",
                sortable=True,
            ),
            html.grid(
                html.line(
                    "Sales",
                    DAYS,
                    [html.Series("units", [1.0, None] * 10), html.Series("plan", [2.0] * 20, style="dash")],
                    rules=[html.Rule(DAYS[5], "promotion")],
                ),
                html.bars("Drift", ["price", "units"], [0.1, -0.2], unit="share", limits=[html.Rule(0.2, "limit")]),
            ),
            html.points(
                "Reliability", [html.Series("bins", [0.1, 0.5], [0.2, 0.4], [0.0, 0.3], [0.2, 0.7])], diagonal=True
            ),
            html.histogram("Latency", [0.001, 0.01, 0.1], [5, 2], unit="s", log=True, rules=[html.Rule(0.05, "limit")]),
            html.picker("Item", {"a<": "one", "b": "two"}),
        ),
        lead="What it is.",
        status=("good", "all well"),
        foot="made by a test",
    )


def test_equal_factors_are_equally_far_apart_where_x_grows_by_factors():
    drawn = html.line("Gap", [1, 10, 100], [html.Series("ours", [3.0, 2.0, 1.0])], log=True)
    x = [float(at) for at in re.findall(r'<circle cx="([0-9.]+)"', drawn)]
    assert len(x) == 3
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)


def test_a_page_refers_to_nothing_outside_itself():
    found = re.findall(r"(?: src=| href=|url\()[\"']?([^\"')\s>]+)", everything())
    assert set(found) == {"#content"}
    assert "http" not in everything().replace('xmlns="http://www.w3.org/2000/svg"', "").replace("http-equiv", "")
    assert "default-src 'none'" in everything()


def test_elements_are_balanced_and_names_are_escaped():
    text = everything()
    reader = Balanced()
    reader.feed(text)
    assert reader.open == []
    assert "<b>" not in text
    assert "Stock &amp; &lt;orders&gt;" in text


def test_the_same_input_gives_the_same_bytes():
    assert everything() == everything()


@settings(deadline=None)
@given(st.text())
def test_a_string_never_opens_an_element(text):
    assert "<" not in html.safe(text)
    assert '"' not in html.safe(text)


def test_a_drawing_can_be_read_as_words():
    drawn = html.bars("Drift", ["price"], [0.25], unit="share")
    assert 'role="img"' in drawn
    assert "<title>price: 25\u202f%</title>" in drawn
    assert "<details>" in drawn


def test_figures_can_be_a_file_of_their_own():
    one = html.line(
        "Sales & <orders>", [1, 2], [html.Series("units", [1, 2]), html.Series("plan", [2, 2], style="dash")]
    )
    text = html.drawing(one, html.line("Stock", [1, 2], [html.Series("units", [3, 4])]))
    root = ElementTree.fromstring(text)
    said = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Sales & <orders>", "Stock", "units", "plan"} <= set(said)
    assert "prefers-color-scheme:dark" in text
    wide, tall = (float(v) for v in root.attrib["viewBox"].split()[2:])
    assert wide > 2 * axes.WIDTH
    assert tall > axes.HEIGHT


def test_a_line_has_a_gap_where_nothing_is_known():
    drawn = html.line("Sales", [1, 2, 3, 4], [html.Series("units", [1, None, 3, 4])])
    assert drawn.count('class="line"') == 2
    assert "nan" not in drawn.lower()


def test_a_drawing_of_nothing_is_still_a_drawing():
    assert "<svg" in html.line("Sales", [], [html.Series("units", [])])
    assert "<svg" in html.bars("Drift", [], [])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (12346, "12,346"),
        (0.01234, "0.0123"),
        (-4.5, "−4.50"),
        (0.0, "0"),
        (math.nan, "—"),
        (None, "—"),
        (1234.6, "1,235"),
        (math.inf, "∞"),
        (-1e-9, "−1.00e-09"),
    ],
)
def test_numbers_are_short_and_keep_their_sign(value, said):
    assert html.number(value) == said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (html.money(-1234.4), "−$1,234"),
        (html.money(3.456), "$3.46"),
        (html.money(-0.001), "$0.00"),
        (html.money(5, sign=True), "+$5.00"),
        (html.percent(0.1234), "12.3\u202f%"),
        (html.percent(1), "100\u202f%"),
        (html.percent(0.0012), "0.12\u202f%"),
        (html.duration(0.00025), "250\u202fµs"),
        (html.duration(0.0034), "3.40\u202fms"),
        (html.duration(7200), "2\u202fh"),
        (html.amount(12, "USD"), "$12.00"),
        (html.amount(0.5, "share"), "50\u202f%"),
        (html.interval(1, 2, "USD"), "$1.00 to $2.00"),
    ],
)
def test_amounts_carry_their_unit(said, expected):
    assert said == expected


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_ticks_are_few_round_and_within(low, span):
    found = axes.ticks(low, low + span)
    slack = 1e-6 * max(span, abs(low))
    assert 1 <= len(found) <= 8 or span < 1e-6 * abs(low)
    assert all(low - slack <= t <= low + span + slack for t in found)


@settings(deadline=None)
@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)), st.integers(0, 5000))
def test_calendar_ticks_lie_within_and_are_few(start, length):
    low = float(start.toordinal())
    found = axes.days(low, low + length)
    assert len(found) <= 25
    assert all(low <= x <= low + length for x, _ in found)


def test_hours_have_a_place_between_days():
    assert axes.as_number(datetime(2024, 1, 1, 12)) == date(2024, 1, 1).toordinal() + 0.5


def test_columns_stand_on_zero_and_add_up():
    drawn = html.columns("Won", DAYS[:3], [5.0, -2.0, None], unit="USD", total="added up")
    assert drawn.count("<rect") == 3
    assert "added up until 2024-01-15: +$3.00" in drawn
    assert "<svg" in html.columns("Nothing", [], [])


def test_an_element_without_content_has_no_end():
    assert html.tag("input", type="search") == '<input type="search">'


def test_a_page_adds_its_own_look_and_script_after_the_common_ones():
    text = html.page("Stock", style=".own{color:red}", script="own()")
    assert text.index(".badge{") < text.index(".own{color:red}")
    assert text.index("querySelectorAll") < text.index("own()")


@given(st.text(max_size=60))
def test_a_name_is_cut_to_its_room(text):
    shown = axes.fitted(text, 100)
    assert axes.breadth(shown) <= 110
    assert text.startswith(shown.removesuffix("…").rstrip())
