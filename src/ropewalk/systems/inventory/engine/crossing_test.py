"""Steering what is outstanding: base-stock is a case of it, its weights have the means they say, and learning leaves base-stock behind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import crossing, events
from ropewalk.systems.inventory.engine.step import Seen

SLOW = crossing.Item(rate=1.0, law=events.exponential(2.0), holding=1.0, backlog=9.0, max_order=2, slots=20)


def optimum(item: crossing.Item, mean_lead: float, units: int = 40) -> float:
    """USD a unit of time, for exponential lead times, by value iteration: net stock and what is outstanding say all there is. A step
    is the next event of demand, of an arrival, or of nothing (uniformization)."""
    stock = np.arange(-units, units + 1)
    outstanding = np.arange(item.slots + 1)
    paid = (item.holding * np.maximum(stock, 0) + item.backlog * np.maximum(-stock, 0))[:, None]
    events_rate = item.rate + item.slots / mean_lead
    value = np.zeros((len(stock), len(outstanding)))
    for _ in range(20_000):
        wider = np.pad(value, ((0, 0), (0, item.max_order)), mode="edge")
        decided = np.min([wider[:, a : a + len(outstanding)] for a in range(item.max_order + 1)], axis=0)
        sold = np.concatenate([decided[:1], decided[:-1]])
        arrived = np.concatenate([value[1:], value[-1:]])
        arrived = np.concatenate([arrived[:, :1], arrived[:, :-1]], axis=1)
        rest = events_rate - item.rate - outstanding / mean_lead
        after = (paid + item.rate * sold + outstanding / mean_lead * arrived + rest * value) / events_rate
        gained = (after - value)[units // 2 : -units // 2, : item.slots // 2] * events_rate
        value = after - after[units, 0]
        if np.ptp(gained) < 1e-4 * gained.mean():
            return float(gained.mean())
    raise AssertionError("the bounds of the cost do not meet")


def shown(shelf, owed, units, ages):
    return Seen(*(jnp.asarray(part, jnp.float32) for part in ([shelf], owed, units, 0.0, ages)))


def test_with_all_numbers_1_it_orders_up_to_the_base_stock_level():
    lead, numbers = crossing.lead_of(SLOW), crossing.base_stock(SLOW)
    level, _ = events.base_stock(2.0, 1.0, 9.0)
    for shelf, owed, units in ((3, 0, [1, 1, 1, 0]), (0, 2, [1, 0, 0, 0]), (9, 0, [0, 0, 0, 0])):
        wanted = crossing.ordering(lead, numbers)(shown(shelf, owed, units, [0.1, 3.0, 7.0, 0.0]))
        assert float(wanted[0]) == pytest.approx(level - (shelf - owed + sum(units)), abs=1e-3)


def test_what_is_outstanding_has_the_mean_age_that_the_weights_are_centred_on():
    """Exponential lead times: ages of what is outstanding are exponential, so the mean of min(age / tau, 1) is closed."""
    lead = crossing.lead_of(SLOW)
    taus = np.asarray(lead.taus)
    np.testing.assert_allclose(taus, [1.0, 2.0, 4.0, 8.0], rtol=1e-3)
    np.testing.assert_allclose(lead.middle, 2.0 / taus * (1.0 - np.exp(-taus / 2.0)), rtol=1e-3)
    assert float(lead.expected) == pytest.approx(2.0, rel=1e-3)


def test_older_units_count_for_more_where_their_number_says_so():
    """Two states with as many units, of other ages."""
    lead = crossing.lead_of(SLOW)
    numbers = crossing.base_stock(SLOW)._replace(ages=np.array([0.0, 0.5, 0.0, 0.0]))
    fresh, old = (crossing.ordering(lead, numbers)(shown(2, 0, [1, 1], ages)) for ages in ([0.0, 0.0], [5.0, 5.0]))
    assert float(fresh[0] - old[0]) == pytest.approx(1.0, abs=1e-3)  # 2 units x 0.5 x (1 - 0)


def test_what_is_learned_is_cheaper_than_the_best_base_stock_level_beyond_doubt():
    """And base-stock costs what its closed form says; the same seed learns the same."""
    seen = []
    settings = crossing.Settings(generations=5, paths=16, epochs=250, warm=50)
    numbers, again = (crossing.learn(SLOW, settings, seed=0, look=lambda *told: seen.append(told[0])) for _ in range(2))
    np.testing.assert_array_equal(again.packed(), numbers.packed())
    assert seen == [1, 2, 3, 4, 5] * 2
    both = jax.tree.map(lambda *parts: np.stack(parts), numbers, crossing.base_stock(SLOW))
    found = crossing.simulated(SLOW, both, 7, 128, 1_000, 200)
    assert float(found.refused.sum()) == 0.0
    _, cost = events.base_stock(2.0, 1.0, 9.0)
    assert abs(float(found.cost[1]) - cost) < 4.0 * float(found.error[1]) < 0.1 * cost
    less = events.per_time(found.costs[0] - found.costs[1], found.times[0])
    assert float(less.cost) < -4.0 * float(less.error) < 0.0
    assert -4.0 * float(found.error[0]) < float(found.cost[0]) - optimum(SLOW, 2.0) < 0.05 * cost


def test_an_item_with_too_few_slots_for_what_is_outstanding_is_refused():
    with pytest.raises(ConfigError, match=r"100.0 units are outstanding on average; slots: at least 166 \(given: 64\)"):
        crossing.Item(50.0, events.exponential(2.0), 1.0, 9.0, max_order=6)
