"""What each term of a query gave one document, from tantivy's own account of a score: some 50 microseconds, whatever is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from tantivy import DocAddress

from ropewalk.systems.search.retrieve.vocabulary import places

if TYPE_CHECKING:
    from ropewalk.systems.search.index.snapshot import Snapshot

PHRASE = "phrase"  # stands for its terms, with no place
_TERM = re.compile(r'Term\(field=(\d+), type=Str, "(.*)"\)')
_BOOST = re.compile(r"Boost x([\d.]+) of")

Part = tuple[str, str, float]  # field in a language, term, what it gave


def parts(snapshot: Snapshot, query: Any, row: int) -> list[Part]:
    """Those of every term that the document of a row holds; none when it matches nothing of the query."""
    segment = int(np.searchsorted(snapshot.starts, row, "right")) - 1
    address = DocAddress(segment, int(row) - int(snapshot.starts[segment]))
    try:
        tree = json.loads(query.explain(snapshot.searcher, address).to_json())
    except ValueError:  # the document matches none of it
        return []
    return list(_leaves(tree, 1.0, ["id", *(place.name for place in places(snapshot.layout))]))


def _leaves(node: Mapping[str, Any], boost: float, names: list[str]) -> Iterator[Part]:
    """The terms below a node of tantivy's explanation, with the weights above them."""
    told = str(node.get("description", ""))
    if match := _BOOST.match(told):
        boost *= float(match[1])
    if told.startswith("Phrase"):
        yield "", PHRASE, boost * node["value"]
        return
    for context in node.get("context") or ():
        if match := _TERM.search(context):
            yield names[int(match[1])], match[2], boost * node["value"]
            return
    for child in node.get("details") or ():
        yield from _leaves(child, boost, names)
