"""A collection is the same segments, bit for bit, whoever builds it: this process, Ray with 1, 2 and 8 tasks, a cluster that dies in parts.
Its layout follows from its documents."""

import json
import os
import signal

import polars as pl
import pytest

from ropewalk.spine.compute.job import StageJob
from ropewalk.spine.compute.workers_test import cluster_of, ray  # noqa: F401
from ropewalk.store import open_store
from ropewalk.systems.search import build
from ropewalk.systems.search.config import Config
from ropewalk.systems.search.index.collection import Collection
from ropewalk.systems.search.retrieve.engine import Wanted
from ropewalk.systems.search.texts import add, reading

LOGGED = ("rope", "hemp rope for a boat", '"light rope"', "kettle -steel")
PIECES = 8


@pytest.fixture
def docs(tmp_path, monkeypatch):
    """Documents of eight segments."""
    monkeypatch.setattr(build, "SEGMENT", 6)
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps({"id": str(i), "text": text}) + "\n" for i, text in enumerate(TEXTS)))
    return str(path)


THINGS, QUALITIES = ("rope", "kettle", "boat", "hammer", "lantern", "sail"), ("light", "hemp", "steel", "old")
TEXTS = [
    f"A {QUALITIES[i % 4]} {THINGS[i % 6]} for a {THINGS[(i * 5 + 1) % 6]}, number {i}." for i in range(6 * PIECES)
]


def made(folder, docs, given, **more):
    """(hashes of the segments, ids and scores of the logged queries to the last bit) of a build."""
    encoder = more.pop("encoder", "none")
    with open_store(str(folder)) as store:
        collection, job = Collection(store, "ropes"), StageJob(store, "search", "build", workers=given, **more)
        add(collection, docs, Config(encoder=encoder), job)
        engine, _, _ = reading(collection, Config()).opened()
        found = [engine.search(Wanted(text, 20, count=False)) for text in LOGGED]
        answers = [(engine.snapshot.ids(f.rows), f.scores.tobytes()) for f in found]
        assert len(answers[0][0]) > 5
        return [info.hash for info in collection.manifest().segments], answers


def dying(piece, seed):
    """Every third piece kills its worker the first time."""
    died = piece.store.local / f"died-{piece.number}"
    if piece.number % 3 == 0 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return build.build_piece(piece, seed)


def test_eight_tasks_of_ray_build_what_this_process_builds(ray, docs, tmp_path):  # noqa: F811
    alone = made(tmp_path / "alone", docs, 1)
    assert len(set(alone[0])) == PIECES
    assert made(tmp_path / "ray", docs, "ray:8") == alone


def test_a_build_on_a_cluster_that_loses_tasks_and_a_node_is_the_same(ray, docs, tmp_path, monkeypatch, capsys):  # noqa: F811
    alone = made(tmp_path / "alone", docs, 1)
    monkeypatch.setattr(build, "build_piece", dying)
    with cluster_of(2) as (cluster, nodes):
        lost = []

        def lose_a_node(what, done, total, unit):
            if total == PIECES and done >= 2 and not lost:
                ours = ray.get_runtime_context().get_node_id()  # the one that this process talks through
                lost.append(next(node for node in nodes if node.node_id != ours))
                cluster.remove_node(lost[0], allow_graceful=False)

        assert made(tmp_path / "cluster", docs, f"ray:{cluster.address}", on_progress=lose_a_node) == alone
    assert len(lost) == 1
    assert "raylet" not in capsys.readouterr().out  # a result stands alone there
    assert len(list((tmp_path / "cluster").glob("died-*"))) == 3


@pytest.mark.parametrize(
    ("columns", "weights", "expected", "main"),
    [
        (("title", "text"), {}, [("title", 0.25), ("text", 1.0)], "text"),
        (("title", "text", "note"), {"note": 2.0}, [("title", 0.25), ("text", 1.0), ("note", 2.0)], "text"),
        (("text",), {}, [("text", 1.0)], ""),
        (("title", "note"), {}, [("title", 1.0), ("note", 1.0)], ""),
    ],
)
def test_the_text_holds_the_words_of_all_fields_and_each_other_field_counts_a_quarter(columns, weights, expected, main):
    rows = [{name: f"{name} {TEXTS[n]} {TEXTS[n + 1]}" for name in columns} for n in range(30)]
    layout = build.layout_of(pl.DataFrame(rows), {}, weights)
    assert [(field.name, field.weight) for field in layout.texts] == expected
    assert layout.main == main
