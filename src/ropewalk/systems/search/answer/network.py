"""A small transformer that reads question and sentences together and points at where an answer begins and ends.

Start: the six layers of MiniLM (Wang et al. 2020), as all-MiniLM-L6-v2 trained them to compare sentences; two weights a
word piece for "begins here" and "ends here" are new (Devlin et al. 2019, BERT, section 4.2). Into the first layer
that is trained goes also how well a piece's word is found in the question (the exact match of Chen et al. 2017, DrQA, section 3.2), which a
few hundred questions are too few to learn.

Letters: B windows, T word pieces, D = 384. The same lines run
under JAX for training and under numpy for answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

HEADS = 12
SIZES = (64, 96, 128, 176)  # word pieces a window is padded to
Weights = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """A question and some sentences as word pieces: [CLS] question [SEP] sentences [SEP]."""

    ids: np.ndarray  # [T]
    types: np.ndarray  # [T] 0 question, 1 sentences
    match: np.ndarray  # [T] 0..1: the piece's word is found in the question, or a question's piece in the sentences
    start: int = -1  # piece at which the answer begins, where it is known
    end: int = -1


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the network is trained."""

    epochs: int = 4
    rate: float = 2e-4
    head_rate: float = 1e-3
    batch: int = 16
    frozen_layers: int = 2  # counted from below; the word embeddings always stay
    dropout: float = 0.1
    decay: float = 0.01
    warm: float = 0.1  # share of the steps that the rate rises


def begin(weights: dict[str, np.ndarray], seed: int) -> Weights:
    """MiniLM's weights with a new head."""
    width = weights["embeddings.LayerNorm.weight"].shape[0]
    rng = np.random.default_rng([seed, 0x5EAD])
    kept: Weights = {k: v for k, v in weights.items() if v.dtype == np.float32 and not k.startswith("pooler")}
    kept["match.weight"] = np.asarray(rng.normal(0, 0.02, width), np.float32)
    kept["head.weight"] = np.asarray(rng.normal(0, 0.02, (2, width)), np.float32)
    return kept


def lower(weights: Weights, batch: dict[str, Any], stop: int, xp: Any = np) -> Any:
    """[B, T, D] after the embeddings and the first `stop` layers. `xp`: numpy, or jax.numpy inside a compiled step."""
    ids = batch["ids"]
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = x + weights["embeddings.token_type_embeddings.weight"][batch["types"]]
    x = _norm(x, weights, "embeddings.LayerNorm", xp)
    for layer in range(stop):
        x = _layer(weights, layer, x, batch["mask"], xp, _keep)
    return x


def _keep(x: Any) -> Any:
    return x


def upper(
    weights: Weights, x: Any, batch: dict[str, Any], start: int, xp: Any = np, drop: Callable[[Any], Any] = _keep
) -> Any:
    """[B, T, 2] how much speaks for a piece as the beginning and as the end; nothing for what is no sentence."""
    x = x + batch["match"][:, :, None] * weights["match.weight"]
    for layer in range(start, layers(weights)):
        x = _layer(weights, layer, x, batch["mask"], xp, drop)
    scores = drop(x) @ weights["head.weight"].T
    return xp.where(((batch["types"] == 1) & batch["mask"])[:, :, None], scores, -1e9)


def point(weights: Weights, window: Window, frozen_layers: int) -> np.ndarray:
    """[T, 2] the scores of one window, by numpy alone."""
    batch = padded([window], exact=True)
    return np.asarray(upper(weights, lower(weights, batch, frozen_layers), batch, frozen_layers)[0])


def _norm(x: Any, weights: Weights, name: str, xp: Any) -> Any:
    x = x - x.mean(-1, keepdims=True)
    spread = xp.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
    return x / spread * weights[name + ".weight"] + weights[name + ".bias"]


def _layer(weights: Weights, layer: int, x: Any, mask: Any, xp: Any, drop: Callable[[Any], Any]) -> Any:
    at = f"encoder.layer.{layer}."
    rows, pieces, _ = x.shape

    def line(x: Any, name: str) -> Any:
        return x @ weights[at + name + ".weight"].T + weights[at + name + ".bias"]

    def heads(x: Any) -> Any:
        return x.reshape(rows, pieces, HEADS, -1).transpose(0, 2, 1, 3).reshape(rows * HEADS, pieces, -1)

    def attend(parts: Any) -> Any:
        q, k, v, away = parts
        share = q @ k.swapaxes(-1, -2) * np.float32(q.shape[-1] ** -0.5) + away
        share = xp.exp(share - share.max(-1, keepdims=True))
        return share @ v / share.sum(-1, keepdims=True)

    away = xp.repeat(xp.where(mask, np.float32(0), np.float32(-1e9)), HEADS, axis=0)[:, None, :]
    parts = [heads(line(x, f"attention.self.{name}")) for name in ("query", "key", "value")]
    mixed = attend((*parts, away)) if xp is np else _one_by_one(attend, (*parts, away))
    mixed = mixed.reshape(rows, HEADS, pieces, -1).transpose(0, 2, 1, 3).reshape(rows, pieces, -1)
    x = _norm(x + drop(line(mixed, "attention.output.dense")), weights, at + "attention.output.LayerNorm", xp)
    wide = line(x, "intermediate.dense")
    wide = 0.5 * wide * (1 + xp.tanh(np.float32(0.7978845608) * (wide + np.float32(0.044715) * wide * wide * wide)))
    return _norm(x + drop(line(wide, "output.dense")), weights, at + "output.LayerNorm", xp)


def _one_by_one(attend: Callable[[Any], Any], parts: Any) -> Any:
    """One head of one window at a time: on a processor JAX takes half the time of all at once."""
    import jax

    return jax.lax.map(attend, parts)


def _dropping(key: Any, share: float) -> Callable[[Any], Any]:
    """x -> x with a share of its numbers set to zero and the others raised; each use draws anew."""
    import jax

    keys = iter(jax.random.split(key, 32))
    return lambda x: x * jax.random.bernoulli(next(keys), 1 - share, x.shape) / (1 - share)


def layers(weights: Weights) -> int:
    return 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))


def padded(windows: Sequence[Window], exact: bool = False) -> dict[str, np.ndarray]:
    """Arrays of one batch, padded to the next of SIZES, or `exact` to its longest window."""
    longest = max(len(w.ids) for w in windows)
    size = longest if exact else _size(longest)
    batch = {
        "ids": np.zeros((len(windows), size), np.int32),
        "types": np.zeros((len(windows), size), np.int32),
        "match": np.zeros((len(windows), size), np.float32),
        "mask": np.zeros((len(windows), size), bool),
    }
    for row, window in enumerate(windows):
        n = len(window.ids)
        batch["ids"][row, :n], batch["types"][row, :n], batch["match"][row, :n] = window.ids, window.types, window.match
        batch["mask"][row, :n] = True
    return batch


def groups(windows: Sequence[Window], size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Places of windows of alike length together, in an order drawn anew; the last of a length may repeat some."""
    order = rng.permutation(len(windows))
    by_size: dict[int, list[int]] = {}
    for at in order:
        by_size.setdefault(_size(len(windows[at].ids)), []).append(int(at))
    found = []
    for group in by_size.values():
        group = group + [group[at] for at in rng.integers(0, len(group), -len(group) % size)]
        found += [np.array(group[at : at + size]) for at in range(0, len(group), size)]
    for at in rng.permutation(len(found)):
        yield found[at]


def _size(pieces: int) -> int:
    return next((s for s in SIZES if s >= pieces), pieces)


def train(
    weights: Weights, windows: Sequence[Window], recipe: Recipe, seed: int,
    told: Callable[[int, float, Weights], None] | None = None,
) -> Weights:  # fmt: skip
    """The weights after `recipe.epochs` times all windows; `told(epoch, mean loss, weights)` after each.

    What the frozen layers make of a window is computed once.
    """
    import jax
    import jax.numpy as jnp
    import optax

    moving = {k: jnp.asarray(v) for k, v in weights.items() if not _is_frozen(k, recipe.frozen_layers)}
    rng = np.random.default_rng([seed, 0x7EAC])
    plan = [list(groups(windows, recipe.batch, rng)) for _ in range(recipe.epochs)]
    steps = sum(map(len, plan))
    seen = _lowered(weights, windows, recipe)

    def schedule(peak: float) -> Any:
        return optax.warmup_cosine_decay_schedule(0, peak, max(1, int(recipe.warm * steps)), steps, peak / 50)

    fresh = {k: "head" if k.startswith(("head", "match")) else "body" for k in moving}
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.multi_transform(
            {name: optax.adamw(schedule(rate), weight_decay=recipe.decay)
             for name, rate in (("body", recipe.rate), ("head", recipe.head_rate))}, fresh,
        ),
    )  # fmt: skip

    def loss(moving: Weights, batch: dict[str, Any], key: Any) -> Any:
        scores = upper(moving, batch["x"], batch, recipe.frozen_layers, jnp, _dropping(key, recipe.dropout))
        logs = jax.nn.log_softmax(scores, axis=1)
        rows = jnp.arange(len(batch["start"]))
        return -(logs[rows, batch["start"], 0] + logs[rows, batch["end"], 1]).mean() / 2

    @jax.jit
    def step(moving: Weights, state: Any, batch: dict[str, Any], key: Any) -> Any:
        value, slope = jax.value_and_grad(loss)(moving, batch, key)
        change, state = optimiser.update(slope, state, moving)
        return optax.apply_updates(moving, change), state, value

    state = optimiser.init(moving)
    key = jax.random.key(seed)
    for epoch, drawn in enumerate(plan):
        losses = []
        for places in drawn:
            group = [windows[at] for at in places]
            batch = padded(group)
            batch["x"] = np.stack([seen[at] for at in places])
            batch["start"] = np.array([w.start for w in group], np.int32)
            batch["end"] = np.array([w.end for w in group], np.int32)
            key, now = jax.random.split(key)
            moving, state, value = step(moving, state, batch, now)
            losses.append(value)
        if told:
            told(epoch, float(np.mean(losses)), {**weights, **moving})
    return {k: np.asarray(v) for k, v in {**weights, **moving}.items()}


def _lowered(weights: Weights, windows: Sequence[Window], recipe: Recipe) -> list[np.ndarray]:
    """[T, D] of each window, padded to its size, after the layers that are not trained."""
    import jax
    import jax.numpy as jnp

    run = jax.jit(lambda weights, batch: lower(weights, batch, recipe.frozen_layers, jnp))
    kept = {k: v for k, v in weights.items() if _is_frozen(k, recipe.frozen_layers)}
    found: list[np.ndarray] = [np.zeros(0)] * len(windows)
    for places in groups(windows, recipe.batch, np.random.default_rng(0)):
        x = np.asarray(run(kept, padded([windows[at] for at in places])))
        for row, at in enumerate(places):
            found[at] = x[row]
    return found


def _is_frozen(name: str, below: int) -> bool:
    if name.startswith("embeddings."):
        return True
    return name.startswith("encoder.layer.") and int(name.split(".")[2]) < below
