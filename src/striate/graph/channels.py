"""Which axis of a tensor holds the channels: the last, or the first where ``data_format="channels_first"`` says so."""

from __future__ import annotations

from striate.graph.families import family
from striate.graph.graph import FlatGraph, FlatNode
from striate.graph.lowering import Shape


def channel_axes(flat: FlatGraph) -> list[int]:
    """The channels' axis of each tensor: 0 or the last.

    A layer with a ``data_format`` says it of its inputs and outputs; what keeps axes where they are, such as an activation,
    passes it on.

    flat   a graph with its nested networks opened
    """
    first = [False] * len(flat.shapes)
    said = [False] * len(flat.shapes)
    for node in reversed(flat.nodes):  # what reads a tensor says it
        for tensor in node.inputs:
            if (stands := _says(node)) is not None or _passes(flat, node):
                first[tensor] = first[node.outputs[0]] if stands is None else stands
                said[tensor] = said[node.outputs[0]] if stands is None else True
    for node in flat.nodes:  # and what makes it, which knows better
        stands = _says(node)
        known = [tensor for tensor in node.inputs if said[tensor]] if stands is None and _passes(flat, node) else []
        for tensor in node.outputs:
            if stands is not None or known:
                first[tensor] = first[known[0]] if stands is None else stands
                said[tensor] = True
    return [0 if one else len(shape) - 1 for one, shape in zip(first, flat.shapes, strict=True)]


def _says(node: FlatNode) -> bool | None:
    """Whether a call's layer has the channels first; None where it has no ``data_format``."""
    said = getattr(node.layer, "data_format", None)
    return None if said is None else said == "channels_first"


def _passes(flat: FlatGraph, node: FlatNode) -> bool:
    """Whether a call leaves every axis in its place."""
    same = all(len(flat.shapes[tensor]) == len(node.shape) for tensor in node.inputs)
    return same and family(node.layer, *node.input_shapes) != "reshape"


def channels_last(shape: Shape, axis: int) -> Shape:
    """A shape with its channels at the end.

    shape   without the batch
    axis    of the channels: 0 or the last
    """
    return (*shape[:axis], *shape[axis + 1 :], shape[axis]) if 0 <= axis < len(shape) - 1 else shape
