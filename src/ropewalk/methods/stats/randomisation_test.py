"""How often chance differs as much: exactly for a few pairs, and by draws for many."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropewalk.methods.stats.randomisation import randomisation_p

VALUES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9)


def p(pairs, **more):
    a, b = np.array(pairs, float).T
    return randomisation_p(a, b, seed=1, **more)


def test_by_hand():
    """Three wins of three: both outcomes as far, of eight. One point against three: every sum is as far or farther, but for..."""
    assert p([(1, 0), (2, 1), (3, 2)]) == 2 / 8
    assert p([(1, 0), (0, 1)]) == 1.0
    assert p([(3, 0), (1, 0)]) == 2 / 4
    assert p([(0.5, 0.5)] * 4) == 1.0


@given(VALUES)
def test_it_is_the_count_of_all_signs(pairs):
    d = [a - b for a, b in pairs]
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True))) for signs in itertools.product((-1, 1), repeat=len(d))
    ]
    assert p(pairs) == pytest.approx(np.mean(np.array(sums) >= abs(sum(d))))


@given(VALUES, st.randoms())
def test_neither_the_order_of_pairs_nor_of_the_runs_matters(pairs, chance):
    mixed = chance.sample(pairs, len(pairs))
    assert p(mixed) == p(pairs) == p([(b, a) for a, b in pairs])


def test_draws_agree_with_the_library_and_repeat(monkeypatch):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a = rng.normal(size=60)
    b = a + rng.normal(0.15, 0.5, size=60)
    found = randomisation_p(a, b, seed=0)
    theirs = stats.permutation_test(
        (a, b),
        lambda x, y: np.mean(x - y),
        permutation_type="samples",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    )
    assert found == pytest.approx(theirs.pvalue, abs=0.01)
    assert found == randomisation_p(a, b, seed=0)


def test_when_nothing_differs_small_p_values_are_as_rare_as_they_say():
    rng = np.random.default_rng(0)
    found = [randomisation_p(*rng.normal(size=(2, 12)), seed=0) for _ in range(400)]
    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.09


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [1.0, 2.0]), ([np.nan], [1.0])])
def test_what_is_no_pair_is_refused(a, b):
    with pytest.raises(ValueError, match="two arrays of one length > 0"):
        randomisation_p(np.array(a), np.array(b), seed=0)
