from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.search.answer.prose import Endpoint, check, write

EVIDENCE = ["The Broncos won Super Bowl 50.", "The game was played in Santa Clara."]


@pytest.fixture
def fake():
    """A local endpoint: `fake.reply` is (status, body bytes, seconds to wait), `fake.seen` what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            server.seen.append(
                (self.path, dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            )
            status, body, wait = server.reply
            time.sleep(wait)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *parts):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def says(text: str) -> tuple[int, bytes, float]:
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode(), 0.0


def at(server, **changes) -> Endpoint:
    return Endpoint(**{"base_url": f"http://127.0.0.1:{server.server_port}/v1", "model": "m", **changes})


def test_cited_prose_is_taken_and_the_endpoint_saw_numbered_evidence_and_the_key(fake, monkeypatch):
    monkeypatch.setenv("A_KEY", "secret")
    fake.reply = says("The Broncos won [1]. It was in Santa Clara. [2]")
    prose = write("Who won?", EVIDENCE, at(fake, key_variable="A_KEY"))
    assert (prose.refused, prose.cited) == ("", (1, 2))
    path, headers, body = fake.seen[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body["model"] == "m"
    assert "[2] The game was played in Santa Clara." in body["messages"][1]["content"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("The Broncos won [1]. They are from Denver.", "without a source: 'They are from Denver.'"),
        ("The Broncos won [3].", r"cites \[3\], but the evidence is numbered 1 to 2"),
        ("The Broncos won [1, 0].", r"cites \[0\]"),
        ("  ", "wrote nothing"),
        ("[1]", "wrote nothing"),
    ],
)
def test_prose_without_known_sources_is_refused(fake, text, why):
    fake.reply = says(text)
    prose = write("Who won?", EVIDENCE, at(fake))
    assert prose.text == ""
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(prose.refused)


@pytest.mark.parametrize("text", ["Es war so [1].", "Ende 3,5 Mio. Euro [1][2].", "a [1, 2]."])
def test_citations_may_stand_together(text):
    assert not check(text, 2, "de").refused


def test_chinese_prose_is_checked_by_its_own_full_stops():
    assert not check("野马队获胜[1]。比赛在圣克拉拉举行[2]。", 2, "zh").refused
    assert "without a source" in check("野马队获胜[1]。比赛在圣克拉拉举行。", 2, "zh").refused


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ((500, b"out of luck", 0.0), "answered HTTP 500: out of luck"),
        ((302, b"", 0.0), "answered HTTP 302"),  # a redirect is not followed: the key stays where it was sent
        ((200, b"<html>", 0.0), "without choices[0].message.content: <html>"),
        ((200, b'{"choices": []}', 0.0), "without choices[0]"),
        ((200, b"x" * (1 << 20) + b"xx", 0.0), "more than 1,048,576 bytes"),
        ((200, b"", 1.0), "did not answer within 0.2 seconds"),
    ],
)
def test_what_goes_wrong_on_the_way_is_a_sentence(fake, reply, why):
    fake.reply = reply
    prose = write("Who won?", EVIDENCE, at(fake, timeout_seconds=0.2))
    assert prose.text == ""
    assert why in prose.refused


def test_an_endpoint_that_is_not_there_and_a_key_that_is_not_set_are_sentences(fake, monkeypatch):
    monkeypatch.delenv("NO_KEY", raising=False)
    assert "NO_KEY is not set" in write("Who?", EVIDENCE, at(fake, key_variable="NO_KEY")).refused
    assert "cannot be reached" in write("Who?", EVIDENCE, Endpoint("http://127.0.0.1:1/v1", "m")).refused
    monkeypatch.setenv("BAD_KEY", "secret\n")
    assert "forbidden sign" in (refused := write("Who?", EVIDENCE, at(fake, key_variable="BAD_KEY")).refused)
    assert "secret" not in refused
    assert "no evidence" in write("Who?", [], at(fake)).refused
    assert fake.seen == []


def test_settings_that_cannot_work_are_named_at_once():
    with pytest.raises(ConfigError, match=r"(?s)base_url is 'ftp://x'.*model is empty.*timeout_seconds is 0"):
        Endpoint("ftp://x", "", timeout_seconds=0)
