"""The smallest system: guess a coin that is not fair. `ropewalk live examples/coin.py --small` runs its whole life.

It is what tests and benchmarks of the lane use, because nothing in it takes time.
"""

import json
from datetime import datetime

import numpy as np
import polars as pl

from ropewalk.config import Settings, setting
from ropewalk.types import Column, Contract, HeldOut, Metric, Report, Snapshot, System


class Config(Settings):
    tosses: int = setting(200, "Tosses to look at: enough to see a bias of 10 %.", low=10)
    heads: float = setting(0.7, "Chance of heads of the made coin.", low=0, high=1)
    steps: int = setting(5, "Steps of a training that has nothing to do.", low=1, stage="train")


def data(config, job):
    heads = np.random.default_rng(job.seed).random(config.tosses) < config.heads
    tosses = pl.DataFrame({"toss": np.arange(config.tosses), "heads": heads})
    return Snapshot(datetime(2026, 1, 1), {"tosses": tosses}, {"about": "a made coin"})


class Guess:
    """Answers every toss with the share of heads that was seen in training."""

    def __init__(self, p):
        self.p = p

    def predict(self, requests):
        return {"p_heads": np.full(len(requests["toss"]), self.p)}

    def save(self, folder):
        (folder / "guess.json").write_text(json.dumps({"p": self.p}))

    def baseline(self):
        return Guess(0.5)


def load(folder):
    return Guess(json.loads((folder / "guess.json").read_text())["p"])


def split(dataset):
    tosses = dataset.table("tosses").collect()
    return tosses.head(tosses.height // 2), tosses.tail(tosses.height - tosses.height // 2)


def train(config, dataset, job, start):
    first, state = job.resume() or (0, b"")
    seen = split(dataset)[0]["heads"].mean()
    for step in range(first, config.steps):
        state += step.to_bytes(2, "big")
        job.report(step, loss=(seen - 0.5) ** 2 / (step + 1))
        job.checkpoint(step + 1, state)
    assert state == b"".join(step.to_bytes(2, "big") for step in range(config.steps))
    return Guess(seen)


def evaluate(config, model, dataset, job):
    tosses = split(dataset)[1]
    won = np.where(tosses["heads"], model.p, 1 - model.p)  # dollars won by betting one on heads with chance p
    pairs = pl.DataFrame({"unit": tosses["toss"], "block": tosses["toss"] // 10, "model": won, "baseline": 0.5})
    metric = Metric("won", float(won.mean()), "USD a toss", baseline=0.5)
    return Report((metric,), "a fair coin", pairs, text=f"won {metric.value:.3f} USD a toss, a fair coin 0.500")


def requests(config, dataset, model):
    seen, rest = split(dataset)
    return HeldOut(rest.select("toss"), rest.select("heads"), seen.select("toss"))


def outputs(outcome):
    (outcome.folder / "guess.txt").write_text(f"heads with chance {outcome.model.p:.3f}\n")


system = System(
    name="coin",
    about="Guesses a coin that is not fair.",
    config=Config,
    small=Config,
    data=data,
    train=train,
    evaluate=evaluate,
    load=load,
    requests=requests,
    contract=Contract((Column("toss", "int", "number of the toss", low=0),)),
    answers=Contract((Column("p_heads", "float", "chance of heads", low=0, high=1),)),
    outputs=outputs,
    work=lambda config: config.steps,
    unit="steps",
)
