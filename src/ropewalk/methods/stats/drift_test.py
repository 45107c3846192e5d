"""The drift test promises: where nothing changed, an alarm over all columns together no more often than it says."""

from __future__ import annotations

import numpy as np
import pytest

from ropewalk.methods.stats.drift import Sample, features, keys_shared, shifts


def columns(rng, key, level):
    """Columns of every awkward sort, which depend on the item and so on each other."""
    own = level[key]
    n = len(key)
    grade = np.clip((own + 2 + 0.3 * rng.normal(size=n)).astype(int), 0, 3)
    return {
        "number": rng.normal(size=n) + 2 * own,
        "mostly zero": rng.poisson(np.exp(own - 1)).astype(float),
        "tied": np.round(own),
        "rare": (rng.random(n) < 0.03).astype(float),
        "long tail": np.where(rng.random(n) < 0.1, np.nan, np.exp(1.5 * rng.normal(size=n))),
        "text": np.array(["a", "b", "c", "d"], object)[grade],
    }


def p_values(rng, keys, rows_before, rows_now, overlap, seed, change=None):
    level = rng.normal(size=2 * keys)
    before = np.repeat(np.arange(keys), rows_before)
    now = np.repeat(np.arange(keys) + int(keys * (1 - overlap)), rows_now)
    old, new = columns(rng, before, level), columns(rng, now, level)
    if change:
        change(new)
    found = shifts([Sample(k, old[k], new[k]) for k in old], before, now, seed=seed, draws=200)
    return {s.name: s for s in found}


@pytest.mark.parametrize(
    ("keys", "rows_before", "rows_now", "overlap"),
    [(100, 1, 6, 1.0), (25, 3, 5, 1.0), (60, 1, 1, 0.0), (50, 6, 2, 0.5)],
    ids=["the same items, more rows", "few items", "other items", "some items new"],
)
def test_without_a_change_alarms_are_as_rare_as_said(keys, rows_before, rows_now, overlap):
    """200 worlds at 5 % over six columns: 10 alarms expected, 21 is the 99.9 % point of the binomial."""
    rng = np.random.default_rng(1)
    alarms = 0
    for seed in range(200):
        found = p_values(rng, keys, rows_before, rows_now, overlap, seed)
        alarms += min(s.p_value for s in found.values()) <= 0.05
    assert alarms <= 21


def test_rows_of_one_item_would_fool_a_test_without_keys():
    """The same worlds, with other items live and rows taken as independent: a false alarm nearly every time."""
    rng = np.random.default_rng(2)
    alarms = 0
    for seed in range(30):
        level = rng.normal(size=40)
        before, now = np.repeat(np.arange(20), 30), np.repeat(np.arange(20, 40), 30)
        sample = Sample("x", rng.normal(size=600) + 2 * level[before], rng.normal(size=600) + 2 * level[now])
        alarms += shifts([sample], np.arange(600), np.arange(600, 1200), seed=seed, draws=200)[0].p_value <= 0.05
    assert alarms > 15


CHANGES = {
    "number": lambda new: new.update({"number": new["number"] + 1.5}),
    "mostly zero": lambda new: new.update({"mostly zero": new["mostly zero"] * 0}),
    "rare": lambda new: new.update({"rare": np.ones_like(new["rare"])}),
    "long tail": lambda new: new.update({"long tail": new["long tail"] * np.nan}),
    "text": lambda new: new.update({"text": np.full(len(new["text"]), "new", object)}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_in_its_column_alone(name):
    found = p_values(np.random.default_rng(3), 100, 2, 6, 1.0, 0, CHANGES[name])
    assert found[name].p_value <= 0.01
    assert found[name].distance > 0.2
    assert all(s.p_value > 0.01 for other, s in found.items() if other != name)


def test_a_tiny_change_in_many_rows_is_certain_and_small():
    """Why a p-value is not enough: the distance says that nobody need care."""
    rng = np.random.default_rng(4)
    n = 50_000
    sample = Sample("x", rng.normal(size=n), rng.normal(size=n) + 0.1)
    found = shifts([sample], np.arange(n) % 2000, np.arange(n) % 2000, seed=0)[0]
    assert found.p_value <= 0.01
    assert found.distance < 0.06


def test_the_distance_of_a_shift_is_the_gap_between_the_shares():
    rng = np.random.default_rng(5)
    key = np.arange(4000)
    found = shifts([Sample("x", rng.normal(size=4000), rng.normal(size=4000) + 1)], key, key, seed=0)[0]
    assert found.distance == pytest.approx(0.383, abs=0.03)  # 2 Phi(0.5) - 1
    text = Sample("t", np.array(["a"] * 3000 + ["b"] * 1000, object), np.array(["a"] * 1000 + ["b"] * 3000, object))
    assert shifts([text], key, key, seed=0)[0].distance == pytest.approx(0.5)


def test_the_largest_change_is_named():
    key = np.arange(100)
    sample = Sample("x", np.zeros(100), np.where(key < 60, np.nan, 0.0))
    found = shifts([sample], key, key, seed=0)[0]
    assert (found.what, found.reference, found.live) == ("missing", 0.0, 0.6)


def test_a_column_of_one_value_cannot_drift():
    key = np.arange(50)
    found = shifts(
        [Sample("x", np.ones(50), np.ones(50)), Sample("y", np.full(50, np.nan), np.full(50, np.nan))], key, key, seed=0
    )
    assert [s.p_value for s in found] == [1.0, 1.0]
    assert [s.distance for s in found] == [0.0, 0.0]


def test_the_seed_decides():
    rng = np.random.default_rng(6)
    sample, key = Sample("x", rng.normal(size=80), rng.normal(size=80)), np.arange(80)
    assert shifts([sample], key, key, seed=1) == shifts([sample], key, key, seed=1)


def test_features_lie_between_zero_and_one():
    for values in (np.random.default_rng(0).normal(size=99), np.array(["a", None, "b"] * 33, object)):
        made = features(values, values[:20])
        assert made.reference.min() >= 0
        assert made.reference.max() <= 1
        assert made.reference.shape[1] == len(made.names)


def test_keys_that_can_be_leaned_on():
    assert keys_shared(np.arange(10), np.arange(5, 15)) == 5
    assert keys_shared(np.arange(10), np.arange(10, 13)) == 3


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="needs 2 reference and 3 live rows"):
        shifts([Sample("x", np.ones(2), np.ones(2))], np.arange(2), np.arange(3), seed=0)
