"""Findings in order, and what a scheduler is told about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ropewalk.types import Finding, Severity

ORDER: tuple[Severity, ...] = ("error", "warning", "info")
EXIT = {"info": 0, "warning": 10, "error": 20}


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; otherwise as they were found."""
    return sorted(findings, key=lambda f: ORDER.index(f.severity))


def worst(findings: Sequence[Finding]) -> Severity:
    return min((f.severity for f in findings), key=ORDER.index, default="info")


def exit_code(findings: Sequence[Finding]) -> int:
    """0: nothing to do; 10: look at it this week; 20: look at it now. An Airflow or cron job can branch on it."""
    return EXIT[worst(findings)]
