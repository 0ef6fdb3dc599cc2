"""Which way round numbers lie: the arrays of a network, and the same arrays as Keras and torch keep them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from striate import layers
from striate.graph import Graph, Layer, Shape
from striate.graph.graph import FlatGraph, FlatNode

if TYPE_CHECKING:
    import torch

_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv1DTranspose, layers.Conv2DTranspose)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_NORMS = (layers.BatchNormalization, layers.LayerNormalization)

# Keras' order of a layer's arrays, its name for each, our slot.
_NORM_SLOTS = (
    ("gamma", "weight"),
    ("beta", "bias"),
    ("moving_mean", "running_mean"),
    ("moving_variance", "running_var"),
)
_SEPARABLE_SLOTS = (
    ("depthwise_kernel", "depthwise.weight"),
    ("pointwise_kernel", "pointwise.weight"),
    ("bias", "pointwise.bias"),
)
_KERNEL_SLOTS = (("kernel", "weight"), ("bias", "bias"))


@dataclass(frozen=True)
class Slot:
    """One array of a network.

    key         its name in the state, such as "conv2d.weight"; of a nested layer "inner.conv2d.weight"
    path        the layer's name, with the networks it is nested in: "inner/conv2d"
    name        "weight", "bias", "running_mean" …
    layer       the layer
    shape       in the network's layout
    flattened   the map (H, W, C) that was flattened into the axis this array runs over, if that has more than one pixel
    """

    key: str
    path: str
    name: str
    layer: Layer
    shape: Shape
    flattened: Shape | None

    @property
    def keras(self) -> str:
        """Keras' name for it within its layer, such as "kernel"."""
        return next((theirs for theirs, ours in keras_order(self.layer) if ours == self.name), self.name)


def slots_of(graph: Graph) -> list[Slot]:
    """Every array of a network, in the order of its layers, nested ones in their place."""
    flat = graph.flat()
    makers = _makers(flat)
    found = []
    for node in flat.nodes:
        if not node.first:
            continue
        path = node.name.replace("/", ".")
        arrays = node.layer.weights(*node.input_shapes) | node.layer.buffers(*node.input_shapes)
        flattened = _flattened(node, makers) if isinstance(node.layer, (layers.Dense, *_NORMS)) else None
        for name, weight in arrays.items():
            over = None if isinstance(node.layer, layers.Dense) and name == "bias" else flattened
            found.append(Slot(f"{path}.{name}", node.name, name, node.layer, tuple(weight.shape), over))
    return found


def _makers(flat: FlatGraph) -> dict[int, FlatNode]:
    """The call that makes each tensor."""
    return {number: node for node in flat.nodes for number in node.outputs}


def _flattened(node: FlatNode, makers: dict[int, FlatNode]) -> Shape | None:
    """The map that was flattened into a layer's input, seen through whatever treats each number by itself."""
    if len(node.input_shapes[0]) != 1:
        return None
    while (maker := makers.get(node.inputs[0])) is not None:
        if len(maker.inputs) != 1:
            return None
        before = maker.input_shapes[0]
        if len(before) > 1:
            flattens = isinstance(maker.layer, layers.Flatten | layers.Reshape)
            return before if flattens and prod(before[:-1]) > 1 else None
        if isinstance(maker.layer, layers.Dense) or maker.shape != before:
            return None
        node = maker
    return None


def output_path(graph: Graph) -> str | None:
    """The path of the layer with weights whose channels are the (first) output's: the classifier."""
    flat = graph.flat()
    makers = _makers(flat)
    number = flat.outputs[0]
    while (node := makers.get(number)) is not None:
        if node.layer.weights(*node.input_shapes):
            return node.name
        if len(node.inputs) != 1:
            return None
        number = node.inputs[0]
    return None


def keras_order(layer: Layer) -> tuple[tuple[str, str], ...]:
    """(Keras' name, our slot) of a layer's arrays, in the order in which Keras keeps them."""
    if isinstance(layer, _NORMS):
        return _NORM_SLOTS
    if isinstance(layer, _SEPARABLE):
        return _SEPARABLE_SLOTS
    if isinstance(layer, _DEPTHWISE):
        return (("depthwise_kernel", "weight"), ("bias", "bias"))
    if isinstance(layer, layers.Embedding):
        return (("embeddings", "weight"),)
    return _KERNEL_SLOTS


def keras_layers(graph: Graph) -> list[Layer]:
    """The layers of a network (nested networks as one) in the order of Keras' ``model.layers``.

    By distance from the outputs, the farthest first, then in the order in which a walk back from the outputs meets
    them (``keras.src.ops.function.map_graph``); a chain is in its own order.
    """
    depth: dict[int, int] = {}
    for node in reversed(graph.nodes):
        mine = depth.setdefault(id(node.layer), 0)
        for tensor in node.inputs:
            above = tensor.node.layer
            depth[id(above)] = max(depth.get(id(above), 0), mine + 1)
    met: dict[int, int] = {}
    stack = [tensor.node for tensor in reversed(graph.outputs)]
    seen = set()
    while stack:
        node = stack.pop()
        if node.serial in seen:
            continue
        seen.add(node.serial)
        met.setdefault(id(node.layer), len(met))
        stack.extend(tensor.node for tensor in reversed(node.inputs))
    return sorted(graph.layers, key=lambda layer: (-depth[id(layer)], met[id(layer)]))


# -- Keras ------------------------------------------------------------------------------------------------------------
def from_keras(slot: Slot, array: torch.Tensor) -> torch.Tensor | None:
    """An array of Keras in the layout of `slot`; None where the shapes do not fit."""
    if slot.name in ("weight", "pointwise.weight", "depthwise.weight") and array.ndim >= 2:
        if isinstance(slot.layer, _DEPTHWISE) or slot.name == "depthwise.weight":
            # (k…, in, multiplier) -> (in · multiplier, 1, k…)
            turned = array.movedim((-2, -1), (0, 1)).reshape(-1, 1, *array.shape[:-2])
        elif isinstance(slot.layer, (*_CONVOLUTIONS, *_SEPARABLE, layers.Dense)):
            # (k…, in, out) -> (out, in, k…); of a transposed convolution (k…, out, in) -> (in, out, k…)
            turned = array.movedim((-1, -2), (0, 1))
            if isinstance(slot.layer, layers.Dense) and turned.ndim > 2:
                turned = array.reshape(-1, array.shape[-1]).T  # a convolution over the whole map, row by row
        else:
            turned = array
        array = turned
    return fitted_to(array, slot.shape)


def to_keras(slot: Slot, array: torch.Tensor) -> torch.Tensor:
    """The inverse of ``from_keras``."""
    if (isinstance(slot.layer, _DEPTHWISE) and slot.name == "weight") or slot.name == "depthwise.weight":
        multiplier = slot.layer.depth_multiplier  # type: ignore[attr-defined]
        split = array.reshape(-1, multiplier, *array.shape[2:])
        return split.movedim((0, 1), (-2, -1))
    turns = (*_CONVOLUTIONS, *_SEPARABLE, layers.Dense)
    if slot.name in ("weight", "pointwise.weight") and isinstance(slot.layer, turns):
        return array.movedim((0, 1), (-1, -2))
    return array


# -- torch ------------------------------------------------------------------------------------------------------------
def from_torch(slot: Slot, array: torch.Tensor) -> torch.Tensor | None:
    """An array of a torch network in the layout of `slot`; None where the shapes do not fit.

    Convolutions and dense layers lie as here.  torch flattens a map channel by channel, (C, H, W), striate pixel by
    pixel, (H, W, C): what runs over a flattened map is put into our order.
    """
    if len(slot.shape) == 2 and array.ndim > 2 and array.numel() == slot.shape[0] * slot.shape[1]:
        array = array.reshape(array.shape[0], -1)
    fitted = fitted_to(array, slot.shape)
    if fitted is None or slot.flattened is None:
        return fitted
    *sizes, channels = slot.flattened
    apart = fitted.reshape(*fitted.shape[:-1], channels, *sizes)
    return apart.movedim(fitted.ndim - 1, -1).reshape(slot.shape)


def to_torch(slot: Slot, array: torch.Tensor) -> torch.Tensor:
    """The inverse of ``from_torch``."""
    if slot.flattened is None:
        return array
    return array.reshape(*array.shape[:-1], *slot.flattened).movedim(-1, array.ndim - 1).reshape(slot.shape)


def fitted_to(array: torch.Tensor, shape: Shape) -> torch.Tensor | None:
    """`array` in `shape` when they differ in ones at the end only, as a dense layer and a 1x1 convolution do."""
    if tuple(array.shape) == shape:
        return array
    return array.reshape(shape) if _stripped(tuple(array.shape)) == _stripped(shape) else None


def _stripped(shape: Shape) -> Shape:
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape
