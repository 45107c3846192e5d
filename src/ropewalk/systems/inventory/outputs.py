"""What a life leaves for people: the order plan, what changed since the last one, and the report.

orders.parquet, .csv     what to order now, for every item
changes.parquet, .csv    the lines that differ from the last plan, and why
requests.parquet         what the model was asked, as the service takes it: the answers to these rows are the orders
plan.json                totals, and which data, code, config, run and release are behind them
report.html              one page that needs no network
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropewalk.systems.inventory.config import Config
from ropewalk.systems.inventory.contract import REQUEST
from ropewalk.systems.inventory.data_items import said
from ropewalk.systems.inventory.orders import orders, totals, write
from ropewalk.systems.inventory.orders_changes import Plan, changes, last
from ropewalk.systems.inventory.report import report_page
from ropewalk.systems.inventory.requests import requests_now

if TYPE_CHECKING:
    import polars as pl

    from ropewalk.systems.inventory.model import InventoryModel
    from ropewalk.types import Outcome

STEPS = ("asking for every item", "orders", "changes", "report.html", "done")


def outputs(outcome: Outcome[Config]) -> None:
    """Write the files into `outcome.folder`."""
    model: InventoryModel = outcome.model  # type: ignore[assignment]
    _tell(outcome, 0)
    asked = requests_now(outcome.config, outcome.dataset, model)
    _tell(outcome, 1)
    plan = orders(outcome.dataset, outcome.model, asked)
    write(plan, outcome.folder, "orders")
    asked.select(REQUEST.names).write_parquet(outcome.folder / "requests.parquet")
    _tell(outcome, 2)
    now = Plan(plan, asked, _release(outcome))
    before = last(outcome.previous, _release_of(outcome.previous))
    changed, sentence = changes(now, before, model, outcome.config.period, outcome.config.currency)
    write(changed, outcome.folder, "changes")
    outcome.job.note(f"changes: {sentence}")
    _tell(outcome, 3)
    facts = plan_facts(outcome, plan, changed, sentence)
    (outcome.folder / "plan.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (outcome.folder / "report.html").write_text(report_page(outcome, plan, changed, facts), encoding="utf-8")
    _tell(outcome, 4)


def plan_facts(outcome: Outcome[Config], plan: pl.DataFrame, changed: pl.DataFrame, sentence: str) -> dict[str, Any]:
    """The body of plan.json: what was decided, and everything that is behind it."""
    release, run = outcome.release, outcome.run
    return {
        "as_of": outcome.dataset.as_of.date().isoformat(),
        "totals": totals(plan),
        "assumed": said(outcome.dataset.notes["items"], outcome.config.currency),
        "stock": dict(plan.group_by("stock_source").len().sort("stock_source").rows()),  # where that of now comes from
        "changes": {"lines": changed.height, "sentence": sentence},
        "verdict": outcome.verdict,
        "lineage": {
            "release": release.id if release else None,
            "version": release.version if release else None,
            "choice": release.choice if release else None,
            "model": release.model if release else run.model,
            "report": release.report if release else None,
            "run": release.run if release else run.id,
            "dataset": outcome.dataset.hash,
            "code": run.code,
            "versions": dict(run.versions),
        },
        "config": outcome.config.model_dump(mode="json"),
    }


def _release(outcome: Outcome[Config]) -> str:
    return f"{outcome.release.system} v{outcome.release.version}" if outcome.release else f"run {outcome.run.id}"


def _release_of(previous: Path | None) -> str:
    file = previous / "plan.json" if previous else None
    if file is None or not file.exists():
        return "the last plan's policy"
    body = json.loads(file.read_text(encoding="utf-8"))
    lineage = body.get("lineage", {})
    return f"inventory v{lineage['version']}" if lineage.get("version") else f"run {lineage.get('run')}"


def _tell(outcome: Outcome[Config], step: int) -> None:
    outcome.job.progress(f"outputs: {STEPS[step]}", step, len(STEPS) - 1)
