"""The ONNX graph of a BERT sentence encoder, made from its weights: float32, or int8 with a scale a token.

Letters: B texts, T tokens of each (all texts of a batch are equally long: no padding, no mask), H hidden numbers, N heads,
input_ids [B, T] -> last layer [B, T, H]. Written by the library `onnx` from operators that are fast in onnxruntime.

Devlin et al., arXiv 1810.04805: normalised after each sum, learned positions. Two shortcuts are exact: a softmax does not see
the keys' bias, and as its weights add up to 1 the values' bias passes through it into the next one.

int8: y = scale_of_token scale_of_output (x8 @ w8) + bias, with w8 = round(w / scale_of_output) in +-127 and x8 in 0..255. A token's scale
is found when the token is there, so that its numbers depend on its own text only, never on what it is batched with (one scale
a batch, as dynamic quantisation by onnxruntime has it, gives 0.980 where this gives 0.996: the first token holds numbers ten times
as large as the others'). x8 is centred on 128; after GELU, which never goes below -0.17, on 20.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Precision = Literal["int8", "fp32"]
VERSION = 1  # of the graph: part of an encoder's hash
Weights = Mapping[str, np.ndarray]
MIDDLE, LOW = 128, 20  # what stands for 0 in a byte: of numbers of both signs, after GELU
LEAST = 0.17 * (255 - LOW) / LOW  # a token's largest number after GELU counts as at least this, so that -0.17 fits


@dataclass(frozen=True)
class Shape:
    """What config.json says of a BERT."""

    layers: int
    heads: int
    hidden: int
    epsilon: float


@dataclass
class Graph:
    """Nodes and constants so far. `op` and `own` add a node and name its output; `own` are onnxruntime's operators."""

    weights: Weights
    shape: Shape
    precision: Precision
    signed: bool  # int8 weights as signed bytes (fast), or moved up by 128
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    zeros: dict[int, str] = field(default_factory=dict)  # what stands for 0 -> its name, once a token

    def constant(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(np.shape(values)), name)
        return name

    def whole(self, *numbers: int) -> str:
        return self.constant(f"whole {numbers}", np.array(numbers, np.int64))

    def op(self, kind: str, *inputs: str, domain: str = "", **settings: Any) -> str:
        from onnx import helper

        name = f"{kind}_{len(self.nodes)}"
        count = settings.get("num_outputs", 1)
        outputs = [name, *(f"{name}.{i}" for i in range(1, count))]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name, domain=domain, **settings))
        return name

    def own(self, kind: str, *inputs: str, **settings: Any) -> str:
        return self.op(kind, *inputs, domain="com.microsoft", **settings)


def build(weights: Weights, shape: Shape, precision: Precision, signed: bool = True) -> bytes:
    """The model as the bytes of an ONNX file: input_ids int64 [B, T] -> last layer float32 [B, T, H]."""
    from onnx import TensorProto, helper

    graph = Graph(weights, shape, precision, signed)
    batch = graph.op("Shape", "input_ids")
    x = _embeddings(graph, batch)
    for layer in range(shape.layers):
        x = _layer(graph, batch, f"encoder.layer.{layer}.", x)
    graph.op("Reshape", x, graph.op("Concat", batch, graph.whole(shape.hidden), axis=0))
    made = helper.make_graph(
        graph.nodes,
        "sentence-encoder",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
        [
            helper.make_tensor_value_info(
                graph.nodes[-1].output[0], TensorProto.FLOAT, ["texts", "tokens", shape.hidden]
            )
        ],
        list(graph.constants.values()),
    )
    versions = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(made, opset_imports=versions, ir_version=10).SerializeToString(deterministic=True))


def _embeddings(graph: Graph, batch: str) -> str:
    """x [B T, H]: the sum of what stands for a word, its place and the first segment, normalised."""
    words, places, segments = (
        graph.weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
    )
    if graph.precision == "int8":
        graph.zeros.update({zero: _once_a_token(graph, batch, zero) for zero in (MIDDLE, LOW)})
    tokens = graph.op("Slice", batch, graph.whole(1), graph.whole(2))
    place = graph.op("Slice", graph.constant("places", places + segments[0]), graph.whole(0), tokens)
    x = graph.op("Add", graph.op("Gather", graph.constant("words", words), "input_ids"), place)
    return graph.op("Reshape", _normalised(graph, x, "embeddings.LayerNorm"), graph.whole(-1, graph.shape.hidden))


def _once_a_token(graph: Graph, batch: str, zero: int) -> str:
    """[B T] times the byte `zero`."""
    return graph.op("Expand", graph.constant(f"zero {zero}", np.uint8(zero)), graph.op("ReduceProd", batch, keepdims=1))


def _layer(graph: Graph, batch: str, at: str, x: str) -> str:
    """x [B T, H] after attention and the network of two layers; each adds to its input, and the sum is normalised."""
    value, out = f"{at}attention.self.value", f"{at}attention.output.dense"
    bias = graph.weights[f"{out}.bias"] + graph.weights[f"{out}.weight"] @ graph.weights[f"{value}.bias"]
    seen = _attention(graph, batch, at, x)
    x = _normalised(graph, graph.op("Add", _linear(graph, seen, out, bias), x), f"{at}attention.output.LayerNorm")
    wide, narrow = f"{at}intermediate.dense", f"{at}output.dense"
    y = graph.op("Gelu", _linear(graph, x, wide, graph.weights[f"{wide}.bias"]))
    y = _linear(graph, y, narrow, graph.weights[f"{narrow}.bias"], zero=LOW)
    return _normalised(graph, graph.op("Add", y, x), f"{at}output.LayerNorm")


def _attention(graph: Graph, batch: str, at: str, x: str) -> str:
    """softmax(q k^T / sqrt(H / N)) v for each head, [B T, H]; without the biases of keys and values."""
    heads, size = graph.shape.heads, graph.shape.hidden // graph.shape.heads
    names = [f"{at}attention.self.{name}" for name in ("query", "key", "value")]
    bias = graph.weights[f"{names[0]}.bias"].reshape(heads, 1, size)
    parts = graph.op("Concat", batch, graph.whole(3, heads, size), axis=0)
    joint = graph.op("Transpose", graph.op("Reshape", _linear(graph, x, *names), parts), perm=[2, 0, 3, 1, 4])
    split = graph.op("Split", joint, axis=0, num_outputs=3)
    q, k, v = (graph.op("Squeeze", name, graph.whole(0)) for name in (split, f"{split}.1", f"{split}.2"))
    q = graph.op("Add", q, graph.constant(f"{names[0]}.bias", bias))
    share = graph.op("Softmax", graph.own("FusedMatMul", q, k, transB=1, alpha=size**-0.5), axis=-1)
    seen = graph.op("Transpose", graph.op("MatMul", share, v), perm=[0, 2, 1, 3])
    return graph.op("Reshape", seen, graph.whole(-1, graph.shape.hidden))


def _normalised(graph: Graph, x: str, name: str) -> str:
    gain, bias = (graph.constant(f"{name}.{part}", graph.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.op("LayerNormalization", x, gain, bias, axis=-1, epsilon=graph.shape.epsilon)


def _linear(graph: Graph, x: str, *names: Any, zero: int = MIDDLE) -> str:
    """x [B T, in] @ the weights of all names side by side, plus the bias if the last one is an array."""
    bias = names[-1] if isinstance(names[-1], np.ndarray) else None
    names = names[:-1] if bias is not None else names
    w = np.concatenate([graph.weights[f"{name}.weight"].T for name in names], axis=1)  # [in, out]
    if graph.precision == "fp32":
        y = graph.op("MatMul", x, graph.constant(f"{names[0]}.w", w))
    else:
        y = _product(graph, x, w, names[0], zero)
    return y if bias is None else graph.op("Add", y, graph.constant(f"{names[-1]}.b", bias))


def _product(graph: Graph, x: str, w: np.ndarray, name: str, zero: int) -> str:
    """x [B T, in] @ w in integers, scaled."""
    per_output = np.abs(w).max(axis=0) / np.float32(127)
    w8 = np.rint(w / per_output).astype(np.int8)
    w8 = w8 if graph.signed else (w8.astype(np.int16) + 128).astype(np.uint8)
    per_token = _scale(graph, x, zero)
    flat = graph.op("Reshape", per_token, graph.whole(-1))
    x8 = graph.op("QuantizeLinear", x, flat, graph.zeros[zero], axis=0)
    inputs = [x8, graph.constant(f"{name}.w", w8), graph.constant("one", np.float32(1))]
    inputs += [graph.constant(f"{name}.scale", per_output), graph.constant(f"zero {zero}", np.uint8(zero))]
    if not graph.signed:
        inputs.append(graph.constant(f"zero {MIDDLE}", np.uint8(MIDDLE)))
    return graph.op("Mul", graph.own("MatMulIntegerToFloat", *inputs), per_token)


def _scale(graph: Graph, x: str, zero: int) -> str:
    """[B T, 1]: what a step of a token's bytes is worth."""
    if zero == MIDDLE:
        largest = graph.op("ReduceMax", graph.op("Abs", x), graph.whole(1), keepdims=1)
    else:
        least = graph.constant("least", np.float32(LEAST))
        largest = graph.op("Max", graph.op("ReduceMax", x, graph.whole(1), keepdims=1), least)
    return graph.op("Mul", largest, graph.constant(f"step {zero}", np.float32(1 / (255 - zero))))


def product_of_bytes(right: np.ndarray) -> bytes:
    """A model of one operator: left uint8 [M, K] @ right int8 [K, N] -> int32 [M, N]."""
    from onnx import TensorProto, helper, numpy_helper

    made = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", TensorProto.UINT8, [None, right.shape[0]])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [None, right.shape[1]])],
        [numpy_helper.from_array(right, "right")],
    )
    return bytes(
        helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    )
