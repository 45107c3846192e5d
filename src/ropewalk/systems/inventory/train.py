"""Tune the classic rules on the training weeks, choose among them on the choosing weeks, and learn a policy beside them.

The replay weeks are not touched here: the panel is cut before anything looks at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ropewalk.systems.inventory.config import seed_of
from ropewalk.systems.inventory.model import InventoryModel, Ruled
from ropewalk.systems.inventory.panel import Panel, cut_periods, take_periods
from ropewalk.systems.inventory.requests import panel_of, period_days
from ropewalk.types import Dataset, Job, Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ropewalk.systems.inventory.config import Config
    from ropewalk.systems.inventory.panel_replay import Replay

Array = np.ndarray
SCOPES = ("shared", "group", "item")


def train(config: Config, dataset: Dataset, job: Job, start: Model | None = None) -> InventoryModel:
    """The forecast, the classic rules, and the learned policy; the one that earns most on the choosing weeks serves."""
    from ropewalk.systems.inventory import forecast, forecast_fit, learned
    from ropewalk.systems.inventory.panel_replay import replay
    from ropewalk.systems.inventory.rules import RULES

    whole = panel_of(dataset)
    records = take_periods(whole, 0, cut_periods(whole, "replay")[0])  # nothing after this is read
    first, last = cut_periods(records, "choose")
    job.progress("train: forecast", 0, config.steps, "steps")
    fitted = forecast_fit.fit(records, first, promo_known_ahead=config.promo_known_ahead_periods, seed=seed_of(job),
                              steps=config.forecast_steps)  # fmt: skip
    known = forecast.known(fitted, records, 0, last)
    candidates = tuned(records, known, tuple(RULES), SCOPES, job)
    ranked = best_rule(candidates, records, known)
    rules = _one_of_each(ranked)
    best, best_replay = ranked[0]
    job.note(f"best classic rule on the choosing weeks: {best.name}")

    policy = _learn(config, records, known, ranked, job)
    choose = take_periods(records, first, last)
    seen = cut(known, first, last)
    mine = replay(choose, learned.policy(policy), seen)
    wins = float(mine.profit.sum()) > float(best_replay.profit.sum())
    gain = float(mine.profit.sum() - best_replay.profit.sum())
    job.note(f"the learned policy earns {gain:+,.0f} {config.currency} against it on the choosing weeks"
             + ("" if wins else ": the rule serves"))  # fmt: skip
    return InventoryModel(fitted, policy if wins else best, policy, rules, best, period_days(config))


def tuned(
    records: Panel, known: Any, rules: Sequence[str], scopes: tuple[str, ...], job: Job | None = None
) -> list[Ruled]:
    """Every rule with its best parameters of each scope on the training weeks."""
    from ropewalk.systems.inventory import tune

    start, stop = cut_periods(records, "train")
    part, seen = take_periods(records, start, stop), cut(known, start, stop)
    found = []
    for done, rule in enumerate(rules):
        if job is not None:
            job.progress("train: tuning classic rules", done, len(rules), "rules")
        found += [Ruled.of(t, part) for t in tune.tune(rule, part, seen, scopes)]
    return found


def best_rule(candidates: Sequence[Ruled], records: Panel, known: Any) -> list[tuple[Ruled, Replay]]:
    """The candidates on the choosing weeks, the most profitable first."""
    from ropewalk.systems.inventory.panel_replay import replay

    start, stop = cut_periods(records, "choose")
    part, seen = take_periods(records, start, stop), cut(known, start, stop)
    replays = [(rule, replay(part, rule.policy(part.item, part.site), seen)) for rule in candidates]
    return sorted(replays, key=lambda pair: -float(pair[1].profit.sum()))


def cut(known: Any, start: int, stop: int) -> Any:
    """The periods start..stop of what is known [T,I,...]."""
    return type(known)(*(column[start:stop] for column in known))


def _one_of_each(ranked: list[tuple[Ruled, Replay]]) -> tuple[Ruled, ...]:
    """The best scope of each rule: five lines of the table rather than fifteen."""
    kept: dict[str, Ruled] = {}
    for rule, _ in ranked:
        kept.setdefault(rule.rule, rule)
    return tuple(kept.values())


def _learn(config: Config, records: Panel, known: Any, ranked: list[tuple[Ruled, Replay]], job: Job) -> Any:
    """Train the network from the tuned "(s, S) on forecast", from the last checkpoint if there is one."""
    from ropewalk.systems.inventory import learned_fit

    a, b = cut_periods(records, "train")
    c, d = cut_periods(records, "choose")
    z, quantity = next(r.shared for r, _ in ranked if r.rule == "(s, S) on forecast" and r.scope == "shared").tolist()
    settings = learned_fit.Settings(
        steps=config.steps, chunk=min(config.steps, 50), batch=config.batch_items, channels=config.width
    )
    course = learned_fit.course(
        take_periods(records, a, b),
        cut(known, a, b),
        take_periods(records, c, d),
        cut(known, c, d),
        z,
        quantity,
        settings,
    )
    state = learned_fit.init(course, seed_of(job))
    kept = job.resume()
    if kept is not None:
        state = learned_fit.from_bytes(kept[1], state)
    while not learned_fit.finished(course, state):
        state = learned_fit.update(course, state)
        step = int(state.step)
        job.report(step, best_choose_usd=float(state.best_profit))
        job.checkpoint(step, learned_fit.to_bytes(state))
        job.progress("train: learned policy", step, config.steps, "steps")
    return learned_fit.chosen(course, state)
