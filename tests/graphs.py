"""Graphs to test on: random networks and plain ones, a batch for each, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from striate import layers
from striate.graph import Graph, Input, Layer, SymbolicTensor
from striate.model import Model


def names(graph: Graph) -> list[str]:
    return [graph.name(layer) for layer in graph.layers]


def weights(graph: Graph) -> int:
    """Weights of a graph, each layer once."""
    return sum(
        w.size
        for node in graph.nodes
        if graph.first_call(node)
        for w in node.layer.parameters(*node.input_shapes).values()
    )


@dataclass
class Growing:
    """Symbolic tensors of a network that grows call by call; all of them 6x6, with 1 to 8 channels."""

    tensors: list[SymbolicTensor]
    convolutions: list[tuple[int, Layer]]
    models: list[tuple[int, Model]]


@st.composite
def networks(draw: st.DrawFn, calls: int = 12, nested: bool = True) -> Graph:
    """A random wiring of convolutions, activations, merges, shared layers and nested models."""
    starts = [Input((6, 6, draw(st.integers(1, 3)))) for _ in range(draw(st.integers(1, 2)))]
    net = Growing(list(starts), [], [])
    kinds = ["conv", "conv", "relu", "relu", "leaky", "norm", "pool", "add", "add", "concatenate", "again", "again"]
    kinds += ["model", "model again"] * nested
    for _ in range(draw(st.integers(1, calls))):
        x = net.tensors[-1 - draw(st.integers(0, len(net.tensors) - 1))]
        channels = x.sizes[-1]
        alike = [t for t in net.tensors if t.sizes == x.sizes]
        like = alike[draw(st.integers(0, len(alike) - 1))]
        kind = draw(st.sampled_from(kinds))
        if kind == "conv":
            layer: Layer = layers.Conv2D(
                draw(st.integers(1, 3)), 3, padding="same", activation=draw(st.sampled_from([None, "relu", "tanh"]))
            )
            net.convolutions.append((channels, layer))
            net.tensors.append(layer(x))
        elif kind == "relu":
            net.tensors.append(layers.ReLU()(x))
        elif kind == "leaky":
            net.tensors.append(layers.Activation(layers.LeakyReLU(0.1))(x))
        elif kind == "norm":
            net.tensors.append(layers.BatchNormalization()(x))
        elif kind == "pool":
            net.tensors.append(layers.MaxPooling2D(3, 1, "same")(x))
        elif kind == "add":
            net.tensors.append(layers.Add()([x, like]))
        elif kind == "concatenate" and channels <= 4:
            net.tensors.append(layers.Concatenate()([x, like]) if like.shape[-1] <= 4 else x)
        elif kind == "again":
            for depth, layer in reversed(net.convolutions):
                if depth == channels:
                    net.tensors.append(layer(x))
                    break
        elif kind == "model":
            start = Input(x.sizes)
            inner = layers.Conv2D(2, 1, activation=draw(st.sampled_from([None, "relu"])))(start)
            outputs = [inner, layers.ReLU()(inner)] if draw(st.booleans()) else [layers.ReLU()(inner)]
            model = Model([start], outputs)
            net.models.append((channels, model))
            result = model(x)
            net.tensors += result if isinstance(result, list) else [result]
        elif kind == "model again":
            for depth, model in reversed(net.models):
                if depth == channels:
                    result = model(x)
                    net.tensors += result if isinstance(result, list) else [result]
                    break
    some = draw(st.lists(st.integers(0, len(net.tensors) - 1), max_size=2, unique=True))
    outputs = list(dict.fromkeys([net.tensors[-1], *(net.tensors[i] for i in some)]))
    return Graph(starts, outputs)


def batch_for(graph: Graph, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, s[-1], *s[:-1], generator=generator, dtype=dtype) for s in graph.input_shapes]


def outputs_of(module: torch.nn.Module, xs: list[torch.Tensor]) -> list[torch.Tensor]:
    with torch.no_grad():
        result = module(*xs)
    return list(result) if isinstance(result, tuple) else [result]


def three() -> Graph:
    x = start = Input((8, 8, 1))
    for _ in range(3):
        x = layers.MaxPooling2D(1)(layers.Conv2D(2, 1)(x))
    return Graph([start], [x])


def net(shape: tuple[int, ...], *stack: Layer) -> Graph:
    x = start = Input(shape)
    for layer in stack:
        x = layer(x)
    return Graph([start], [x])


def resnet_like() -> Graph:
    x = start = Input((16, 16, 3))
    x = layers.Conv2D(8, 3, 2, "same")(x)
    shortcut = x
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Conv2D(8, 3, padding=((0, 2), (1, 1)), activation="relu")(x)
    x = layers.Add()([x, shortcut])
    x = layers.MaxPooling2D(3, 1, "same")(x)
    x = layers.Concatenate()([x, layers.AveragePooling2D(3, 1, "same")(x)])
    x = layers.LocalResponseNormalization()(x)
    x = layers.SeparableConv2D(8, 3, padding="same", activation="silu")(x)
    x = layers.Rescaling((1.0,) * 8)(layers.Dropout(0.5)(x))
    x = layers.UpSampling2D()(layers.LayerNormalization()(layers.Dense(6)(x)))
    x = layers.Conv2DTranspose(4, 4, 2, "same")(layers.ZeroPadding2D()(x))
    return Graph([start], [x])
