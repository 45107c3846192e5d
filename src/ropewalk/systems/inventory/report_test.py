"""The report promises: one file that asks nobody, names that do nothing, figures that add up, and no claim that was not won."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from ropewalk.systems.inventory.orders import orders
from ropewalk.systems.inventory.outputs import outputs, plan_facts
from ropewalk.systems.inventory.outputs_made import made_outcome
from ropewalk.systems.inventory.report import report_page
from ropewalk.systems.inventory.report_items import ITEMS, NUMBERS, chosen
from ropewalk.systems.inventory.report_money import KINDS, by_kind, spread
from ropewalk.systems.inventory.report_trust import wilson
from ropewalk.systems.inventory.requests import requests_now


class Reader(HTMLParser):
    """Scripts with their text, and what the page points to."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.links, self.handlers, self._in = [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self._in = tag == "script"
        if self._in:
            self.scripts.append("")
        self.links += [found[a] for a in ("href", "src") if a in found]
        self.handlers += [a for a in found if a.startswith("on")]

    def handle_data(self, data):
        if self._in:
            self.scripts[-1] += data

    def handle_endtag(self, tag):
        self._in = False


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    made = made_outcome(tmp_path_factory.mktemp("report"))
    outputs(made)
    return made


@pytest.fixture(scope="module")
def page(outcome):
    return (outcome.folder / "report.html").read_text(encoding="utf-8")


def rendered(outcome):
    plan = orders(outcome.dataset, outcome.model, requests_now(outcome.config, outcome.dataset, outcome.model))
    changed = pl.DataFrame()
    return report_page(outcome, plan, changed, plan_facts(outcome, plan, changed, "This is the first plan."))


def test_the_page_points_to_nothing_outside_itself(page):
    assert all(link.startswith("#") for link in Reader(page).links)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_a_name_that_is_a_script_is_only_a_name(page):
    read = Reader(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert len(read.scripts) == 2
    assert read.handlers == []
    names = json.loads(read.scripts[0])["name"]
    assert any(n.startswith("<script>") for n in names)


def test_the_page_says_what_the_money_rests_on(page, outcome):
    assert outcome.dataset.notes["about"] in page
    assert "is assumed" in page
    assert "came at prices under the unit cost" in page
    for name in ("gross_margin", "holding_per_year", "lost_sale_usd"):
        assert f"<code>{name}</code>" in page
    for row in outcome.dataset.table("set_aside").collect().iter_rows(named=True):
        assert f"{row['rows']:,}" in page
    assert outcome.dataset.hash[:12] in page


def test_what_is_won_is_said_with_its_interval(page, outcome):
    gain = outcome.report.tables["policies"].row(by_predicate=pl.col("chosen"), named=True)["profit_usd_difference"]
    assert f"+${gain:,.2f}" in page
    assert "95 % interval" in page
    assert "learned policy is live" in page


def test_a_learned_policy_that_lost_is_not_claimed(tmp_path):
    text = rendered(made_outcome(tmp_path, won=False))
    assert "best classic rule is live" in text
    assert "learned policy is live" not in text
    assert "Nothing beats the best classic rule." in text


def test_an_older_release_that_stays_is_named(outcome):
    text = rendered(replace(outcome, release=replace(outcome.release, run="another", version=7)))
    assert "The orders below follow v7, which stays live." in text


def test_no_release_is_said_too(outcome):
    assert "nothing is live" in rendered(replace(outcome, release=None))


@pytest.mark.parametrize("absent", ["grid", "calibration", "weeks", "items", "policies"])
def test_a_report_that_lacks_a_table_is_still_a_page(outcome, absent):
    kept = {n: t for n, t in outcome.report.tables.items() if n != absent}
    assert "</html>" in rendered(replace(outcome, report=replace(outcome.report, tables=kept)))


def test_other_money_has_no_dollar_sign(outcome):
    text = rendered(replace(outcome, config=outcome.config.model_copy(update={"currency": "EUR"})))
    visible = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert "$" not in visible
    assert "EUR" in visible


def test_the_kinds_of_cost_add_up_to_the_difference(outcome):
    tables, items = outcome.report.tables, outcome.dataset.table("items").collect()
    split = by_kind(tables["weeks"], items)
    total = sum(split[kind].sum() for kind in KINDS)
    assert total == pytest.approx(tables["items"]["difference"].sum(), rel=1e-9)


def test_every_item_is_in_one_bar():
    values = np.random.default_rng(2).standard_t(2, 5000) * 10
    edges, counts, outside = spread(values)
    assert sum(counts) == 5000
    assert 0.0 in edges
    assert len(edges) == len(counts) + 1 < 60
    assert outside < 150


def test_an_interval_of_a_share_holds_the_share_and_stays_within_0_and_1():
    for share, rows in ((0.0, 3), (0.2, 50), (1.0, 1000)):
        low, high = wilson(share, rows)
        assert 0 <= low <= share + 1e-12
        assert share - 1e-12 <= high <= 1


@pytest.mark.parametrize(("size", "periods"), [(100, 11), (20_000, 11), (20_000, 1), (500, 400)])
def test_the_page_carries_only_what_fits(size, periods):
    items = pl.DataFrame({"item": [str(i) for i in range(size)], "difference": [float(-i) for i in range(size)]})
    kept = chosen(items, periods)
    assert kept.height <= min(size, ITEMS)
    assert kept.height * periods <= NUMBERS
    assert kept["item"][0] == str(size - 1)  # the largest difference, whatever its sign


def test_the_demo_fits_in_three_megabytes(tmp_path):
    outcome = made_outcome(tmp_path, items=1200, periods=51)
    outputs(outcome)
    size = (tmp_path / "report.html").stat().st_size
    assert size * 3251 / outcome.report.tables["items"].height < 3_000_000


def test_advice_and_action_are_shown_beside_each_other(outcome):
    advice = pl.DataFrame({"action": ["as advised", "as placed"], "items": [12, 12], "profit_usd": [1500.0, 1310.0]})
    tables = {**outcome.report.tables, "advice": advice}
    text = rendered(replace(outcome, report=replace(outcome.report, tables=tables)))
    assert "Advice and action" in text
    assert "$1,310" in text
