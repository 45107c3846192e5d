"""Text search and question answering: collect texts, index them so that it scales and survives faults, find, answer with sources.

What it decides is which documents a person reads first; the report says what a search costs who searches, beside BM25 alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ropewalk.systems.search.commands import COMMANDS
from ropewalk.systems.search.config import Config, small
from ropewalk.systems.search.contract import ANSWER, REQUEST
from ropewalk.types import Check, Dataset, HeldOut, Job, Model, Outcome, Report, Snapshot, System

# The stages import what they need when they run: naming the system loads no numeric library.


def _data(config: Config, job: Job) -> Snapshot:
    from ropewalk.systems.search.data import data

    return data(config, job)


def _train(config: Config, dataset: Dataset, job: Job, start: Model | None) -> Model:
    from ropewalk.systems.search.train import train

    return train(config, dataset, job, start)


def _evaluate(config: Config, model: Any, dataset: Dataset, job: Job) -> Report:
    from ropewalk.systems.search.evaluate import evaluate

    return evaluate(config, model, dataset, job)


def _load(folder: Path) -> Model:
    from ropewalk.systems.search.model import load

    return load(folder)


def _requests(config: Config, dataset: Dataset, model: Any) -> HeldOut:
    from ropewalk.systems.search.requests import held_out

    return held_out(config, dataset, model)


def _outputs(outcome: Outcome[Config]) -> None:
    from ropewalk.systems.search.outputs import outputs

    outputs(outcome)


def _checks(config: Config, dataset: Dataset) -> tuple[Check, ...]:
    from ropewalk.systems.search.checks import checks

    return checks(config, dataset)


def _routes() -> tuple[Any, ...]:
    from ropewalk.systems.search.service.routes import ROUTES

    return ROUTES


def _merge(model: Any, store: Any, job: Job) -> Mapping[str, Any]:
    from ropewalk.systems.search.upkeep import merge

    return merge(model, store, job)


def _garbage(model: Any, store: Any, job: Job) -> Mapping[str, Any]:
    from ropewalk.systems.search.upkeep import garbage

    return garbage(model, store, job)


system = System(
    name="search",
    about="Finds the documents that answer a query, and answers questions with their sources.",
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
    unit="builds",
    checks=_checks,
    routes=_routes,
    commands=COMMANDS,
    upkeep={"merge": _merge, "garbage": _garbage},
    extras=("search",),
)
