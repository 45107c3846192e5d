"""What every system promises, checked on every system that there is. A new folder is under test without an edit."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

from ropewalk import api, catalogue
from ropewalk import config as configs
from ropewalk.errors import ConfigError, RequestError
from ropewalk.lifecycle import stages
from ropewalk.spine.serving.requests import Requests
from ropewalk.types import Column, HeldOut

SYSTEMS = [*catalogue.names(), "examples/coin.py"]


@pytest.fixture(scope="module", params=SYSTEMS)
def life(request, tmp_path_factory):
    """The small life of a system, lived once for this module."""
    folder = tmp_path_factory.mktemp("life")
    with api.place(request.param, small=True, store=str(folder / "store")) as p:
        dataset = stages.data(p.system, p.config, p.lane)
        run = stages.train(p.system, p.config, dataset, p.lane)
        model = stages.load_model(p.system, p.lane, run.model)
        held: HeldOut = p.system.requests(p.config, dataset, model)
        yield p, dataset, run, model, held


def columns(frame: pl.DataFrame, contract):
    requests = Requests(contract)
    rows, _ = requests.decode(frame.select([n for n in contract.names if n in frame.columns]).write_json().encode())
    return requests.columns(rows)


def test_the_small_life_has_a_report_with_a_baseline(life):
    p, dataset, run, _, _ = life
    report = stages.evaluate(p.system, p.config, run, dataset, p.lane)
    first = report.metrics[0]
    assert np.isfinite(first.value)
    assert first.baseline is not None
    assert report.baseline
    assert report.pairs is not None
    assert set(report.pairs.columns) >= {"unit", "block", "model", "baseline"}


def test_requests_hold_the_contract_and_nothing_else(life):
    p, _, _, _, held = life
    assert held.requests.height == held.truths.height > 0
    assert set(held.requests.columns) <= set(p.system.contract.names)
    assert set(held.requests.columns).isdisjoint(held.truths.columns), "a request holds what came true"
    assert {c.name for c in p.system.contract.columns if c.required} <= set(held.requests.columns)


def test_every_column_says_what_it_is(life):
    p = life[0]
    for column in (*p.system.contract.columns, *p.system.answers.columns):
        assert isinstance(column, Column)
        assert column.about, column.name
    for setting in configs.describe(p.system.config):
        assert setting.about, f"the setting {setting.name} gives no reason"


def test_answers_do_not_depend_on_the_batch(life):
    p, _, _, model, held = life
    frame = held.requests.head(67)
    whole = model.predict(columns(frame, p.system.contract))
    for size in (1, 7, 32):
        for start in range(0, frame.height, size):
            part = model.predict(columns(frame[start : start + size], p.system.contract))
            for name, values in whole.items():
                assert np.array_equal(part[name], values[start : start + size]), f"{name}, batches of {size}"


def test_answers_hold_their_contract(life):
    p, _, _, model, held = life
    answers = model.predict(columns(held.requests.head(50), p.system.contract))
    assert set(answers) == set(p.system.answers.names)
    for column in p.system.answers.columns:
        values = answers[column.name]
        assert len(values) == min(50, held.requests.height)
        if column.kind in ("int", "float"):
            assert np.isfinite(values.astype(float)).all(), column.name
            assert column.low is None or values.min() >= column.low, column.name
            assert column.high is None or values.max() <= column.high, column.name


def test_a_saved_model_loads_to_the_same_answers_and_the_same_bytes(life, tmp_path):
    p, _, _, model, held = life
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    model.save(first)
    loaded = stages.opened(p.system, p.lane, first)
    loaded.save(second)
    requests = columns(held.requests.head(40), p.system.contract)
    for name, values in model.predict(requests).items():
        assert np.array_equal(values, loaded.predict(requests)[name]), name
    for file in first.rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (second / file.relative_to(first)).read_bytes(), file.name
    shutil.rmtree(first)
    loaded.predict(requests)  # a loaded model does not lean on its folder


def test_the_same_seed_gives_the_same_data(life, tmp_path):
    p, dataset, _, _, _ = life
    with api.place(p.system, small=True, store=str(tmp_path / "again")) as again:
        assert stages.data(again.system, again.config, again.lane).hash == dataset.hash


def test_bad_requests_get_a_sentence(life):
    """Each required column left out, and each column with a value of the wrong kind, is refused by name."""
    p, _, _, _, held = life
    check = Requests(p.system.contract).decode
    good = json.loads(held.requests.head(1).write_json())[0]
    check(json.dumps(good).encode())
    for column in p.system.contract.columns:
        wrong = {**good, column.name: {"not": "a value"}}
        with pytest.raises(RequestError, match=column.name):
            check(json.dumps(wrong).encode())
        if column.required:
            with pytest.raises(RequestError, match=column.name):
                check(json.dumps({k: v for k, v in good.items() if k != column.name}).encode())
    with pytest.raises(RequestError, match="surprise"):
        check(json.dumps({**good, "surprise": 1}).encode())


def test_an_unknown_setting_is_refused_with_the_nearest(life):
    p = life[0]
    name = next(iter(p.system.config.model_fields))
    with pytest.raises(ConfigError, match=name):
        configs.load(p.system.config, sets=[f"{name}x=1"])


def test_a_stage_reads_only_the_settings_marked_for_it(life, tmp_path):
    """A setting marked for a later stage may change without repeating an earlier one, so the earlier must not read it."""
    p, _, _, _, _ = life
    read = set()

    class Watched(p.system.config):
        def __getattribute__(self, name):
            if name in p.system.config.model_fields:
                read.add(name)
            return super().__getattribute__(name)

    with api.place(p.system, small=True, store=str(tmp_path / "s")) as again, again.lane.job("data", "watched") as job:
        again.system.data(Watched.model_construct(**dict(again.config)), job)
    late = {s.name for s in configs.describe(p.system.config) if s.stage != "data"}
    assert not read & late, f"data reads {sorted(read & late)}, which are marked for a later stage"
