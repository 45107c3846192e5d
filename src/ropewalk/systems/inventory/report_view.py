"""What every part of the report reads: the outcome, the plan, and money and names as this report writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import polars as pl

from ropewalk.methods import html

if TYPE_CHECKING:
    from ropewalk.systems.inventory.config import Config
    from ropewalk.types import Outcome


@dataclass(frozen=True)
class View:
    """An outcome as the report reads it."""

    outcome: Outcome[Config]
    plan: pl.DataFrame
    changed: pl.DataFrame
    facts: Mapping[str, Any]  # the body of plan.json

    @property
    def config(self) -> Config:
        return self.outcome.config

    @property
    def unit(self) -> str:
        """The label of money."""
        return self.config.currency

    @property
    def word(self) -> str:
        """week or day"""
        return self.config.period

    @property
    def data(self) -> Mapping[str, Any]:
        """The notes of the dataset."""
        return self.outcome.dataset.notes

    @property
    def notes(self) -> Mapping[str, Any]:
        """The notes of the report."""
        return self.outcome.report.notes

    def table(self, name: str) -> pl.DataFrame | None:
        """A table of the report, or None where the evaluation left none."""
        found = self.outcome.report.tables.get(name)
        return None if found is None or found.is_empty() else found

    def money(self, value: float | None, sign: bool = False) -> str:
        """In this report's currency; dollars with their sign, others with their name behind."""
        if self.unit.upper() == "USD" or value is None:
            return html.money(value, sign)
        return html.number(round(value, 2 if abs(value) < 100 else 0), self.unit, sign=sign)

    def range(self, low: float | None, high: float | None) -> str:
        """An interval of money, signed."""
        return html.text.NONE if low is None or high is None else f"{self.money(low, True)} to {self.money(high, True)}"

    # -- the policies --

    @cached_property
    def policies(self) -> list[dict[str, Any]]:
        found = self.table("policies")
        return [] if found is None else found.to_dicts()

    def policy(self, **wanted: Any) -> dict[str, Any] | None:
        """The first policy with these values: policy(best=True)."""
        return next((p for p in self.policies if all(p.get(k) == v for k, v in wanted.items())), None)

    @cached_property
    def best(self) -> dict[str, Any] | None:
        """The best classic rule."""
        return self.policy(best=True)

    @cached_property
    def learned(self) -> dict[str, Any] | None:
        return self.policy(kind="learned")

    @property
    def served(self) -> str:
        """The policy that was trained and compared with the best rule, as a person calls it."""
        chosen = self.policy(chosen=True)
        return "the learned policy" if chosen is None or chosen["kind"] == "learned" else f"the rule {chosen['policy']}"

    @property
    def accepted(self) -> bool:
        """Whether what this run trained, and not its baseline or an older release, makes the orders."""
        release = self.outcome.release
        return release is not None and release.run == self.outcome.run.id and release.choice == "model"

    @cached_property
    def headroom(self) -> float | None:
        """What an oracle would add to the best classic rule; None without an oracle."""
        oracle = self.policy(kind="oracle")
        return None if oracle is None or self.best is None else oracle["profit_usd"] - self.best["profit_usd"]

    @cached_property
    def replayed(self) -> str:
        """11 weeks (9 Oct to 24 Dec 2017)"""
        cut = self.data.get("cuts", {}).get("replay")
        return (
            f"{count(cut['periods'], self.word)} ({span(cut['from'], cut['to'])})"
            if cut
            else f"the replay {self.word}s"
        )


def count(number: float, word: str) -> str:
    """1 week · 1,200 weeks"""
    return f"{number:,.0f} {word if number == 1 else plural(word)}"


def plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") and word[-2:-1] not in "aeiou" else word + "s"


def day(iso: str) -> str:
    """2017-10-09 -> 9 Oct 2017"""
    found = date.fromisoformat(iso[:10])
    return f"{found.day} {found:%b %Y}"


def span(first: str, last: str) -> str:
    """9 Oct to 24 Dec 2017: the year once, if it is the same."""
    return f"{day(first).removesuffix(' ' + first[:4]) if first[:4] == last[:4] else day(first)} to {day(last)}"


def chance(share: float) -> str:
    """A probability in whole per cent; never 0 or 100 when it is neither."""
    if 0 < share < 0.01:
        return f"<1{html.text.THIN}%"
    return f">99{html.text.THIN}%" if 0.99 < share < 1 else f"{100 * share:.0f}{html.text.THIN}%"


def short(when: date) -> html.Html:
    """28 Oct, on one line."""
    return html.tag("span", f"{when.day} {when:%b}", class_="whole")


def why(sentence: str) -> html.Html:
    """A sentence in a cell, wide enough to be read on a telephone."""
    return html.tag("div", sentence, class_="why")


def capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def named(row: Mapping[str, Any]) -> html.Html:
    """An item's name with its number and site, as a link to its picture."""
    address = f"#item={quote(row['item'])}@{quote(row['site'])}"
    name = str(row.get("name") or row["item"])
    below = row["item"] if name != row["item"] else ""
    return html.safe([html.tag("a", name, href=address), html.tag("small", below, class_="id") if below else None])
