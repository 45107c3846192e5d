"""Thumbs of users become labels, by one rule that can be said in a sentence.

A pair of query and document is 1 when more people put a thumb up than down, 0 when more put it down, and nothing when they are even or
fewer than `least`; of one person only the last thumb counts. Clicks are no labels here: what stands first is clicked more, whatever
it is worth (Joachims et al., SIGIR 2005). Thumbs have the same fault, less of it: so the places at which a document was shown
when it was judged stay beside the label, for whoever wants to weigh them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ropewalk.errors import DataError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Judged:
    query: str  # the text that was asked
    document: str
    label: int  # 1 or 0
    up: int
    down: int
    positions: tuple[int, ...]  # places (the first is 1) at which it stood for each of these people, sorted


def judged(events: Iterable[Mapping[str, Any]], least: int = 1) -> list[Judged]:
    """Labels from events {query, document, thumb: up or down, position, at, by}, sorted by query and document.

    `at` orders the thumbs of one person (anything that sorts); an event without `by` is a person of its own.
    """
    last: dict[tuple[str, str], dict[Any, tuple[str, int]]] = {}
    numbered = list(enumerate(events))
    for number, event in sorted(numbered, key=lambda pair: (str(pair[1].get("at", "")), pair[0])):
        _check(number, event)
        votes = last.setdefault((str(event["query"]), str(event["document"])), {})
        person = event.get("by") or ("nobody we know", number)
        votes.pop(person, None)
        votes[person] = (event["thumb"], int(event["position"]))
    found = []
    for (query, document), votes in sorted(last.items()):
        up = sum(thumb == "up" for thumb, _ in votes.values())
        down = len(votes) - up
        if len(votes) >= least and up != down:
            places = tuple(sorted(position for _, position in votes.values()))
            found.append(Judged(query, document, int(up > down), up, down, places))
    return found


def of_answers(events: pl.DataFrame) -> list[dict[str, Any]]:
    """Thumbs as `judged` wants them, of the lane's events: each is a request of its own (`task` = feedback) about an earlier answer. Who
    changes their mind about the same answer is one person."""
    found = events.to_dicts()
    asked = {event["id"]: event for event in found if event["request"]["task"] != "feedback"}
    thumbs = []
    for event in found:
        said = event["request"]
        about = asked.get(said["about"]) if said["task"] == "feedback" and said["thumb"] else None
        ids = json.loads(about["answer"]["ids"]) if about else []
        if about and said["document"] in ids:
            thumb, place = "up" if said["thumb"] > 0 else "down", ids.index(said["document"]) + 1
            one = {"query": about["request"]["query"], "document": said["document"], "thumb": thumb}
            thumbs.append({**one, "position": place, "at": event["at"], "by": about["id"]})
    return thumbs


def _check(number: int, event: Mapping[str, Any]) -> None:
    missing = [name for name in ("query", "document", "thumb", "position") if event.get(name) in (None, "")]
    if missing:
        raise DataError([f"event {number + 1} has no {', '.join(missing)}: {dict(event)!r}"])
    if event["thumb"] not in ("up", "down"):
        raise DataError([f"event {number + 1} has the thumb {event['thumb']!r}; a thumb is 'up' or 'down'"])
    if not isinstance(event["position"], int) or event["position"] < 1:
        raise DataError([f"event {number + 1} has the position {event['position']!r}; the first place is 1"])


def labels(found: Iterable[Judged]) -> dict[str, dict[str, int]]:
    """query -> document -> label, as measures want it."""
    made: dict[str, dict[str, int]] = {}
    for pair in found:
        made.setdefault(pair.query, {})[pair.document] = pair.label
    return made
