"""Which way round numbers lie: the arrays of a network, and the same arrays as Keras and torch keep them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from striate import primitives as p
from striate.graph import Graph, Layer, Lowering, Primitive, Shape, Step, channel_axes
from striate.graph.graph import FlatGraph, FlatNode

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Slot:
    """One array of a network.

    key         its name in the state, such as "conv2d.weight"; of a nested layer "inner.conv2d.weight"
    path        the layer's name, with the networks it is nested in: "inner/conv2d"
    name        "weight", "bias", "running_mean" …
    layer       the layer
    step        the primitive in it that has the array
    shape       in the network's layout
    flattened   the map (H, W, C) that was flattened into the axis this array runs over, if that has more than one pixel
    several     whether another array of the layer has the same name in Keras, as in a layer of a user's own
    """

    key: str
    path: str
    name: str
    layer: Layer
    step: Step
    shape: Shape
    flattened: Shape | None
    several: bool = False

    @property
    def primitive(self) -> Primitive:
        """What has the array."""
        return self.step.primitive

    @property
    def own(self) -> str:
        """Its name in the primitive: "weight", also of "depthwise.weight"."""
        return self.name.rpartition(".")[2]

    @property
    def keras(self) -> str:
        """Keras' name for it within its layer, such as "kernel"."""
        name = next((theirs for theirs, ours in self.step.keras_names() if ours == self.name), self.name)
        return f"{self.step.part}_{name}" if self.several else name


def slots_of(graph: Graph) -> list[Slot]:
    """Every array of a network, in the order of its layers, nested ones in their place."""
    flat = graph.flat()
    makers, axes = _makers(flat), channel_axes(flat)
    slots = []
    for node in flat.nodes:
        if node.first:
            flattened = _flattened(node, makers, axes) if node.lowering.of(*_OVER_INPUT) else None
            slots += _slots(node.layer, node.lowering, node.name, flattened)
    return slots


def slots_of_layer(layer: Layer, *inputs: Shape) -> list[Slot]:
    """Every array of a layer by itself, in Keras' order: those that are trained first.

    inputs   a shape per input
    """
    return _slots(layer, layer.lowering(*inputs), "", None)


def _slots(layer: Layer, lowering: Lowering, path: str, flattened: Shape | None) -> list[Slot]:
    slots, start = [], f"{path.replace('/', '.')}." if path else ""
    for what in ("weights", "buffers"):
        for step in lowering.steps:
            over = flattened if step.inputs == (0,) and isinstance(step.primitive, _OVER_INPUT) else None
            for name, weight in getattr(step, what).items():
                mine = None if isinstance(step.primitive, p.Linear) and name.endswith("bias") else over
                slots.append(Slot(f"{start}{name}", path, name, layer, step, weight.shape, mine))
    if layer.is_own:
        counts = Counter(slot.keras for slot in slots)
        slots = [replace(slot, several=counts[slot.keras] > 1) for slot in slots]
    return slots


# Their arrays run over the channels of their input.
_OVER_INPUT = (p.Linear, p.BatchNorm, p.LayerNorm)


def _makers(flat: FlatGraph) -> dict[int, FlatNode]:
    """The call that makes each tensor."""
    return {number: node for node in flat.nodes for number in node.outputs}


def _flattened(node: FlatNode, makers: dict[int, FlatNode], axes: list[int]) -> Shape | None:
    """The map that was flattened into a layer's input, seen through whatever treats each number by itself."""
    if len(node.input_shapes[0]) != 1:
        return None
    while (maker := makers.get(node.inputs[0])) is not None:
        if len(maker.inputs) != 1:
            return None
        before = maker.input_shapes[0]
        if len(before) > 1:
            flattens = maker.lowering.of(p.Reshape)
            as_torch = axes[maker.inputs[0]] == 0 and getattr(maker.layer, "data_format", None) != "channels_first"
            if not flattens or as_torch:  # channels that come first and stay there lie as in torch
                return None
            before = flattens[0].input_shapes[0]
            return before if prod(before[:-1]) > 1 else None
        if maker.lowering.of(p.Linear) or maker.shape != before:
            return None
        node = maker
    return None


def output_path(graph: Graph) -> str | None:
    """The path of the layer with weights whose channels are the (first) output's: the classifier."""
    flat = graph.flat()
    makers = _makers(flat)
    number = flat.outputs[0]
    while (node := makers.get(number)) is not None:
        if node.layer.parameters(*node.input_shapes):
            return node.name
        if len(node.inputs) != 1:
            return None
        number = node.inputs[0]
    return None


# -- Keras ------------------------------------------------------------------------------------------------------------
def from_keras(slot: Slot, array: torch.Tensor) -> torch.Tensor | None:
    """An array of Keras in the layout of `slot`; None where the shapes do not fit."""
    return fitted_to(slot.primitive.from_keras(slot.own, array), slot.shape)


def to_keras(slot: Slot, array: torch.Tensor) -> torch.Tensor:
    """The inverse of ``from_keras``."""
    return slot.primitive.to_keras(slot.own, array)  # type: ignore[no-any-return]


# -- torch ------------------------------------------------------------------------------------------------------------
def from_torch(slot: Slot, array: torch.Tensor) -> torch.Tensor | None:
    """An array of a torch network in the layout of `slot`, a view of it; None where the shapes do not fit.

    Convolutions and dense layers lie as here.  torch flattens a map channel by channel, (C, H, W), striate pixel by
    pixel, (H, W, C): what runs over a flattened map is put into our order, that axis still in the map's (…, H, W, C).
    """
    if len(slot.shape) == 2 and array.ndim > 2 and array.numel() == slot.shape[0] * slot.shape[1]:
        array = array.reshape(array.shape[0], -1)
    fitted = fitted_to(array, slot.shape)
    if fitted is None or slot.flattened is None:
        return fitted
    *sizes, channels = slot.flattened
    apart = fitted.reshape(*fitted.shape[:-1], channels, *sizes)
    return apart.movedim(fitted.ndim - 1, -1)


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
