"""Training, validation and test: which queries are in which part, how many are taken, how they are sliced and what each weighs.

All of it follows from the id of a query and a salt, by sha256: a query stays in its part when others come, and a second
machine agrees. What was done is stated in one record that goes into the notes of the Dataset.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from ropewalk.errors import ConfigError

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """How a query set is cut. The words of `stated` are for whoever asks later what a figure was measured on."""

    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))
    salt: str = "ropewalk"
    sample: int | None = None  # at most so many queries, those with the lowest hashes
    slices: tuple[str, ...] = ("length", "language")  # and names of fields of the queries
    weights: Literal["query", "asked"] = "query"  # each query once, or as often as it was asked


def cut(ids: Sequence[str], rule: Rule) -> dict[str, list[str]]:
    """part -> its queries, sorted. ConfigError when the shares are not a whole."""
    if not rule.shares or any(share < 0 for share in rule.shares.values()) or abs(sum(rule.shares.values()) - 1) > 1e-9:
        raise ConfigError([f"shares are {dict(rule.shares)}; they are numbers >= 0 whose sum is 1"], "the parts")
    names, edges = list(rule.shares), np.cumsum(list(rule.shares.values()))
    parts: dict[str, list[str]] = {name: [] for name in names}
    for id_ in sorted(sample(ids, rule)):
        at = int(np.searchsorted(edges, _unit(rule.salt, id_), side="right"))
        parts[names[min(at, len(names) - 1)]].append(id_)
    return parts


def sample(ids: Sequence[str], rule: Rule) -> list[str]:
    """At most `rule.sample` of the ids: a larger sample holds a smaller one."""
    unique = sorted(set(ids), key=lambda id_: (_unit(f"{rule.salt}/sample", id_), id_))
    return unique if rule.sample is None else unique[: rule.sample]


def _unit(salt: str, id_: str) -> float:
    """A number in [0, 1) that belongs to an id."""
    return int.from_bytes(hashlib.sha256(f"{salt}\0{id_}".encode()).digest()[:8], "big") / 2**64


def slices(queries: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """slice -> its value -> ids of queries. `length` counts words (characters of Chinese and Japanese), other names are fields."""
    found: dict[str, dict[str, list[str]]] = {name: {} for name in names}
    for id_ in sorted(queries):
        for name in names:
            value = _length(str(queries[id_].get("text", ""))) if name == "length" else queries[id_].get(name)
            found[name].setdefault("unknown" if value in (None, "") else str(value), []).append(id_)
    return {name: {value: parts[value] for value in sorted(parts)} for name, parts in found.items()}


def _length(text: str) -> str:
    words = len(_WORD.findall(text))
    return "4 words or more" if words >= 4 else f"{words} word{'' if words == 1 else 's'}"


def weights(ids: Sequence[str], queries: Mapping[str, Mapping[str, Any]], rule: Rule) -> np.ndarray:
    """[Q] what each query counts in a mean: 1, or its field `asked` (1 where it is not known)."""
    if rule.weights == "query":
        return np.ones(len(ids))
    return np.array([float(queries.get(id_, {}).get("asked") or 1.0) for id_ in ids])


def stated(rule: Rule, parts: Mapping[str, Sequence[str]], queries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What was done, as JSON for the notes of a Dataset; the hash of each part's ids says whether two are the same."""
    taken = {id_ for ids in parts.values() for id_ in ids}
    return {
        "rule": {**asdict(rule), "shares": dict(rule.shares), "slices": list(rule.slices)},
        "partition": "a query is in the part in which sha256(salt, id) falls, as a share of the whole range",
        "sampling": "all queries"
        if rule.sample is None
        else f"the {rule.sample:,} queries with the lowest sha256(salt/sample, id)",
        "weighting": "each query counts once" if rule.weights == "query" else "a query counts as often as it was asked",
        "queries": {"given": len(queries), "taken": len(taken), **{name: len(ids) for name, ids in parts.items()}},
        "slices": {
            name: {value: sum(id_ in taken for id_ in ids) for value, ids in values.items()}
            for name, values in slices(queries, rule.slices).items()
        },
        "hashes": {name: hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16] for name, ids in parts.items()},
    }
