"""The report of a life as one file: what was decided, what it is worth, and everything that this rests on.

It needs no network and, but for the item picker, no script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from ropewalk.methods import html
from ropewalk.methods.html import Html, tag
from ropewalk.systems.inventory import (
    report_data,
    report_items,
    report_money,
    report_plan,
    report_policies,
    report_trust,
)
from ropewalk.systems.inventory.report_items_script import SCRIPT
from ropewalk.systems.inventory.report_style import STYLE
from ropewalk.systems.inventory.report_view import View, count, day

if TYPE_CHECKING:
    from ropewalk.systems.inventory.config import Config
    from ropewalk.types import Outcome


def report_page(outcome: Outcome[Config], plan: pl.DataFrame, changed: pl.DataFrame, facts: Mapping[str, Any]) -> str:
    """The whole page. `facts`: the body of plan.json."""
    view = View(outcome, plan, changed, facts)
    sections = [
        report_plan.orders(view),
        report_policies.policies(view),
        report_money.money(view),
        report_items.items(view),
        report_trust.trust(view),
        report_policies.grid(view),
        report_data.rested(view),
        report_data.assumed(view),
        report_data.measured(view),
        report_data.lineage(view),
    ]
    return html.page(
        "Order plan and what it is worth",
        report_plan.headline(view),
        report_plan.cards(view),
        report_plan.what_the_data_is(view),
        contents(sections),
        *sections,
        lead=f"{count(plan.height, 'item')}, planned for the {view.word} that begins on {day(facts['as_of'])}",
        status=_status(view),
        foot=f"Ropewalk, inventory. Data up to {day(facts['as_of'])}; run {outcome.run.id}, dataset {outcome.dataset.hash[:12]}.",
        style=STYLE,
        script=SCRIPT,
    )


def contents(sections: list[Html]) -> Html:
    """Links to the sections that there are."""
    heads = [re.search(r'<h2 id="([^"]+)">(.*?)</h2>', s) for s in sections]
    return tag("nav", *[tag("a", Html(h[2]), href="#" + h[1]) for h in heads if h], aria_label="Contents")


def _status(view: View) -> tuple[html.Tone, str]:
    tone: html.Tone = "warning" if view.outcome.release is None else "good" if view.accepted else "info"
    return tone, report_plan.who_is_live(view)
