"""An item whose demand waits costs as a position what it costs with its pipeline, and measures agree however they are found."""

from dataclasses import replace

import numpy as np
import pytest

from ropewalk.systems.inventory.engine import measures
from ropewalk.systems.inventory.engine.classic_cost import decision
from ropewalk.systems.inventory.engine.exact import Problem, chain, outcomes, seen, states
from ropewalk.systems.inventory.engine.laws import law
from ropewalk.systems.inventory.engine.positions import as_positions, over, positions
from ropewalk.systems.inventory.engine.step import Terms
from ropewalk.systems.inventory.engine.world import World


def waits(lead):
    terms = Terms(holding=1.0, backlog=4.0, order_cost=np.array([3.0]), unit_cost=np.array([2.0]))
    return Problem(World(unmet="backlog", lead=(lead,)), terms, outcomes(law("poisson:2").probability(1e-6), tail=1e-5))


@pytest.mark.parametrize("lead", [0, 1, 2])
@pytest.mark.parametrize(
    ("policy", "parameters"), [("base-stock", (7.0,)), ("(s, S)", (4.0, 9.0)), ("(R, Q)", (4.0, 5.0))]
)
def test_the_cost_and_all_measures_are_those_of_the_whole_pipeline(lead, policy, parameters):
    whole = waits(lead)
    small = positions(whole)
    found, other = (chain(problem, decision(problem, policy, parameters)) for problem in (whole, small))
    assert len(other.states) <= len(found.states)
    assert other.average_cost(1e-8).middle == pytest.approx(found.average_cost(1e-8).middle, rel=1e-6)
    assert measures.exactly(small, other) == pytest.approx(measures.exactly(whole, found), rel=1e-4, abs=1e-6)


def test_what_has_no_position_is_left_as_it_is():
    assert positions(Problem(World(lead=(2,)), Terms(holding=1.0, lost_sale=4.0), outcomes(np.full(3, 1 / 3)))) is None
    for field in ("elapsed", "price"):  # what a period's demand costs or brings then depends on when it comes
        problem = waits(1)
        period = problem.outcomes.period._replace(**{field: np.arange(len(problem.outcomes.probability)) + 1.0})
        assert positions(replace(problem, outcomes=replace(problem.outcomes, period=period))) is None


def test_states_become_positions():
    assert as_positions(np.array([[3, 0, 4], [0, 9, 4], [2, 2, 0]])).tolist() == [[7, 0], [0, 5], [0, 0]]


def test_expected_stock_and_backlog_are_sums_over_the_law():
    chances = np.array([0.2, 0.5, 0.3])
    left, owed = over(chances, np.array([-2, 0, 1, 5]))
    assert left == pytest.approx([0, 0, 0.2, 5 - 1.1])
    assert owed == pytest.approx([3.1, 1.1, 0.3, 0])


@pytest.mark.parametrize("unmet", ["lost", "backlog"])
def test_simulated_measures_are_the_exact_ones(unmet):
    terms = Terms(holding=1.0, backlog=4.0 if unmet == "backlog" else None, lost_sale=4.0 if unmet == "lost" else None)
    problem = Problem(World(unmet=unmet, lead=(2,)), terms, outcomes(law("poisson:3").probability()))
    decide = decision(problem, "base-stock", (10.0,))
    exact = measures.exactly(problem, chain(problem, decide))
    paths = measures.simulated(problem, lambda now: decide(states(now)), paths=300, periods=400)
    assert decide(states(seen(problem.world, np.array([[3, 0, 2]])))).tolist() == [[5]]
    for name, mean, each in zip(exact._fields, exact, paths, strict=True):
        assert abs(each.mean() - mean) < 4.5 * each.std() / np.sqrt(300) + 1e-9, name
    assert exact.cost == pytest.approx(exact.stock + 4.0 * (exact.owed if unmet == "backlog" else exact.unmet))
    assert exact.ordered == pytest.approx(exact.demand - (exact.unmet if unmet == "lost" else 0.0))
