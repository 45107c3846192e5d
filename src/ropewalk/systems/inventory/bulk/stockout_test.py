"""Chances to run out and lost sales against a plain simulation of items whose law is known; and what must hold of any of them."""

import numpy as np
import pytest

from ropewalk.systems.inventory.bulk.demand import Past
from ropewalk.systems.inventory.bulk.stockout import risk

KNOWN = 1e9  # periods of history: the mean is surely known


def drawn(seed, count, busy, worth=KNOWN):
    """Arguments of `risk`, of items of all kinds: slow to fast, even to uneven, scarce to plenty, with arrivals in a share of periods."""
    rng = np.random.default_rng(seed)
    mean, over = np.exp(rng.uniform(np.log(0.05), np.log(20.0), count)), rng.choice([1.0, 1.5, 3.0, 6.0], count)
    lead, review = rng.integers(0, 9, count).astype(float), rng.choice([1.0, 1.0, 2.0, 4.0], count)
    periods = lead + review
    on_hand = np.floor(mean * rng.uniform(0.0, 1.6, count) * (lead + 0.5) + rng.random(count))
    due = rng.poisson(2.0 * mean * (rng.random((6, count)) < busy)).astype(float)
    there = on_hand + (due * (np.arange(1, 7)[:, None] < periods)).sum(0)
    wanted = mean * periods + rng.uniform(0.0, 2.5, count) * np.sqrt(mean * over * periods)
    past = Past(mean, mean * over, 1.0 - np.exp(-mean), np.zeros(count, bool), np.full(count, worth))
    return past, on_hand, due, np.maximum(np.ceil(wanted - there), 0.0), lead, periods


def simulated(past, on_hand, due, units, lead, periods, paths=10_000):
    """[4,N] what Risk says, a period after the other."""
    rng, out = np.random.default_rng(9), np.zeros((4, len(on_hand)))
    for row in range(len(on_hand)):
        unsure = past.mean[row] / past.variance[row] * past.periods[row]  # units: the shape of the unknown mean
        rate = past.mean[row] * rng.gamma(unsure * past.mean[row], 1.0 / (unsure * past.mean[row]), paths)
        wide = max(past.variance[row] / past.mean[row] - 1.0, 1e-9)
        shelf = np.full(paths, on_hand[row] + units[row] * (lead[row] == 0))
        early, late, lost = np.zeros(paths, bool), np.zeros(paths, bool), np.zeros(paths)
        for period in range(1, int(periods[row]) + 1):
            asked = rng.poisson(rng.gamma(rate / wide, wide))
            short, shelf = np.maximum(asked - shelf, 0.0), np.maximum(shelf - asked, 0.0)
            early, late = early | ((short > 0) & (period <= lead[row])), late | ((short > 0) & (period > lead[row]))
            lost += short
            shelf = shelf + (due[period - 1, row] if period <= len(due) else 0.0) + units[row] * (period == lead[row])
        out[:, row] = (early | late).mean(), early.mean(), late.mean(), lost.mean()
    return out


@pytest.mark.parametrize(
    ("busy", "worth", "mean", "most"),
    [(0.0, KNOWN, 0.006, 0.03), (0.4, KNOWN, 0.008, 0.06), (0.8, KNOWN, 0.011, 0.08), (0.4, 20.0, 0.01, 0.06)],
)
def test_chances_and_units_are_near_those_of_a_simulation(busy, worth, mean, most):
    """In the mean, and in 98 of 100 items; a simulation of 10,000 paths is off by 0.004 itself. Units: of the demand of the cover.
    busy: the share of periods in which something arrives."""
    items = drawn(3, 250, busy, worth)
    wanted = simulated(*items)
    units = np.maximum(items[0].mean * items[-1], 1.0)
    for name, told, came, scale in zip(risk(*items)._fields, risk(*items), wanted, (1.0, 1.0, 1.0, units), strict=True):
        off = np.abs(told - came) / scale
        assert off.mean() < mean + 0.002 * (name == "units_short"), name
        assert np.quantile(off, 0.98) < most, name


def test_a_sale_lost_before_the_order_arrives_does_not_eat_the_order():
    """Nothing on hand, 5 a period, 12 arrive after 4: it runs out before for sure, and after as 12 against one period says."""
    one = np.ones(1)
    past = Past(5.0 * one, 5.0 * one, one, one < 0.0, KNOWN * one)
    found = risk(past, 0.0 * one, np.zeros((0, 1)), 12.0 * one, 4.0 * one, 5.0 * one)
    assert found.probability[0] == pytest.approx(1.0, abs=1e-6)
    assert found.before_arrival[0] == pytest.approx(1.0, abs=1e-6)
    assert found.in_cover[0] == pytest.approx(0.0020, abs=3e-4)  # of Poisson(5): P(D > 12)
    assert found.units_short[0] == pytest.approx(20.0, abs=0.01)


def test_the_whole_is_at_least_each_part_and_at_most_both():
    for busy in (0.0, 0.5):
        found = risk(*drawn(4, 20_000, busy, 12.0))
        for chance in found[:3]:
            assert ((chance >= 0.0) & (chance <= 1.0)).all()
        assert (found.units_short >= 0.0).all()
        assert (found.before_arrival <= found.probability).all()
        assert (found.in_cover <= found.probability).all()
        assert (found.probability <= found.before_arrival + found.in_cover + 1e-12).all()


def test_more_on_hand_never_means_running_out_more():
    """But for the error of the laws, and of two points taken for one where one of them is rare."""
    past, on_hand, *rest = drawn(5, 5_000, 0.4, 30.0)
    less = risk(past, on_hand, *rest)
    for more in (1.0, 2.0, 5.0):
        found = risk(past, on_hand + more, *rest)
        assert (found.probability <= less.probability + 0.003).all()
        assert (found.before_arrival <= less.before_arrival + 0.003).all()
        assert (found.units_short <= less.units_short + 0.003 * np.maximum(past.mean * rest[-1], 1.0)).all()


def test_a_rows_chances_have_the_same_bits_alone():
    items = drawn(6, 700, 0.5, 20.0)
    whole = risk(*items)
    past, on_hand, due, *rest = items
    for rows in (slice(0, 1), slice(3, 10), slice(400, 700)):
        part = risk(Past(*(c[rows] for c in past)), on_hand[rows], due[:, rows], *(c[rows] for c in rest))
        for one, other in zip(part, whole, strict=True):
            np.testing.assert_array_equal(one, other[rows])
