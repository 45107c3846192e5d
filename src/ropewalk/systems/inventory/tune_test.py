"""Tuning finds what a finer search finds, and the scopes nest."""

import numpy as np
import pytest

from ropewalk.systems.inventory import forecast
from ropewalk.systems.inventory.forecast_fit import fit
from ropewalk.systems.inventory.panel import toy_panel
from ropewalk.systems.inventory.panel_replay import replay
from ropewalk.systems.inventory.rules import RULES
from ropewalk.systems.inventory.tune import GRIDS, Tuned, choose, tune


@pytest.fixture(scope="module")
def setting():
    records = toy_panel(24, 30, seed=4)
    return records, forecast.known(fit(records, 30, steps=60, size=256), records, 0, 30)


def profit(tuned, records, known):
    return replay(records, tuned.policy(), known).profit.sum()


def test_every_rule_has_a_grid():
    assert set(GRIDS) == set(RULES)


def test_a_shared_parameter_is_as_good_as_a_fine_search(setting):
    from ropewalk.systems.inventory.panel import take_periods
    from ropewalk.systems.inventory.rules import Known
    from ropewalk.systems.inventory.tune import FIRST

    records, known = setting
    later, seen = take_periods(records, FIRST, 30), Known(*(c[FIRST:] for c in known))
    found = profit(tune("base-stock", records, known, ("shared",))[0], later, seen)
    fine = max(
        profit(Tuned("base-stock", "shared", np.full((24, 1), z, np.float32)), later, seen)
        for z in np.linspace(-1, 5, 121)
    )
    assert found >= fine - 2e-3 * abs(fine)


def test_where_a_margin_is_thin_the_best_level_is_far_below_the_mean(setting):
    """Goods that earn 0.2 a unit and cost 0.3 a period to hold."""
    records = toy_panel(
        24, 30, seed=4, unit_cost=np.full(24, 2.8), holding_usd=np.full(24, 0.3), order_cost_usd=np.zeros(24)
    )
    known = forecast.known(fit(records, 30, steps=60, size=256), records, 0, 30)
    found = tune("base-stock", records, known, ("shared",))[0]
    assert found.parameters[0, 0] < -1.2
    least = Tuned("base-stock", "shared", np.full((24, 1), -1.0, np.float32))
    assert profit(found, records, known) > profit(least, records, known)


@pytest.mark.parametrize("rule", ["(s, S)", "(s, S) on forecast"])
def test_more_freedom_earns_more_on_the_weeks_tuned_on(setting, rule):
    from ropewalk.systems.inventory.panel import take_periods
    from ropewalk.systems.inventory.rules import Known
    from ropewalk.systems.inventory.tune import FIRST

    records, known = setting
    later, seen = take_periods(records, FIRST, 30), Known(*(c[FIRST:] for c in known))
    shared, group, item = (profit(t, later, seen) for t in tune(rule, records, known))
    assert shared <= group + 1e-2 * abs(group)
    assert group <= item + 1e-3 * abs(item)


def test_the_most_profitable_candidate_comes_first(setting):
    records, known = setting
    ordered = choose(
        [t for rule in ("base-stock", "(s, S)") for t in tune(rule, records, known, ("shared",))], records, known
    )
    profits = [replay.profit.sum() for _, replay in ordered]
    assert profits == sorted(profits, reverse=True)
