"""What a contract looks like to a caller: an OpenAPI 3.1 document and a page to try it on, both without any network."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

from ropewalk.spine.serving.explain import bounds, example
from ropewalk.types import Column, Contract

_JSON_TYPES = {"int": "integer", "float": "number", "str": "string", "bool": "boolean", "date": "string"}


def example_row(contract: Contract) -> dict[str, Any]:
    """A row that the contract allows."""
    return {c.name: example(c) for c in contract.columns if c.required or c.default is not None}


def openapi(name: str, requests: Contract, answers: Contract) -> dict[str, Any]:
    """The OpenAPI document of a service that answers `requests` with `answers`."""
    why = _content({"$ref": "#/components/schemas/Refused"})
    refused = {"description": "Refused, with the reason in sentences.", "content": why}
    event_id = {"type": "string", "description": "Names the event: the truth is reported under it.", "maxLength": 64}
    release = {"type": "string", "description": "The release that answered."}
    predict = {
        "summary": f"Ask {name}",
        "description": "One object is answered with one object, an array with an array in the same order.",
        "requestBody": {
            "required": True,
            "content": _content(_one_or_many("Row"), example_row(requests)),
        },
        "responses": {
            "200": {"description": "The answer.", "content": _content(_one_or_many("Answer"))},
            **dict.fromkeys(("400", "401", "405", "408", "413", "422", "500", "503", "504"), refused),
        },
        "security": [{"key": []}, {"bearer": []}],
    }
    text = {"type": "array", "items": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": "1", "description": f"Answers of {name}; every answer is kept as an event."},
        "paths": {
            "/predict": {"post": predict},
            "/healthz": _get("Whether the process lives."),
            "/readyz": _get("Whether it answers; 503 before the model is loaded and while it stops."),
            "/metrics": _get("Counters for Prometheus."),
        },
        "components": {
            "schemas": {
                "Row": _schema(requests, {"event_id": event_id}, requests_=True),
                "Answer": _schema(answers, {"event_id": event_id, "release": release}, requests_=False),
                "Refused": {"type": "object", "properties": {"error": {"type": "string"}, "problems": text}},
            },
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _schema(contract: Contract, extra: Mapping[str, Any], *, requests_: bool) -> dict[str, Any]:
    required = [c.name for c in contract.columns if c.required] if requests_ else [*contract.names, *extra]
    return {
        "type": "object",
        "properties": {**{c.name: schema(c) for c in contract.columns}, **extra},
        "required": required,
        "additionalProperties": False,
    }


def schema(column: Column) -> dict[str, Any]:
    """The JSON schema of a column."""
    one: dict[str, Any] = {"type": _JSON_TYPES[column.kind]}
    if column.kind == "date":
        one["format"] = "date"
    if column.choices:
        one["enum"] = list(column.choices)
    if column.low is not None:
        one["minimum"] = column.low
    if column.high is not None:
        one["maximum"] = column.high
    if column.length is not None:
        one = {"type": "array", "items": one, "minItems": column.length, "maxItems": column.length}
    if not column.required:
        one["type"] = [one["type"], "null"]
        if "enum" in one:
            one["enum"] = [*one["enum"], None]
    one["description"] = column.about + (f" [{column.unit}]" if column.unit else "")
    if column.unit:
        one["x-unit"] = column.unit
    return one


def _one_or_many(name: str) -> dict[str, Any]:
    one = {"$ref": f"#/components/schemas/{name}"}
    return {"oneOf": [one, {"type": "array", "items": one}]}


def _content(body: Mapping[str, Any], shown: Any = None) -> dict[str, Any]:
    return {"application/json": {"schema": body, **({"example": shown} if shown is not None else {})}}


def _get(about: str) -> dict[str, Any]:
    return {"get": {"summary": about, "responses": {"200": {"description": about}}}}


def docs_page(name: str, requests: Contract, answers: Contract) -> str:
    """The page at /docs: every field with unit and bounds, an example, and a form that sends it."""
    row = json.dumps(example_row(requests), indent=2, ensure_ascii=False)
    return _PAGE.format(
        name=html.escape(name),
        requests=_table(requests, asked=True),
        answers=_table(answers, asked=False),
        row=html.escape(row),
        curl=html.escape(f"curl -H 'X-API-Key: ...' -d '{json.dumps(example_row(requests))}' $URL/predict"),
        joint=_joint(requests),
    )


def _joint(contract: Contract) -> str:
    if not contract.joint_by:
        return ""
    names = ", ".join(map(html.escape, contract.joint_by))
    return f"<p>Rows that are equal in <b>{names}</b> are answered together: send them in one array.</p>"


def _table(contract: Contract, *, asked: bool) -> str:
    heads = ("field", "what", "type", "bounds", "unit", *(("if absent",) if asked else ()))
    rows = [heads, *(_cells(column)[: len(heads)] for column in contract.columns)]
    cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells).replace("td>", "th>", 2 * len(heads)) + "</table>"


def _cells(c: Column) -> tuple[str, ...]:
    kind = c.kind if c.length is None else f"list of {c.length} × {c.kind}"
    limits = ", ".join(c.choices) if c.choices else bounds(c).strip()
    absent = "refused" if c.required else "null" if c.default is None else str(c.default)
    return c.name, c.about, kind, limits, c.unit, absent


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{name}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse; width: 100%; font-size: .9rem }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }}
textarea, pre {{ width: 100%; box-sizing: border-box; font: 13px/1.4 ui-monospace, monospace; background: #f6f6f4;
  border: 1px solid #ddd; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere }}
textarea {{ height: 16rem }} button {{ font: inherit; padding: .4rem 1.2rem }}
</style>
<h1>{name}</h1>
<p>POST one row as a JSON object, or a list of rows as an array, to <code>/predict</code>. The answer has the same
shape. Each answer carries <code>event_id</code>, under which its truth is reported later, and <code>release</code>. A row may
bring an <code>event_id</code> of its own: sent twice under one id, it counts once.</p>{joint}
<h2>A row</h2>{requests}
<h2>An answer</h2>{answers}
<h2>Try it</h2>
<form id="form"><p><label>Key, if the service has one: <input id="key" type="password" autocomplete="off"></label></p>
<textarea id="row" spellcheck="false" aria-label="the request">{row}</textarea>
<p><button>Send</button></p></form><pre id="answer" aria-live="polite">The answer will be shown here.</pre>
<h2>From a shell</h2><pre>{curl}</pre>
<p>Also here: <a href="openapi.json">openapi.json</a>, <a href="metrics">metrics</a>, <a href="readyz">readyz</a>.</p>
<script>
document.getElementById("form").addEventListener("submit", async (event) => {{
  event.preventDefault();
  const key = document.getElementById("key").value, out = document.getElementById("answer");
  const headers = {{"content-type": "application/json", ...(key ? {{"x-api-key": key}} : {{}})}};
  try {{
    const reply = await fetch("predict", {{method: "POST", headers, body: document.getElementById("row").value}});
    out.textContent = reply.status + "\\n" + JSON.stringify(await reply.json(), null, 2);
  }} catch (error) {{ out.textContent = "no answer: " + error; }}
}});
</script></html>
"""
