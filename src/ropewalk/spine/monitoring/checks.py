"""What a system asks to be watched, and the run of all of it.

    checks=lambda config, dataset: [drift(cluster="item"), latency(p99_ms=50), promise("expected_profit_usd", "profit_usd")]

Each function here makes a Check; the work is in requests.py, service.py and outcomes.py. False alarms: of the checks
that rest on a test, the chance that any of them raises an alarm where nothing has changed is at most `level`, 1 % a
call: they share it equally, and drift shares its part among its columns. A test says that something is there; each
check also asks how large it is before it warns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ropewalk.errors import MissingError, RopewalkError
from ropewalk.types import Check, Contract, Finding

if TYPE_CHECKING:
    import polars as pl

TESTED = (
    "drift",
    "out_of_range",
    "empty",
    "errors",
    "latency",
    "promise",
    "calibration",
)  # these share the false-alarm rate


def drift(
    columns: Sequence[str] = (), cluster: str | Sequence[str] = (), warn: float = 0.1, error: float = 0.25
) -> Check:
    """Do requests look like the training's? All columns but keys and dates, or those named. `cluster`: rows that agree
    in these belong together (the contract's keys without its dates). Limits: the share of requests that would have to
    change for the two to agree; 0.1 is a shift of a quarter of a standard deviation, 0.25 of two thirds."""
    return Check("drift", {"columns": tuple(columns), "cluster": _names(cluster), "warn": warn, "error": error})


def out_of_range(
    share: float = 0.01, error: float = 0.2, cluster: str | Sequence[str] = (), room: float = 0.1
) -> Check:
    """Is more than a `share` of requests outside what the training saw (its range and `room` of its width, its words)?"""
    return Check("out_of_range", {"share": share, "error": error, "cluster": _names(cluster), "room": room})


def latency(p99_ms: float, p50_ms: float | None = None) -> Check:
    """Are answers as fast as they have to be? An error at twice the limit."""
    return Check("latency", {"p99_ms": p99_ms, "p50_ms": p50_ms})


def errors(share: float = 0.001) -> Check:
    """Do requests fail? Needs the service's counters. An error at ten times the limit."""
    return Check("errors", {"share": share})


def truths_due(after_days: float, share: float = 0.1) -> Check:
    """Do truths come? Counts answers older than `after_days` of which nothing was heard."""
    return Check("truths_due", {"after_days": after_days, "share": share})


def promise(
    answer: str, truth: str, cluster: str | Sequence[str] = (), time: str = "", unit: str = "USD", warn: float = 0.05,
    error: float = 0.2,
) -> Check:  # fmt: skip
    """Is the sum of `truth` what the sum of `answer` promised? Over answers that were followed. Limits: shares of it.
    `time`: the request's date that says which week an answer is about (the contract's; else when it was answered)."""
    options = {"answer": answer, "truth": truth, "cluster": _names(cluster), "time": time, "unit": unit}
    return Check("promise", {**options, "warn": warn, "error": error})


def calibration(
    probability: str, truth: str, cluster: str | Sequence[str] = (), warn: float = 0.05, error: float = 0.15
) -> Check:
    """Does it happen as often as was said? `truth` is true or false. Limits: the mean distance from what was said."""
    options = {"probability": probability, "truth": truth, "cluster": _names(cluster)}
    return Check("calibration", {**options, "warn": warn, "error": error})


def followed(truth: str = "", share: float = 0.5, unit: str = "USD") -> Check:
    """Is the advice followed, and what came of it where it was and where it was not? Warns below `share`."""
    return Check("followed", {"truth": truth, "share": share, "unit": unit})


def empty(
    answer: str,
    shown: str,
    where: tuple[str, str] | None = None,
    share: float = 0.05,
    error: float = 0.2,
    most: int = 20,
) -> Check:
    """Are more than a `share` of answers nought or without a word? Lists what was asked (`shown`, a column of the request), the most
    frequent first; `where`: only requests with this value in that column."""
    return Check(
        "empty", {"answer": answer, "shown": shown, "where": where, "share": share, "error": error, "most": most}
    )


def slow(shown: str, over_ms: float, where: tuple[str, str] | None = None, most: int = 20) -> Check:
    """Which requests took longer than `over_ms`? Lists the slowest; `latency` is the check that warns."""
    return Check("slow", {"shown": shown, "over_ms": over_ms, "where": where, "most": most})


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) and names else tuple(names)


def run_checks(
    checks: Sequence[Check],
    events: pl.DataFrame,
    reference: pl.DataFrame,
    contract: Contract,
    answers: Contract,
    *,
    seed: int = 0,
    level: float = 0.01,
    now: datetime | None = None,
    counters: Mapping[str, float] | None = None,
) -> list[Finding]:
    """The findings of all checks, the worst first.

    events: as labels.events_frame makes them, with `truth` and `done` where they are known; reference: requests of the
    training; counters: {"requests": ..., "errors": ...} of the service; now: for what is overdue, else the newest event.
    """
    from ropewalk.spine.monitoring.findings import ordered
    from ropewalk.spine.monitoring.watched import Watched

    runners = _runners()
    for check in checks:
        if check.kind not in runners:
            raise MissingError("check", check.kind, runners)
    if not events.height:
        return [
            Finding("events", "info", "Nothing was answered yet: there is nothing to check.",
                    "Serve the release, or answer a file with `ropewalk predict`.", 0.0)
        ]  # fmt: skip
    tests = max(1, sum(check.kind in TESTED for check in checks))
    watched = Watched(events, reference, contract, answers, seed, level / tests, now, counters)
    found: list[Finding] = []
    for check in checks:
        try:
            found += runners[check.kind](watched, **check.options)
        except RopewalkError as problem:  # one check that cannot be made does not silence the others
            found.append(
                Finding(check.kind, "error", f"The check {check.kind!r} could not be made: {problem}",
                        "Correct the system's `checks`: its columns have to be in the contract.")
            )  # fmt: skip
    return ordered(found)


def _runners() -> Mapping[str, Callable[..., list[Finding]]]:
    from ropewalk.spine.monitoring import asked, outcomes, requests, service

    return {
        "drift": requests.drift,
        "out_of_range": requests.out_of_range,
        "empty": asked.empty,
        "slow": asked.slow,
        "latency": service.latency,
        "errors": service.errors,
        "truths_due": service.truths_due,
        "promise": outcomes.promise,
        "calibration": outcomes.calibration,
        "followed": outcomes.followed,
    }
