"""Routes beside /predict. Each is a row of the same contract, asked as /predict asks it, and so an event; here it is only dressed for
people: titles, snippets with the words marked, sources.

A caller is named by the header X-Ropewalk-Caller. GET takes parameters, POST the same names as JSON.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ropewalk.errors import RopewalkError, StoreError
from ropewalk.systems.search.service import shown

log = logging.getLogger("ropewalk.search")
AWAY = "what the model reads cannot be reached now; try again in a moment."
NAMES = {
    "q": "query",
    "query": "query",
    "k": "k",
    "where": "where",
    "facets": "facets",
    "legs": "legs",
    "language": "language",
}
HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
}


async def page(_request: Request) -> Response:
    return HTMLResponse((Path(__file__).parent / "page.html").read_text(encoding="utf-8"), headers=HEADERS)


async def search(request: Request) -> Response:
    return await _asked(request, "search")


async def ask(request: Request) -> Response:
    return await _asked(request, "ask")


async def suggest(request: Request) -> Response:
    row = {**await _given(request), "task": "suggest"}
    status, answer = await request.app.state.service.ask(row)
    return _reply({"suggestions": json.loads(answer["suggestions"])} if status == 200 else answer, status)


async def feedback(request: Request) -> Response:
    """A thumb: {"about": event_id of the answer, "document": id, "thumb": 1 or -1}. It is an event of its own, and a label."""
    body = await _body(request)
    row = {name: body[name] for name in ("about", "document", "thumb", "query") if name in body}
    status, answer = await request.app.state.service.ask({**row, "task": "feedback", "caller": _caller(request)})
    return _reply({"event_id": answer["event_id"]} if status == 200 else answer, status)


async def collection(request: Request) -> Response:
    return await _of_model(request, lambda model: shown.collection(model, _caller(request)))


async def document(request: Request) -> Response:
    """One document, for people as a page, for programs (Accept: application/json) as it is stored."""
    wanted = dict(request.query_params)
    as_json = "text/html" not in request.headers.get("accept", "")
    start, end = (int(wanted[n]) if wanted.get(n, "").isdigit() else 0 for n in ("start", "end"))
    made = lambda model: shown.document(model, wanted.get("id", ""), _caller(request), (start, end), as_json)  # noqa: E731
    return await _of_model(request, made)


async def _asked(request: Request, task: str) -> Response:
    row = {**await _given(request), "task": task}
    service = request.app.state.service
    status, answer = await service.ask(row)
    if status != 200:
        return _reply(answer, status)
    return await _of_model(request, lambda model: shown.answer(model, row, answer))


async def _of_model(request: Request, make: Any) -> Response:
    """What `make` says of the live release's model, in a thread: it may read from the disk."""
    model = request.app.state.service.model()
    if model is None:
        return _reply({"error": "the model is still being loaded."}, 503)
    try:
        found = await run_in_threadpool(make, model)
    except StoreError as error:
        log.error("%s: the store cannot be read: %s", request.url.path, error)
        return _reply({"error": AWAY, "problems": [AWAY]}, 503)
    except RopewalkError as error:
        return JSONResponse(
            {"error": str(error), "problems": [str(error)]}, 404 if type(error).__name__ == "MissingError" else 422
        )
    return HTMLResponse(found, headers=HEADERS) if isinstance(found, str) else JSONResponse(found)


def _reply(body: Mapping[str, Any], status: int) -> Response:
    return JSONResponse(body, status, {"retry-after": "1"} if status == 503 else None)


async def _given(request: Request) -> dict[str, Any]:
    """The row that a request asks with."""
    given: Mapping[str, Any] = request.query_params if request.method == "GET" else await _body(request)
    row: dict[str, Any] = {NAMES.get(name, name): value for name, value in given.items() if value not in ("", None)}
    if request.method == "GET" and str(row.get("k", "")).isdigit():
        row["k"] = int(row["k"])
    for name in ("where", "facets"):
        if isinstance(row.get(name), (dict, list)):
            row[name] = json.dumps(row[name]) if name == "where" else ",".join(map(str, row[name]))
    return {**row, "caller": _caller(request)}


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise HTTPException(400, f"the body is not JSON ({error}).") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is one JSON object.")
    return body


def _caller(request: Request) -> str:
    return request.headers.get("x-ropewalk-caller", "")


ROUTES = (
    Route("/", page),
    Route("/search", search, methods=["GET", "POST"]),
    Route("/ask", ask, methods=["GET", "POST"]),
    Route("/suggest", suggest, methods=["GET", "POST"]),
    Route("/feedback", feedback, methods=["POST"]),
    Route("/collection", collection),
    Route("/document", document),
)
