"""The page promises to show every finding, in order, on one file that needs no network."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ropewalk.spine.monitoring import checks as c
from ropewalk.spine.monitoring import made
from ropewalk.spine.monitoring.page import render
from ropewalk.types import Finding, Release

RELEASE = Release(
    "release-1",
    "shop",
    3,
    "run-1",
    "report-1",
    "model",
    "model",
    "live",
    "beats <the rule>",
    datetime(2024, 1, 1, tzinfo=UTC),
)
CHECKS = [
    c.drift(), c.latency(p99_ms=10), c.promise("expected_profit_usd", "profit_usd"), c.calibration("p_stock_out", "stocked_out")
]  # fmt: skip


def page(findings=None, **faults):
    events = made.events(0, **faults)
    if findings is None:
        findings = c.run_checks(CHECKS, events, made.requests(0, 60, 4, 0), made.CONTRACT, made.ANSWERS)
    return render("shop", RELEASE, findings, events)


def test_every_finding_and_every_picture_is_there():
    text = page(prices=3.0)
    for part in (
        "price has drifted",
        "Distance from the training",
        "Promised and realised",
        "Reliability",
        "Time to answer",
    ):
        assert part in text
    assert text.index("price has drifted") < text.index("99 of 100 answers take")


@pytest.mark.parametrize(
    ("severity", "said"), [("info", "All as promised"), ("warning", "this week"), ("error", "Look at it now")]
)
def test_the_headline_is_the_worst_finding(severity, said):
    text = page([Finding("x", severity, "A sentence.", "Run `ropewalk live`.")])
    assert said in text
    assert "<code>ropewalk live</code>" in text


def test_text_from_data_cannot_become_markup():
    text = page([Finding("x", "error", "<script>alert(1)</script>", "")])
    assert "<script>alert" not in text
    assert "beats &lt;the rule&gt;" in text


def test_before_the_first_answer_there_is_a_page_too():
    text = render("shop", RELEASE, [], made.events(0).head(0))
    assert "Nothing was answered yet" in text


def test_the_same_findings_give_the_same_bytes():
    assert page() == page()


def test_the_page_is_small():
    assert len(page().encode()) < 60_000
