"""The expected profit of a period is the mean of what the engine's step gives over all demands."""

import numpy as np
import pytest
from scipy import stats

from ropewalk.systems.inventory.engine import exact, expected
from ropewalk.systems.inventory.engine.step import Period, State, Terms, step
from ropewalk.systems.inventory.engine.world import World

TERMS = Terms(holding=1.0, lost_sale=9.0, waste=5.0, unit_cost=np.array([2.0]))


@pytest.mark.parametrize(
    "world", [World(lead=(1,)), World(lead=(0,)), World(life=3, lead=(0,)), World(life=2, issuing="lifo")]
)
def test_it_is_the_mean_over_the_demand(world):
    terms = TERMS if world.life else TERMS._replace(waste=None)
    problem = exact.Problem(world, terms, exact.outcomes(stats.poisson(4).pmf(np.arange(40))))
    table = expected.unsold(problem, 42)
    rng = np.random.default_rng(0)
    for _ in range(20):
        shelf, due = (rng.integers(0, 6, (1, size)) * 1.0 for size in (world.lives, world.columns))
        state, shown = State(shelf, np.zeros(1), due), []
        _, flow = step(
            world,
            lambda seen, s=shown: s.append(seen) or np.full((1, 1), 3.0),
            terms,
            state,
            problem.outcomes.period,
            np,
        )
        each = np.asarray(expected.profit(world, terms, table, shown[0], flow))
        np.testing.assert_allclose(each, flow.profit @ problem.outcomes.probability, rtol=1e-5)


def test_between_whole_units_and_beyond_the_table_it_is_a_line():
    problem = exact.Problem(World(), TERMS, exact.outcomes(np.array([0.5, 0.0, 0.5])))
    table = expected.unsold(problem, 4)
    np.testing.assert_allclose(table.of(np.array([0.0, 0.5, 1.0, 2.0, 3.0, 50.0])), [0.0, 0.25, 0.5, 1.0, 2.0, 49.0])


def test_it_is_not_claimed_where_it_is_not_known():
    period = Period(np.array([1.0]))
    assert expected.known(World(), period)
    assert not expected.known(World(unmet="backlog"), period)
    assert not expected.known(World(life=3, issuing="mixed"), period)
    assert not expected.known(World(random_yield=True), period)
    assert not expected.known(World(), period._replace(elapsed=np.array([2.0])))
