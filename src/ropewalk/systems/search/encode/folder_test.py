"""What any local ONNX folder promises; the folders are made here: a table of words as a model, words as tokens."""

import numpy as np
import pytest

from ropewalk.errors import DataError, MissingError
from ropewalk.systems.search.encode import from_folder

VOCABULARY = ["[UNK]", "red", "blue", "shoes", "laptop"]
TABLE = np.random.default_rng(0).normal(size=(len(VOCABULARY), 6)).astype(np.float32)


def made(folder, inputs=("input_ids", "attention_mask"), output="last_hidden_state"):
    """model.onnx that looks words up (and takes their mean itself when it gives sentence_embedding), and tokenizer.json."""
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, pre_tokenizers

    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["rows"])]
    if output == "sentence_embedding":
        nodes.append(helper.make_node("ReduceMean", ["rows", "axis"], [output], keepdims=0))
    else:
        nodes.append(helper.make_node("Identity", ["rows"], [output]))
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "t"]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(TABLE, "table"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def expected(text):
    rows = TABLE[[VOCABULARY.index(word) for word in text.split()]]
    return rows.mean(axis=0) / np.linalg.norm(rows.mean(axis=0))


@pytest.mark.parametrize("inputs", [("input_ids",), ("input_ids", "attention_mask", "token_type_ids")])
@pytest.mark.parametrize("output", ["last_hidden_state", "sentence_embedding"])
def test_a_folder_replaces_the_encoder_whatever_of_the_usual_it_takes_and_gives(tmp_path, inputs, output):
    encoder = from_folder(made(tmp_path, inputs, output))
    texts = ["red shoes", "blue", "laptop red red"]
    assert encoder.dims == 6
    assert np.abs(encoder.encode(texts) - [expected(text) for text in texts]).max() < 1e-6


def test_the_hash_follows_model_and_length(tmp_path):
    first = from_folder(made(tmp_path)).hash
    assert from_folder(tmp_path).hash == first
    assert len({from_folder(tmp_path, **more).hash for more in ({"longest": 8}, {"whole": True}, {})} - {first}) == 2
    assert from_folder(made(tmp_path, ("input_ids",))).hash != first


@pytest.mark.parametrize("whole", [False, True])
def test_the_first_window_stands_for_a_text_that_is_not_long(tmp_path, whole):
    encoder = from_folder(made(tmp_path), longest=2, whole=whole)
    assert np.abs(encoder.encode(["red shoes laptop blue"])[0] - expected("red shoes")).max() < 1e-6


def test_the_first_window_stands_for_every_text_unless_it_is_read_whole(tmp_path):
    encoder = from_folder(made(tmp_path), longest=200)
    assert np.abs(encoder.encode(["red " * 200 + "blue " * 900])[0] - expected("red")).max() < 1e-6


def test_a_long_text_is_the_mean_of_its_windows_by_their_tokens_alone_and_in_company(tmp_path):
    encoder = from_folder(made(tmp_path), longest=200, whole=True)
    parts = ["red " * 200, "blue shoes " * 100, "laptop " * 130]
    mean = np.average([expected(part) for part in parts], axis=0, weights=[200, 200, 130])
    long, short = "".join(parts), "red shoes"
    together = encoder.encode([short, long, short])
    assert np.abs(together[1] - mean / np.linalg.norm(mean)).max() < 1e-6
    assert (together == np.concatenate([encoder.encode([text]) for text in (short, long, short)])).all()


def test_of_a_very_long_text_windows_at_even_distances_are_read(tmp_path):
    made(tmp_path)
    text = "".join(f"{word} " * 2_000 for word in ("red", "blue", "shoes", "laptop"))
    for longest, words in (
        (1_000, ["red", "laptop"]),
        (500, ["red", "blue", "shoes", "laptop"]),
    ):  # 2,048 tokens at most
        mean = np.mean([expected(word) for word in words], axis=0)
        found = from_folder(tmp_path, longest=longest, whole=True).encode([text])[0]
        assert np.abs(found - mean / np.linalg.norm(mean)).max() < 1e-5


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_what_a_folder_lacks_is_named(tmp_path, name):
    (made(tmp_path) / name).unlink()
    with pytest.raises(MissingError, match=name):
        from_folder(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_file_that_is_something_else_is_named(tmp_path, name):
    (made(tmp_path) / name).write_text("not a model")
    with pytest.raises(DataError, match=name):
        from_folder(tmp_path)


def test_inputs_and_outputs_that_are_not_known_are_named(tmp_path):
    with pytest.raises(DataError, match="pixels"):
        from_folder(made(tmp_path, ("input_ids", "pixels")))
    with pytest.raises(DataError, match="logits"):
        from_folder(made(tmp_path, output="logits"))
