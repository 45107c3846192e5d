"""Keys that stood in an earlier row are found by 64 bits of each, and told by the keys themselves."""

import numpy as np
import polars as pl
import pytest

from ropewalk.systems.inventory.bulk import twice as module
from ropewalk.systems.inventory.bulk.twice import twice

KEYS = ["item", "site"]


def table(rows=3_000, kinds=2_000):
    rng = np.random.default_rng(0)
    items = rng.integers(0, kinds, rows)
    return pl.DataFrame({"item": items.astype(str), "site": rng.choice(["a", "b"], rows).tolist()})


def plainly(frame):
    seen, found = {}, []
    for row, key in enumerate(frame.rows()):
        if key in seen:
            found.append((row, seen[key]))
        seen.setdefault(key, row)
    return found


def pairs(found):
    return list(zip(found.row.tolist(), found.first.tolist(), strict=True))


@pytest.mark.parametrize("part", [7, 1_000_000])
def test_every_later_row_is_found_with_the_first(monkeypatch, part):
    monkeypatch.setattr(module, "PART", part)
    frame = table()
    assert pairs(twice(frame.lazy(), KEYS)) == plainly(frame)
    numbers = frame.select(pl.col("item").cast(pl.Int32))
    assert pairs(twice(numbers.lazy(), ["item"])) == plainly(numbers)


def test_keys_that_share_their_bits_are_not_taken_for_one(monkeypatch):
    monkeypatch.setattr(module, "_bits", lambda keys: (pl.col(keys[0]).hash() % 50).alias("bits"))
    frame = table()
    assert pairs(twice(frame.lazy(), KEYS)) == plainly(frame)


def test_rows_of_a_chunk_are_told_by_their_numbers():
    found = twice(pl.DataFrame({"item": ["x", "y", "x", "x", "z", "y"]}).lazy(), ["item"])
    bad, first = found.among(np.arange(3, 6))
    assert (bad.tolist(), first.tolist()) == ([True, False, True], [0, 1])
    assert not found.among(np.arange(0, 2))[0].any()
