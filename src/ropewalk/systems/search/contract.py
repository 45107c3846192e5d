"""What is asked and what is answered: a row each, whether it comes by `/predict`, `/search`, `/ask`, the page, a file or Python.

Lists and objects travel as JSON in a string, so that a row stays flat: files of requests are tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropewalk.errors import RequestError, closest
from ropewalk.types import Column, Contract

TASKS = ("search", "ask", "suggest", "feedback")
LEGS = ("hybrid", "terms", "dense")
MOST_HITS = 1_000

REQUEST = Contract(
    (
        Column("query", "str", "words, \"a phrase\", -without, field:word, begin*; empty: every document; for ask: a question", required=False, default=""),
        Column("task", "str", "search: hits; ask: an answer with its sources; suggest: words that complete the query; "
               "feedback: what a person thought of a hit", required=False, default="search", choices=TASKS),
        Column("k", "int", "hits wanted", low=1, high=MOST_HITS, required=False, default=10),
        Column("legs", "str", "hybrid: terms and meaning; terms: BM25 alone; dense: meaning alone", required=False, default="hybrid",
               choices=LEGS),
        Column("where", "str", 'filter as JSON: {"brand": ["HP"], "price": {"gte": 10, "lt": 20}}', required=False, default=""),
        Column("facets", "str", "fields to count, with commas: brand,price", required=False, default=""),
        Column("language", "str", "ISO 639-1 of the query; empty: the collection's", required=False, default=""),
        Column("caller", "str", "token of who asks; decides what may be seen where the collection is bound to callers", required=False, default="", secret=True),
        Column("about", "str", "feedback: event_id of the answer", required=False, default=""),
        Column("document", "str", "feedback: id of the hit", required=False, default=""),
        Column("thumb", "int", "feedback: 1 up, -1 down", low=-1, high=1, required=False, default=0),
    )
)  # fmt: skip

ANSWER = Contract(
    (
        Column("state", "str", "collection and number of the manifest that was read"),
        Column("hits", "int", "how many hits are listed", low=0),
        Column("total", "int", "documents that match", low=0),
        Column("ids", "str", "ids of the hits, best first, a JSON list"),
        Column("scores", "str", "their scores, a JSON list"),
        Column("facets", "str", "counts by field and value, a JSON object"),
        Column("suggestions", "str", "words that complete the query, a JSON list"),
        Column("corrected", "str", "the query as it was understood, where a word was mistyped; else empty"),
        Column("answer", "str", "the answer in the source's words; empty: none is sure enough"),
        Column("confidence", "float", "chance that the answer is right", low=0, high=1),
        Column("evidence", "str", "sources of the answer: document, start, end, sentence, score; a JSON list"),
        Column("abstained", "str", "why a question has no answer, a sentence; else empty"),
        Column("nearest", "str", "then: what came nearest, with confidence and text, else as in evidence; a JSON list"),
    )
)


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its defaults, for who asks in Python or in the shell. RequestError where the contract does not allow it."""
    for name in given:
        if name not in REQUEST.names:
            close = closest(name, REQUEST.names)
            raise RequestError(f"{name}: a request has no such field." + (f" Did you mean {close!r}?" if close else ""))
    row = {column.name: given.get(column.name, column.default) for column in REQUEST.columns}
    for column in REQUEST.columns:
        _check(column, row[column.name])
    return row


def _check(column: Column, value: Any) -> None:
    kind = int if column.kind == "int" else str
    if not isinstance(value, kind) or isinstance(value, bool):
        raise RequestError(f"{column.name}: {value!r} is no {'whole number' if kind is int else 'text'}.")
    if column.choices and value not in column.choices:
        raise RequestError(f"{column.name}: {value!r} is none of {', '.join(column.choices)}.")
    low, high = column.low, column.high
    if isinstance(value, int) and low is not None and high is not None and not low <= value <= high:
        raise RequestError(f"{column.name}: {value} is not between {low:g} and {high:g}.")
