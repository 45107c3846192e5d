"""A question through the service: the answer stands where its source says, a caller's answer comes from the caller's documents, prose has sources."""

import json
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from ropewalk.errors import RequestError
from ropewalk.store import open_store
from ropewalk.systems.search.answer import learn, made
from ropewalk.systems.search.contract import checked
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.model import Search, Spec
from ropewalk.systems.search.retrieve import callers
from ropewalk.systems.search.service import shown
from ropewalk.systems.search.texts import answered

EXAMPLES = made.examples(60, 0)
ASKED = made.examples(90, 0)[60:]


@pytest.fixture(scope="module")
def reader():
    return learn.train(EXAMPLES, trees=30, risk=0.5)


@pytest.fixture
def model(reader):
    with open_store("memory://") as store:
        collection = Collection(store, "facts")
        collection.create(Layout((Field("text", "text"), Field("tenant", "keyword"))))
        texts = list(dict.fromkeys(e.text for e in ASKED))
        collection.write([{"id": f"d{n}", "text": t, "tenant": "ab"[n % 2]} for n, t in enumerate(texts)])
        found = Search(Spec("facts", None, legs="terms"), reader=reader)
        found.attach(store)
        found.texts = {f"d{n}": t for n, t in enumerate(texts)}
        yield found


def ask(model, question, **more):
    return answered(model, {"query": question, "task": "ask", **more})


def test_an_answer_stands_where_its_source_says(model):
    said = [ask(model, e.question) for e in ASKED]
    given = [one for one in said if one["answer"]]
    assert len(given) > len(said) / 3
    for one in given:
        assert 0 < one["confidence"] <= 1
        for source in one["evidence"]:
            text = model.texts[source["id"]]
            assert "".join(p["text"] for p in source["parts"] if p["mark"]) == text[source["start"] : source["end"]]
        first = one["evidence"][0]
        assert model.texts[first["id"]][first["start"] : first["end"]] == one["answer"]


def test_a_mistyped_question_is_answered_like_the_one_that_was_meant(model):
    right = next(
        e.question for e in ASKED if ask(model, e.question)["answer"] and not ask(model, e.question)["corrected"]
    )
    word = max(right.rstrip("?").split(), key=len)
    wrong = right.replace(word, word[:2] + word[3] + word[2] + word[4:])
    meant, typed = ask(model, right), ask(model, wrong)
    assert typed["corrected"] == right.replace(word, word.lower()) != wrong
    assert [typed[name] for name in ("answer", "evidence")] == [meant[name] for name in ("answer", "evidence")]


def test_what_no_document_tells_is_not_answered(model):
    assert ask(model, "")["answer"] == ""
    assert ask(model, "xyzzy?")["answer"] == ""


def test_who_gets_no_answer_is_told_why_and_shown_what_came_nearest(model):
    model.reader = replace(model.reader, plain=replace(model.reader.plain, threshold=0.999, risk=0.1))
    found = ask(model, ASKED[0].question)
    assert (found["answer"], found["confidence"], found["evidence"]) == ("", 0, [])
    assert "at a risk of 0.1. A larger `risk` answers more" in found["abstained"]
    assert 1 <= len(found["nearest"]) <= 3
    sentences = [(one["id"], "".join(p["text"] for p in one["parts"])) for one in found["nearest"]]
    assert len(set(sentences)) == len(sentences)
    for one in found["nearest"]:
        assert 0 < one["confidence"] < 0.999
        marked = "".join(p["text"] for p in one["parts"] if p["mark"])
        assert marked == model.texts[one["id"]][one["start"] : one["end"]]
    model.reader = None
    assert "`reader` is none" in ask(model, ASKED[0].question)["abstained"]


def test_an_answer_has_no_excuse(model):
    given = next(found for e in ASKED if (found := ask(model, e.question))["answer"])
    assert (given["abstained"], given["nearest"]) == ("", [])


def test_what_a_commit_moved_between_the_answer_and_its_page_is_not_shown(model):
    """The text that a source points into is another one, or it is another tenant's, by the time that it is dressed."""
    bound = {callers.named(t): {"name": t, "where": {"tenant": t}} for t in "ab"}
    callers.change(model._store, callers.of_collection("facts"), lambda _: bound)
    model.attach(model._store)
    row = checked({"query": "bridge", "task": "ask", "k": 100, "caller": "a"})
    for e in ASKED:
        row["query"] = e.question
        answers = model.predict({name: np.array([value], object) for name, value in row.items()})
        answer = {"event_id": "", "release": "", **{name: values.tolist()[0] for name, values in answers.items()}}
        if answer["answer"]:
            break
    before = shown.answer(model, row, answer)
    first, other = before["evidence"][0]["id"], before["hits"][-1]["id"]
    assert first != other
    moved = [{"id": first, "text": "All is new. " + model.texts[first], "tenant": "a"}]
    moved.append({"id": other, "text": model.texts[other], "tenant": "b"})
    Collection(model._store, "facts").write(moved)
    model.attach(model._store)
    after = shown.answer(model, row, answer)
    assert first not in [one["id"] for one in after["evidence"]]
    assert {hit["id"] for hit in before["hits"]} - {hit["id"] for hit in after["hits"]} == {other}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"k": 0}, "k: 0 is not between 1 and 1000"),
        ({"k": "9"}, "k: '9' is no whole number"),
        ({"legs": "both"}, "legs: 'both' is none of hybrid, terms, dense"),
        ({"facet": "tenant"}, "facet: a request has no such field. Did you mean 'facets'?"),
    ],
)
def test_a_row_that_the_contract_does_not_allow_is_refused_in_python_too(model, more, sentence):
    with pytest.raises(RequestError, match=re.escape(sentence)):
        answered(model, {"query": "bridge", **more})


def test_a_callers_answer_comes_from_the_callers_documents(model):
    bound = {callers.named(t): {"name": t, "where": {"tenant": t}} for t in "ab"}
    callers.change(model._store, callers.of_collection("facts"), lambda _: bound)
    model.attach(model._store)
    for e in ASKED:
        found = ask(model, e.question, caller="a", where='{"any": [{"tenant": "a"}, {"tenant": "b"}]}')
        assert all(int(source["id"][1:]) % 2 == 0 for source in [*found["evidence"], *found["hits"]])


@pytest.fixture
def endpoint(monkeypatch):
    """A local endpoint that writes what `says` holds."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"choices": [{"message": {"content": server.says}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *parts):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ROPEWALK_PROSE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("ROPEWALK_PROSE_MODEL", "toy")
    yield server
    server.shutdown()
    server.server_close()


def test_prose_is_shown_only_with_its_sources(model, endpoint):
    question = next(e.question for e in ASKED if ask(model, e.question)["answer"])
    endpoint.says = "It was so [1]."
    assert (ask(model, question)["prose"], ask(model, question)["prose_cites"]) == ("It was so [1].", [1])
    endpoint.says = "It was so."
    found = ask(model, question)
    assert (found["prose"], bool(found["answer"])) == ("", True)
    assert "without a source" in found["prose_refused"]
