"""The query language: what a person types, in parts. Nothing that is typed is an error.

    red shoes            either word counts, both count more
    "running shoes"      the words in this order; where no document has them so, either word
    -leather  -"old man" not with these
    +waterproof          only with this
    title:hiking         in this text field
    trek*                words that begin so

A `:` after something that is no text field, a lone `*` or `-`, an open quote: they are read as words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

Must = Literal["may", "must", "not"]
_PART = re.compile(r'(?P<sign>[+-])?(?:(?P<field>\w+):)?(?:"(?P<phrase>[^"]+)"|(?P<word>[^\s"]+))')


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a query: words as they were typed, not analysed."""

    text: str
    must: Must = "may"
    field: str = ""  # empty: all text fields
    phrase: bool = False
    prefix: bool = False  # words that begin like the last one


def parse(query: str, fields: Collection[str] = ()) -> tuple[Clause, ...]:
    """The clauses of a query, in order. `fields`: names of text fields that may stand before a colon."""
    return tuple(clause for match in _PART.finditer(query) if (clause := _clause(match, fields)) is not None)


def _clause(match: re.Match[str], fields: Collection[str]) -> Clause | None:
    field, text = match["field"] or "", match["phrase"] or match["word"]
    if field and field not in fields:
        field, text = "", f"{field}:{text}"
    must: Must = "not" if match["sign"] == "-" else "must" if match["sign"] == "+" else "may"
    prefix = not match["phrase"] and text.endswith("*") and len(text) > 1
    text = text.rstrip("*") if prefix else text
    if not any(c.isalnum() for c in text):
        return None
    return Clause(text, must, field, bool(match["phrase"]), prefix)


def plain(clauses: Sequence[Clause]) -> str:
    """Clauses as a sentence for the dense leg: without signs, quotes, names of fields, and what must not be there."""
    return " ".join(clause.text for clause in clauses if clause.must != "not")
