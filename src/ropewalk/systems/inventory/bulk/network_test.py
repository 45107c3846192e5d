"""The default policy of a plan: the pre-trained network where it is at home, base-stock elsewhere."""

import numpy as np
import pytest

from ropewalk.systems.inventory.bulk.chunk import chunk
from ropewalk.systems.inventory.bulk.network import items, network
from ropewalk.systems.inventory.bulk.plan import Items, _seen, plan
from ropewalk.systems.inventory.bulk.policy import NETWORK, base_stock
from ropewalk.systems.inventory.bulk.table import layout
from ropewalk.systems.inventory.bulk.toys import ASSUMED, made
from ropewalk.systems.inventory.bulk.twice import ROW
from ropewalk.systems.inventory.engine.pretrained import LONGEST, load


@pytest.fixture(scope="module")
def toys() -> Items:
    table = made(3_000, seed=2)
    return chunk(table.with_row_index(ROW), layout(table.schema, "the table", lambda _: 52), ASSUMED).items


def at_home(seen):
    simple = (seen.review == 1.0) & (seen.order_cost == 0.0) & ~seen.past.lumpy & (seen.holding > 0.0)
    return simple & load().ranges.hold(items(seen))


def test_rows_that_it_was_not_made_for_keep_base_stock(toys):
    seen = _seen(toys, slice(None))
    ours, theirs, inside = network(seen).levels, base_stock(seen).levels, at_home(seen)
    assert 100 < inside.sum() < 1_500
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one[~inside], other[~inside])
    assert ((network(seen).by == NETWORK) == inside).all()
    assert (ours.up_to[inside] != theirs.up_to[inside]).mean() > 0.9


def test_it_orders_what_the_network_wants_of_units_that_come_in_time(toys):
    seen = _seen(toys, slice(None))
    rows = np.flatnonzero(at_home(seen))
    due = np.zeros((LONGEST - 1, len(rows)))
    for k, units in enumerate(seen.on_order[:, rows], 1):
        due[k - 1] = np.where(k <= seen.lead_time[rows], units, 0.0)
    item = items(seen)
    wanted = load().wanted(type(item)(*(part[rows] for part in item)), seen.on_hand[rows], due.T)
    np.testing.assert_allclose((network(seen).levels.up_to - seen.position)[rows], wanted, rtol=1e-4, atol=1e-3)


def test_a_row_has_the_same_bits_alone_and_in_any_order(toys):
    whole = plan(toys, network)
    order = np.random.default_rng(0).permutation(len(toys.on_hand))

    def taken(rows):
        return Items(*(part[:, rows] if name == "on_order" else part[rows] for name, part in zip(Items._fields, toys, strict=True)))  # fmt: skip

    mixed = plan(taken(order), network)
    for one, other in zip(whole, mixed, strict=True):
        np.testing.assert_array_equal(one[order], other)
    for row in np.flatnonzero(at_home(_seen(toys, slice(None))))[:5]:
        for one, other in zip(whole, plan(taken(np.array([row])), network), strict=True):
            np.testing.assert_array_equal(one[row], other[0])


def test_it_costs_less_than_base_stock_on_histories_whose_law_nobody_tells():
    """Lead time 4, sales lost, 60 weeks of 600 items; the difference is several of its standard errors."""
    rng, count, lead, weeks = np.random.default_rng(0), 600, 4, 112
    mean, short = rng.uniform(1.0, 15.0, count), rng.uniform(3.0, 40.0, count)
    asked = rng.poisson(rng.gamma(3.0, mean / 3.0, (weeks, count))).astype(np.float32)
    one, zero, costs = np.ones(count), np.zeros(count), []
    for policy in (base_stock, network):
        on_hand, due, cost = np.round(mean), np.zeros((lead, count)), zero
        for t in range(52, weeks):
            on_hand, due = on_hand + due[0], np.concatenate([due[1:], zero[None]])
            lines = plan(
                Items(asked[t - 52 : t].T, due[:-1], on_hand, lead * one, one, short, zero, one, zero, zero, one, zero),
                policy,
            )
            due[-1] = lines.order_units
            cost = cost + np.maximum(on_hand - asked[t], 0.0) + short * np.maximum(asked[t] - on_hand, 0.0)
            on_hand = np.maximum(on_hand - asked[t], 0.0)
        costs.append(cost / short**0.5)
    less = costs[0] - costs[1]
    assert less.mean() > 4.0 * less.std() / count**0.5
