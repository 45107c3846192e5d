"""Checks that name requests: those that were answered with nothing, and those that took longest."""

from __future__ import annotations

import polars as pl

from ropewalk.errors import MissingError
from ropewalk.methods.html import duration, plain
from ropewalk.methods.stats.tails import binomial_upper
from ropewalk.spine.monitoring.watched import Watched
from ropewalk.types import Finding, Severity

NAMED = 3  # requests that a sentence names; the rest stands in the evidence


def empty(
    w: Watched, *, answer: str, shown: str, where: tuple[str, str] | None, share: float, error: float, most: int
) -> list[Finding]:
    """More answers that are nought or without a word than a share of them, beyond chance; and what was asked, the most frequent first."""
    given, asked = w.answer(answer), _asked(w, shown)
    rows = pl.DataFrame({"asked": asked, "empty": given.cast(pl.String).is_in(["", "0", "0.0", "[]", "{}"])})
    rows = rows.filter(_only(w, where)).filter(pl.col("asked").str.strip_chars() != "")
    n, k = rows.height, int(rows["empty"].sum())
    if not n:
        return [Finding("empty", "info", f"No request says what was asked for ({shown}).", "", 0.0, share)]
    found = rows.filter("empty").group_by("asked").len().sort(["len", "asked"], descending=[True, False]).head(most)
    listed = [[text, count] for text, count in found.iter_rows()]
    seen = k / n
    high = seen > share and binomial_upper(k, n, share) <= w.alpha
    severity: Severity = "info" if not high else "error" if seen >= error else "warning"
    named = ": " + ", ".join(f"{text!r} ({count:,})" for text, count in listed[:NAMED]) if listed else ""
    sentence = f"{k:,} of {n:,} requests got nothing ({seen:.1%}); the limit is {share:.0%}{named}."
    todo = "Add what is asked for, or the words for it (synonyms)." if high else ""
    evidence = {"heads": [shown, "times"], "listed": listed}
    return [Finding("empty", severity, sentence, todo, seen, share, evidence)]


def slow(w: Watched, *, shown: str, where: tuple[str, str] | None, over_ms: float, most: int) -> list[Finding]:
    """The requests that took longer than a limit, the slowest first. It raises no alarm: `latency` does."""
    rows = pl.DataFrame({"asked": _asked(w, shown), "seconds": w.events["latency_s"]}).filter(_only(w, where))
    late = rows.filter(pl.col("seconds") > over_ms / 1000).sort("seconds", descending=True)
    listed = [[text, round(1000 * seconds, 1)] for text, seconds in late.head(most).iter_rows()]
    named = (
        ": " + ", ".join(f"{text!r} ({plain(duration(ms / 1000))})" for text, ms in listed[:NAMED]) if listed else ""
    )
    sentence = f"{late.height:,} of {rows.height:,} requests took more than {over_ms:g} ms{named}."
    evidence = {"heads": [shown, "ms"], "listed": listed}
    return [Finding("slow", "info", sentence, "", float(late.height), None, evidence)]


def _asked(w: Watched, shown: str) -> pl.Series:
    requests = w.requests()
    if shown not in requests.columns:
        raise MissingError("column", shown, w.contract.names)
    return requests[shown].cast(pl.String).fill_null("")


def _only(w: Watched, where: tuple[str, str] | None) -> pl.Series:
    """bool [events]: the requests in which a column has a value (`task` = search)."""
    if where is None:
        return pl.repeat(True, w.events.height, eager=True)
    return w.requests()[where[0]].cast(pl.String).fill_null("") == where[1]
