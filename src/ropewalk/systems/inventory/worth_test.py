"""The worth of a line: exact after the fact, close before it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ropewalk.systems.inventory import worth
from ropewalk.systems.inventory.worth import Line


def line(
    units, on_hand, on_order=(0.0, 0.0, 0.0), lead=2, review=1, price=3.0, cost=2.0, holding=0.01, lost=0.0, fixed=0.25
):
    return Line(*(np.array([v], float) for v in (units, on_hand)), np.array([on_order], float),
                np.array([lead]), np.array([review]), *(np.array([v], float) for v in (price, cost, holding, lost, fixed)))  # fmt: skip


def by_hand(q, on_hand, on_order, lead, periods, demand, price, cost, holding, lost_sale):
    """Profit of an item's window by playing it period by period, stock valued at cost."""
    stock, profit, ran_out = on_hand, 0.0, []
    for t in range(periods):
        if t >= 1 and t - 1 < len(on_order):
            stock += on_order[t - 1]
        if t == lead:
            stock += q
        sold = min(stock, demand[t])
        stock -= sold
        ran_out.append(demand[t] > sold)
        profit += (price - cost) * sold - lost_sale * (demand[t] - sold) - holding * stock
    return profit, ran_out


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 30), st.integers(0, 20), st.lists(st.integers(0, 9), min_size=3, max_size=3), st.integers(0, 4),
    st.integers(1, 3), st.lists(st.integers(0, 15), min_size=7, max_size=7), st.floats(0, 2),
)  # fmt: skip
def test_what_came_true_is_the_difference_that_the_line_made(q, on_hand, on_order, lead, review, demand, lost):
    """Realised profit is profit with the order minus profit without it, played by hand, to the cent."""
    one = line(q, on_hand, on_order, lead, review, lost=lost)
    found = worth.realised(one, np.array([demand], float))
    periods = lead + review
    with_it, ran_out = by_hand(q, on_hand, on_order, lead, periods, demand, 3.0, 2.0, 0.01, lost)
    without, _ = by_hand(0, on_hand, on_order, lead, periods, demand, 3.0, 2.0, 0.01, lost)
    assert found.profit_usd[0] == pytest.approx(with_it - without - 0.25 if q else 0.0, abs=1e-9)
    assert found.p_stock_out[0] == any(ran_out[:review])
    assert found.p_stock_out_covered[0] == any(ran_out)


@pytest.mark.parametrize(
    ("mean", "sd"),
    [(1e-3, 0.1), (0.4, 0.8), (3.0, 2.5), (5.0, 5.0**0.5), (40.0, 12.0), (40.0, 6.4), (5e3, 900.0), (2e5, 500.0)],
)
def test_exceeding_is_the_tail_of_the_distribution_summed_up(mean, sd):
    r = mean**2 / max(sd**2 - mean, 1e-6 * mean)
    law = stats.nbinom(r, r / (r + mean))
    k = np.arange(int(mean + 200 * sd) + 2_000)
    tail = law.sf(k)
    levels = np.array(
        [0.0, 0.4, 1.0, np.round(mean / 2), np.round(mean), np.round(mean + sd) + 0.7, np.round(mean + 5 * sd)]
    )
    chance, loss = worth.exceeding(mean, sd, levels)
    whole = np.floor(levels).astype(int)
    assert chance == pytest.approx(tail[whole], rel=1e-6, abs=1e-12)
    # E(D - level)^+ is the sum of P(D > k) over k >= level
    summed = np.array([tail[w:].sum() - (level - w) * tail[w] for w, level in zip(whole, levels, strict=True)])
    assert loss == pytest.approx(summed, rel=1e-6, abs=1e-9 * max(mean, 1.0))


def test_what_is_expected_is_what_comes_on_average():
    """Over many draws of demand the promise of a line is kept within a few per cent of its margin."""
    rng = np.random.default_rng(2)
    one = line(12, 6, (3.0, 0.0, 0.0))
    mean, sd = np.array([4.0, 4.0, 4.0]), np.sqrt(np.array([6.0, 12.0, 18.0]))
    draws = rng.negative_binomial(8.0, 8.0 / 12.0, (20_000, 3)).astype(float)  # mean 4, variance 6
    many = Line(*(np.repeat(v, len(draws), axis=0) for v in one))
    came = worth.realised(many, draws)
    said, demand = worth.expected(one, mean[None], sd[None])
    assert demand[0] == 12.0
    assert said.p_stock_out[0] == pytest.approx(came.p_stock_out.mean(), abs=0.01)
    assert said.p_stock_out_covered[0] == pytest.approx(came.p_stock_out_covered.mean(), abs=0.06)
    assert said.profit_usd[0] == pytest.approx(came.profit_usd.mean(), abs=0.15)


def test_no_order_earns_nothing():
    assert worth.expected(line(0, 3), np.array([[2.0, 2.0, 2.0]]), np.array([[2.0, 3.0, 4.0]]))[0].profit_usd[0] == 0
