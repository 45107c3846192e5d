"""Answers dressed for people: ids become titles and snippets with the words marked, evidence becomes marked sentences."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ropewalk.errors import MissingError
from ropewalk.systems.search.answer import prose
from ropewalk.systems.search.model import Search
from ropewalk.systems.search.retrieve import highlights, masks
from ropewalk.systems.search.retrieve.engine import Engine, Wanted


def answer(model: Search, row: Mapping[str, Any], answered: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a row as a page needs it."""
    engine, bound, state = model.opened(row.get("caller", ""))
    # where a commit came between, what is shown now has to be inside the filter now
    seen = None if bound is None or state == answered["state"] else engine.seen(bound)
    ids, scores = json.loads(answered["ids"]), json.loads(answered["scores"])
    query = answered["corrected"] or str(row.get("query", ""))
    sought = engine.understood(Wanted(query, bound=bound)).terms
    documents = _by_id(engine, ids, seen)
    hits = [_hit(documents[i], score, sought, engine) for i, score in zip(ids, scores, strict=True) if i in documents]
    told = _sources(answered["evidence"], engine, seen)
    keep = ("event_id", "release", "total", "corrected", "answer", "confidence", "abstained")
    return {
        **{name: answered[name] for name in keep},
        "state": answered["state"] or state,
        "hits": hits,
        "facets": json.loads(answered["facets"]),
        "evidence": told,
        "nearest": _sources(answered["nearest"], engine, seen),
        **_written(str(row.get("query", "")), told, engine),
    }


def _written(question: str, told: list[dict[str, Any]], engine: Engine) -> dict[str, Any]:
    """Prose about the evidence, where an endpoint for it is set; why there is none, where it was refused."""
    endpoint = prose.from_environment() if told else None
    if endpoint is None:
        return {}
    sentences = ["".join(piece["text"] for piece in one["parts"]) for one in told]
    found = prose.write(question, sentences, endpoint, engine.snapshot.layout.language)
    return {"prose": found.text, "prose_cites": list(found.cited), "prose_refused": found.refused}


def _by_id(engine: Engine, ids: list[str], seen: np.ndarray | None) -> dict[str, dict[str, Any]]:
    """The documents that are still there, by id. `seen`: bool [rows], None: all."""
    rows = [row for one in ids if (row := engine.snapshot.row_of(one)) is not None and (seen is None or seen[row])]
    return {str(d["id"]): d for d in engine.snapshot.documents(rows)}


def _hit(
    document: Mapping[str, Any], score: float, sought: Mapping[str, frozenset[str]], engine: Engine
) -> dict[str, Any]:
    language = str(document.get("language") or engine.snapshot.layout.language)
    text = str(document.get("text") or "")
    return {
        "id": document["id"],
        "title": document.get("title") or "",
        "score": score,
        "snippet": highlights.snippet(text, sought.get(language, frozenset()), language),
        "fields": {name: document[name] for name in engine.kinds if document.get(name) is not None},
    }


def _sources(listed: str, engine: Engine, seen: np.ndarray | None) -> list[dict[str, Any]]:
    """Places in documents with their sentences, the answer in each marked; without those whose text is another one by now."""
    places = json.loads(listed)
    documents = _by_id(engine, [str(one["document"]) for one in places], seen)
    return [_source(one, d) for one in places if (d := documents.get(str(one["document"]))) and _stands(one, d)]


def _stands(one: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    return str(document.get("text") or "")[one["sentence_start"] : one["sentence_end"]] == one["sentence"]


def _source(one: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    span = (int(one["start"]), int(one["end"]))
    return {
        **{"id": document["id"], "title": document.get("title") or "", "start": span[0], "end": span[1]},
        **{name: one[name] for name in ("score", "confidence") if name in one},
        "parts": highlights.mark(str(document["text"]), [span], int(one["sentence_start"]), int(one["sentence_end"])),
    }


def collection(model: Search, caller: str) -> dict[str, Any]:
    """What a page has to know of the collection."""
    engine, bound, state = model.opened(caller)
    seen = int(engine.seen(bound).sum())
    facets = [name for name, kind in engine.kinds.items() if kind in ("keyword", "bool")]
    return {"collection": model.spec.collection, "state": state, "documents": seen, "facets": facets}


def document(model: Search, id: str, caller: str, span: tuple[int, int], as_json: bool) -> dict[str, Any] | str:
    """A document that the caller may see: as it is stored, or as a page with a stretch of its text marked."""
    engine, bound, _ = model.opened(caller)
    row = engine.snapshot.row_of(id)
    if row is None or (bound is not None and not masks.mask(bound, engine.snapshot, engine.kinds)[row]):
        raise MissingError("document", id, hint="It may have been deleted.")
    found = engine.snapshot.documents([row])[0]
    return found if as_json else _page(found, span)


def _page(found: Mapping[str, Any], span: tuple[int, int]) -> str:
    text, (start, end) = str(found.get("text") or ""), span
    body = html.escape(text)
    if 0 <= start < end <= len(text):
        body = (
            f"{html.escape(text[:start])}<mark id=here>{html.escape(text[start:end])}</mark>{html.escape(text[end:])}"
        )
    facts = "".join(
        f"<dt>{html.escape(str(k))}<dd>{html.escape(str(v))}"
        for k, v in found.items()
        if k not in ("title", "text") and v is not None
    )
    return _PAGE.format(title=html.escape(str(found.get("title") or found["id"])), body=body, facts=facts)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere }} mark {{ background: #ffe9a8; color: #1d2430 }}
dl {{ font-size: .85rem; opacity: .75; display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem }} dd {{ margin: 0 }}
</style>
<h1>{title}</h1><p>{body}</p><dl>{facts}</dl></html>
"""
