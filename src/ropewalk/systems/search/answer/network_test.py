from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ropewalk import api
from ropewalk.errors import MissingError
from ropewalk.lifecycle import stages
from ropewalk.systems.search import train as training
from ropewalk.systems.search.answer import features as seen
from ropewalk.systems.search.answer import learn as learning
from ropewalk.systems.search.answer import network, windows
from ropewalk.systems.search.answer.learn import Outcome, _helps, learn, learn_trees
from ropewalk.systems.search.answer.made import examples
from ropewalk.systems.search.answer.reader import Reader, load, open_tokenizer, read, save
from ropewalk.systems.search.answer.shipped import MORE, shipped
from ropewalk.systems.search.answer.tokens import parse, tokenise

RECIPE = network.Recipe(epochs=12, rate=3e-3, head_rate=1e-2, batch=8, frozen_layers=1)


def raw(seed: int) -> dict[str, np.ndarray]:
    """A BERT of two layers, 24 wide, for the vocabulary of `tokenizer`."""
    rng = np.random.default_rng(seed)
    sizes = {"attention.self.query": (24, 24), "attention.self.key": (24, 24), "attention.self.value": (24, 24),
             "attention.output.dense": (24, 24), "intermediate.dense": (48, 24), "output.dense": (24, 48)}  # fmt: skip
    found = {
        f"embeddings.{name}_embeddings.weight": rng.normal(0, 0.5, (rows, 24))
        for name, rows in (("word", 256), ("position", 200), ("token_type", 2))
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(2):
        at = f"encoder.layer.{layer}."
        norms += [at + "attention.output.LayerNorm", at + "output.LayerNorm"]
        for name, size in sizes.items():
            found[f"{at}{name}.weight"], found[f"{at}{name}.bias"] = rng.normal(0, 0.2, size), np.zeros(size[0])
    for name in norms:
        found[name + ".weight"], found[name + ".bias"] = np.ones(24), np.zeros(24)
    found["pooler.dense.weight"] = np.ones((24, 24))
    return {name: value.astype(np.float32) for name, value in found.items()}


def tiny(seed: int) -> network.Weights:
    return network.begin(raw(seed), seed)


def write_safetensors(path, weights: dict[str, np.ndarray]) -> None:
    header, at = {}, 0
    for name, value in weights.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(value.tobytes() for value in weights.values()))


@pytest.fixture(scope="module")
def tokenizer() -> str:
    """A tokenizer.json with words and, for the unknown, letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = sorted({w for e in examples(30, 0) for w in tokenise(e.question + " " + e.text, "en").words})[:150]
    letters = [f"{mark}{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789" for mark in ("", "##")]
    vocabulary = {w: i for i, w in enumerate(dict.fromkeys(["[UNK]", "[CLS]", "[SEP]", *letters, *words]))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return json.dumps(json.loads(made.to_str()))


def view(tokenizer: str, question: str, *texts: str) -> tuple[windows.View, seen.Scene]:
    asked = parse(question, "en")
    scene = seen.lay(asked, [tokenise(text, "en") for text in texts])
    return windows.view(open_tokenizer(tokenizer), asked, scene), scene


def test_a_window_holds_question_and_sentences_and_knows_the_word_of_each_piece(tokenizer):
    seen_, scene = view(tokenizer, "Who won the Copper Sail?", "It rained.", "Zoe Quim won the Copper Sail.")
    words = [word for tokens in scene.passages for word in tokens.words]
    places = seen_.word[seen_.word >= 0]
    assert (np.diff(places) >= 0).all()
    assert [words[at] for at in dict.fromkeys(places)] == words
    assert seen_.window.types.tolist().count(1) == len(places)
    sail = seen_.word == words.index("sail")
    assert (seen_.window.match[sail] == 1).all()


def test_the_best_sentences_stay_where_not_all_fit(tokenizer, monkeypatch):
    monkeypatch.setattr(windows, "PIECES", 30)
    seen_, scene = view(tokenizer, "Who won the cup?", "Xyq zzq qqz. " * 5 + "Anna won the cup.")
    words = [word for tokens in scene.passages for word in tokens.words]
    assert "anna" in {words[at] for at in seen_.word[seen_.word >= 0]}
    assert len(seen_.window.ids) <= 30


def test_an_answer_is_labelled_by_its_first_and_last_piece_and_scored_back(tokenizer):
    seen_, scene = view(tokenizer, "Who won?", "Zoe Quim won.")
    labelled = windows.labelled(seen_, 0, 1)
    scores = np.full((len(labelled.ids), 2), -20.0)
    scores[labelled.start, 0] = scores[labelled.end, 1] = 5.0
    found = windows.span_scores(seen_, scores, scene.first, scene.last, len(scene.passage)).sum(axis=1)
    best = int(np.argmax(found))
    assert (scene.first[best], scene.last[best]) == (0, 1)
    assert windows.labelled(seen_, 0, 99) is None


def test_numpy_and_jax_say_the_same(tokenizer):
    import jax
    import jax.numpy as jnp

    weights = tiny(0)
    some = [view(tokenizer, e.question, e.text)[0].window for e in examples(4, 0)]
    batch = network.padded(some)
    both = jax.jit(lambda w, b: network.upper(w, network.lower(w, b, 1, jnp), b, 1, jnp))(weights, batch)
    for row, window in enumerate(some):
        alone = network.point(weights, window, 1)
        np.testing.assert_allclose(np.asarray(both)[row, : len(window.ids)], alone, atol=1e-4)


def test_training_learns_and_a_reader_learned_again_from_files_has_the_same_weights(tokenizer, tmp_path):
    known = []
    for e in examples(8, 0):
        seen_, scene = view(tokenizer, e.question, e.text)
        tokens = scene.passages[0]
        inside = np.flatnonzero((tokens.end > e.start) & (tokens.start < e.start + len(e.answer)))
        known.append(windows.labelled(seen_, int(inside[0]), int(inside[-1])))
    losses: list[float] = []
    start = network.begin(raw(0), 3)
    first = network.train(start, known, RECIPE, 3, lambda epoch, loss, weights: losses.append(loss))
    assert losses[-1] < 0.9 * losses[0]
    frozen = [name for name in first if name.startswith(("embeddings", "encoder.layer.0"))]
    assert frozen
    assert all(np.array_equal(first[name], start[name]) for name in frozen)

    with pytest.raises(MissingError, match=r"tokenizer\.json.*starts from MiniLM"):
        learn(examples(8, 0), tmp_path, RECIPE, 3, trees=5)
    (tmp_path / "tokenizer.json").write_text(tokenizer)
    write_safetensors(tmp_path / "model.safetensors", raw(0))
    again = learn(examples(8, 0), tmp_path, RECIPE, 3, trees=5)
    assert all(np.array_equal(value.astype(np.float16), again.weights[name]) for name, value in first.items())


def test_a_reader_with_a_network_is_kept_and_heard_only_in_its_languages(tokenizer, tmp_path):
    half = {name: value.astype(np.float16).astype(np.float32) for name, value in tiny(0).items()}
    reader = Reader(learn_trees(examples(24, 0), 0, 20), half, 1, tokenizer)
    save(reader, tmp_path / "a")
    back = load(tmp_path / "a")
    save(back, tmp_path / "b")
    assert (tmp_path / "a" / "network.npz").read_bytes() == (tmp_path / "b" / "network.npz").read_bytes()
    passage = [tokenise("Zoe Quim won the Copper Sail in 1931.", "en")]
    one, two = (read(r, parse("Who won the Copper Sail?", "en"), passage) for r in (reader, back))
    assert np.array_equal(one.total, two.total)
    deaf = read(replace(reader, languages=("de",)), parse("Who won the Copper Sail?", "en"), passage)
    assert not np.array_equal(one.total, deaf.total)


def test_a_release_learns_a_network_from_questions_and_keeps_it_only_where_it_helps(tokenizer, tmp_path, monkeypatch):
    (tmp_path / "tokenizer.json").write_text(tokenizer)
    write_safetensors(tmp_path / "model.safetensors", raw(0))
    monkeypatch.setattr(training, "weights_folder", lambda: tmp_path)
    # untrained: four trainings of it compile for a minute, and one is tested above
    monkeypatch.setattr(network, "train", lambda start, known, recipe, seed: start)
    monkeypatch.setitem(learning.train.__kwdefaults__, "recipe", RECIPE)
    settings = {"docs": "made:30", "encoder": "none", "reader": "network"}
    for helps in (True, False):
        monkeypatch.setattr(learning, "_helps", lambda heard, deaf, helps=helps: helps)
        with api.place("search", store=str(tmp_path / str(helps)), small=True, settings=settings) as p:
            dataset = stages.data(p.system, p.config, p.lane)
            run = stages.train(p.system, p.config, dataset, p.lane)
            model = stages.load_model(p.system, p.lane, run.model)
        assert bool(model.reader.weights) == helps
        assert model.reader.trees.count("\nTree=") == shipped(0.3).trees.count("\nTree=") + MORE


def test_a_network_that_finds_no_better_answers_does_not_help():
    def said(f1: float, stray: bool = False) -> Outcome:
        return Outcome("a", "", f1, f1, np.zeros(6), stray)

    assert _helps([said(1.0), said(0.0, True)], [said(0.5), said(1.0, True)])
    assert not _helps([said(0.5)], [said(0.5)])
