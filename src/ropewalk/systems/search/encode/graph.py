"""The ONNX graph of a BERT sentence encoder, made from its weights: float32, or int8 with a scale a token.

Letters: B texts, T tokens of each (all texts of a batch are equally long: no padding, no mask), H hidden numbers,
input_ids [B, T] -> last layer [B, T, H] -> mean over T -> unit vector [B, H].

Devlin et al., arXiv 1810.04805 (BERT: post-norm layers, learned positions); mean pooling and the length of 1 as in Reimers and
Gurevych, arXiv 1908.10084. Operators of domain com.microsoft are onnxruntime's own: attention, a sum with its normalisation,
and an integer product that comes out as float.

int8: the weights of an output number share a scale, max|w| / 127; the numbers of a token share a scale, max|x| / 127, found when
the token is there. A token's result thus depends on its own text only, never on what it is batched with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Precision = Literal["int8", "fp32"]
VERSION = 1  # of the graph: part of an encoder's hash
Weights = Mapping[str, np.ndarray]
Linear = Callable[
    ["Graph", str, str], str
]  # graph, name of x [tokens, in], name of the weights -> name of y [tokens, out]


@dataclass(frozen=True)
class Shape:
    """What config.json says of a BERT."""

    layers: int
    heads: int
    hidden: int
    epsilon: float


@dataclass
class Graph:
    """Nodes and constants so far. `op` and `own` add a node and name its first output."""

    weights: Weights
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    scaled: dict[str, tuple[str, str]] = field(default_factory=dict)  # activation -> its integers and their scales

    def constant(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def op(self, kind: str, *inputs: str, domain: str = "", **settings: Any) -> str:
        from onnx import helper

        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, domain=domain, **settings))
        return name

    def own(self, kind: str, *inputs: str, **settings: Any) -> str:
        return self.op(kind, *inputs, domain="com.microsoft", **settings)


def build(weights: Weights, shape: Shape, precision: Precision) -> bytes:
    """The model as the bytes of an ONNX file: input_ids int64 [B, T] -> sentence_embedding float32 [B, H]."""
    from onnx import TensorProto, helper

    graph = Graph(weights)
    linear = _linear_int8 if precision == "int8" else _linear_fp32
    x, size = _embeddings(graph, shape)
    for layer in range(shape.layers):
        x = _layer(graph, shape, linear, f"encoder.layer.{layer}.", x, size)
    _pooled(graph, x, size)
    made = helper.make_graph(
        graph.nodes,
        "sentence-encoder",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info(graph.nodes[-1].output[0], TensorProto.FLOAT, ["texts", shape.hidden])],
        list(graph.constants.values()),
    )
    versions = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(made, opset_imports=versions, ir_version=10).SerializeToString(deterministic=True))


def _embeddings(graph: Graph, shape: Shape) -> tuple[str, str]:
    """x [B T, H], and the name of its size [B, T, H]."""
    words = "embeddings.word_embeddings.weight"
    places = (
        graph.weights["embeddings.position_embeddings.weight"]
        + graph.weights["embeddings.token_type_embeddings.weight"][0]
    )
    batch = graph.op("Shape", "input_ids")
    size = graph.op("Concat", batch, graph.constant("hidden", np.array([shape.hidden])), axis=0)
    tokens = graph.op("Slice", batch, graph.constant("1", np.array([1])), graph.constant("2", np.array([2])))
    place = graph.op("Slice", graph.constant("places", places), graph.constant("0", np.array([0])), tokens)
    x = graph.op("Add", graph.op("Gather", graph.weight(words), "input_ids"), place)
    names = (graph.weight("embeddings.LayerNorm.weight"), graph.weight("embeddings.LayerNorm.bias"))
    x = graph.op("LayerNormalization", x, *names, axis=-1, epsilon=shape.epsilon)
    return graph.op("Reshape", x, graph.constant("flat", np.array([-1, shape.hidden]))), size


def _layer(graph: Graph, shape: Shape, linear: Linear, at: str, x: str, size: str) -> str:
    """x [B T, H] after attention and the two-layer network, each added to its input and normalised."""
    parts = (linear(graph, x, f"{at}attention.self.{name}") for name in ("query", "key", "value"))
    seen = graph.own("MultiHeadAttention", *(graph.op("Reshape", part, size) for part in parts), num_heads=shape.heads)
    seen = linear(graph, graph.op("Reshape", seen, "flat"), f"{at}attention.output.dense")
    x = _sum_normalised(graph, shape, seen, x, f"{at}attention.output.LayerNorm")
    wide = graph.op("Gelu", linear(graph, x, f"{at}intermediate.dense"))
    return _sum_normalised(graph, shape, linear(graph, wide, f"{at}output.dense"), x, f"{at}output.LayerNorm")


def _sum_normalised(graph: Graph, shape: Shape, x: str, skip: str, name: str) -> str:
    names = (graph.weight(f"{name}.weight"), graph.weight(f"{name}.bias"))
    return graph.own("SkipLayerNormalization", x, skip, *names, epsilon=shape.epsilon)


def _pooled(graph: Graph, x: str, size: str) -> str:
    mean = graph.op("ReduceMean", graph.op("Reshape", x, size), graph.constant("1", np.array([1])), keepdims=0)
    return graph.op("LpNormalization", mean, axis=-1, p=2)


def _linear_fp32(graph: Graph, x: str, name: str) -> str:
    w = graph.constant(f"{name}.weight", graph.weights[f"{name}.weight"].T)
    return graph.op("Gemm", x, w, graph.weight(f"{name}.bias"))


def _linear_int8(graph: Graph, x: str, name: str) -> str:
    """y = scale_of_token scale_of_output (integers of x @ integers of w) + bias."""
    if x not in graph.scaled:
        graph.scaled[x] = _scaled(graph, x)
    integers, scale = graph.scaled[x]
    w = graph.weights[f"{name}.weight"].T
    w_scale = np.abs(w).max(axis=0) / np.float32(127)
    w8 = graph.constant(f"{name}.weight", np.rint(w / w_scale).astype(np.int8))
    one, zero = graph.constant("one", np.float32(1)), graph.constant("middle", np.uint8(128))
    y = graph.own("MatMulIntegerToFloat", integers, w8, one, graph.constant(f"{name}.scale", w_scale), zero)
    return graph.op("Add", graph.op("Mul", y, scale), graph.weight(f"{name}.bias"))


def _scaled(graph: Graph, x: str) -> tuple[str, str]:
    """x [tokens, in] as uint8 around 128, and the scale [tokens, 1] of each token."""
    largest = graph.op("ReduceMax", graph.op("Abs", x), graph.constant("1", np.array([1])), keepdims=1)
    scale = graph.op("Mul", largest, graph.constant("1/127", np.float32(1 / 127)))
    one, zero = graph.constant("one", np.float32(1)), graph.constant("middle", np.uint8(128))
    return graph.op("QuantizeLinear", graph.op("Div", x, scale), one, zero), scale
