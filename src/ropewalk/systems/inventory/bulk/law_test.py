"""The fast law against SciPy's, over means, shapes and quantiles far beyond what shops sell."""

import numpy as np
import pytest
from scipy import special, stats

from ropewalk.systems.inventory.bulk import law as laws
from ropewalk.systems.inventory.bulk.law import ERROR, Law, exceeding, negative_binomial, quantile

ROWS = 20_000


def drawn(seed, low, high, rows=ROWS):
    """Laws with means and shapes between low and high, and a level of each that is not out of reach."""
    rng = np.random.default_rng(seed)
    mean, r = np.exp(rng.uniform(np.log(low), np.log(high), (2, rows)))
    r = np.minimum(np.maximum(r, laws.SMALLEST), laws.LARGEST * np.maximum(mean, 1.0))
    law = Law(np.zeros(rows), np.zeros(rows), mean, r)
    return law, np.floor(stats.nbinom(r, r / (r + mean)).ppf(rng.random(rows)))


def tail(law, k):
    """SciPy's P(X > k)."""
    return special.betainc(k + 1.0, law.r, law.mean / (law.mean + law.r))


@pytest.mark.parametrize(("low", "high"), [(0.02, 200.0), (1e-4, 1e6), (1e-3, 1.0)])
def test_a_probability_is_off_by_less_than_the_stated_error(low, high):
    law, level = drawn(1, low, high)
    chance, short = exceeding(law, level)
    exact = tail(law, level)
    assert np.abs(chance - exact).max() < ERROR
    at = stats.nbinom.pmf(level, law.r, law.r / (law.r + law.mean))
    units = law.mean * (exact + at * (1.0 + level / law.r)) - level * exact
    assert (np.abs(short - units) <= ERROR * np.maximum(law.mean, level) + 1e-9).all()


def test_units_short_are_what_a_sum_over_all_demands_says():
    law, level = drawn(2, 0.1, 30.0, 200)
    level = level + np.linspace(0.0, 0.9, 200)  # stock need not be whole
    short = exceeding(law, level)[1]
    for row in range(200):
        demand = np.arange(3_000)
        chance = stats.nbinom.pmf(demand, law.r[row], law.r[row] / (law.r[row] + law.mean[row]))
        assert short[row] == pytest.approx((np.maximum(demand - level[row], 0.0) * chance).sum(), abs=ERROR * max(level[row], 1.0))  # fmt: skip


@pytest.mark.parametrize(("low", "high"), [(0.02, 200.0), (1e-4, 1e6)])
def test_a_quantile_is_the_least_level_that_covers_the_chance(low, high):
    law, _ = drawn(3, low, high)
    chance = np.random.default_rng(4).choice([0.1, 0.5, 0.8, 0.95, 0.99, 0.999], ROWS)
    level = quantile(law, chance)
    assert (level == np.floor(level)).all()
    assert (1.0 - tail(law, level) >= chance - ERROR).all()
    below = np.where(level > 0.0, 1.0 - tail(law, np.maximum(level - 1.0, 0.0)), 0.0)
    assert (below <= chance + ERROR).all()


def test_without_more_variance_than_the_mean_it_is_poisson():
    mean = np.array([0.01, 0.7, 5.0, 80.0, 4000.0])
    law = negative_binomial(mean, mean * np.array([0.0, 0.5, 1.0, 1.0, 0.9]))
    level = np.floor(mean + np.sqrt(mean))
    assert exceeding(law, level)[0] == pytest.approx(stats.poisson(mean).sf(level), abs=ERROR)
    assert (np.abs(quantile(law, np.full(5, 0.95)) - stats.poisson(mean).ppf(0.95)) <= np.array([0, 0, 0, 0, 1])).all()


def test_a_probability_of_its_own_for_nothing_is_what_it_says():
    law = Law(np.full(4, 0.9), np.ones(4), np.full(4, 19.0), np.full(4, 1e6))  # one time in ten, about 20 units
    chance, short = exceeding(law, np.array([0.0, 0.5, 1.0, 20.0]))
    poisson = stats.poisson(19.0)
    assert chance == pytest.approx([0.1, 0.1, 0.1 * poisson.sf(0), 0.1 * poisson.sf(19)], abs=ERROR)
    assert short[:2] == pytest.approx([2.0, 1.95])
    assert quantile(law, np.array([0.5, 0.9, 0.95, 0.99])).tolist() == [0.0, 0.0, 1 + poisson.ppf(0.5), 1 + poisson.ppf(0.9)]  # fmt: skip


def test_a_rows_answer_has_the_same_bits_alone():
    law, level = drawn(5, 0.02, 500.0, 300)
    chance = np.linspace(0.3, 0.999, 300)
    together = (*exceeding(law, level), quantile(law, chance))
    for row in range(0, 300, 7):
        one = Law(*(column[row : row + 1] for column in law))
        alone = (*exceeding(one, level[row : row + 1]), quantile(one, chance[row : row + 1]))
        assert [a[0] for a in alone] == [t[row] for t in together]
