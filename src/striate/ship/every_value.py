"""Graph -> ONNX with every number on the way as an output: for looking at maps, not for speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from striate.errors import ArgumentError
from striate.graph import Graph, Shape, operations
from striate.ship.onnx_graph import assembled, build_layers
from striate.ship.writer import Layout, Op, Tensor, Writer

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class EveryValue:
    """A network as ONNX whose outputs are all values that it computes.

    model     its inputs are float32, channels-last; output ``value:3`` is tensor 3 as ``graph.operations`` counts them
    layouts   how each tensor lies: channels "first" or "last"; None for the network's inputs
    arrays    of each operation: its arrays by their names within the primitive, float32
    """

    model: onnx.ModelProto
    layouts: list[Layout | None]
    arrays: list[Mapping[str, np.ndarray]]


def value_name(tensor: int) -> str:
    """The name of the output that gives a tensor.

    tensor   its number
    """
    return f"value:{tensor}"


def every_value_of(graph: Graph) -> EveryValue:
    """The network in prediction, nothing folded, with every value as an output in the layout in which it lies.

    graph   the network, with its weights as they are now

    Raises ArgumentError for layers that ONNX cannot say, and for inputs that are no floats.
    """
    from onnx import TensorProto, helper

    flat = graph.check().flat()
    if any(flat.dtypes[number] != "float32" for number in flat.inputs):
        raise ArgumentError("every value is told of networks that take floats; this one takes whole numbers.")
    build_layers(graph)
    w = Writer()
    made, shapes = operations(flat)
    results: list[tuple[str, Shape]] = []
    layouts: list[Layout | None] = [None] * len(shapes)
    arrays: list[Mapping[str, np.ndarray]] = []
    values: dict[int, Tensor] = {}
    inputs = []
    for number, tensor in zip(flat.inputs, graph.inputs, strict=True):
        name = w.free(graph.label(tensor.node))
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *flat.shapes[number]]))
        values[number] = Tensor(name, flat.shapes[number])
    following = iter(made)
    for call in flat.nodes:
        within = w.call(call, [values[i] for i in call.inputs])
        for step in call.lowering.steps:
            number, value = next(following).output, within[step.output]
            values[number], layouts[number] = value, value.layout
            w.ops.append(Op("Identity", [w.same(value)], value_name(number)))
            last = value.shape
            results.append(
                (value_name(number), (last[-1], *last[:-1]) if value.layout == "first" and len(last) > 1 else last)
            )
            arrays.append(w.arrays(step))
        values |= dict(zip(call.outputs, (within[i] for i in call.lowering.outputs), strict=True))
    return EveryValue(assembled(w.ops, inputs, results), layouts, arrays)
