"""Nouns as a person reads them in a terminal, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ropewalk.types import Dataset, Finding, Plan, Release, Report, Run

if TYPE_CHECKING:
    from ropewalk.lifecycle.answers import Summary
    from ropewalk.lifecycle.life import Life


def body(record: Any) -> dict[str, Any]:
    """Any frozen record as JSON types (what JSON lacks is printed as a string)."""
    return asdict(record)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows in aligned columns, numbers to the right."""
    if not rows:
        return ""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(c[i]) for c in cells)) for i, name in enumerate(names)]
    right = [all(isinstance(row[name], int | float) for row in rows) for name in names]

    def line(values: Sequence[str]) -> str:
        return "  ".join(
            v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True)
        ).rstrip()

    return "\n".join([line(names), line(["-" * w for w in widths]), *(line(c) for c in cells)])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def counts(found: Mapping[str, Any]) -> str:
    return "\n".join(f"{key.replace('_', ' ')}: {_cell(value)}" for key, value in found.items())


def dataset_body(found: Dataset) -> dict[str, Any]:
    return {
        "name": found.name,
        "hash": found.hash,
        "as_of": found.as_of.isoformat(),
        "tables": {name: {"rows": t.rows, "columns": dict(t.columns)} for name, t in found.tables.items()},
        "notes": dict(found.notes),
    }


def dataset(found: Dataset) -> str:
    rows = [{"table": name, "rows": t.rows, "columns": ", ".join(t.columns)} for name, t in found.tables.items()]
    return f"dataset-{found.hash[:16]}, as of {found.as_of:%Y-%m-%d}\n{table(rows)}"


def plan(found: Plan) -> str:
    text = (
        f"about {found.seconds:.1f} s on this machine ({found.machine}), 95 % between {found.low_seconds:.1f} and "
        f"{found.high_seconds:.1f} s, for {found.work:,.0f} {found.unit}"
    )
    return text if found.p_in_time is None else f"{text}\nin time with probability {found.p_in_time:.2f}"


def run(found: Run) -> str:
    resumed = f", continued from step {found.resumed_from:,}" if found.resumed_from is not None else ""
    return (
        f"{found.id}\n{found.seconds:.1f} s ({found.cpu_seconds:.1f} CPU-s), goodput {100 * found.goodput:.0f} %{resumed}"
        f"\ndataset {found.dataset[:16]}, code {found.code}, model {found.model[:16]}"
    )


def report_body(found: Report) -> dict[str, Any]:
    return {
        "metrics": [asdict(m) for m in found.metrics],
        "baseline": found.baseline,
        "notes": dict(found.notes),
        "tables": {name: frame.to_dicts() for name, frame in found.tables.items() if frame.height <= 1000},
    }


def report(found: Report) -> str:
    if found.text:
        return found.text
    rows = [
        {"metric": m.name, "value": m.value, "unit": m.unit, "low": m.low, "high": m.high, found.baseline: m.baseline}
        for m in found.metrics
    ]
    return table(rows)


def release(found: Release) -> str:
    return f"{found.system} v{found.version} is {found.stage} ({found.choice} of {found.run})\n{found.verdict}"


def summary(found: Summary) -> str:
    set_aside = f", {found.set_aside:,} set aside in {found.quarantine}" if found.set_aside else ""
    return f"{found.answered:,} of {found.rows:,} rows answered into {found.target}{set_aside}"


def findings_body(found: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(f) for f in found]


def findings(found: Sequence[Finding]) -> str:
    if not found:
        return "nothing found"
    lines = []
    for f in found:
        lines.append(f"{f.severity:8}{f.sentence}")
        if f.suggestion and f.severity != "info":
            lines.append(f"        {f.suggestion}")
    return "\n".join(lines)


def shown(found: Mapping[str, Any]) -> str:
    import json

    lines = [f"{found['id']}  ({found['kind']} of {found['system']}, {found['created']})", ""]
    for key, value in found["body"].items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        lines.append(f"  {key}: {text if len(text) <= 160 else text[:157] + '...'}")
    if found["behind"]:
        lines += ["", "behind it:"]
        lines += [f"  {'  ' * (b['depth'] - 1)}{b['role']}: {b['id']}" for b in found["behind"]]
    if found["made_from_it"]:
        lines += ["", "made from it:", *(f"  {m['kind']}: {m['id']}" for m in found["made_from_it"][:20])]
    return "\n".join(lines)


def life_body(found: Life) -> dict[str, Any]:
    return {
        "dataset": found.dataset.hash,
        "run": found.run.id,
        "report": report_body(found.report),
        "release": asdict(found.release) if found.release else None,
        "verdict": found.verdict,
        "outputs": [str(p) for p in found.files],
        "served": found.served,
        "findings": findings_body(found.findings),
        "seconds": found.seconds,
    }


def life(found: Life, options: str) -> str:
    """`options`: what the next commands need to find this life, as typed: the system, its --store."""
    parts = [report(found.report), "", found.verdict]
    if found.files:
        parts += ["", "written:", *(f"  {p}" for p in found.files)]
    if found.findings:
        parts += ["", "monitor:", findings(found.findings)]
    page = found.folder / "report.html"
    following = [
        f"open {page}" if page in found.files else f"ls {found.folder}",
        f"ropewalk serve {options}",
        f"ropewalk monitor {options}",
        f"ropewalk show {found.files[0] if found.files else found.run.id}{_store_of(options)}",
    ]
    parts += ["", "next:", *(f"  {line}" for line in following)]
    return "\n".join(parts)


def _store_of(options: str) -> str:
    """The part of the options that a verb without a system understands."""
    at = options.find(" --store")
    return options[at:] if at >= 0 else ""
