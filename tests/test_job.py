"""A training that was killed ends with the same bits as one that was not, and says what the deaths cost."""

import signal
from pathlib import Path

import pytest

from forks import Forks
from ropewalk.lifecycle import inspect
from ropewalk.store import open_store
from worlds import COIN

JOB = "ropewalk.spine.compute.job:StageJob"
STEPS = 40

# The coin, but learned: momentum and noise travel in the checkpoint, so any slip shows in the last bit of the model.
LEARNER = """

import io, time


def train(config, dataset, job, start):
    seen = split(dataset)[0]["heads"].to_numpy().astype(float)
    kept = job.resume()
    first, (p, speed, noise) = 0, (np.array([0.5]), np.zeros(1), np.random.default_rng(job.seed))
    if kept is not None:
        first, state = kept[0], json.loads(kept[1])
        p, speed = (np.array([float.fromhex(state[name])]) for name in ("p", "speed"))
        noise.bit_generator.state = state["noise"]
    for step in range(first, config.steps):
        batch = noise.choice(seen, 16)
        speed = 0.9 * speed + (batch - p).mean() + noise.normal() / 100
        p = np.clip(p + 0.03 * speed, 0.01, 0.99)
        time.sleep(0.002)
        job.report(step, p=float(p[0]))
        if step % 4 == 3:
            state = {"p": float(p[0]).hex(), "speed": float(speed[0]).hex(), "noise": noise.bit_generator.state}
            job.checkpoint(step + 1, json.dumps(state).encode())
    return Guess(float(p[0]))


from dataclasses import replace

system = replace(system, train=train)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    learner = folder / "learner.py"
    learner.write_text(Path(COIN).read_text() + LEARNER)
    with Forks(folder, str(learner)) as forks:
        yield Place(folder, learner, forks)


class Place:
    """Trainings of the learner, each in a store of its own."""

    def __init__(self, folder, learner, forks):
        self._folder, self._learner, self._forks, self._stores = folder, learner, forks, 0

    def train(self, *deaths):
        """(run, metrics) after these deaths and a last attempt that nobody disturbs."""
        self._stores += 1
        store = self._folder / f"store-{self._stores}"
        verb = ("train", self._learner, "--set", f"steps={STEPS}", "--store", store, "--quiet")
        for death in deaths:
            assert self._forks.run(*verb, cwd=self._folder, **death).code == -signal.SIGKILL
        done = self._forks.run(*verb, cwd=self._folder)
        assert done.code == 0, done.err
        with open_store(str(store)) as opened:
            (run,) = opened.records("run")
            metrics = opened.get(run.body["plan"]["metrics"]).decode().splitlines()
            assert opened.list_objects("checkpoints/") == []
            (row,) = inspect.runs(opened)
        assert row["goodput"] == round(run.body["goodput"], 3)
        return run.body, metrics


@pytest.fixture(scope="module")
def undisturbed(place):
    return place.train()


def at(call, nth):
    return {"call": f"{JOB}.{call}", "nth": nth}


@pytest.mark.parametrize(
    ("deaths", "resumed"),
    [
        ([at("report", 1)], None),
        ([at("report", 3)], None),
        ([at("checkpoint", 1)], None),
        ([at("checkpoint", 2)], 4),
        ([at("report", 22)], 20),
        ([at("checkpoint", 10)], 36),
        ([{"call": "ropewalk.lifecycle.stages:_keep_run", "nth": 1}], 40),
        ([at("forget", 1)], None),  # the run was kept already
        ([at("report", 6), at("report", 6), at("report", 6), at("report", 6)], 16),
        ([at("checkpoint", 2)] * 9, 36),
    ],
)
def test_a_killed_training_ends_with_the_same_bits(place, undisturbed, deaths, resumed):
    expected, _ = undisturbed
    run, metrics = place.train(*deaths)
    assert run["id"] == expected["id"]
    assert run["model"] == expected["model"]
    assert run["resumed_from"] == resumed
    assert len(metrics) == STEPS, "a step's metric is missing or there twice"


def test_a_training_that_nobody_disturbed_lost_nothing(undisturbed):
    run, metrics = undisturbed
    assert run["resumed_from"] is None
    assert run["plan"]["attempts"] == 1
    assert run["plan"]["lost_seconds"] == 0
    assert len(metrics) == STEPS


def test_what_deaths_cost_is_in_the_runs_goodput(place, undisturbed):
    """Each death in front of the second checkpoint loses four steps of two milliseconds at least."""
    deaths = 5
    run, _ = place.train(*[at("checkpoint", 2)] * deaths)
    assert run["plan"]["attempts"] == deaths + 1
    assert run["plan"]["lost_seconds"] > deaths * 3 * 0.002
    assert run["goodput"] < 1 - run["plan"]["lost_seconds"] / run["seconds"] + 1e-9


def test_another_seed_is_another_run_with_another_checkpoint(place):
    """A checkpoint belongs to a training with the same inputs, and to no other."""
    store = place._folder / "seeds"
    verb = ("train", place._learner, "--set", f"steps={STEPS}", "--store", store, "--quiet")
    assert place._forks.run(*verb, cwd=place._folder, **at("checkpoint", 3)).code == -signal.SIGKILL
    for arguments in (("--seed", "1"), ("--set", "heads=0.6"), ("--set", f"steps={STEPS + 1}")):
        assert place._forks.run(*verb, *arguments, cwd=place._folder).code == 0
    with open_store(str(store)) as opened:
        assert [run.body["resumed_from"] for run in opened.records("run")] == [None] * 3
        assert len(opened.list_objects("checkpoints/")) == 1
