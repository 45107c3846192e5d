"""A collection's reader: from the first document on, by questions that people bring, and what it needs for that."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest

from ropewalk import api
from ropewalk.errors import MissingError
from ropewalk.store import open_store
from ropewalk.systems.search.answer.made import examples
from ropewalk.systems.search.asked import as_asked
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.index.collection import Collection, names
from ropewalk.systems.search.index.layout import Field, Layout
from ropewalk.systems.search.model import Search, Spec
from ropewalk.systems.search.texts import answered, reading

SOME = examples(30, 3)


@pytest.fixture
def store():
    with open_store("memory://") as store:
        collection = Collection(store, "facts")
        collection.create(Layout((Field("text", "text"),)))
        texts = dict.fromkeys(e.text for e in SOME)
        collection.write([{"id": f"d{n}", "text": text} for n, text in enumerate(texts)])
        yield store


@pytest.fixture
def model(store):
    found = Search(Spec("facts", None, legs="terms"))
    found.attach(store)
    return found


def test_a_collection_without_labels_answers(store):
    model = reading(Collection(store, "facts"), Config(risk=0.9))
    said = [answered(model, {"query": e.question, "task": "ask"})["answer"] for e in SOME]
    assert sum(one != "" for one in said) > len(SOME) / 3
    quiet = reading(Collection(store, "facts"), Config(reader="none"))
    assert answered(quiet, {"query": SOME[0].question, "task": "ask"})["answer"] == ""


def test_questions_are_asked_of_what_is_found_and_of_what_cannot_answer(model):
    asked = as_asked(model, SOME)
    assert asked is not None
    for one in asked:
        assert any(one.example.answer in p.text for p in one.found)
        assert all(one.example.answer not in p.text and p.text != one.example.text for p in one.without)
    assert any(one.without for one in asked)


def test_questions_about_other_documents_are_noticed(model):
    others = [replace(e, question="Who found the comet?", answer="zz", text="zz", start=0) for e in SOME]
    assert as_asked(model, others) is None


def test_a_network_without_jax_names_what_to_install_before_anything_is_built(monkeypatch, tmp_path):
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "optax" else known(name))
    with pytest.raises(MissingError, match=r"ropewalk\[search,inventory\]"):
        api.train("search", store=str(tmp_path), small=True, settings={"encoder": "none", "reader": "network"})
    with open_store(str(tmp_path)) as store:
        assert names(store) == []
