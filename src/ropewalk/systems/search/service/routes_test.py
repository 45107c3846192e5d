"""The routes without a socket: what a page gets, what becomes an event, what a caller never sees."""

import asyncio
import json

import httpx
import msgspec
import pytest

from ropewalk.spine.labels.truths import events_frame
from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.app import App, Limits, Served
from ropewalk.spine.serving.calls import Caller
from ropewalk.spine.serving.journal import Journal
from ropewalk.spine.serving.pages import pages
from ropewalk.spine.serving.requests import Requests
from ropewalk.store import open_store
from ropewalk.systems.search.contract import ANSWER, REQUEST
from ropewalk.systems.search.measure import thumbs
from ropewalk.systems.search.model import Search, Spec
from ropewalk.systems.search.retrieve import callers
from ropewalk.systems.search.retrieve.shop import shop
from ropewalk.systems.search.service.routes import ROUTES


class Service:
    """The application over the toy shop, and what the store got."""

    def __init__(self, folder, bound=None):
        self.store = open_store("memory://")
        self.collection = shop(self.store)
        if bound:
            callers.change(self.store, callers.of_collection("shop"), lambda _: bound)
        self.model = Search(Spec("shop", None, legs="terms"))
        self.model.attach(self.store)
        self.events = []
        self.journal = Journal(
            folder, lambda batch: self.events.extend(msgspec.json.decode(msgspec.json.encode(batch))), seal_s=0.01
        )
        self.app = App(Requests(REQUEST), Answers(ANSWER), self.journal, Limits())
        self.app.pages = pages(self.app, {}, "", ROUTES)
        self.app.take(Served("r1", self.model), Caller())

    def ask(self, method, path, **how):
        async def go():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://shop") as client:
                return await client.request(method, path, **how)

        return asyncio.run(go())

    def get(self, path, caller="", **parameters):
        headers = {"X-Ropewalk-Caller": caller} if caller else {}
        return self.ask("GET", path, params=parameters, headers=headers)

    def close(self):
        assert self.journal.close()
        self.store.close()


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    made.close()


def test_a_search_gives_titles_and_snippets_with_the_words_marked(service):
    found = service.get("/search", q="running shoes", k=2, facets="brand").json()
    assert [hit["id"] for hit in found["hits"]] == ["1", "2"]
    assert found["hits"][0]["title"] == "Red running shoes"
    assert [p["text"] for p in found["hits"][0]["snippet"] if p["mark"]] == ["shoes", "running"]
    assert found["facets"] == {"brand": [["Alder", 1], ["Birch", 1], ["Cedar", 1]]}
    assert found["total"] == 3
    assert found["state"] == "shop@3"


def test_post_takes_the_same_names_as_json(service):
    body = {"query": "shoes", "where": {"brand": ["Birch"]}, "facets": ["new"]}
    found = service.ask("POST", "/search", json=body).json()
    assert [hit["id"] for hit in found["hits"]] == ["2"]


def test_every_search_is_an_event_with_the_manifest_that_it_read(service):
    event_id = service.get("/search", q="boots").json()["event_id"]
    assert service.journal.close()
    (event,) = service.events
    assert event["id"] == event_id
    assert event["state"] == "shop@3"
    assert json.loads(event["answer"]["ids"]) == ["3"]


def test_what_is_wrong_is_said(service):
    for path, parameters, sentence in (
        ("/search", {"q": "x", "where": '{"brnd": 1}'}, "Did you mean 'brand'"),
        ("/search", {"q": "x", "facets": "brnd"}, "Did you mean 'brand'"),
        ("/search", {"q": "x", "k": "many"}, "k"),
        ("/search", {"q": "x", "legs": "both"}, "hybrid"),
        ("/search", {"qq": "x"}, "qq"),
    ):
        refused = service.get(path, **parameters)
        assert refused.status_code == 422
        assert sentence in refused.json()["error"]
    for body in (b"{", b"[1]"):
        assert service.ask("POST", "/search", content=body).status_code == 400
    assert service.get("/document", id="99").status_code == 404


def test_a_document_is_shown_with_a_stretch_marked_and_nothing_runs_in_it(service):
    page = service.ask("GET", "/document", params={"id": "3", "start": 11, "end": 16}, headers={"accept": "text/html"})
    assert "<mark id=here>boots</mark>" in page.text
    assert service.get("/document", id="3").json()["brand"] == "Alder"
    assert "script-src 'unsafe-inline'" in page.headers["content-security-policy"]


def test_the_page_needs_nothing_from_elsewhere(service):
    text = service.get("/").text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert "innerHTML" not in text


def test_suggestions_complete_the_word(service):
    assert service.get("/suggest", q="run").json() == {"suggestions": ["running"]}


def test_thumbs_become_events_and_labels(service):
    first = service.get("/search", q="running shoes").json()["event_id"]
    second = service.get("/search", q="running shoes").json()["event_id"]
    for about, document, thumb in (
        (first, "1", 1),
        (first, "5", 1),
        (first, "5", -1),
        (second, "1", 1),
        ("unknown", "1", 1),
    ):
        body = {"about": about, "document": document, "thumb": thumb}
        assert service.ask("POST", "/feedback", json=body).status_code == 200
    assert service.journal.close()
    found = thumbs.judged(thumbs.of_answers(events_frame(service.events, REQUEST, ANSWER)))
    assert [(j.document, j.label, j.up, j.down, j.positions) for j in found] == [
        ("1", 1, 2, 0, (1, 1)),
        ("5", 0, 0, 1, (3,)),
    ]
    assert thumbs.of_answers(events_frame([], REQUEST, ANSWER)) == []


def test_a_caller_sees_the_own_documents_alone_on_every_route(tmp_path):
    bound = {callers.named("token of a"): {"name": "a", "where": {"tenant": "a"}}}
    service = Service(tmp_path, bound)
    for path in ("/search", "/ask", "/suggest", "/collection", "/document"):
        for caller in ("", "wrong"):
            parameters = {"id": "1"} if path == "/document" else {} if path == "/collection" else {"q": "secret"}
            assert service.get(path, caller, **parameters).status_code == 422
    mine = service.get(
        "/search", "token of a", q="running secret", facets="tenant", where='{"not": {"tenant": "a"}}'
    ).json()
    assert (mine["hits"], mine["facets"], mine["total"]) == ([], {"tenant": []}, 0)
    assert service.get("/suggest", "token of a", q="sec").json() == {"suggestions": []}
    assert service.get("/collection", "token of a").json()["documents"] == 2
    assert service.get("/document", "token of a", id="5").status_code == 404
    assert service.get("/document", "token of a", id="1").status_code == 200
    assert service.ask("POST", "/predict", json={"query": "secret"}).status_code == 422
    service.close()
    assert "token of a" not in json.dumps(service.events)


def test_a_token_taken_away_stops_working_and_a_commit_is_found(tmp_path):
    service = Service(tmp_path, {callers.named("t"): {"name": "a", "where": {"tenant": "a"}}})
    service.model._live._refresh_s = 0.0
    assert service.get("/search", "t", q="shoes").json()["total"] == 2
    service.collection.commit(delete=["2"])
    assert service.get("/search", "t", q="shoes").json()["total"] == 1
    callers.change(service.store, callers.of_collection("shop"), lambda _: {})
    assert service.get("/search", "t", q="shoes").status_code == 422
    service.close()
