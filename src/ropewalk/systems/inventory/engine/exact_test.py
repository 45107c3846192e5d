"""Exact answers are those that were published, and those of the engine's own simulation."""

import numpy as np
import pytest
from scipy import stats

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import exact
from ropewalk.systems.inventory.engine.exact import Outcomes, Problem, chain, outcomes, path_costs, solve
from ropewalk.systems.inventory.engine.step import Period, State, Terms, start, step
from ropewalk.systems.inventory.engine.world import World

POISSON = stats.poisson(5).pmf(np.arange(60))
GEOMETRIC = stats.geom(1 / 6, loc=-1).pmf(np.arange(300))


def lost_sales(law, lead, penalty):
    return Problem(World(lead=(lead,)), Terms(holding=1.0, lost_sale=1.0 * penalty), outcomes(law))


def capped(level, cap):
    return lambda states: np.clip(level - states.sum(1), 0, cap)[:, None]


@pytest.mark.parametrize(
    ("law", "lead", "penalty", "optimum"),
    [
        (POISSON, 1, 4, 4.04),
        (POISSON, 2, 4, 4.40),
        (POISSON, 2, 39, 9.11),
        (GEOMETRIC, 1, 4, 9.82),
        (GEOMETRIC, 1, 39, 23.87),
    ],
)
def test_optima_of_lost_sales_are_those_of_the_literature(law, lead, penalty, optimum):
    """Zipkin, Old and new methods for lost-sales inventory systems, Operations Research 56(5), 2008, tables 3 and 4."""
    problem = lost_sales(law, lead, penalty)
    found = solve(problem, np.arange(40)[:, None], (0, 40 if law is POISSON else 75))
    assert found.cost.middle == pytest.approx(optimum, abs=0.006)
    again = chain(problem, found.decide).average_cost()
    assert again.middle == pytest.approx(found.cost.middle, rel=2e-5), "the policy costs what the solution says"


@pytest.mark.parametrize(("lead", "expedited", "optimum"), [(2, 105, 216.77), (3, 110, 220.34)])
def test_optima_of_two_sources(lead, expedited, optimum):
    """The setting of Gijsbrechts et al., M&SOM 24(3), 2022; the optimum by an independent value iteration."""
    world = World(unmet="backlog", lead=(lead, 0), sources=2)
    terms = Terms(unit_cost=np.array([100.0, expedited]), holding=5.0, backlog=495.0)
    orders = np.array([(i, j) for i in range(6) for j in range(9)])
    found = solve(Problem(world, terms, outcomes(np.full(5, 0.2))), orders, (0, 4 * (lead + 2)), 1e-6)
    assert found.cost.middle == pytest.approx(optimum, abs=0.006)


@pytest.mark.parametrize(("fifo", "optimum"), [(1.0, 13.2096), (0.5, 32.5869)])
def test_optima_of_perishables(fifo, optimum):
    """Life 3, no lead time, Poisson 4, waste and lost sales 100 each: Temizoz et al., arXiv 2011.15122."""
    world, terms = World(life=3, lead=(0,), issuing="mixed"), Terms(lost_sale=100.0, waste=100.0)
    problem = Problem(world, terms, outcomes(stats.poisson(4).pmf(np.arange(40)), fifo))
    assert solve(problem, np.arange(14)[:, None], (0, 24)).cost.middle == pytest.approx(optimum, abs=5e-4)


def test_a_policy_costs_what_a_long_simulation_says():
    problem = lost_sales(POISSON, 4, 9)
    exact = chain(problem, capped(29, 5)).average_cost().middle
    rng, paths, periods = np.random.default_rng(0), 2_000, 400
    state, total = start(problem.world, (paths,), np), 0.0
    for t in range(periods):
        period = Period(rng.poisson(5.0, paths) * 1.0)
        state, flow = step(
            problem.world, lambda seen: np.clip(29 - seen.position, 0, 5)[:, None], problem.terms, state, period, np
        )
        total += -flow.profit.mean() * (t >= 50)
    assert total / (periods - 50) == pytest.approx(exact, rel=2e-3)


def test_the_share_of_time_adds_up_and_gives_the_same_cost():
    found = chain(lost_sales(POISSON, 2, 9), capped(19, 6))
    share = found.share()
    assert share.sum() == pytest.approx(1.0)
    assert share @ found.cost == pytest.approx(found.average_cost().middle, rel=1e-4)


def test_states_are_looked_at_after_receipts():
    """A unit due now and a unit on hand are the same state; the pipeline has one column less than in the engine."""
    problem = lost_sales(POISSON, 3, 9)
    assert problem.columns == ("on_hand", "owed", "due_1", "due_2")
    after, cost = problem.advance(np.array([[4, 0, 2, 1]]), np.array([[5]]))
    assert after[0, 3].tolist() == [1 + 2, 0, 1, 5]  # three sold, two come, the order is behind
    assert cost[0, 3] == 1.0
    assert cost[0, 6] == 18.0


def test_the_tail_that_was_cut_is_stated():
    cut = outcomes(stats.poisson(5).pmf(np.arange(12)))
    assert cut.cut == pytest.approx(stats.poisson(5).sf(11))
    assert cut.probability.sum() == pytest.approx(1.0)


def test_a_policy_that_goes_in_circles_has_a_cost():
    """Certain demand of 1 and orders of 3: three states in turn, 2, 1 and 0 units held, an order every third period."""
    certain = Outcomes(Period(np.array([1.0])), np.ones(1))
    terms = Terms(holding=1.0, lost_sale=9.0, order_cost=np.array([4.0]))
    problem = Problem(World(lead=(0,)), terms, certain)
    around = chain(problem, lambda states: np.where(states[:, :1] == 0, 3, 0))
    assert around.average_cost().middle == pytest.approx((4 + 2 + 1 + 0) / 3, rel=1e-5)
    assert around.share() == pytest.approx([1 / 3] * 3)
    assert solve(problem, np.arange(6)[:, None], (0, 6)).cost.middle == pytest.approx(7 / 3, rel=1e-5)


def test_a_demand_that_never_comes_leads_nowhere():
    """Demands of 0 and 4 with orders of 4: every state is a multiple, and the chain has one class."""
    found = outcomes(np.array([0.8, 0.0, 0.0, 0.0, 0.2]))
    assert found.period.demand.tolist() == [0.0, 4.0]
    problem = Problem(World(lead=(1,)), Terms(holding=1.0, lost_sale=9.0, pack=np.array([4.0])), found)
    assert set(chain(problem, capped(8, 8)).states[:, 0]) == {0, 4, 8}


def test_parts_of_units_are_not_rounded_away():
    """Half of what is unmet waits: the chain would have counted 0, 2, 2, 4 for 0.5, 1.5, 2.5, 3.5 units."""
    terms = Terms(holding=1.0, backlog=4.0, lost_sale=4.0, kept=0.5)
    problem = Problem(World(unmet="partial", lead=(1,)), terms, outcomes(POISSON))
    with pytest.raises(ConfigError, match="simulate"):
        chain(problem, capped(9, 9))
    whole = Problem(World(unmet="partial", lead=(1,)), terms._replace(kept=1.0), outcomes(POISSON))
    waits = Problem(World(unmet="backlog", lead=(1,)), terms, outcomes(POISSON))
    policy = lambda states: np.maximum(9 - states.sum(1) + 2 * states[:, 1], 0)[:, None]  # noqa: E731
    assert chain(whole, policy).average_cost() == chain(waits, policy).average_cost()


def test_what_capacity_prices_charge_is_a_cost():
    """Prices of 2 a unit in store are as 2 more of holding."""
    law = outcomes(POISSON)
    prices = {name: np.full(len(law.probability), 0.0) for name in ("budget_price", "inbound_price")}
    period = law.period._replace(storage_price=np.full(len(law.probability), 2.0), **prices)
    terms = Terms(holding=1.0, lost_sale=9.0, volume=1.0)
    priced = Problem(World(lead=(1,), capacity=True), terms, Outcomes(period, law.probability))
    dearer = Problem(World(lead=(1,)), terms._replace(holding=3.0), law)
    policies = capped(12, 9), capped(9, 6)
    for policy in policies:
        found = chain(priced, policy).average_cost()
        assert found.middle == pytest.approx(chain(dearer, policy).average_cost().middle, rel=1e-5)
    on_paths = [path_costs(each, lambda seen: np.maximum(9 - seen.position, 0.0)[..., None], (50,), 1, 100) for each in (priced, dearer)]  # fmt: skip
    np.testing.assert_allclose(*on_paths)


def test_values_are_solved_for_as_they_are_iterated(monkeypatch):
    found = chain(lost_sales(POISSON, 2, 9), capped(19, 6))
    bounds, values = found.values(1e-9, 2)
    monkeypatch.setattr(exact, "SMALL", 0)
    again, iterated = found.values(1e-9)
    assert bounds.middle == pytest.approx(again.middle, rel=1e-8)
    np.testing.assert_allclose(values, iterated, atol=1e-5)


def test_what_cannot_be_solved_is_refused():
    random = Problem(World(lead="random", longest=3), Terms(holding=1.0), outcomes(POISSON))
    yields = Problem(World(lead=(2,), random_yield=True), Terms(holding=1.0), outcomes(POISSON))
    for problem in (random, yields):
        with pytest.raises(ConfigError, match="simulate"):
            chain(problem, capped(9, 9))
        with pytest.raises(ConfigError, match="simulate"):
            solve(problem, np.arange(9)[:, None], (0, 9))
    with pytest.raises(ConfigError, match="simulate"):
        chain(lost_sales(POISSON, 4, 9), capped(40, 40), most=100)
    assert isinstance(start(World(), (2,), np), State)
