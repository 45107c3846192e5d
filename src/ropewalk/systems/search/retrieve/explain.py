"""How a hit got its score: its place and score in each leg, and what each term in each field gave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from tantivy import DocAddress

from ropewalk.systems.search.retrieve import terms, words
from ropewalk.systems.search.retrieve.engine import Engine, Found, Leg, Wanted
from ropewalk.systems.search.retrieve.vocabulary import places, vocabulary

_TERM = re.compile(r'Term\(field=(\d+), type=Str, "(.*)"\)')
_BOOST = re.compile(r"Boost x([\d.]+) of")


def explain(engine: Engine, wanted: Wanted, found: Found, row: int) -> dict[str, Any]:
    """place, score; legs: place and score there; terms: [field in a language, term, what it gave], the greatest first.

    The terms' parts add up to the terms' score, but for those of a disjunction, of which the greatest counts.
    """
    at = np.flatnonzero(found.rows == row)
    legs = {name: _in_leg(leg, row) for name, leg in found.legs.items()}
    return {
        "id": engine.snapshot.ids([row])[0],
        "place": int(at[0]) + 1 if len(at) else None,
        "score": float(found.scores[at[0]]) if len(at) else None,
        "legs": {name: one for name, one in legs.items() if one is not None},
        "terms": _parts(engine, wanted, row),
    }


def _in_leg(leg: Leg, row: int) -> dict[str, Any] | None:
    at = np.flatnonzero(leg.rows == row)
    return {"place": int(at[0]) + 1, "score": float(leg.scores[at[0]])} if len(at) else None


def _parts(engine: Engine, wanted: Wanted, row: int) -> list[list[Any]]:
    snapshot = engine.snapshot
    clauses = words.parse(wanted.query, engine.texts)
    query = terms.understand(clauses, vocabulary(snapshot, engine.synonyms), wanted.typos).query
    if query is None:
        return []
    segment = int(np.searchsorted(snapshot.starts, row, "right")) - 1
    address = DocAddress(segment, row - int(snapshot.starts[segment]))
    try:
        tree = json.loads(query.explain(snapshot.searcher, address).to_json())
    except ValueError:  # the document matches none of it
        return []
    names = ["id", *(place.name for place in places(snapshot.layout))]
    return sorted(_leaves(tree, 1.0, names), key=lambda part: -part[2])


def _leaves(node: Mapping[str, Any], boost: float, names: list[str]) -> Iterator[list[Any]]:
    """The terms below a node of tantivy's explanation, with the weights above them."""
    told = str(node.get("description", ""))
    if match := _BOOST.match(told):
        boost *= float(match[1])
    if told.startswith("Phrase"):
        yield ["", "phrase", round(boost * node["value"], 6)]
        return
    for context in node.get("context") or ():
        if match := _TERM.search(context):
            yield [names[int(match[1])], match[2], round(boost * node["value"], 6)]
            return
    for child in node.get("details") or ():
        yield from _leaves(child, boost, names)
