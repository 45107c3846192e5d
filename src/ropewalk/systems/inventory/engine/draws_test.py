"""Drawn demand has its law exactly, and what the items and periods draw have nothing to do with each other."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.engine import draws
from ropewalk.systems.inventory.engine.laws import law

ITEMS, PERIODS = 2048, 2048


@pytest.fixture(scope="module")
def words():
    """[T,B]"""
    key = draws.keys(3, jnp.arange(ITEMS, dtype=jnp.uint32))
    return np.asarray(draws.word(key, jnp.arange(PERIODS, dtype=jnp.uint32)[:, None]))


def in_parts(tables):
    """[G,2^bits] how many of the 2^32 words give each demand, read off the cells."""
    size = 1 << tables.bits
    cells = np.asarray(tables.cells, np.int64).reshape(-1, size)
    own, other, full = cells >> tables.bits, cells % size, draws.ONE >> tables.bits
    parts = own.copy()
    for row, (at, rest) in enumerate(zip(other, full - own, strict=True)):
        np.add.at(parts[row], at, rest)
    return parts


def test_the_tables_hold_their_laws_to_a_few_parts_of_2_to_the_32():
    laws = [law("poisson:5").probability(), law("geometric:3").probability(), [0.25, 0.75], [1.0], np.ones(7) / 7]
    tables = draws.tables(laws)
    parts = in_parts(tables)
    assert (parts.sum(1) == draws.ONE).all()
    for found, given in zip(parts, laws, strict=True):
        given = np.asarray(given) / np.sum(given)
        np.testing.assert_allclose(found[: len(given)] / draws.ONE, given, atol=2.0**-32 * len(given))
        assert not found[len(given) :].any()


def test_a_word_finds_its_demand():
    """Every 2^16-th word, and what the cells say that all words give."""
    tables = draws.tables([law("negbin:2,5").probability(), law("poisson:2").probability()])
    words = (np.arange(1 << 16, dtype=np.uint32) << 16) + np.uint32(12345)
    for row, parts in enumerate(in_parts(tables)):
        drawn = np.bincount(np.asarray(draws.demand(tables, np.full(len(words), row), words)), minlength=parts.size)
        np.testing.assert_allclose(drawn / len(words), parts / draws.ONE, atol=2.0**-16 * 4)


@pytest.mark.parametrize("shift", [0, 8, 16, 24])
def test_every_byte_of_the_words_is_uniform(words, shift):
    counts = np.bincount(((words >> shift) & 255).ravel(), minlength=256)
    assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4


@pytest.mark.parametrize("lag", [1, 2, 64])
def test_an_item_s_words_have_nothing_to_do_with_those_of_later_periods(words, lag):
    """Pairs of the first bytes: 65,536 cells, 60 words in each. Without the golden ratio lag 64 is 18 standard errors off."""
    first = words >> 24
    counts = np.bincount((first[:-lag] * 256 + first[lag:]).ravel(), minlength=1 << 16)
    assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4


def test_two_periods_in_a_row_and_two_items_side_by_side_are_uniform_together(words):
    """Pairs of the first 5 bits: 1,024 cells, 4,000 words in each."""
    high = words >> 27
    for first, second in ((high[:-1], high[1:]), (high[:, :-1], high[:, 1:]), (high[::2], (words[::2] & 31))):
        counts = np.bincount((first * 32 + second).ravel(), minlength=1024)
        assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4


def test_items_and_periods_are_not_correlated(words):
    """Lag correlations over periods and over items: of their 2 * 32 largest none beyond 4.5 standard errors."""
    uniform = words / 2.0**32 - 0.5
    assert abs(uniform.mean()) < 4.5 * (1 / 12 / words.size) ** 0.5
    assert (uniform**2).mean() == pytest.approx(1 / 12, abs=4.5 * (1 / 180 / words.size) ** 0.5)
    for lag in range(1, 33):
        for early, late in ((uniform[:-lag], uniform[lag:]), (uniform[:, :-lag], uniform[:, lag:])):
            assert abs((early * late).mean()) * 12 * early.size**0.5 < 4.5


def test_a_neighbour_in_seed_item_or_period_flips_half_of_the_bits():
    items, periods = jnp.arange(4096, dtype=jnp.uint32), jnp.uint32(77)
    base = draws.word(draws.keys(3, items), periods)
    for other in (draws.word(draws.keys(4, items), periods), draws.word(draws.keys(3, items + 1), periods), draws.word(draws.keys(3, items), periods + 1)):  # fmt: skip
        flipped = np.unpackbits(np.asarray(base ^ other).view(np.uint8)).mean()
        assert flipped == pytest.approx(0.5, abs=4.5 * 0.5 / (4096 * 32) ** 0.5)


def test_the_same_words_on_any_machine():
    """Kept, so that a result of today can be repeated after a change of library or processor."""
    key = draws.keys(7, jnp.arange(3, dtype=jnp.uint32))
    assert np.asarray(draws.word(key, jnp.uint32(5))).tolist() == KEPT


KEPT = [794627722, 4034602710, 4012362129]


def test_what_is_no_law_is_refused():
    for wrong, said in (([[0.5, -0.1]], "law 0"), ([[1.0], []], "law 1"), ([np.ones(70_000)], "70000 demands")):
        with pytest.raises(ConfigError, match=said):
            draws.tables(wrong)
