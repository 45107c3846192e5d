"""Everything but `/predict`: health, metrics, the description, and the routes that a system brings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ropewalk.spine.serving.app import App, error_body
from ropewalk.types import Model


@dataclass(frozen=True, slots=True)
class Service:
    """What a route of a system finds as `request.app.state.service`."""

    ask: Callable[[Mapping[str, Any]], Awaitable[tuple[int, dict[str, Any]]]]  # a row -> status, answer; as /predict
    model: Callable[[], Model | None]  # that of the live release, once it is loaded


def pages(app: App, openapi: Mapping[str, Any], docs: str, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The ASGI application for all paths that the lean one does not answer."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"alive": True})

    async def readyz(_request: Request) -> Response:
        if why := app.unready():
            return _sentence(503, why)
        assert app.served is not None
        release = app.served[0]
        trouble = {"trouble": why} if (why := app.trouble()) else {}
        return JSONResponse({"ready": True, "release": release.release_id, "state": release.state, **trouble})

    async def metrics(_request: Request) -> Response:
        return Response(app.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def described(_request: Request) -> Response:
        return JSONResponse(openapi)

    async def page(_request: Request) -> Response:
        return HTMLResponse(docs)

    async def ask(row: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        return await app.ask(row)

    def model() -> Model | None:
        return app.served[0].model if app.served else None

    ours = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics, "/openapi.json": described, "/docs": page}
    brought = [str(route.path) for route in routes if isinstance(route, Route)]
    site = Starlette(
        routes=[*(Route(path, endpoint, methods=["GET"]) for path, endpoint in ours.items()), *routes],
        exception_handlers={HTTPException: _refused([*ours, *brought]), Exception: _failed},
    )
    site.state.service = Service(ask, model)
    return site


def _refused(paths: Sequence[str]) -> Callable[[Request, Exception], Response]:
    """Wrong paths and methods get a sentence too."""

    def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = str(error.detail)
        if error.status_code == 404:
            sentence = f"there is nothing at {request.url.path}; there is: POST /predict, {', '.join(paths)}."
        elif error.status_code == 405:
            allowed = ", ".join(sorted((error.headers or {}).get("Allow", "GET").split(", ")))
            sentence = f"{request.url.path} does not take {request.method}; it takes {allowed}."
        return _sentence(error.status_code, sentence, error.headers)

    return handle


def _failed(_request: Request, _error: Exception) -> Response:
    return _sentence(500, "this page failed; the service's log says why.")


def _sentence(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(error_body(sentence), status, headers, "application/json")
