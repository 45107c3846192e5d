"""A searcher on S3 whose storage has bad moments: queries go on, the fault is told, and it is over by itself."""

import asyncio
import logging
import time

import httpx
import pytest

from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.app import App, Limits, Served
from ropewalk.spine.serving.calls import Caller
from ropewalk.spine.serving.journal import Journal
from ropewalk.spine.serving.pages import pages
from ropewalk.spine.serving.requests import Requests
from ropewalk.systems.search import live
from ropewalk.systems.search.contract import ANSWER, REQUEST
from ropewalk.systems.search.model import Search, Spec
from ropewalk.systems.search.retrieve.shop import encode, shop
from ropewalk.systems.search.service.routes import ROUTES

PATIENT_S = 60.0  # what a test waits for happens much sooner; how soon, no test asks


class Searcher:
    """The service on the toy shop, which reads S3 through a proxy that makes trouble; a writer beside it does not."""

    def __init__(self, writer, reader, folder):
        self.shop, self.reader = shop(writer), reader
        self.model = Search(Spec("shop", None, legs="terms"))
        self.model.attach(reader)
        self.model._live._refresh_s = 0.02
        self.journal = Journal(folder, lambda batch: None, seal_s=0.01)
        self.app = App(Requests(REQUEST), Answers(ANSWER), self.journal, Limits())
        self.app.pages = pages(self.app, {}, "", ROUTES)
        self.app.take(Served("r1", self.model), Caller())

    def get(self, path, **parameters):
        async def go():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://shop") as client:
                return await client.get(path, params=parameters)

        return asyncio.run(go())

    def answers(self):
        """Everything that a page asks for is answered; the state that it came from."""
        found = self.get("/search", q="running shoes", k=2)
        assert (found.status_code, [hit["id"] for hit in found.json()["hits"]]) == (200, ["1", "2"])
        assert self.get("/suggest", q="run").json() == {"suggestions": ["running"]}
        assert self.get("/document", id="1").json()["brand"] == "Alder"
        assert self.get("/ask", q="boots").status_code == 200
        return found.json()["state"]

    def until(self, promised):
        """Ask on until something is so; every answer on the way is a good one."""
        end = time.monotonic() + PATIENT_S
        while not promised(self.answers()):
            assert time.monotonic() < end
            time.sleep(0.02)

    def trouble(self):
        ready = self.get("/readyz")
        assert ready.status_code == 200
        return ready.json().get("trouble", "")


@pytest.fixture
def searcher(make_address, trouble, monkeypatch, tmp_path):
    proxied = trouble.url
    address = make_address("s3+sqlite")  # AWS_ENDPOINT_URL is the server's own from here on
    monkeypatch.setenv("ROPEWALK_TIMEOUT_S", "0.5")
    monkeypatch.setenv("ROPEWALK_RETRY_S", "0.2")
    monkeypatch.setattr(live, "SLOW_S", 0.4)
    with address.open() as writer, address.open() as reader:
        assert writer.get_object("nothing") is None  # it is connected, without the proxy
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxied)
        monkeypatch.setenv("ROPEWALK_LOCAL", str(tmp_path / "reader"))
        made = Searcher(writer, reader, tmp_path / "journal")
        yield made
        trouble.plan, trouble.always = [], None
        made.journal.close()


@pytest.mark.parametrize("what", [500, "hang", "cut"])
def test_queries_go_on_while_s3_is_away_and_it_is_told_and_over_by_itself(searcher, trouble, caplog, what):
    assert searcher.answers() == "shop@3"
    assert searcher.trouble() == ""
    trouble.always = what
    searcher.until(lambda state: searcher.trouble() and state == "shop@3")
    assert "answers come from shop@3" in searcher.trouble()
    searcher.until(lambda _: "ropewalk_state_trouble 1.0" in searcher.get("/metrics").text)
    searcher.shop.commit(delete=["3"])
    assert searcher.answers() == "shop@3"
    searcher.until(lambda _: "the store cannot be read, answers go on from manifest 3" in caplog.text)
    trouble.plan, trouble.always = [], None
    searcher.until(lambda state: state == "shop@4" and not searcher.trouble())
    assert "ropewalk_state_trouble 0.0" in searcher.get("/metrics").text
    told = [record.getMessage() for record in caplog.records if record.name == "ropewalk.search"]
    assert [("cannot" in line, "again" in line) for line in told] == [(True, "again" in told[0]), (False, True)]
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("after", range(0, 12, 2))
def test_a_take_over_that_breaks_off_anywhere_is_tried_again(searcher, trouble, after):
    assert searcher.answers() == "shop@3"
    searcher.shop.write([{"id": "20", "title": "Blue hat"}], ["3"], encode(["blue hat"]))
    trouble.plan = [None] * after + [500] * 6
    searcher.until(lambda state: state == "shop@4")
    assert searcher.get("/search", q="hat").json()["total"] == 1


@pytest.mark.parametrize("what", [500, "hang"])
def test_a_searcher_that_opens_while_s3_is_away_says_so_and_answers_when_it_is_back(searcher, trouble, what):
    trouble.always = what
    for path, given in (("/search", {"q": "shoes"}), ("/document", {"id": "1"}), ("/collection", {})):
        refused = searcher.get(path, **given)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert "cannot be reached now" in refused.json()["error"]
        assert "Traceback" not in refused.text
        assert "s3://" not in refused.text
    trouble.plan, trouble.always = [], None
    assert searcher.answers() == "shop@3"


def test_a_searcher_that_nobody_asks_asks_nothing_and_a_look_is_two_requests(searcher, caplog):
    caplog.set_level(logging.WARNING)
    searcher.model._live._refresh_s = 1e6
    assert searcher.answers() == "shop@3"
    before = searcher.reader.requests.copy()
    assert searcher.answers() == "shop@3"
    assert searcher.reader.requests == before
    searcher.model._live._refresh_s = 0.0
    searcher.get("/suggest", q="run")
    assert dict(searcher.reader.requests - before) == {"head": 1, "get": 1}
