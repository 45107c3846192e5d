"""Inventory at one site: what to order now, item by item, so that profit is highest.

The decision is learned by replaying history through a simulator, and compared with the rules that planners use now.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ropewalk.systems.inventory.commands import COMMANDS
from ropewalk.systems.inventory.config import Config, small
from ropewalk.systems.inventory.contract import ANSWER, REQUEST
from ropewalk.types import Check, Dataset, HeldOut, Job, Model, Outcome, Report, Snapshot, System

# The stages import what they need when they run: naming the system loads no numeric library.


def _data(config: Config, job: Job) -> Snapshot:
    from ropewalk.systems.inventory.data import data

    return data(config, job)


def _train(config: Config, dataset: Dataset, job: Job, start: Model | None) -> Model:
    from ropewalk.systems.inventory.train import train

    return train(config, dataset, job, start)


def _evaluate(config: Config, model: Any, dataset: Dataset, job: Job) -> Report:
    from ropewalk.systems.inventory.evaluate import evaluate

    return evaluate(config, model, dataset, job)


def _load(folder: Path) -> Model:
    from ropewalk.systems.inventory.model import load

    return load(folder)


def _requests(config: Config, dataset: Dataset, model: Any) -> HeldOut:
    from ropewalk.systems.inventory.requests import held_out

    return held_out(config, dataset, model)


def _outputs(outcome: Outcome[Config]) -> None:
    from ropewalk.systems.inventory.outputs import outputs

    outputs(outcome)


def _checks(config: Config, dataset: Dataset) -> tuple[Check, ...]:
    from ropewalk.systems.inventory.checks import checks

    return checks(config, dataset)


system = System(
    name="inventory",
    about="Decides what to order now, item by item, so that profit is highest.",
    config=Config,
    small=small,
    data=_data,
    train=_train,
    evaluate=_evaluate,
    load=_load,
    requests=_requests,
    contract=REQUEST,
    answers=ANSWER,
    outputs=_outputs,
    work=lambda config: config.steps * config.batch_items,
    unit="items x gradient steps",
    checks=_checks,
    commands=COMMANDS,
    extras=("inventory",),
)
