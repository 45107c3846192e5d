"""What a stage is lent: numbers that a kill cannot take, checkpoints, workers that change nothing, honest times."""

import json
import math
import os

import pytest

from ropewalk.spine.compute.job import StageJob, derive
from ropewalk.store import open_store


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store")) as opened:
        yield opened


def lines(job):
    return (job.folder / "metrics.jsonl").read_text().splitlines()


def write_lines(job, *bodies):
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "metrics.jsonl").write_text("".join(json.dumps(body) + "\n" for body in bodies))


# -- metrics --


def test_a_reported_metric_is_with_the_kernel_when_report_returns(store):
    with StageJob(store, "train", "k") as job:
        job.report(1, loss=0.5)
        assert json.loads(lines(job)[-1])["loss"] == 0.5


def test_a_metric_is_one_write(store, monkeypatch):
    with StageJob(store, "train", "k") as job:
        job.report(1, loss=0.5)
        written = []
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: written.append(data) or write(file, data))
        job.report(2, loss=0.25)
        assert len(written) == 1
        assert written[0].endswith(b"\n")


def test_a_later_attempts_value_replaces_an_earlier_ones(store):
    for loss in (0.5, 0.4):
        with StageJob(store, "train", "k") as job:
            job.report(1, loss=loss)
    assert [(m["step"], m["loss"]) for m in job.metrics()] == [(1, 0.4)]


def test_numbers_of_arrays_and_infinities_are_numbers(store):
    import numpy as np

    with StageJob(store, "train", "k") as job:
        job.report(1, loss=np.float32(0.5), bad=math.nan, worse=math.inf)
        (found,) = job.metrics()
    assert found["loss"] == 0.5
    assert math.isnan(found["bad"])
    assert found["worse"] == math.inf


def test_half_a_line_on_a_full_disk_is_taken_back(store, monkeypatch):
    with StageJob(store, "train", "k") as job:
        job.report(1, loss=0.5)
        write = os.write
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda file, data: write(file, data[:7]))
            with pytest.raises(OSError, match="No space left"):
                job.report(2, loss=0.4)
        job.report(3, loss=0.3)
        assert [m["step"] for m in job.metrics()] == [1, 3]
        assert all(json.loads(line) for line in lines(job))


def test_half_a_line_of_a_machine_that_lost_power_is_passed_over(store):
    job = StageJob(store, "train", "k")
    write_lines(job, {"event": "start", "t": 1.0}, {"step": 1, "loss": 0.5, "t": 2.0})
    with open(job.folder / "metrics.jsonl", "a") as file:
        file.write('{"step": 2, "lo')
    with job:
        job.report(3, loss=0.3)
        job.report(4, loss=0.2)
    assert [m["step"] for m in job.metrics()] == [1, 4] or [m["step"] for m in job.metrics()] == [1, 3, 4]


# -- checkpoints --


def test_the_last_checkpoint_is_what_resume_returns(store):
    with StageJob(store, "train", "k") as job:
        assert job.resume() is None
        job.checkpoint(1, b"one")
        job.checkpoint(2, b"two")
    with StageJob(store, "train", "k") as again:
        assert again.resume() == (2, b"two")
        assert again.resumed_from == 2
    with StageJob(store, "train", "another key") as other:
        assert other.resume() is None


@pytest.mark.parametrize("data", [b"", b"RW", b"RWCK" + bytes(40) + b"state", b"none of ours" * 10])
def test_a_corrupt_checkpoint_is_named_and_removed(store, data):
    said = []
    store.put_object("checkpoints/k", data)
    with StageJob(store, "train", "k", on_note=said.append) as job:
        assert job.resume() is None
        assert job.resumed_from is None
        assert "checkpoints/k is corrupt and was removed: train begins anew" in said[0]
    assert store.get_object("checkpoints/k") is None


def test_nothing_is_left_of_a_stage_that_is_done(store):
    with StageJob(store, "train", "k") as job:
        job.report(1, loss=0.5)
        job.checkpoint(1, b"one")
    job.forget()
    assert store.list_objects("checkpoints/") == []
    assert not job.folder.exists()


# -- workers --


def measure(item, seed):
    return item * 10, seed


def test_results_and_seeds_do_not_depend_on_the_number_of_workers(store):
    alone = StageJob(store, "train", "k", seed=3).map(measure, range(4))
    together = StageJob(store, "train", "k", seed=3, workers=2).map(measure, range(4))
    assert alone == together == [(i * 10, derive(3, i)) for i in range(4)]


def test_seeds_differ_by_item_and_by_seed():
    seeds = {derive(seed, index) for seed in range(20) for index in range(50)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)


def fails(item, seed):
    raise ValueError(f"item {item} is odd")


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_is_raised(store, workers):
    with pytest.raises(ValueError, match=r"item [01] is odd"):
        StageJob(store, "train", "k", workers=workers).map(fails, range(2))


def test_every_task_is_progress(store):
    told = []
    job = StageJob(store, "data", "k", on_progress=lambda *what: told.append(what))
    job.map(measure, [1, 2, 3])
    assert [done for _, done, total, _ in told] == [1, 2, 3]


# -- time --


def test_lost_steps_are_no_good_time(store, monkeypatch):
    """Killed at 100 s: the checkpoint of 60 s is kept, 40 s are lost; the second attempt needs 50 s."""
    job = StageJob(store, "train", "k")
    first = [{"event": "start", "t": 0.0}, *({"step": i, "t": 10.0 * i} for i in range(1, 7))]
    kept = [{"event": "checkpoint", "step": 6, "seconds": 2.0, "t": 60.0}]
    lost = [{"step": i, "t": 10.0 * i} for i in range(7, 11)]
    second = [{"event": "start", "t": 1000.0}, {"event": "resume", "step": 6, "seconds": 1.0, "t": 1005.0}]
    rest = [{"step": 6 + i, "t": 1005.0 + 10.0 * i} for i in range(1, 5)]
    write_lines(job, *first, *kept, *lost, *second, *rest)
    monkeypatch.setattr("ropewalk.spine.compute.job.time.time", lambda: 1050.0)
    times = job.times()
    assert times.attempts == 2
    assert times.total == 150.0
    assert times.lost == 40.0
    assert times.checkpointing == 2.0
    assert times.restoring == 1.0
    assert times.useful + times.lost + times.checkpointing + times.restoring == 150.0
    assert times.startup == 5.0  # of the second attempt, before its first step; it is part of what was useful
    assert times.goodput == pytest.approx(107 / 150)


def test_a_death_before_the_first_checkpoint_loses_all_of_it(store, monkeypatch):
    job = StageJob(store, "train", "k")
    dead = [{"event": "start", "t": 0.0}, {"step": 1, "t": 10.0}, {"step": 2, "t": 20.0}]
    write_lines(job, *dead, {"event": "start", "t": 100.0}, {"step": 1, "t": 110.0}, {"step": 2, "t": 120.0})
    monkeypatch.setattr("ropewalk.spine.compute.job.time.time", lambda: 120.0)
    times = job.times()
    assert times.lost == 20.0
    assert times.useful == 20.0
    assert times.goodput == 0.5


def test_a_death_before_the_first_report_is_known_from_its_progress(store, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("ropewalk.spine.compute.job.time.time", lambda: clock[0])
    dead = StageJob(store, "train", "k")
    dead.__enter__()
    for clock[0] in range(30):
        dead.progress("tuning", clock[0], 30)
    clock[0] = 1000.0
    with StageJob(store, "train", "k") as job:
        clock[0] = 1010.0
        job.progress("tuning", 10, 30)
        times = job.times()
    assert times.attempts == 2
    assert 25 < times.lost < 30
    assert times.useful == 10.0
    assert job.metrics() == []


def test_a_stage_that_reports_nothing_is_useful_to_its_end(store):
    with StageJob(store, "data", "k") as job:
        assert job.times().goodput == pytest.approx(1.0)
        assert job.times().attempts == 1


def test_time_between_attempts_is_nobodys(store, monkeypatch):
    """A night between two attempts is neither work nor loss."""
    job = StageJob(store, "train", "k")
    write_lines(job, {"event": "start", "t": 0.0}, {"step": 1, "t": 10.0}, {"event": "start", "t": 90_000.0})
    monkeypatch.setattr("ropewalk.spine.compute.job.time.time", lambda: 90_010.0)
    assert job.times().total == 20.0
