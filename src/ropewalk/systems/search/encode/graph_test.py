"""What the graph of a BERT promises, against the same network written in numpy; small random weights, no package needed."""

import math

import numpy as np
import pytest

from ropewalk.systems.search.encode.encoder import batches, pooled, session
from ropewalk.systems.search.encode.graph import Shape, build

SHAPE = Shape(layers=2, heads=4, hidden=32, epsilon=1e-12)
WORDS, PLACES, WIDE = 50, 40, 64


def random_weights(seed=0):
    random = np.random.default_rng(seed)
    sizes = {"embeddings.word_embeddings.weight": (WORDS, 32), "embeddings.position_embeddings.weight": (PLACES, 32)}
    sizes |= {"embeddings.token_type_embeddings.weight": (2, 32)}
    linears = {f"attention.self.{n}": (32, 32) for n in ("query", "key", "value")}
    linears |= {"attention.output.dense": (32, 32), "intermediate.dense": (WIDE, 32), "output.dense": (32, WIDE)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(SHAPE.layers):
        at = f"encoder.layer.{layer}."
        sizes |= {f"{at}{name}.weight": size for name, size in linears.items()}
        sizes |= {f"{at}{name}.bias": size[:1] for name, size in linears.items()}
        norms += [f"{at}attention.output.LayerNorm", f"{at}output.LayerNorm"]
    weights = {name: random.normal(0, 0.3, size).astype(np.float32) for name, size in sizes.items()}
    for name in norms:
        weights[f"{name}.weight"] = random.uniform(0.5, 1.5, 32).astype(np.float32)
        weights[f"{name}.bias"] = random.normal(0, 0.1, 32).astype(np.float32)
    return weights


def bert(w, ids):
    """Last layer [B, T, H], straight from the paper."""

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def heads(x):
        return x.reshape(*x.shape[:2], SHAPE.heads, -1).transpose(0, 2, 1, 3)

    e = "embeddings."
    places = w[e + "position_embeddings.weight"][: ids.shape[1]] + w[e + "token_type_embeddings.weight"][0]
    x = norm(w[e + "word_embeddings.weight"][ids] + places, e + "LayerNorm")
    for layer in range(SHAPE.layers):
        at = f"encoder.layer.{layer}."
        q, k, v = (heads(linear(x, f"{at}attention.self.{n}")) for n in ("query", "key", "value"))
        share = np.exp(q @ k.transpose(0, 1, 3, 2) / math.sqrt(SHAPE.hidden / SHAPE.heads))
        seen = (share / share.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        x = norm(linear(seen, at + "attention.output.dense") + x, at + "attention.output.LayerNorm")
        wide = linear(x, at + "intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(linear(wide, at + "output.dense") + x, at + "output.LayerNorm")
    return x


def ids_of(texts, tokens, seed=1):
    return np.random.default_rng(seed).integers(0, WORDS, (texts, tokens))


def runner(precision, **more):
    made = session(build(random_weights(), SHAPE, precision, **more), 1, ready=True)
    return lambda ids: made.run(None, {"input_ids": ids})[0]


@pytest.mark.parametrize(("texts", "tokens"), [(1, 1), (1, 13), (5, 8), (3, PLACES)])
def test_fp32_is_the_network_of_the_paper(texts, tokens):
    ids = ids_of(texts, tokens)
    assert np.abs(runner("fp32")(ids) - bert(random_weights(), ids)).max() < 2e-5


def test_int8_points_where_fp32_points():
    ids = ids_of(20, 12)
    one, other = pooled(runner("int8")(ids)), pooled(runner("fp32")(ids))
    assert (one * other).sum(axis=1).min() > 0.995


def test_unsigned_weights_for_cpus_that_saturate_give_the_same_bits():
    ids = ids_of(6, 11)
    assert (runner("int8")(ids) == runner("int8", signed=False)(ids)).all()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_text_has_the_same_bits_alone_and_in_any_batch(precision):
    run, ids = runner(precision), ids_of(37, 9)
    alone = np.concatenate([pooled(run(ids[i : i + 1])) for i in range(len(ids))])
    for size in (37, 20, 2):
        together = np.concatenate([pooled(run(ids[at : at + size])) for at in range(0, len(ids), size)])
        assert (together == alone).all()


def test_the_same_weights_give_the_same_file():
    assert build(random_weights(), SHAPE, "int8") == build(random_weights(), SHAPE, "int8")


def test_batches_hold_equally_long_texts_each_text_once():
    lengths = np.random.default_rng(2).integers(1, 30, 500).tolist()
    made = list(batches(lengths, 64))
    assert sorted(np.concatenate(made)) == list(range(500))
    for batch in made:
        assert len({lengths[i] for i in batch}) == 1
        assert len(batch) == 1 or len(batch) * lengths[batch[0]] <= 64
    assert list(batches([], 64)) == []
