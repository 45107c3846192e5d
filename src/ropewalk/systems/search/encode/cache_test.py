"""What the cache of vectors promises, on real stores."""

import hashlib
import multiprocessing

import numpy as np
import pytest

from ropewalk.store import open_store
from ropewalk.systems.search.encode import Encoder, cached, tidy
from ropewalk.systems.search.encode import cache as module

WORDS = [f"text number {i}" for i in range(50)]


def counting(dims=8):
    """An encoder of hashes, and the list of all that it had to encode."""
    seen = []

    def encode(texts):
        seen.extend(texts)
        rows = [np.frombuffer(hashlib.sha256(t.encode("utf-8", "replace")).digest()[:dims], np.uint8) for t in texts]
        return np.stack(rows).astype(np.float32) if rows else np.empty((0, dims), np.float32)

    return Encoder("e" * 64, dims, encode), seen


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store")) as made:
        yield made


def test_unchanged_texts_are_not_encoded_again_in_any_later_process(store):
    encoder, seen = counting()
    first = cached(encoder, store).encode(WORDS)
    assert sorted(seen) == sorted(WORDS)
    again = cached(encoder, store).encode([*WORDS[::-1], "new"])
    assert sorted(seen) == sorted([*WORDS, "new"])
    assert (again[:-1] == first[::-1]).all()


def test_vectors_are_those_of_the_encoder_bit_by_bit(store):
    encoder, _ = counting()
    texts = ["same", *WORDS[:5], "same", "", "\ud800", "naïve 東京"]
    expected = encoder.encode(texts)
    for _ in range(2):
        assert (cached(encoder, store).encode(texts) == expected).all()


def test_a_text_that_comes_twice_is_encoded_once(store):
    encoder, seen = counting()
    cached(encoder, store).encode(["twice", "twice"])
    assert seen == ["twice"]


def test_another_encoder_finds_nothing(store):
    encoder, seen = counting()
    cached(encoder, store).encode(WORDS)
    cached(Encoder("f" * 64, encoder.dims, encoder.encode), store).encode(WORDS)
    assert len(seen) == 2 * len(WORDS)


def test_no_texts_give_no_rows(store):
    assert cached(counting()[0], store).encode([]).shape == (0, 8)


def test_more_texts_than_a_block_holds_lie_in_several(store, monkeypatch):
    monkeypatch.setattr(module, "SLICE", 16)
    encoder, seen = counting()
    first = cached(encoder, store).encode(WORDS)
    assert len(store.list_objects("vectors/")) == 4
    assert (cached(encoder, store).encode(WORDS) == first).all()
    assert len(seen) == len(WORDS)


def test_many_small_blocks_become_few_and_keep_every_vector(store):
    encoder, seen = counting()
    for word in WORDS:
        cached(encoder, store).encode([word])
    assert tidy(encoder, store) == len(WORDS)
    assert len(store.list_objects("vectors/")) == 1
    assert (cached(encoder, store).encode(WORDS) == encoder.encode(WORDS)).all()
    assert len(seen) == 2 * len(WORDS)
    assert tidy(encoder, store) == 0


def test_a_block_that_went_or_is_torn_is_encoded_again(store):
    encoder, _ = counting()
    opened = cached(encoder, store)
    first = opened.encode(WORDS)
    key = store.list_objects("vectors/")[0]
    store.put_object(key, store.get_object(key)[:-20])
    assert (opened.encode(WORDS) == first).all()
    store.delete_object(key)
    assert (cached(encoder, store).encode(WORDS) == first).all()


def _fill(url, texts):
    with open_store(url) as store:
        cached(counting()[0], store).encode(texts)


def test_processes_that_write_at_once_lose_nothing(store):
    context = multiprocessing.get_context("spawn")
    tasks = [context.Process(target=_fill, args=(store.url, WORDS[i : i + 20])) for i in (0, 15, 30)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    encoder, seen = counting()
    cached(encoder, store).encode(WORDS)
    assert seen == []
