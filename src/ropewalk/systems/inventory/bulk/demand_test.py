"""The law of what an order has to protect: what is told comes true, lumps are seen, the recent past weighs more."""

import numpy as np
import pytest

from ropewalk.systems.inventory.bulk.demand import HALF_LIFE, ahead, past
from ropewalk.systems.inventory.bulk.law import exceeding, quantile

WEEKS, ITEMS = 52, 6_000


def history(demand):
    """[T,N] of [N,T]."""
    return np.ascontiguousarray(demand.T, np.float32)


def made(seed, shape, rate, weeks=WEEKS):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(shape, rate / shape, (ITEMS, weeks)))


def lumps(seed, weeks=WEEKS):
    rng = np.random.default_rng(seed)
    return rng.binomial(1, 0.12, (ITEMS, weeks)) * (10 + rng.poisson(20, (ITEMS, weeks)))


@pytest.mark.parametrize("periods", [1, 4, 9])
@pytest.mark.parametrize(("shape", "rate"), [(0.5, 0.3), (1.0, 4.0), (1e3, 15.0)])
def test_a_chance_that_is_told_comes_true(shape, rate, periods):
    """Levels that are to cover 90 % of what comes after 52 weeks, of demand whose law is never told."""
    demand = made(1, shape, rate, WEEKS + periods)
    law, _ = ahead(past(history(demand[:, :WEEKS])), np.full(ITEMS, float(periods)))
    level = quantile(law, np.full(ITEMS, 0.9))
    came = demand[:, WEEKS:].sum(1)
    told = exceeding(law, level)[0].mean()
    assert told <= 0.1
    assert (came > level).mean() == pytest.approx(told, abs=0.03)


def test_lumps_get_a_chance_of_nothing_of_their_own_and_others_do_not():
    seen = past(history(lumps(2)))
    law, mean = ahead(seen, np.full(ITEMS, 3.0))
    lumpy = law.none > 0
    assert lumpy.mean() > 0.8
    assert law.none[lumpy].mean() == pytest.approx((1 - 0.12) ** 3, abs=0.06)  # of the negative binomial: 0.3
    some = 1.0 - law.none[lumpy]
    assert some * (law.least + law.mean)[lumpy] == pytest.approx(mean[lumpy])  # the mean stays what it is
    for shape, rate in ((0.5, 0.3), (1.0, 4.0), (1e3, 15.0)):
        law, _ = ahead(past(history(made(3, shape, rate))), np.full(ITEMS, 3.0))
        assert (law.none > 0).mean() < 0.05


def test_the_recent_past_weighs_more():
    ago = int(HALF_LIFE)
    demand = np.zeros((2, WEEKS))
    demand[0, -1] = demand[1, -1 - ago] = 100.0
    mean = past(history(demand)).mean
    assert mean[0] == pytest.approx(2.0 * mean[1], rel=1e-5)


def test_a_mean_from_little_history_is_told_to_be_less_sure():
    demand = np.tile([3.0, 5.0], 52)[None, :]
    wide, narrow = (ahead(past(history(demand[:, :weeks])), np.array([6.0]))[0] for weeks in (6, 104))
    assert wide.r[0] < narrow.r[0]


def test_no_demand_is_no_demand():
    law, mean = ahead(past(np.zeros((WEEKS, 3), np.float32)), np.array([1.0, 4.0, 50.0]))
    assert mean.tolist() == [0.0] * 3
    assert exceeding(law, np.zeros(3))[0] == pytest.approx(0.0, abs=1e-6)


def test_a_new_item_is_what_its_periods_say_alone_and_beside_older_ones():
    demand = history(made(7, 1.0, 4.0)[:9])
    young = demand.copy()
    young[:40, ::2] = np.nan
    beside, alone, old = past(young), past(np.ascontiguousarray(demand[40:])), past(demand)
    for one, other, whole in zip(beside, alone, old, strict=True):
        np.testing.assert_array_equal(one[::2], other[::2])
        np.testing.assert_array_equal(one[1::2], whole[1::2])
    assert (beside.periods[::2] < 12.0).all()
    np.testing.assert_array_equal(past(young[:, :1]).mean, beside.mean[:1])
