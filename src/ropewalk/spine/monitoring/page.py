"""The monitoring page: one file that a person opens in the morning. What is wrong, how bad, what to do; then the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import polars as pl

from ropewalk.methods import html
from ropewalk.methods.html.page import Tone
from ropewalk.spine.monitoring.findings import ordered, worst
from ropewalk.types import Finding, Release

MOST_COLUMNS = 20
STATUS: Mapping[str, tuple[Tone, str]] = {
    "error": ("error", "Look at it now"),
    "warning": ("warning", "Look at it this week"),
    "info": ("good", "All as promised"),
}


TITLES = {"empty": "Got nothing, the most frequent first", "slow": "Took longest"}


def render(name: str, release: Release, findings: Sequence[Finding], events: pl.DataFrame) -> str:
    """The whole page as text; the same findings give the same bytes."""
    found = ordered(findings)
    evidence = {f.check: f.evidence for f in reversed(found) if f.evidence}
    columns = next((f.evidence for f in found if f.check == "drift" and "columns" in f.evidence), None)
    return html.page(
        f"{name}: how the live release is doing",
        _cards(found, events),
        _table(found),
        _drift(columns) if columns else None,
        _outcomes(evidence),
        _service(evidence, events),
        _listed(evidence),
        lead=f"{name} v{release.version} ({release.choice}), made {release.created:%Y-%m-%d}. {_span(events)}",
        status=STATUS[worst(found)],
        foot=f"Release {release.id}, run {release.run}. When it was let through: {release.verdict}",
    )


def _span(events: pl.DataFrame) -> str:
    if not events.height:
        return "Nothing was answered yet."
    first, last = events["at"][0], events["at"][-1]
    return f"{events.height:,} answers from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC."


def _cards(found: Sequence[Finding], events: pl.DataFrame) -> html.Html:
    """The numbers that a reader should take home."""
    count = {s: sum(f.severity == s for f in found) for s in ("error", "warning")}
    known = events.height - events["truth"].null_count() if "truth" in events.columns else 0
    share = html.percent(known / events.height) if events.height else html.percent(0.0)
    tone: Tone = "error" if count["error"] else "warning" if count["warning"] else "good"
    cards = [
        html.Card(
            "To look at",
            f"{count['error'] + count['warning']}",
            f"errors: {count['error']}, warnings: {count['warning']}",
            tone,
        ),
        html.Card("Answers", f"{events.height:,}", f"{share} with a known truth"),
    ]
    for f in found:
        if f.check == "promise" and f.value is not None and "weeks" in f.evidence:
            cards.append(html.Card("Realised against promised", html.percent(f.value, sign=True), "of what was promised",
                                   _tone(f)))  # fmt: skip
        if f.check == "calibration" and f.value is not None and "bins" in f.evidence:
            cards.append(html.Card("Probabilities are off by", html.percent(f.value), "on average", _tone(f)))
        if f.check == "latency" and "p99_s" in f.evidence:
            cards.append(
                html.Card("Slowest of 100", html.duration(f.value), f"limit {html.duration(f.limit)}", _tone(f))
            )
    return html.cards(cards)


def _tone(f: Finding) -> Tone:
    return "good" if f.severity == "info" else f.severity


def _table(found: Sequence[Finding]) -> html.Html:
    rows = [
        [html.safe([html.badge(f.severity, f.severity), html.tag("div", f.check.replace("_", " "))]),
         html.safe([f.sentence, html.tag("div", _code(f.suggestion), class_="about") if f.suggestion else None])]
        for f in found
    ]  # fmt: skip
    shades: Mapping[str, Tone] = {"error": "error", "warning": "warning"}
    tones = iter([shades.get(f.severity) for f in found])
    body = html.table(["severity and check", "what was seen, and what to do"], rows, mark=lambda _row: next(tones))
    return html.section("Findings", body, about="The worst first.")


def _listed(evidence: Mapping[str, Mapping[str, Any]]) -> html.Html | None:
    """The requests that checks name."""
    found = {check: e for check, e in evidence.items() if e.get("listed")}
    if not found:
        return None
    tables = [html.details(TITLES.get(check, check), html.table(e["heads"], e["listed"])) for check, e in found.items()]
    return html.section("Requests by name", *tables)


def _code(text: str) -> html.Html:
    """`what one types` as such."""
    return html.safe([html.tag("code", part) if i % 2 else part for i, part in enumerate(text.split("`"))])


def _drift(evidence: Mapping[str, Any]) -> html.Html:
    shown = evidence["columns"][:MOST_COLUMNS]
    warn, error = float(evidence["warn"]), float(evidence["error"])
    tones: list[Tone | None] = [
        None if c["p_value"] > 0.01 or c["distance"] < warn else "error" if c["distance"] >= error else "warning"
        for c in shown
    ]
    rest = len(evidence["columns"]) - len(shown)
    about = "The share of requests that would have to change for live and training to agree." + (
        f" The {rest} columns below these are nearer." if rest else ""
    )
    bars = html.bars(
        "Distance from the training, column by column", [c["name"] for c in shown], [c["distance"] for c in shown], unit="share",
        about=about, tones=tones, limits=[html.Rule(warn, "look"), html.Rule(error, "act")], wide=True,
    )  # fmt: skip
    head: list[html.Head | str] = ["column", html.Head("distance", html.percent, True), html.Head("p, over all", lambda p: f"{p:.4f}", True),
            html.Head("training", html.number, True), html.Head("live", html.number, True), "widest gap"]  # fmt: skip
    rows = [[c["name"], c["distance"], c["p_value"], c["reference"], c["live"], c["what"]] for c in evidence["columns"]]
    table = html.details("Every column", html.table(head, rows, sortable=True))
    return html.section("Requests", bars, table, about="Do people ask what the model was trained for?")


def _outcomes(evidence: Mapping[str, Mapping[str, Any]]) -> html.Html | None:
    parts = []
    styles: Mapping[str, Literal["line", "dash"]] = {"promised": "dash", "realised": "line"}
    money, odds = evidence.get("promise", {}), evidence.get("calibration", {})
    if money.get("weeks"):
        weeks = [date.fromisoformat(w) for w in money["weeks"]]
        parts.append(
            html.line(
                "Promised and realised, a line, week by week", weeks,
                [html.Series(name, _each(money[name], money["rows"]), style=style) for name, style in styles.items()],
                unit=str(money.get("unit", "")), zero=True, x_title="week that begins",
            )
        )  # fmt: skip
    if odds.get("bins"):
        said, seen = [b["promised"] for b in odds["bins"]], [b["seen"] for b in odds["bins"]]
        half = [1.96 * (max(s * (1 - s), 1e-9) / b["rows"]) ** 0.5 for s, b in zip(seen, odds["bins"], strict=True)]
        low = [max(0.0, s - h) for s, h in zip(seen, half, strict=True)]
        high = [min(1.0, s + h) for s, h in zip(seen, half, strict=True)]
        top = (0.0, min(1.0, 1.08 * max([*said, *high, 0.05])))
        parts.append(
            html.points(
                "Reliability of the probabilities", [html.Series("came true", seen, said, low, high)], unit="share", x_unit="share",
                x_title="said", about="On the dashed line, it happens as often as was said. Whiskers take answers as independent.",
                diagonal=True, x_range=top, y_range=top,
            )
        )  # fmt: skip
    return html.section("Outcomes", html.grid(*parts), about="Did it come true?") if parts else None


def _each(sums: Sequence[float], rows: Sequence[int]) -> list[float]:
    return [s / n for s, n in zip(sums, rows, strict=True)]


def _service(evidence: Mapping[str, Mapping[str, Any]], events: pl.DataFrame) -> html.Html | None:
    parts = []
    speed = evidence.get("latency", {})
    if speed.get("counts"):
        rules = [
            html.Rule(speed["p50_s"], "half"),
            html.Rule(speed["p99_s"], "99 of 100"),
            html.Rule(speed["limit_s"], "limit"),
        ]
        parts.append(
            html.histogram("Time to answer", speed["edges"], speed["counts"], unit="s", log=True, rules=rules,
                           about="Answers by the time that they took.")
        )  # fmt: skip
    if events.height:
        per_day = events.group_by(pl.col("at").dt.date().alias("day")).len().sort("day")
        if per_day.height > 1:
            parts.append(html.line("Answers a day", per_day["day"].to_list(), [html.Series("answers", per_day["len"].to_list())],
                                   zero=True))  # fmt: skip
    return html.section("Service", html.grid(*parts), about="Is it there, and fast enough?") if parts else None
