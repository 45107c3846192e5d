"""One label from several raters: by hand, on made raters whose truth is known, and on three real ones."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropewalk.methods.stats.raters import alpha, dawid_skene, mace, majority

RULES = (majority, dawid_skene, mace)


def made(skills, items=400, labels=3, seed=0):
    """Answers of raters who know the truth with these chances, and else say 0 (a habit): columns and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, items)
    knows = rng.random((items, len(skills))) < np.array(skills)
    said = np.where(knows, truth[:, None], 0)
    item, rater = np.indices(said.shape)
    return (item.ravel().tolist(), rater.ravel().tolist(), said.ravel().tolist()), truth


def right(found, truth):
    return np.mean([found.labels[i] == t for i, t in enumerate(truth)])


def test_a_majority_is_counted_and_a_tie_is_the_lowest():
    found = majority(["x", "x", "x", "y", "y", "z"], ["a", "b", "c", "a", "b", "a"], [2, 2, 0, 3, 1, 1])
    assert found.labels == {"x": 2, "y": 1, "z": 1}
    assert found.certainty == {"x": 2 / 3, "y": 0.5, "z": 1.0}
    assert found.raters == {
        "a": pytest.approx((2 / 3 + 0.5 + 1) / 3),
        "b": pytest.approx((2 / 3 + 0.5) / 2),
        "c": pytest.approx(1 / 3),
    }


def test_one_who_knows_outweighs_three_who_do_not():
    answers, truth = made([0.9, 0.35, 0.3, 0.25])
    assert right(majority(*answers), truth) < 0.75
    for rule in (dawid_skene, mace):
        found = rule(*answers)
        assert right(found, truth) > 0.88
        assert max(found.raters, key=found.raters.get) == 0


@settings(max_examples=20, deadline=None)
@given(st.randoms(), st.sampled_from(RULES))
def test_neither_the_order_of_answers_nor_the_names_matter(chance, rule):
    (items, raters, labels), _ = made([0.9, 0.7, 0.4], items=12)
    rows = list(zip(items, raters, labels, strict=True))
    chance.shuffle(rows)
    mixed = [list(column) for column in zip(*rows, strict=True)]
    before, after = rule(items, raters, labels), rule([f"i{i:02}" for i in mixed[0]], mixed[1], mixed[2])
    assert {f"i{i:02}": label for i, label in before.labels.items()} == after.labels
    assert list(before.certainty.values()) == pytest.approx(list(after.certainty.values()))


@pytest.mark.parametrize("rule", RULES)
def test_who_agrees_always_is_believed(rule):
    (items, raters, _), truth = made([1.0, 1.0, 1.0], items=30)
    found = rule(items, raters, [int(truth[i]) for i in items])
    assert right(found, truth) == 1
    assert all(share > 0.95 for share in found.raters.values())


# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers, twelve units, with gaps.
TABLE = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level, published):
    answers = [(i, int(v)) for row in TABLE for i, v in enumerate(row.split()) if v != "."]
    assert alpha(*zip(*answers, strict=True), level) == pytest.approx(published, abs=0.0005)


def test_alpha_is_one_when_all_agree_and_near_zero_by_chance():
    rng = np.random.default_rng(0)
    items = np.repeat(np.arange(2_000), 2)
    assert alpha(items.tolist(), (items % 3).tolist()) == 1.0
    assert alpha(items.tolist(), rng.integers(0, 3, len(items)).tolist()) == pytest.approx(0, abs=0.05)
    assert alpha([1, 1], [2, 2]) == 1.0
    with pytest.raises(ValueError, match="two raters"):
        alpha([1, 2], [0, 0])


@pytest.mark.parametrize("rule", RULES)
def test_columns_of_different_length_are_refused(rule):
    with pytest.raises(ValueError, match="three columns of one length > 0; got 1, 1, 0"):
        rule([1], [1], [])


@pytest.fixture(scope="module")
def chorus():
    """Three raters of 3,188 pairs, and the rating that experts settled on."""
    shared = os.environ.get("ROPEWALK_SHARED_DATA")
    file = Path(shared or "", "search", "chorus", "individual_ratings.csv")
    if not shared or not file.exists():
        pytest.skip("needs ROPEWALK_SHARED_DATA with search/chorus/individual_ratings.csv")
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    pairs = [(row["query"], row["docid"]) for row in rows for _ in range(3)]
    said = [int(row[f"agent_{k}_rating"]) for row in rows for k in (1, 2, 3)]
    return (pairs, [1, 2, 3] * len(rows), said), {
        (row["query"], row["docid"]): int(row["final_rating"]) for row in rows
    }


@pytest.mark.parametrize(
    ("rule", "more", "share"),
    [
        (majority, {}, 0.8946),  # crowd-kit 1.4.2: 0.892, ties at random
        (dawid_skene, {"rounds": 3}, 0.8893),  # crowd-kit: 0.8893, where it stops
        (dawid_skene, {}, 0.882),  # to the end: the most likely, not the nearest to the experts
        (mace, {}, 0.8871),  # crowd-kit: 0.8871 once labels appear in order (0.899 before, its columns mixed up)
    ],
)
def test_shares_of_the_final_ratings_of_chorus(chorus, rule, more, share):
    answers, final = chorus
    found = rule(*answers, **more)
    assert np.mean([found.labels[pair] == label for pair, label in final.items()]) == pytest.approx(share, abs=0.001)


def test_alpha_of_chorus(chorus):
    (pairs, _, said), _ = chorus
    assert alpha(pairs, said) == pytest.approx(0.643, abs=0.0005)
