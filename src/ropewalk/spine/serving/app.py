"""The service as an ASGI application: `/predict` on a lean path, everything else through Starlette.

One JSON object is answered with one object, an array with an array, in the same order. An answer is the model's columns
and `event_id`, under which its truth can be reported later, and `release`, which answered.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from ropewalk.errors import RequestError, StoreError
from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.calls import Caller
from ropewalk.spine.serving.journal import Journal, Line
from ropewalk.spine.serving.metrics import Metrics
from ropewalk.spine.serving.requests import NotJsonError, Requests
from ropewalk.spine.serving.together import Together
from ropewalk.types import Model

log = logging.getLogger("ropewalk.serving")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = dict[str, Any]
Reply = tuple[int, bytes, list[tuple[bytes, bytes]]]  # status, body, headers

_JSON = (b"content-type", b"application/json")
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Served:
    """A release and its model, as a service answers with it. `state`: the live state that the model read."""

    release_id: str
    model: Model
    state: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may ask of the service."""

    body_bytes: int = 1_000_000
    rows: int = 1_000
    seconds: float = 10.0
    at_once: int = 1_000  # requests in work


class Refusal(Exception):
    """A request that gets no answer: its status and its sentence."""

    def __init__(self, status: int, sentence: str, *headers: tuple[bytes, bytes]) -> None:
        self.status, self.headers = status, list(headers)
        super().__init__(sentence)


class App:
    """The application of one contract. `take` hands it the release that answers from now on."""

    def __init__(
        self, requests: Requests, answers: Answers, journal: Journal, limits: Limits, key: str | None = None
    ) -> None:
        self.requests, self.answers, self.journal, self.limits = requests, answers, journal, limits
        self.metrics = Metrics(
            lambda: journal.pending, lambda: journal.written, lambda: journal.failures, lambda: bool(self.trouble())
        )
        self.pages: Any = None  # an ASGI application for every other path
        self._key = key.encode() if key else None
        self._together = Together(requests, answers)
        self.served: tuple[Served, Caller] | None = None
        self.stopping = False
        self.in_work = 0
        self.last_rows: list[Any] = []  # the rows of the last answer: what a new release is tried on

    def take(self, served: Served, caller: Caller) -> None:
        """From now on `served` answers; requests in work end with the release that they began with."""
        self.served = (served, caller)
        self.metrics.serves(served.release_id, served.state)

    def unready(self) -> str:
        """Why no answer can be had now, or nothing."""
        if self.stopping:
            return "the service is stopping."
        return "" if self.served else "the model is still being loaded."

    def trouble(self) -> str:
        """What the model says of live state that it cannot read; it goes on answering from what it has."""
        tell = getattr(self.served[0].model, "trouble", None) if self.served else None
        return str(tell()) if tell is not None else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/predict":
            await self._page(scope, receive, send)
            return
        try:
            status, body, headers = await self._counted(lambda start: self._answer(scope, receive, start))
        except ConnectionError:
            return  # the caller went away before the request was complete
        await _send(send, status, body, headers)

    async def ask(self, row: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and answer of a row, for the routes that a system brings: validated, answered, counted and kept as an event as
        `/predict` does it. A refused row's answer is {"error": ..., "problems": [...]}."""
        status, body, _ = await self._counted(lambda start: self._answer_body(_encoder.encode(row), start))
        return status, msgspec.json.decode(body)

    async def _counted(self, work: Callable[[float], Awaitable[Reply]]) -> Reply:
        start = time.perf_counter()
        self.in_work += 1
        try:
            reply = await self._reply(work(start))
        finally:
            self.in_work -= 1
        self.metrics.answered(reply[0], time.perf_counter() - start)
        return reply

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Any other path; what an orchestrator asks is free, the rest needs the key as well."""
        if scope["type"] == "http" and scope["path"] not in FREE and not self.allows(scope["headers"]):
            await _send(send, 401, error_body(NO_KEY[0]), [NO_KEY[1]])
        else:
            await self.pages(scope, receive, send)

    async def _reply(self, work: Awaitable[Reply]) -> Reply:
        """An answer, or the sentence why there is none."""
        try:
            return await work
        except Refusal as refusal:
            return refusal.status, error_body(str(refusal)), refusal.headers
        except NotJsonError as error:
            return 400, error_body(str(error)), []
        except RequestError as error:
            self.metrics.out_of_range.inc()
            return 422, error_body(*str(error).split("\n")), []
        except TimeoutError:
            sentence = f"no answer within {self.limits.seconds:g} s; send fewer rows at a time, or try again later."
            return 504, error_body(sentence), []
        except StoreError as error:
            mark = os.urandom(4).hex()
            log.error("a request failed (mark %s), the store cannot be read: %s", mark, error)
            return 503, error_body(f"{AWAY} The service's log says why under the mark {mark}."), [RETRY]
        except Exception:
            mark = os.urandom(4).hex()
            log.exception("a request failed (mark %s)", mark)
            return 500, error_body(f"the model could not answer; the service's log says why under the mark {mark}."), []

    async def _answer(self, scope: Scope, receive: Receive, start: float) -> Reply:
        if scope["method"] != "POST":
            raise Refusal(405, f"/predict takes POST, not {scope['method']}; GET /docs shows how.", (b"allow", b"POST"))
        if not self.allows(scope["headers"]):
            raise Refusal(401, *NO_KEY)
        self._check_room()
        return await self._answer_body(await self._body(receive, start + self.limits.seconds), start)

    def _check_room(self) -> None:
        if self.served is None:
            raise Refusal(503, self.unready(), RETRY)
        if self.in_work > self.limits.at_once:
            raise Refusal(503, f"{self.limits.at_once} requests are in work already; try again in a second.", RETRY)

    async def _answer_body(self, body: bytes, start: float) -> Reply:
        self._check_room()
        deadline = start + self.limits.seconds
        rows, single = self.requests.decode(body)
        if len(rows) > self.limits.rows:
            raise Refusal(
                413, f"{len(rows)} rows are too many, at most {self.limits.rows} are taken; send them in parts."
            )
        if not rows:
            return 200, b"[]", []
        assert self.served is not None
        served, caller = self.served
        found = await self._together.answer(served.model, caller, rows, deadline)
        if time.perf_counter() > deadline:
            raise TimeoutError
        self.last_rows = rows
        answered = self._record(served, rows, found, time.perf_counter() - start)
        self.metrics.rows.inc(len(rows))
        return 200, _encoder.encode(answered[0] if single else answered), []

    def _record(self, served: Served, rows: list[Any], found: list[Answer], latency_s: float) -> list[Answer]:
        """The answers with their ids; their events have reached the kernel."""
        at = datetime.now(UTC)
        self.requests.hide(rows)
        lines, answers = [], []
        for row, answer in zip(rows, found, strict=True):
            event_id = row.event_id
            if event_id is msgspec.UNSET:
                event_id = os.urandom(12).hex()
            else:
                row.event_id = msgspec.UNSET
            line = Line(event_id, at, served.release_id, row, answer, latency_s, answer.get("state") or served.state)
            lines.append(_encoder.encode(line))
            answers.append({"event_id": event_id, "release": served.release_id, **answer})
        try:
            self.journal.write(b"\n".join(lines) + b"\n", len(lines))
        except OSError as error:
            log.error("an event cannot be written to %s: %s", self.journal.folder, error)
            why = error.strerror or str(error)
            raise Refusal(503, f"the answer cannot be recorded, so it is not given ({why}).", RETRY) from None
        return answers

    async def _body(self, receive: Receive, deadline: float) -> bytes:
        """The whole body, at most `limits.body_bytes` of it. A bare timer: asyncio.timeout would cost 8 us here."""
        task = asyncio.current_task()
        assert task is not None
        timer = task.get_loop().call_later(deadline - time.perf_counter(), task.cancel)
        body, more = b"", True
        try:
            while more and len(body) <= self.limits.body_bytes:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionError
                body += message.get("body", b"")
                more = message.get("more_body", False)
        except asyncio.CancelledError:
            if time.perf_counter() < deadline - 0.05:  # not the timer: the server ends
                raise
            raise Refusal(408, f"the body did not arrive within {self.limits.seconds:g} s.", CLOSE) from None
        finally:
            timer.cancel()
        if len(body) > self.limits.body_bytes:
            raise Refusal(413, f"the body is over {self.limits.body_bytes:,} bytes; send the rows in parts.", CLOSE)
        return body

    def allows(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether a request brings the key: X-API-Key, Bearer, or Basic with the key as the password (browsers)."""
        return self._key is None or hmac.compare_digest(self._key, _key_of(headers))


FREE = ("/healthz", "/readyz")
RETRY = (b"retry-after", b"1")
AWAY = "what the model reads cannot be reached now; try again in a moment."
CLOSE = (b"connection", b"close")
NO_KEY = (
    "the key is missing or wrong; send it as the header X-API-Key or as Authorization: Bearer.",
    (b"www-authenticate", b'Basic realm="ropewalk", charset="UTF-8"'),
)


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers = [_JSON, (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def error_body(*sentences: str) -> bytes:
    """What a refused request gets: the first sentence, and all of them."""
    return _encoder.encode({"error": sentences[0], "problems": list(sentences)})


def _key_of(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"x-api-key":
            return value
        if name == b"authorization":
            scheme, _, rest = value.partition(b" ")
            if scheme.lower() == b"bearer":
                return rest
            if scheme.lower() == b"basic":
                try:
                    return base64.b64decode(rest, validate=True).partition(b":")[2]
                except ValueError:
                    return b""
    return b""
