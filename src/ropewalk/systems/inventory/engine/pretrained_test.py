"""The network of the package orders at once, nearly as well as can be, on items that nobody trained for."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import exact, pretrain, pretrained
from ropewalk.systems.inventory.engine.laws import law
from ropewalk.systems.inventory.engine.pretrained import Item, item_of
from ropewalk.systems.inventory.engine.step import Terms
from ropewalk.systems.inventory.engine.world import World


def cost_of(demand, penalty, lead):
    named = law(demand)
    problem = exact.Problem(
        World(lead=(lead,)), Terms(holding=1.0, lost_sale=penalty), exact.outcomes(named.probability())
    )
    item = item_of(named.mean, float(named.frozen.std()), penalty, lead)
    return exact.chain(problem, pretrained.load().decide(item)).average_cost().middle


@pytest.mark.parametrize(
    ("demand", "penalty", "lead", "capped", "optimum"),
    [("poisson:5", 4, 2, 4.405, 4.3954), ("poisson:5", 39, 3, 10.086, 10.0386), ("geometric:5", 9, 2, 15.647, 15.5031)],
)
def test_it_is_nearer_to_the_optimum_than_the_best_capped_base_stock_rule(demand, penalty, lead, capped, optimum):
    """Zipkin, Operations Research 56(5), 2008: no instance of these tables was used in training."""
    assert optimum * 0.9999 < cost_of(demand, penalty, lead) < min(capped, optimum * 1.003)


def test_it_is_small_and_says_how_it_was_made():
    found = pretrained.load()
    data = pretrained.to_bytes(found)
    assert len(data) < 5e6
    assert found.made.cpu_seconds > 0
    assert found.made.steps > 0
    again = pretrained.from_bytes(data)
    assert again.made == found.made
    assert again.ranges == found.ranges
    np.testing.assert_array_equal(again.weights[0][0], found.weights[0][0])


def test_many_items_at_once_are_ordered_as_one_by_one():
    rng, found = np.random.default_rng(0), pretrained.load()
    item = Item(rng.uniform(1, 20, 50), rng.uniform(1, 2, 50), rng.uniform(2, 60, 50), rng.integers(0, 11, 50))
    item = item_of(*item)
    on_hand, due = rng.integers(0, 30, 50), rng.integers(0, 10, (50, 10)) * (np.arange(1, 11) < item.lead[:, None])
    every = found.wanted(item, on_hand, due)
    for row in range(50):
        own = Item(*(part[row : row + 1] for part in item))
        np.testing.assert_allclose(
            found.wanted(own, on_hand[row : row + 1], due[row : row + 1]), every[row : row + 1], rtol=1e-4, atol=1e-4
        )
    assert (every >= 0).all()


def test_more_stock_orders_less_and_dearer_lost_sales_more():
    found, ten = pretrained.load(), np.arange(10)
    item = item_of(np.full(10, 5.0), np.full(10, 5.0**0.5), np.full(10, 9.0), np.full(10, 3))
    due = np.full((10, 2), 5.0)
    assert (np.diff(found.wanted(item, 2.0 * ten, due)) <= 0.05).all()
    dearer = item._replace(penalty=np.geomspace(2, 60, 10))
    assert (np.diff(found.wanted(dearer, np.full(10, 8.0), due)) > -0.05).all()


def test_items_that_it_does_not_know_are_refused_with_their_numbers():
    item = item_of(np.array([5.0, 400.0]), np.array([3.0, 30.0]), np.array([9.0, 9.0]), np.array([3, 3]))
    with pytest.raises(ConfigError, match="row 1: mean 400") as caught:
        pretrained.load().wanted(item, np.zeros(2), np.zeros((2, 2)))
    assert "mean 0.5 to 30" in str(caught.value)


@pytest.mark.parametrize("demand", ["poisson:0.5", "negbin:2,0.5", "negbin:0.6,30", "geometric:30"])
def test_items_at_the_ends_of_the_ranges_are_inside(demand):
    """The probabilities of a law end somewhere, so that its mean is a hair below the one that it was given."""
    probability = exact.outcomes(law(demand).probability())
    ends = exact.Problem(World(lead=(10,)), Terms(holding=1.0, lost_sale=100.0), probability)
    assert pretrained.load().ranges.hold(pretrained.item_for(ends)).all()


def problem(**terms):
    return exact.Problem(
        World(lead=(1,)),
        Terms(**({"holding": 1.0, "lost_sale": 9.0} | terms)),
        exact.outcomes(law("poisson:2").probability()),
    )


def test_training_on_for_one_item_goes_from_the_network_and_its_demand():
    brief = pretrain.Settings(steps=4, chunk=2, paths=16, rate=1e-4)
    found = pretrain.trained_on(pretrained.load(), problem(), settings=brief)
    assert found.made.steps == 4
    moved = [np.abs(a - b).max() for (a, _), (b, _) in zip(found.weights, pretrained.load().weights, strict=True)]
    assert 0 < max(moved) < 0.01


def test_a_training_that_leads_away_from_the_optimum_leaves_the_network_as_it_was(monkeypatch):
    monkeypatch.setattr(pretrain, "cheaper", partial(pretrain.cheaper, batches=16))
    start, wild = pretrained.load(), pretrain.Settings(steps=20, paths=16, rate=0.1, average=0.5, parted=0.0)
    assert pretrain.fine_tune(start, problem(), settings=wild) is start


def test_the_cheaper_of_two_networks_is_told_from_chance():
    start = pretrained.load()
    *layers, (weight, bias) = start.weights
    more = replace(start, weights=(*layers, (weight, bias + 0.5)))  # half a standard deviation more in every order
    assert pretrain.cheaper(problem(), more, start, batches=16)
    assert not pretrain.cheaper(problem(), start, more, batches=16)
    assert not pretrain.cheaper(problem(), start, start, batches=16)


def test_what_the_network_does_not_know_is_refused_before_it_is_trained_on(monkeypatch):
    monkeypatch.setattr(pretrain, "trained_on", None)
    with pytest.raises(ConfigError, match="penalty 1000"):
        pretrain.fine_tune(pretrained.load(), problem(lost_sale=1000.0))


def test_its_training_starts_alike_from_one_seed():
    brief = pretrain.Settings(steps=4, chunk=2, paths=16, sizes=(8,))
    one, again = (pretrain.pretrain(brief, seed=5).weights for _ in range(2))
    for (a, _), (b, _) in zip(one, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_items_of_the_training_are_inside_the_ranges_that_are_told():
    ranges = pretrained.Ranges()
    items = pretrain.drawn(np.random.default_rng(0), 400, ranges)
    assert ranges.hold(items.item).mean() > 0.99  # a mean or a cost at the very end may be rounded out
    spare = items.unsold[:, -1] - (pretrain.UNITS - 1 - items.item.mean)
    assert np.abs(spare).max() < 0.05, "at the end of the table nothing is short"


@pytest.mark.parametrize(
    ("changed", "why"), [({"holding": 0.0}, "costs nothing to hold"), ({"order_cost": np.array([5.0])}, "order costs")]
)
def test_what_it_is_not_made_for_is_refused_with_the_reason(changed, why):
    with pytest.raises(ConfigError, match=why):
        pretrained.item_for(problem(**changed))


@pytest.mark.parametrize(
    ("world", "why"), [({"lead": "random", "longest": 2}, "random"), ({"review": True}, "without a review"), ({"shipments": (1,)}, "later shipments")]
)  # fmt: skip
def test_a_world_it_is_not_made_for_is_refused_with_the_reason(world, why):
    usual = problem()
    with pytest.raises(ConfigError, match=why):
        pretrained.item_for(replace(usual, world=replace(usual.world, **world)))
