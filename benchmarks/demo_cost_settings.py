"""Learned policy against the best classic rule at nine cost settings of the demo, on weeks that come before the replay.

    python benchmarks/demo_cost_settings.py [--specialist]

Twice: fitted on the first 20 weeks and looked at in the next 10, fitted on the first 30 and looked at in the 10 after. The replay
weeks are cut off before anything is read. Nothing is chosen on the weeks looked at but the classic rule, in hindsight, which favours
it; the network has the average of the weights over the last half of the training. --specialist: at the doubled cost of a lost sale also a
network of its own for each setting, from the rule tuned there. About 3 CPU-minutes, with --specialist 4.
docs/decisions/0025-doubled-lost-sales.md reads it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import jax
import numpy as np

import ropewalk
from ropewalk.methods.stats.bootstrap import paired_interval
from ropewalk.systems.inventory import forecast, forecast_fit, learned, learned_fit
from ropewalk.systems.inventory.config import FIRST_SEED, Config
from ropewalk.systems.inventory.evaluate import FACTORS, GRID_RULES, GRID_SCOPES, at_costs
from ropewalk.systems.inventory.panel import cut_periods, take_periods, with_costs
from ropewalk.systems.inventory.panel_replay import earned, replay
from ropewalk.systems.inventory.requests import panel_of
from ropewalk.systems.inventory.train import cut
from ropewalk.systems.inventory.tune import tune
from rows import tell

ORIGINS = ((20, 30), (30, 40))  # weeks fitted on: 0 to the first; weeks looked at: from there to the second
RULE = "(s, S) on forecast"
CELLS = [(holding, lost) for lost in FACTORS for holding in FACTORS]


def fitted(records, known, stop, rule, settings, seed):
    """The network learned on the weeks before `stop`, from a tuned rule."""
    z, quantity = rule.parameters[0].tolist()
    part, seen = take_periods(records, 0, stop), cut(known, 0, stop)
    course = learned_fit.course(part, seen, take_periods(records, stop, stop + 1), cut(known, stop, stop + 1), z, quantity, settings)  # fmt: skip
    state, kept = learned_fit.init(course, seed), []
    while not learned_fit.finished(course, state):
        state = learned_fit.update(course, state)
        kept.append(state.weights)
    mean = jax.tree.map(lambda *layers: np.mean(layers, axis=0, dtype=np.float32), *kept[len(kept) // 2 :])
    return learned.Learned(learned_fit.joined(mean), z, quantity)


def origin(records, stop, last, settings, seed, specialist):
    """cell -> what each policy earned [I, weeks looked at]."""
    config = Config()
    records = replace(records, cut=np.array(["train"] * stop + ["choose"] * (records.shape[1] - stop)))
    fit = forecast_fit.fit(records, stop, promo_known_ahead=config.promo_known_ahead_periods, seed=FIRST_SEED,
                           steps=config.forecast_steps)  # fmt: skip
    known = forecast.known(fit, records, 0, last)
    rules = {}
    for cell in CELLS:
        costed = with_costs(records, *cell)
        past, seen = take_periods(costed, 0, stop), cut(at_costs(known, costed), 0, stop)
        rules[cell] = [tuned for rule in GRID_RULES for tuned in tune(rule, past, seen, GRID_SCOPES)]
    start = {cell: next(t for t in found if t.name == RULE) for cell, found in rules.items()}
    network, found = fitted(records, known, stop, start[1.0, 1.0], settings, seed), {}
    for cell in CELLS:
        costed = with_costs(records, *cell)
        part, own = take_periods(costed, stop, last), at_costs(known, costed)
        seen = cut(own, stop, last)
        policies = {"learned": learned.policy(network)}
        if specialist and cell[1] == max(FACTORS):
            narrow = replace(settings, spread_of_costs=1.3)
            policies["specialist"] = learned.policy(fitted(costed, own, stop, start[cell], narrow, seed))
        found[cell] = {name: earned(part, replay(part, policy, seen)) for name, policy in policies.items()}
        classic = [earned(part, replay(part, rule.policy(), seen)) for rule in rules[cell]]
        found[cell]["best"] = max(classic, key=np.sum)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--specialist", action="store_true", help="a network for each setting of doubled lost sales too"
    )
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the network")
    options = parser.parse_args()
    config = Config()
    settings = learned_fit.Settings(steps=config.steps, chunk=50, batch=config.batch_items, channels=config.width)
    whole = panel_of(ropewalk.data("inventory", quiet=True))
    records = take_periods(whole, 0, cut_periods(whole, "replay")[0])
    parts = [origin(take_periods(records, 0, last), stop, last, settings, options.seed, options.specialist)
             for stop, last in ORIGINS]  # fmt: skip
    weeks = sum(last - stop for stop, last in ORIGINS)
    print(
        f"USD over {weeks} weeks before the replay, {records.shape[0]:,} items; 95 % interval of the difference to the best classic rule"
    )
    won = 0
    print(f"{'lost sale':>9} {'holding':>8} {'best rule':>10}   learned")
    for cell in CELLS:
        both = {name: np.concatenate([part[cell][name] for part in parts], axis=1) for name in parts[0][cell]}
        best, texts = both.pop("best"), []
        for name, own in both.items():
            found = paired_interval(own, best, seed=0).scaled(best.size)
            won += name == "learned" and found.low > 0.0
            texts.append(
                f"{'' if name == 'learned' else name + ' '}{found.difference:+,.0f} [{found.low:+,.0f}, {found.high:+,.0f}]"
            )
        print(f"{cell[1]:>9g} {cell[0]:>8g} {best.sum():>10,.0f}   {'; '.join(texts)}")
    tell("Complete Journey: cost settings on which the learned policy beats the best classic rule, clear of zero, before the replay weeks", f"{won} of {len(CELLS)}; why: docs/decisions/0025",
         "7 of 9, or the evidence why not", "", "best classic rule in hindsight", won >= 7 or None)  # fmt: skip


if __name__ == "__main__":
    main()
