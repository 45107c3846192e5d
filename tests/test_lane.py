"""What the lane promises of every system: nothing is done twice, everything is known by what is behind it, one release is
live, and a life ends on real S3 and PostgreSQL as it does on a disk, also when they fail for a while."""

import dataclasses
import gzip
import json
import os
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from ropewalk import api, catalogue
from ropewalk.config import Source, setting
from ropewalk.errors import GateError, MissingError, StoreError, VersionError
from ropewalk.lifecycle import lane as lanes
from ropewalk.store import open_store
from ropewalk.types import Report, Snapshot
from worlds import COIN

coin = catalogue.find(COIN)
coin_module = sys.modules[coin.train.__module__]


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("ROPEWALK_", "AWS_"))]:
        monkeypatch.delenv(name)


class Config(coin.config):
    tosses_file: Source = setting("", "Tosses of your own: a CSV of `heads`.")
    doubt: float = setting(0.0, "Takes from the chance what a sceptic would.", low=0, high=0.5, stage="evaluate")
    title: str = setting("guess", "The first word of the file for people.", stage="serve")


class Counted:
    """The coin with a file of its own, and a count of what its stages were asked for."""

    def __init__(self):
        self.calls = []
        self.system = dataclasses.replace(
            coin, config=Config, small=Config,
            data=self._counted("data", self._data), train=self._counted("train", coin.train),
            evaluate=self._counted("evaluate", self._evaluate), outputs=self._counted("outputs", self._outputs),
        )  # fmt: skip

    def _counted(self, name, function):
        def counted(*arguments):
            self.calls.append(name)
            return function(*arguments)

        counted.__module__ = coin.train.__module__  # whose sources its results depend on
        return counted

    def _data(self, config, job):
        if not config.tosses_file:
            return coin.data(config, job)
        heads = pl.read_csv(config.tosses_file)["heads"]
        tosses = pl.DataFrame({"toss": range(heads.len()), "heads": heads})
        return Snapshot(coin_module.datetime(2026, 1, 1), {"tosses": tosses})

    def _evaluate(self, config, model, dataset, job):
        return coin.evaluate(config, coin_module.Guess(model.p - config.doubt), dataset, job)

    def _outputs(self, outcome):
        (outcome.folder / "guess.txt").write_text(f"{outcome.config.title}: {outcome.model.p:.3f}\n")

    def live(self, **settings):
        """The stages that a life with these settings ran."""
        before = len(self.calls)
        self.life = api.live(self.system, out="out", settings=settings)
        return self.calls[before:]


ALL = ["data", "train", "evaluate", "outputs"]


# -- nothing is done twice --


def test_an_unchanged_life_runs_no_stage():
    counted = Counted()
    assert counted.live() == ALL
    first = counted.life
    assert counted.live() == []
    again = counted.life
    for part in ("dataset", "run", "release", "verdict", "served"):
        assert getattr(again, part) == getattr(first, part), part
    assert again.report.metrics == first.report.metrics


def test_an_unchanged_life_ends_alike_in_another_process(tmp_path):
    """Nothing that is remembered lives in the process."""
    counted = Counted()
    counted.live()
    lanes._code_cache.clear()
    assert Counted().live() == []


def test_verbs_share_what_a_life_made():
    counted = Counted()
    options = {"settings": {"steps": 4}}
    api.data(counted.system, **options)
    api.train(counted.system, **options)
    api.train(counted.system, **options)
    api.evaluate(counted.system, **options)
    api.register(counted.system, **options)
    assert counted.calls == ["data", "train", "evaluate"]
    assert counted.live(steps=4) == ["outputs"]


@pytest.mark.parametrize(
    ("settings", "repeated"),
    [
        ({"tosses": 220}, ALL),
        ({"heads": 0.8}, ALL),
        ({"steps": 7}, ["train", "evaluate", "outputs"]),
        ({"doubt": 0.01}, ["evaluate", "outputs"]),
        ({"title": "chance"}, ["outputs"]),
    ],
)
def test_a_setting_repeats_the_stages_that_read_it_and_those_behind(settings, repeated):
    counted = Counted()
    counted.live()
    again = counted.live(**settings)
    # On another dataset the live model is judged, too.
    assert sorted(set(again), key=again.index) == repeated
    assert counted.live(**settings) == []
    # Back again: nothing is learned twice. A release that came to live meanwhile is judged on the old dataset.
    assert set(counted.live()) <= {"evaluate", "outputs"}


def test_a_source_that_changed_is_read_again(tmp_path):
    counted = Counted()
    file = tmp_path / "tosses.csv"
    file.write_text("heads\n" + "true\ntrue\nfalse\n" * 40)
    assert counted.live(tosses_file=str(file)) == ALL
    first = counted.life
    os.utime(file, (1, 1))
    assert counted.live(tosses_file=str(file)) in ([], ["data"]), "the same bytes at another time are the same dataset"
    file.write_text("heads\n" + "true\nfalse\ntrue\ntrue\n" * 40)
    assert set(counted.live(tosses_file=str(file))) == set(ALL)
    assert counted.life.dataset.hash != first.dataset.hash


def test_changed_code_repeats_every_stage(tmp_path):
    file = tmp_path / "mine.py"
    text = Path(COIN).read_text()
    runs = []
    for version in (text, text + "\n# another thought\n", text):
        file.write_text(version)
        lanes._code_cache.clear()
        sys.modules.pop("ropewalk_file_mine", None)
        runs.append(api.train(str(file)))
    assert runs[0].code != runs[1].code
    assert runs[0].id != runs[1].id
    assert runs[2].id == runs[0].id, "code that came back finds what it had made"


def test_a_baseline_life_twice_says_the_same_verdict():
    counted = Counted()
    assert counted.live(heads=0.5) == ALL
    first = counted.life
    assert counted.live(heads=0.5) == []
    assert counted.life.verdict == first.verdict


# -- what is behind a file --


def test_a_file_for_people_names_everything_behind_it():
    counted = Counted()
    counted.live()
    life = counted.life
    found = api.show("out/guess.txt")
    assert found["kind"] == "outputs"
    behind = {b["role"]: b["id"] for b in found["behind"]}
    assert behind["dataset"] == f"dataset-{life.dataset.hash[:16]}"
    assert behind["run"] == life.run.id
    assert behind["release"] == life.release.id
    assert behind["report"] == life.release.report
    assert behind["code"] == f"code-{life.run.code}"
    assert found["body"]["config"]["title"] == "guess"
    run = api.show(life.run.id)
    assert run["body"]["model"] == life.release.model
    assert {m["kind"] for m in run["made_from_it"]} >= {"report", "release", "outputs"}
    assert api.show("coin@live")["id"] == life.release.id


def test_the_code_behind_a_run_can_be_read_from_the_store():
    run = api.train(COIN)
    with open_store() as store:
        code = store.record(f"code-{run.code}")
        assert "coin.py" in code.body["files"]
        assert "ropewalk/methods/stats/bootstrap.py" in code.body["files"]
        texts = json.loads(gzip.decompress(store.get(code.body["blob"])))
    assert texts["coin.py"] == Path(COIN).read_text()


def test_a_beginning_of_an_id_is_enough_and_an_edited_file_is_unknown():
    run = api.train(COIN)
    assert api.show(run.id[:12])["id"] == run.id
    Path("guess.txt").write_text("edited")
    with pytest.raises(MissingError, match="was it edited"):
        api.show("guess.txt")


def test_a_training_that_begins_with_a_run_names_it():
    first = api.train(COIN)
    second = api.train(COIN, start=first.id[:14])
    assert second.id != first.id
    assert {"role": "start", "id": first.id, "kind": "run", "depth": 1} in api.show(second.id)["behind"]


# -- the gate and releases --


def test_a_model_that_does_not_beat_the_baseline_is_refused_and_the_baseline_serves():
    life = api.live(COIN, settings={"heads": 0.5}, out="out")
    assert life.release.choice == "baseline"
    assert "The baseline (a fair coin) is registered instead, as v1." in life.verdict
    with pytest.raises(GateError, match="was not registered"):
        api.register(COIN, settings={"heads": 0.5})
    assert api.register(COIN, settings={"heads": 0.5}, choice="baseline").id == life.release.id


def test_a_refused_model_leaves_the_live_release_alone():
    good = api.live(COIN, out="out")
    bad = api.live(COIN, settings={"heads": 0.5}, out="out")
    assert bad.release.id == good.release.id
    assert bad.verdict.endswith("v1 stays live.")


@pytest.mark.parametrize(("heads", "choice"), [(0.9, "model"), (0.5, "baseline")])
def test_a_live_release_that_this_version_cannot_run_is_replaced(heads, choice):
    def load(folder):
        model = coin.load(folder)
        if 0.55 < model.p < 0.8:
            raise VersionError("the coin was bent by another version. Bend it again.")
        return model

    load.__module__ = coin.load.__module__
    old = api.live(COIN, out="out")
    system = dataclasses.replace(coin, load=load)
    new = api.live(system, settings={"heads": heads}, out="out")
    assert (old.release.version, new.release.version, new.release.stage, new.release.choice) == (1, 2, "live", choice)
    again = api.live(system, settings={"heads": heads}, out="out")
    assert (again.release.id, again.verdict) == (new.release.id, new.verdict)


def test_without_a_baseline_nothing_is_registered():
    class Bare:
        """A model that brings no baseline along."""

        def __init__(self, model):
            self.predict, self.save = model.predict, model.save

    def train(config, dataset, job, start):
        return Bare(coin.train(config, dataset, job, start))

    train.__module__ = coin.train.__module__
    life = api.live(dataclasses.replace(coin, train=train), settings={"heads": 0.5}, out="out")
    assert life.release is None
    assert life.served == {}
    assert Path("out/guess.txt").exists()


def test_promote_and_rollback_go_back_one_promotion_at_a_time():
    for heads in (0.7, 0.8, 0.9):
        api.register(COIN, settings={"heads": heads}, choice="baseline" if heads == 0.8 else "model")
        api.promote(COIN)
    assert [api.rollback(COIN).version, api.rollback(COIN).version] == [2, 1]
    with pytest.raises(MissingError, match="nothing to go back to"):
        api.rollback(COIN)
    assert api.promote(COIN, 3).stage == "live"
    assert api.rollback(COIN).version == 1
    with open_store() as store:
        stages = {r.body["version"]: r.id for r in store.records("release")}
        assert store.names() == {"coin@live": stages[1]}
        assert [m.why for m in store.history("coin@live")] == ["promote"] * 3 + ["rollback"] * 2 + [
            "promote",
            "rollback",
        ]


def test_a_rollback_that_says_from_where_may_be_said_twice():
    for heads in (0.7, 0.8, 0.9):
        api.register(COIN, settings={"heads": heads}, choice="baseline" if heads == 0.8 else "model")
        api.promote(COIN)
    assert [api.rollback(COIN, from_version=3).version for _ in range(3)] == [2, 2, 2]
    assert api.rollback(COIN, from_version=2).version == 1
    with pytest.raises(MissingError, match=r"no live release 'coin v3'\. v1 is live: nothing was rolled back"):
        api.rollback(COIN, from_version=3)
    api.promote(COIN, 3)
    with pytest.raises(MissingError, match=r"no live release 'coin v2'\. v3 is live"):
        api.rollback(COIN, from_version=2)
    with pytest.raises(MissingError, match="coin v7"):
        api.rollback(COIN, from_version=7)
    with open_store() as store:
        assert [m.why for m in store.history("coin@live")] == ["promote"] * 3 + ["rollback"] * 2 + ["promote"]


def test_registering_twice_makes_one_release():
    assert api.register(COIN).id == api.register(COIN).id
    assert api.promote(COIN).id == api.promote(COIN).id
    assert api.register(COIN).stage == "live"


def test_a_report_without_a_metric_is_refused():
    def evaluate(config, model, dataset, job):
        return Report((), "nothing")

    evaluate.__module__ = coin.train.__module__
    with pytest.raises(MissingError, match="evaluate of 'coin' returned none"):
        api.evaluate(dataclasses.replace(coin, evaluate=evaluate))


# -- plan, runs, gc --


def test_plan_predicts_and_the_probe_is_a_run():
    plan = api.plan(COIN, deadline_s=3600, settings={"steps": 50})
    assert plan.work == 50
    assert plan.unit == "steps"
    assert 0 < plan.low_seconds < plan.seconds < plan.high_seconds
    assert plan.p_in_time > 0.99
    assert [row["run"] for row in api.runs()] == [api.train(COIN).id]


def test_runs_are_listed_newest_first_with_metric_and_release():
    first = api.live(COIN, out="out").run
    second = api.train(COIN, settings={"heads": 0.8})
    rows = api.runs("coin")
    assert [row["run"] for row in rows] == [second.id, first.id]
    assert rows[1]["release"] == "v1 live"
    assert rows[1]["metric"].startswith("won 0.5")
    assert rows[0]["metric"] == rows[0]["release"] == ""
    assert api.runs("coin", limit=1) == rows[:1]
    assert api.runs("another") == []


def test_a_collection_after_lives_keeps_all_that_can_be_reached():
    counted = Counted()
    for settings in ({}, {"heads": 0.8}, {"heads": 0.5}, {"title": "chance"}):
        counted.live(**settings)
    report = api.gc()
    assert report.blobs == ()
    assert report.objects == ()
    before = len(counted.calls)
    for settings in ({}, {"heads": 0.8}, {"title": "chance"}):
        counted.live(**settings)
    assert set(counted.calls[before:]) <= {"outputs"}  # whose page says which release is live
    with open_store() as store:
        for record in store.records(limit=1000):
            for hash_ in record.blobs:
                store.get(hash_)


def test_what_is_forgotten_for_its_age_is_made_again_when_it_is_wanted():
    counted = Counted()
    counted.live()
    api.train(counted.system, settings={"heads": 0.8})
    kept = api.show("coin@live")["behind"]
    report = api.gc(forget_days=0)
    assert any(id_.startswith("run-") for id_ in report.records)
    assert api.show("coin@live")["behind"] == kept
    assert counted.live() == []
    before = len(counted.calls)
    api.train(counted.system, settings={"heads": 0.8})
    assert counted.calls[before:] == ["data", "train"]


# -- S3 and PostgreSQL --


@pytest.fixture
def bucket(make_address):
    """The address of an empty store on S3."""
    return make_address("s3+sqlite").url


@pytest.fixture
def database(make_address):
    """The address of an empty index in PostgreSQL."""
    return make_address("local+postgres").index


def compared(life):
    """What a life has in common with one in another store."""
    return life.dataset.hash, life.run.id, life.run.model, life.release.id, life.verdict, life.served["rows"]


def test_a_life_on_s3_and_postgres_is_the_life_on_a_disk(bucket, database):
    on_disk = api.live(COIN, out="disk")
    far = api.live(COIN, out="far", store=bucket, index=database)
    assert compared(far) == compared(on_disk)
    assert Path("far/guess.txt").read_bytes() == Path("disk/guess.txt").read_bytes()
    assert api.show("far/guess.txt", store=bucket, index=database)["kind"] == "outputs"
    report = api.gc(store=bucket, index=database)
    assert report.blobs == ()
    assert compared(api.live(COIN, out="far", store=bucket, index=database)) == compared(on_disk)


def test_another_machine_takes_the_life_over(bucket, database, monkeypatch, tmp_path):
    """Nothing that matters lies in the local folder."""
    counted = Counted()
    api.train(counted.system, store=bucket, index=database)
    monkeypatch.setenv("ROPEWALK_LOCAL", str(tmp_path / "another"))
    life = api.live(counted.system, out="out", store=bucket, index=database)
    assert counted.calls == ["data", "train", "evaluate", "outputs"]
    assert life.release.stage == "live"


def test_an_unchanged_stage_asks_s3_for_nothing(bucket, database):
    api.evaluate(COIN, store=bucket, index=database)
    with api.place(COIN, store=bucket, index=database) as p:
        from ropewalk.lifecycle import stages

        dataset = stages.data(p.system, p.config, p.lane)
        stages.train(p.system, p.config, dataset, p.lane)
        assert sum(p.lane.store.requests.values()) == 0


def test_a_life_goes_on_while_s3_fails_every_third_request(bucket, database, trouble):
    trouble.plan = [None, None, 500, None, 503, None, "cut"] * 100
    life = api.live(COIN, out="out", store=bucket, index=database)
    assert compared(life) == compared(api.live(COIN, out="disk"))
    assert len(trouble.plan) < 690, "the life did not go through the proxy"


def test_s3_that_stays_away_is_told_and_the_life_continues_when_it_is_back(bucket, database, trouble, monkeypatch):
    monkeypatch.setenv("ROPEWALK_RETRY_S", "0.5")
    counted = Counted()
    counted_train = counted.system.train

    def train(config, dataset, job, start):
        if trouble.always is None and counted.calls.count("train") == 0:
            trouble.always = 500
        return counted_train(config, dataset, job, start)

    train.__module__ = coin.train.__module__
    system = dataclasses.replace(counted.system, train=train)
    with pytest.raises(StoreError, match="500"):
        api.live(system, out="out", store=bucket, index=database)
    trouble.always = None
    life = api.live(system, out="out", store=bucket, index=database)
    assert life.release.stage == "live"
    assert counted.calls.count("data") == 1


def test_postgres_that_is_away_for_a_while_in_the_middle_of_a_life_is_waited_for(bucket, database, postgres_server):
    counted = Counted()
    counted_train, back = counted.system.train, threading.Event()

    def train(config, dataset, job, start):
        postgres_server.stop()

        def start_again():
            time.sleep(2)
            postgres_server.start()
            back.set()

        threading.Thread(target=start_again).start()
        return counted_train(config, dataset, job, start)

    train.__module__ = coin.train.__module__
    life = api.live(dataclasses.replace(counted.system, train=train), out="out", store=bucket, index=database)
    assert back.wait(60)
    assert counted.calls == ALL
    assert life.release.stage == "live"
    assert life.served["rows"] == 100


def test_postgres_that_stays_away_is_told(database, postgres_server, monkeypatch):
    monkeypatch.setenv("ROPEWALK_RETRY_S", "0.3")
    api.data(COIN, index=database)
    postgres_server.stop()
    try:
        with pytest.raises(StoreError, match="postgresql://"):
            api.train(COIN, index=database)
    finally:
        postgres_server.start()
    assert api.train(COIN, index=database).resumed_from is None
