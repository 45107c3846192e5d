"""query, ask, collections: what only reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ropewalk.systems.search.commands import which
from ropewalk.systems.search.commands.said import counted
from ropewalk.systems.search.contract import checked
from ropewalk.systems.search.index.collection import Collection, names
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.retrieve.explain import explain
from ropewalk.systems.search.texts import answered
from ropewalk.types import Desk

BOLD = ("\x1b[1m", "\x1b[0m")


def query(
    desk: Desk,
    words: str,
    collection: str,
    top: int,
    where: str,
    facets: str,
    language: str,
    legs: str,
    manifest: int,
    explained: bool,
    caller: str,
) -> int:
    model = which.model(desk, collection)
    if manifest:
        model.attach(desk.job.store, manifest)
    asked = {"query": words, "k": top, "where": where, "facets": facets, "language": language, "legs": legs}
    row = checked({**asked, "caller": caller})
    found = answered(model, row)
    reasons = _reasons(model, row) if explained else {}
    found["hits"] = [{**hit, **({"why": reasons[hit["id"]]} if explained else {})} for hit in found["hits"]]
    desk.show(found, _listed(found))
    return 0


def _reasons(model: Search, row: Mapping[str, Any]) -> dict[str, Any]:
    """id -> how the hit got its score."""
    engine, bound, _ = model.opened(row["caller"])
    wanted = model.wanted(row, engine, bound)
    found = engine.search(wanted)
    return {one["id"]: one for one in (explain(engine, wanted, found, hit) for hit in found.rows.tolist())}


def ask(desk: Desk, question: str, collection: str, where: str, caller: str) -> int:
    model = which.model(desk, collection)
    found = answered(model, {"query": question, "task": "ask", "where": where, "caller": caller})
    desk.show(found, _told(found, _bolder(desk, model)))
    return 0


def _bolder(desk: Desk, model: Search) -> str:
    """The command's part that makes the reader answer more."""
    risk = min(0.9, desk.config.risk + 0.2)
    verb = "ropewalk live search ... " if model.spec.bound else ""  # what a release answers is settled by its training
    return f"{verb}--set risk={risk:g}"


def collections(desk: Desk) -> int:
    found = {}
    for name in names(desk.job.store):
        manifest = Collection(desk.job.store, name).manifest()
        found[name] = {
            "documents": manifest.live,
            "manifest": manifest.number,
            "bytes": sum(s.bytes for s in manifest.segments),
        }
    lines = [
        f"{name}: {counted(b['documents'], 'document')}, {b['bytes'] / 1e6:,.1f} MB, manifest {b['manifest']}"
        for name, b in found.items()
    ]
    desk.show(found, "\n".join(lines) or "there is no collection yet: ropewalk search index DOCS --into NAME")
    return 0


def _understood(found: Mapping[str, Any]) -> list[str]:
    return [f"understood as: {found['corrected']}"] if found["corrected"] else []


def _listed(found: Mapping[str, Any]) -> str:
    lines = _understood(found)
    for number, hit in enumerate(found["hits"], 1):
        fields = "".join(f"  {name}: {value}" for name, value in hit["fields"].items())
        lines += [
            f"{number:3}  {hit['title'] or hit['id']}",
            f"     {_marked(hit['snippet'])}",
            f"     {hit['id']}  {hit['score']:.4f}{fields}",
        ]
        if "why" in hit:
            lines += _why(hit["why"])
    for name, values in found["facets"].items():
        shown_ = ", ".join(f"{v} ({n:,})" for v, n in values) if isinstance(values, list) else json.dumps(values)
        lines.append(f"{name}: {shown_}")
    return "\n".join([*lines, f"{counted(found['total'], 'document')}, {found['state']}"])


def _why(why: Mapping[str, Any]) -> list[str]:
    legs = ", ".join(f"{name}: place {one['place']}, {one['score']:.3f}" for name, one in why["legs"].items())
    terms = ", ".join(f"{place}:{term} {value:.2f}" for place, term, value in why["terms"])
    return [f"       {legs}", f"       {terms}"] if terms else [f"       {legs}"]


def _told(found: Mapping[str, Any], bolder: str) -> str:
    if not found["answer"]:
        return _abstained(found, bolder)
    lines = [*_understood(found), f"{found['answer']}  ({found['confidence']:.0%} sure)"]
    return "\n".join(lines + [f"  {_marked(one['parts'])}\n  {_where(one)}" for one in found["evidence"]])


def _abstained(found: Mapping[str, Any], bolder: str) -> str:
    """Why there is no answer, the nearest sentences (where there is none, the nearest documents), and how more is answered."""
    lines = [found["abstained"]]
    if not found["nearest"]:
        return "\n".join([*lines, _listed(found)] if found["hits"] else lines)
    lines = [*_understood(found), f"{found['abstained'].rstrip('.')}: {bolder}"]
    for number, one in enumerate(found["nearest"], 1):
        title = f"{one['title']}  " if one["title"] else ""
        lines += [f"{number:3}  {_marked(one['parts'])}", f"     {title}{_where(one)}, {one['confidence']:.0%} sure"]
    return "\n".join(
        [*lines, f"{counted(found['total'], 'document')} may say more: ropewalk search query; {found['state']}"]
    )


def _where(one: Mapping[str, Any]) -> str:
    return f"{one['id']}, characters {one['start']} to {one['end']}"


def _marked(pieces: Sequence[Mapping[str, Any]]) -> str:
    """The pieces on one line; on a terminal the marked ones are bold."""
    on, off = BOLD if sys.stdout.isatty() else ("", "")
    text = "".join(f"{on}{p['text']}{off}" if p["mark"] else str(p["text"]) for p in pieces)
    return " ".join(text.split())
