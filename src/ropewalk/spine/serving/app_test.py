"""The application without a socket: what a caller gets for every kind of request."""

import asyncio
import json
import re
import time

import httpx
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from ropewalk.errors import RequestError, StoreError
from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.app import App, Limits, Served
from ropewalk.spine.serving.calls import HANG_S, INLINE_S, Caller
from ropewalk.spine.serving.journal import Journal
from ropewalk.spine.serving.openapi import docs_page, openapi
from ropewalk.spine.serving.pages import pages
from ropewalk.spine.serving.requests import Requests
from ropewalk.types import Column, Contract

CONTRACT = Contract(
    (
        Column("item", "str", "the <item>", required=False, default="A"),
        Column("x", "float", "what is doubled", unit="EUR", low=-1000, high=1000),
        Column("past", "float", "weeks", length=2, required=False),
    ),
    joint_by=("item",),
)
ANSWERS = Contract((Column("y", "float", "the double", unit="EUR"), Column("share", "float", "of its item's sum")))


class Doubler:
    """y = 2 x; share = x / the sum of x of the item's rows: what `joint_by` is for."""

    seconds = 0.0

    def predict(self, requests):
        time.sleep(self.seconds)
        x, item = requests["x"], requests["item"]
        if (x == 13).any():
            raise RequestError("13 is not answered here.")
        if (x == 666).any():
            raise KeyError("a bug")
        sums = np.array([x[item == i].sum() for i in item])
        with np.errstate(all="ignore"):
            return {"y": 2 * x, "share": x / sums}

    def save(self, folder):
        raise NotImplementedError


async def double(request):
    """A route of the system: its own words around the service's answer."""
    status, answer = await request.app.state.service.ask({"x": (await request.json())["number"]})
    return JSONResponse({"twice": answer["y"]} if status == 200 else answer, status)


def stored(events):
    """As a store would read them back."""
    return msgspec.json.decode(msgspec.json.encode(events))


class Service:
    """An application, its model and what the store got."""

    def __init__(self, folder, key=None, **limits):
        self.events, self.model = [], Doubler()
        self.journal = Journal(folder, lambda batch: self.events.extend(stored(batch)), seal_s=0.01)
        self.app = App(Requests(CONTRACT), Answers(ANSWERS), self.journal, Limits(**limits), key)
        routes = [Route("/hello", lambda _: PlainTextResponse("hello")), Route("/double", double, methods=["POST"])]
        self.app.pages = pages(self.app, openapi("toy", CONTRACT, ANSWERS), docs_page("toy", CONTRACT, ANSWERS), routes)
        self.app.take(Served("r1", self.model, "s1"), Caller())

    def ask(self, method, path, **how):
        async def go():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
                return await client.request(method, path, **how)

        return asyncio.run(go())

    def predict(self, body, **how):
        return self.ask("POST", "/predict", content=body if isinstance(body, bytes) else json.dumps(body), **how)


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    made.journal.close()


def test_an_object_gets_an_object_and_an_array_an_array_in_order(service):
    one = service.predict({"x": 3}).json()
    assert (one["y"], one["release"]) == (6.0, "r1")
    assert len(one["event_id"]) == 24
    many = service.predict([{"x": n, "item": str(n)} for n in range(5)]).json()
    assert [row["y"] for row in many] == [0, 2, 4, 6, 8]
    assert service.predict([]).json() == []


def test_no_number_is_null(service):
    assert service.predict({"x": 0}).json()["share"] is None


def test_an_answer_is_an_event_with_defaults_filled_in(service):
    event_id = service.predict({"x": 3}).json()["event_id"]
    service.predict([{"x": 4, "event_id": "mine"}, {"x": 5, "item": "B", "past": [1, 2]}])
    assert service.journal.close()
    first, second, third = service.events
    assert first["id"] == event_id
    assert first["request"] == {"item": "A", "x": 3.0, "past": None}
    assert first["answer"] == {"y": 6.0, "share": 1.0}
    assert (first["release"], first["state"]) == ("r1", "s1")
    assert 0 < first["latency_s"] < 5
    assert second["id"] == "mine"
    assert "event_id" not in second["request"]
    assert third["request"]["past"] == [1, 2]


def test_how_rows_are_batched_does_not_change_answers_but_within_a_group(service):
    rows = [{"x": float(n), "item": f"i{n}"} for n in range(20, 49)]
    whole = service.predict(rows).json()
    for step in (1, 4, 7):
        parts = [a for i in range(0, len(rows), step) for a in service.predict(rows[i : i + step]).json()]
        assert [(a["y"], a["share"]) for a in parts] == [(a["y"], a["share"]) for a in whole]
    together = service.predict([{"x": 1, "item": "j"}, {"x": 3, "item": "j"}]).json()
    assert [a["share"] for a in together] == [0.25, 0.75]


@given(st.one_of(st.binary(max_size=40), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "item", "past", "z"]), inner),
    max_leaves=8,
).map(lambda v: json.dumps(v).encode())))  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_no_body_makes_the_service_fail(tmp_path_factory, body):
    service = _shared(tmp_path_factory)
    reply = service.predict(body)
    assert reply.status_code in (200, 400, 422)
    if reply.status_code != 200:
        assert len(reply.json()["error"]) > 20
        assert reply.json()["problems"][0] == reply.json()["error"]


def _shared(factory, made=[]):  # noqa: B006
    if not made:
        made.append(Service(factory.mktemp("fuzz")))
    return made[0]


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/predict", 405, "/predict takes POST, not GET; GET /docs shows how."),
        ("DELETE", "/predict", 405, "/predict takes POST, not DELETE"),
        ("GET", "/predictt", 404, "there is nothing at /predictt; there is: POST /predict, /healthz"),
        ("POST", "/metrics", 405, "/metrics does not take POST; it takes GET"),
    ],
)
def test_wrong_paths_and_methods_get_a_sentence(service, method, path, status, sentence):
    reply = service.ask(method, path)
    assert reply.status_code == status
    assert reply.json()["error"].startswith(sentence)


def test_a_model_may_refuse_and_may_break_without_taking_the_service_along(service):
    refused = service.predict({"x": 13})
    assert (refused.status_code, refused.json()["error"]) == (422, "13 is not answered here.")
    broken = service.predict({"x": 666})
    assert broken.status_code == 500
    assert re.search(r"log says why under the mark [0-9a-f]{8}", broken.json()["error"])
    assert "a bug" not in broken.text
    assert service.predict({"x": 1}).status_code == 200


def test_a_model_whose_store_is_away_is_no_fault_of_the_caller_and_the_log_has_a_sentence(service, caplog):
    def away(requests):
        raise StoreError("s3://bucket/key: the storage failed to get it 3 times.")

    service.model.predict = away
    reply = service.predict({"x": 1})
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert "cannot be reached now" in reply.json()["error"]
    assert "bucket" not in reply.text
    assert "s3://bucket/key" in caplog.text
    assert not any(record.exc_info for record in caplog.records)


def test_what_a_model_says_of_its_trouble_is_told_and_it_stays_ready(service):
    assert "trouble" not in service.ask("GET", "/readyz").json()
    service.model.trouble = lambda: "answers come from an old state."
    ready = service.ask("GET", "/readyz")
    assert (ready.status_code, ready.json()["trouble"]) == (200, "answers come from an old state.")
    assert "ropewalk_state_trouble 1.0" in service.ask("GET", "/metrics").text
    service.model.trouble = lambda: ""
    assert "ropewalk_state_trouble 0.0" in service.ask("GET", "/metrics").text


@pytest.mark.parametrize(
    ("answer", "why"), [({"y": np.ones(1)}, "no column 'share'"), ({"y": np.ones(2), "share": np.ones(2)}, "2 values")]
)
def test_a_model_that_breaks_its_promise_is_named_in_the_log(service, answer, why, caplog):
    service.model.predict = lambda requests: answer
    assert service.predict({"x": 1}).status_code == 500
    assert why in caplog.text


def test_limits_on_body_and_rows(tmp_path):
    service = Service(tmp_path, body_bytes=400, rows=3)
    long = service.predict(b" " * 401)
    assert (long.status_code, long.json()["error"]) == (413, "the body is over 400 bytes; send the rows in parts.")
    many = service.predict([{"x": 1}] * 4)
    assert (many.status_code, many.json()["error"]) == (
        413,
        "4 rows are too many, at most 3 are taken; send them in parts.",
    )
    assert service.predict(b'{"x": 1}' + b" " * 392).status_code == 200


def test_a_body_is_refused_while_it_streams(tmp_path):
    service, sent = Service(tmp_path, body_bytes=1000), []

    async def endless():
        while True:
            sent.append(1)
            yield b" " * 100

    async def go():
        replies = []
        messages = endless()

        async def receive():
            return {"type": "http.request", "body": await anext(messages), "more_body": True}

        async def send(message):
            replies.append(message)

        scope = {"type": "http", "path": "/predict", "method": "POST", "headers": []}
        await service.app(scope, receive, send)
        return replies

    assert asyncio.run(go())[0]["status"] == 413
    assert len(sent) == 11


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path):
    service, replies = Service(tmp_path, seconds=0.1), []

    async def never():
        await asyncio.sleep(60)

    async def send(message):
        replies.append(message)

    asyncio.run(service.app({"type": "http", "path": "/predict", "method": "POST", "headers": []}, never, send))
    assert replies[0]["status"] == 408


def test_a_slow_model_gets_a_sentence_in_time_and_others_are_served_meanwhile(tmp_path):
    service = Service(tmp_path, seconds=0.2)
    caller = Caller()
    caller.seconds = 1.0  # as its warming has shown
    service.model.seconds = 1.0
    service.app.take(Served("slow", service.model), caller)

    async def go():
        transport = httpx.ASGITransport(service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
            start = time.perf_counter()
            slow = asyncio.create_task(client.post("/predict", json={"x": 1}))
            await asyncio.sleep(0.02)
            health = await client.get("/healthz")
            healthy = time.perf_counter() - start
            return await slow, time.perf_counter() - start, health, healthy

    slow, took, health, healthy = asyncio.run(go())
    assert slow.status_code == 504
    assert slow.json()["error"].startswith("no answer within 0.2 s")
    assert 0.15 < took < 0.8
    assert health.status_code == 200
    assert healthy < 0.15
    assert service.journal.close()
    assert service.events == [], "what was not answered is no event"


def test_one_held_up_call_does_not_send_a_quick_model_to_a_thread_but_two_or_a_hang_do():
    caller = Caller()
    for _ in range(20):
        caller.timed(lambda: None, 1)
    assert caller.expected(1) < INLINE_S
    caller.timed(lambda: time.sleep(0.02), 1)
    assert caller.expected(1) < INLINE_S
    caller.timed(lambda: time.sleep(0.02), 1)
    assert caller.expected(1) > INLINE_S
    fresh = Caller()
    fresh.timed(lambda: time.sleep(1.1 * HANG_S), 1)
    assert fresh.expected(1) > INLINE_S


def test_an_answer_that_cannot_be_recorded_is_not_given(service, monkeypatch):
    def full(lines, events=1):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service.journal, "write", full)
    reply = service.predict({"x": 1})
    assert reply.status_code == 503
    assert reply.json()["error"] == "the answer cannot be recorded, so it is not given (No space left on device)."
    monkeypatch.undo()
    assert service.predict({"x": 1}).status_code == 200


def test_the_key_opens_everything_but_health_is_free(tmp_path):
    service = Service(tmp_path, key="s3cret")
    for path in ("/metrics", "/openapi.json", "/docs", "/hello", "/nothing"):
        assert service.ask("GET", path).status_code == 401
        assert service.ask("GET", path, headers={"x-api-key": "s3cret"}).status_code in (200, 404)
    assert service.ask("GET", "/healthz").status_code == 200
    assert service.ask("GET", "/readyz").json() == {"ready": True, "release": "r1", "state": "s1"}
    refused = service.predict({"x": 1}, headers={"x-api-key": "s3cre"})
    assert refused.status_code == 401
    assert refused.json()["error"].startswith("the key is missing or wrong")
    for headers in (
        {"x-api-key": "s3cret"},
        {"authorization": "Bearer s3cret"},
        {"authorization": "Basic OnMzY3JldA=="},
    ):
        assert service.predict({"x": 1}, headers=headers).status_code == 200
    for headers in ({"authorization": "Basic !"}, {"authorization": "Digest x"}, {"authorization": "Bearer"}):
        assert service.predict({"x": 1}, headers=headers).status_code == 401


def test_it_is_not_ready_before_the_model_and_while_it_stops(service):
    served, service.app.served = service.app.served, None
    assert service.ask("GET", "/readyz").json()["error"] == "the model is still being loaded."
    assert service.predict({"x": 1}).status_code == 503
    service.app.served = served
    service.app.stopping = True
    assert service.ask("GET", "/readyz").status_code == 503
    assert service.predict({"x": 1}).status_code == 200, "what still comes in is still answered"
    assert service.ask("GET", "/healthz").status_code == 200


def test_metrics_count_what_happened(service):
    service.predict([{"x": 1}, {"x": 2, "item": "B"}])
    service.predict({"x": 5000})
    service.predict(b"{")
    service.app.take(Served('r"2', service.model, "s2"), Caller())
    text = service.ask("GET", "/metrics").text
    for line in (
        'ropewalk_requests_total{status="200"} 1.0', 'ropewalk_requests_total{status="422"} 1.0',
        'ropewalk_requests_total{status="400"} 1.0', "ropewalk_rows_total 2.0", "ropewalk_request_seconds_count 3.0",
        "ropewalk_out_of_range_requests_total 1.0", 'ropewalk_release_info{release="r\\"2",state="s2"} 1.0',
    ):  # fmt: skip
        assert line in text.splitlines()
    assert "ropewalk_events_pending" in text
    assert 'release="r1"' not in text


def test_the_description_is_openapi_and_agrees_with_the_contract(service):
    found = service.ask("GET", "/openapi.json").json()
    assert found["openapi"] == "3.1.0"
    row = found["components"]["schemas"]["Row"]
    assert row["required"] == ["x"]
    assert row["properties"]["x"] == {
        "type": "number", "minimum": -1000, "maximum": 1000, "description": "what is doubled [EUR]", "x-unit": "EUR",
    }  # fmt: skip
    assert row["properties"]["past"]["type"] == ["array", "null"]
    assert set(found["components"]["schemas"]["Answer"]["properties"]) == {"y", "share", "event_id", "release"}
    shown = found["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert service.predict(shown).status_code == 200
    for path, verbs in found["paths"].items():
        assert path.startswith("/")
        assert all("responses" in operation for operation in verbs.values())
    for reference in re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(found)):
        assert reference[1] in found["components"][reference[0]]


def test_the_page_needs_no_network_and_shows_every_field(service):
    page = service.ask("GET", "/docs").text
    assert "://" not in page
    assert "src=" not in page
    for text in ("the &lt;item&gt;", "what is doubled", "from -1000 to 1000", "EUR", "list of 2 × float", "<textarea"):
        assert text in page
    assert "<b>item</b> are answered together" in page


def test_the_routes_of_a_system_are_served_beside(service):
    assert service.ask("GET", "/hello").text == "hello"


def test_a_route_can_ask_as_predict_does_and_its_answer_is_an_event(service):
    assert service.ask("POST", "/double", json={"number": 4}).json() == {"twice": 8.0}
    refused = service.ask("POST", "/double", json={"number": 4000})
    assert refused.status_code == 422
    assert "x" in refused.json()["error"]
    assert service.journal.close()
    assert [event["request"]["x"] for event in service.events] == [4.0]


def test_a_secret_reaches_the_model_and_no_event(tmp_path):
    class Who:
        def predict(self, requests):
            return {"y": np.array([name == "token of a" for name in requests["who"]], float)}

    contract = Contract((Column("who", "str", "a token", required=False, default="", secret=True),))
    events = []
    journal = Journal(tmp_path, lambda batch: events.extend(stored(batch)), seal_s=0.01)
    app = App(Requests(contract), Answers(Contract((Column("y", "float", "known"),))), journal, Limits())
    app.take(Served("r1", Who()), Caller())
    assert [asyncio.run(app.ask({"who": who}))[1]["y"] for who in ("token of a", "b", "")] == [1.0, 0.0, 0.0]
    assert journal.close()
    kept = [event["request"]["who"] for event in events]
    assert kept[0].startswith("sha256:")
    assert "token" not in json.dumps(events)
    assert kept[0] != kept[1]
    assert kept[2] == ""


def test_the_state_that_an_answer_was_read_from_stands_in_its_event(tmp_path):
    """Live state advances between two answers of one release; each event names its own."""

    class Advancing:
        number = 0

        def predict(self, requests):
            self.number += 1
            return {"y": requests["x"], "state": np.full(len(requests["x"]), f"manifest {self.number}", object)}

    answers = Contract((Column("y", "float", "the same"), Column("state", "str", "manifest that was read")))
    events = []
    journal = Journal(tmp_path, lambda batch: events.extend(stored(batch)), seal_s=0.01)
    app = App(Requests(Contract((Column("x", "float", "a number"),))), Answers(answers), journal, Limits())
    app.take(Served("r1", Advancing(), "none"), Caller())
    assert [asyncio.run(app.ask({"x": 1}))[1]["state"] for _ in range(2)] == ["manifest 1", "manifest 2"]
    assert journal.close()
    assert [event["state"] for event in events] == ["manifest 1", "manifest 2"]
