"""Optima are those that were published, in a range that is wide enough, and what is too large is refused before it is begun."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import optimum as module
from ropewalk.systems.inventory.engine.exact import Outcomes, Problem, chain, outcomes, solve
from ropewalk.systems.inventory.engine.laws import law
from ropewalk.systems.inventory.engine.optimum import memory_of, optimum, orders_of, size
from ropewalk.systems.inventory.engine.positions import Positions, as_positions
from ropewalk.systems.inventory.engine.step import Terms
from ropewalk.systems.inventory.engine.world import World


def lost(text, lead, penalty, **terms):
    return Problem(
        World(lead=(lead,)), Terms(holding=1.0, lost_sale=1.0 * penalty, **terms), outcomes(law(text).probability())
    )


def waits(text, lead, backlog, order_cost=0.0):
    terms = Terms(holding=1.0, backlog=1.0 * backlog, order_cost=np.array([order_cost]))
    return Problem(World(unmet="backlog", lead=(lead,)), terms, outcomes(law(text).probability(), tail=1e-8))


def two_sources(lead, expedited):
    terms = Terms(unit_cost=np.array([100.0, expedited]), holding=5.0, backlog=495.0)
    return Problem(World(unmet="backlog", lead=(lead, 0), sources=2), terms, outcomes(np.full(5, 0.2)))


def perishable(fifo):
    world, terms = World(life=3, lead=(0,), issuing="mixed"), Terms(lost_sale=100.0, waste=100.0)
    return Problem(world, terms, outcomes(law("poisson:4").probability(), fifo))


@pytest.mark.parametrize(
    ("problem", "cost", "off"),
    [
        (lost("poisson:5", 2, 4), 4.3954, 2e-4),  # Zipkin 2008; to four digits by Temizoz et al., arXiv 2011.15122
        (lost("poisson:5", 2, 39), 9.11, 6e-3),
        (lost("geometric:5", 1, 4), 9.82, 6e-3),
        (two_sources(2, 105), 216.77, 6e-3),  # Gijsbrechts et al., M&SOM 24(3), 2022
        (two_sources(3, 110), 220.34, 6e-3),
        (perishable(1.0), 13.2096, 5e-4),  # Temizoz et al.
        (perishable(0.5), 32.5869, 5e-4),
        (waits("poisson:6", 0, 4, 5.0), 8.034, 6e-4),  # Snyder & Shen, example 4.7
        (waits("poisson:10", 0, 9, 64.0), 35.022, 6e-4),  # Zheng & Federgruen 1991, table 1
    ],
)
def test_optima_are_those_of_the_literature(problem, cost, off):
    found = optimum(problem)
    assert found.solution.cost.middle == pytest.approx(cost, abs=off)
    assert found.chain.average_cost().middle == pytest.approx(found.solution.cost.middle, rel=2e-5)


@pytest.mark.parametrize(
    "problem",
    [lost("poisson:5", 2, 9), lost("poisson:3", 1, 9, order_cost=np.array([4.0])), lost("poisson:3", 1, 19, pack=np.array([4.0])),
     perishable(0.5), two_sources(2, 110)],
)  # fmt: skip
def test_a_wider_range_changes_nothing(problem):
    found = optimum(problem)
    wide = found.range._replace(most=tuple(m + 4 for m in found.range.most), position=(-1, found.range.position[1] + 6))
    again = solve(problem, orders_of(problem, wide), wide.position)
    assert again.cost.middle == pytest.approx(found.solution.cost.middle, rel=1e-5)


def test_an_item_with_backlog_is_solved_as_positions_whatever_its_lead_time():
    found = optimum(waits("poisson:5", 12, 9))
    assert isinstance(found.problem, Positions)
    assert len(found.solution.states) < 150
    often = found.chain.share() > 1e-9
    after = found.chain.states[:, 0] - found.chain.states[:, 1] + found.chain.orders[:, 0]
    assert set(after[often]) == {law("poisson:5").over(13).ppf(0.9)}, "base-stock at the newsvendor's level"


@pytest.mark.parametrize(
    "problem", [lost("poisson:5", 3, 9), lost("geometric:5", 1, 9), two_sources(2, 105), perishable(0.5)]
)
def test_what_a_solution_takes_is_counted_from_above(problem):
    found = optimum(problem)
    states, orders = size(found.problem, found.range)
    assert len(found.solution.states) <= states
    assert orders >= states
    exactly = found.range.proven
    assert not exactly or len(found.solution.states) == states, "with Morton's range every state that is counted comes"
    assert memory_of(problem, found.range) > 32 * orders


def test_what_is_too_large_is_refused_before_it_is_begun(monkeypatch):
    monkeypatch.setattr(module, "solve", lambda *_, **__: pytest.fail("it was begun"))
    with pytest.raises(
        ConfigError, match=r"up to [\d,]+ states .* GB; 4 GB are allowed \(--memory-gb\). `tune` and `compare`"
    ):
        optimum(lost("geometric:20", 6, 19))


def test_an_order_that_is_dear_waits_until_much_is_owed():
    """(s, S) is optimal with an order cost (Scarf 1960), and s may be far below 0: every order of a better policy is forced where the
    range begins at 0. By a plain search over all (s, S): (-9, 11), 10.063."""
    found = optimum(waits("poisson:2", 0, 1, 50.0))
    assert found.solution.cost.middle == pytest.approx(10.0635, abs=2e-4)
    often = found.chain.share() > 1e-6
    position = (found.chain.states[:, 0] - found.chain.states[:, 1])[often]
    placed = found.chain.orders[often, 0] > 0
    assert (position[placed].max(), position[~placed].min()) == (-9, -8)


def test_packs_and_the_largest_order_that_is_tried():
    """Packs of 2 and a first guess of 5 units: no order is 5, so 4 is the largest."""
    terms = Terms(holding=1.0, lost_sale=9.0, order_cost=np.array([1.0]), pack=np.array([2.0]))
    found = optimum(Problem(World(lead=(0,)), terms, outcomes(np.full(4, 0.25))))
    wide = solve(found.problem, np.arange(0, 24, 2)[:, None], (0, 30))
    assert found.solution.cost.middle == pytest.approx(wide.cost.middle, rel=1e-5)


@pytest.mark.parametrize("owed", [30, 60])
def test_from_far_below_the_order_is_the_best_one(owed):
    """All of it and more at once: with an order cost it pays to order for two periods."""
    problem = waits("poisson:3", 1, 9, 9.0)
    begin = np.array([[0, owed]])
    found = optimum(problem, begin=begin)
    order = int(found.solution.decide(as_positions(begin))[0, 0])
    usual = optimum(problem)
    level = (usual.chain.states[:, 0] - usual.chain.states[:, 1] + usual.chain.orders[:, 0])[
        usual.chain.share() > 1e-9
    ].max()
    assert order - owed == level, "Scarf 1960: up to S from everywhere below s"


def test_a_range_is_proven_only_where_it_is():
    """Each of these is better with larger orders than Morton's range allows, or with a longer wait."""
    law_, base = outcomes(law("poisson:3").probability()), Terms(holding=1.0, lost_sale=9.0)
    ways = len(law_.probability)

    def with_chance(**fields):
        twice = jax.tree.map(lambda column: np.concatenate([column, column]), law_.period)
        return Outcomes(twice._replace(**fields), np.concatenate([law_.probability, law_.probability]) / 2)

    half = np.r_[np.zeros(ways), np.ones(ways)]
    problems = [
        Problem(World(lead=(0,), random_yield=True), base, with_chance(yields=half[:, None, None])),
        Problem(World(lead=(1,), review=True), base, with_chance(review=half)),
        Problem(World(lead=(0,), discounts=True), base._replace(unit_cost=np.array([4.0]), breaks=np.array([[10.0]]), rebates=np.array([[0.5]])), law_),
    ]  # fmt: skip
    for problem in problems:
        found = optimum(problem)
        wide = found.range._replace(
            most=tuple(m + 6 for m in found.range.most), position=(0, found.range.position[1] + 8)
        )
        again = solve(problem, orders_of(problem, wide), wide.position)
        assert not found.range.proven
        assert found.solution.cost.middle == pytest.approx(again.cost.middle, rel=2e-5)


def test_one_shipment_that_comes_later_is_a_longer_lead_time():
    later = lost("poisson:3", 0, 9, shares=np.array([1.0]))
    later = replace(later, world=World(lead=(0,), shipments=(2,)))
    assert optimum(later).solution.cost.middle == pytest.approx(
        optimum(lost("poisson:3", 2, 9)).solution.cost.middle, rel=2e-5
    )


def test_states_that_are_asked_for_are_held():
    far = np.array([[40, 0, 11]])
    found = optimum(lost("poisson:5", 2, 4), begin=far)
    assert found.solution.decide(far).tolist() == [[0]]
    assert found.solution.cost.middle == pytest.approx(4.3953, abs=2e-4)


def test_values_say_what_a_start_is_worth():
    """One unit more on hand at the start changes all cost from then on by the difference of the values: Bellman's equation."""
    problem = lost("poisson:5", 1, 9)
    found = chain(problem, optimum(problem).solution.decide)
    bounds, value = found.values(1e-9)
    assert found.cost + found.moves @ value == pytest.approx(value + bounds.middle, abs=1e-6)
