"""What a page is told of a network: layers and their numbers, operations and what they look at, how the picture folds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from math import prod
from typing import Any

from striate import primitives as p
from striate.draw.volumes import SLANT, sides
from striate.draw.words import brief
from striate.graph import FlatGraph, Graph, Operation, Shape, Window, channel_axes, channels_last, last_maps, operations
from striate.graph.sizes import Open
from striate.page.blocks import Part, parts_of
from striate.page.placing import HEIGHT, WIDTH, placed
from striate.size import explain_every, measure, opened_rows
from striate.size.receptive_field import sight
from striate.visible import visible

_WINDOWS = (p.Conv, p.Pool)


def told_of(graph: Graph) -> dict[str, Any]:
    """The network for the page, JSON-ready; every text in it may be shown as it is.

    graph   the network

    ``layers``: a call each, in order, with the numbers of ``size.opened_rows``, and its volume as ``draw.volumes``
    has it: height, thickness, and how far the third side runs right and up.  ``tensors``: shapes, channels last.
    ``operations``: what the layers are made of, as ``graph.operations`` counts; each with ``sees``: how its output looks
    along the axes of each input, as ``size.receptive_field`` says.  ``parts``: how the picture folds, with places.

    Raises the graph's own error where it has a fault.
    """
    size = measure(graph.check())
    flat = graph.flat()
    made, shapes = operations(flat)
    rows, texts = opened_rows(graph), explain_every(graph)
    number = {id(call): i for i, call in enumerate(flat.nodes)}
    axes = channel_axes(flat)
    volumes = sides([channels_last(call.shape, axes[call.outputs[0]]) for call in flat.nodes])
    layers = [
        {
            "name": row.name,
            "kind": row.kind,
            "family": row.family,
            "says": brief(call.layer),
            "shape": row.output_shape,
            "weights": row.weights,
            "buffers": row.buffers,
            "mults": row.mults,
            "field": row.receptive_field,
            "misfit": row.misfit,
            "inputs": call.inputs,
            "output": call.outputs[0],
            "bytes": 4 * prod(call.shape),
            "shared": not call.first and bool(call.lowering.weights),
            "explain": texts[row.name],
            "volume": [round(side, 1) for side in (high, thick, deep * SLANT[0], -deep * SLANT[1])],
        }
        for row, call, (high, deep, thick) in zip(rows, flat.nodes, volumes, strict=True)
    ]
    told = {
        "totals": {
            "weights": size.weights,
            "buffers": size.buffers,
            "mults": size.mults,
            "inference_bytes": size.inference_bytes,
            "training_bytes": size.training_bytes,
        },
        "inputs": told_inputs(graph, flat.inputs),
        "outputs": flat.outputs,
        "layers": layers,
        "tensors": shapes,
        "operations": [_operation(one, number[id(one.call)]) for one in made],
        "box": [WIDTH, HEIGHT],
        "parts": [_part(part, flat) for part in parts_of(flat)],
    }
    return shown(told)  # type: ignore[no-any-return]


def told_inputs(graph: Graph, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """What the page is told of each input: its name, its tensor, and whether one of its sizes is left open.

    graph     the network
    numbers   of the inputs among the page's ``tensors``, whose sizes are those that an open one is counted at
    """
    return [
        {
            "name": graph.label(tensor.node),
            "tensor": number,
            "open": any(isinstance(size, Open) for size in tensor.sizes),
        }
        for tensor, number in zip(graph.inputs, numbers, strict=True)
    ]


def explained(graph: Graph) -> dict[str, Any]:
    """What the page explains an answer by: ``maps``, the call that has the last maps, or None; ``logits``, a tensor.

    graph   the network, whose first output gives the answer; its logits stand before a softmax or sigmoid that ends it
    """
    flat = graph.flat()
    maps, (made, _) = last_maps(flat), operations(flat)
    last = next((one for one in made if one.output == flat.outputs[0]), None)
    primitive = None if last is None else last.step.primitive
    ends = isinstance(primitive, p.Softmax) or (isinstance(primitive, p.Pointwise) and primitive.function == "sigmoid")
    return {
        "maps": None if maps is None else flat.nodes.index(maps),
        "logits": last.inputs[0] if last is not None and ends else flat.outputs[0],
    }


def shown(value: Any) -> Any:
    """The same in plain lists and dicts, every text in it as it may be shown; see ``visible``.

    value   of texts, numbers, lists and dicts
    """
    if isinstance(value, str):
        return visible(str(value), lines=True)
    if isinstance(value, dict):
        return {key: shown(each) for key, each in value.items()}
    return [shown(each) for each in value] if isinstance(value, list | tuple) else value


# -- operations -------------------------------------------------------------------------------------------------------
def _operation(operation: Operation, layer: int) -> dict[str, Any]:
    step = operation.step
    made: Any = step.primitive
    told: dict[str, Any] = {
        "kind": type(made).__name__,
        "layer": layer,
        "inputs": operation.inputs,
        "output": operation.output,
        "sees": [_sees(operation, which) for which in range(len(operation.inputs))],
    }
    if isinstance(made, _WINDOWS):
        told["window"] = _window(made.window, step.input_shapes[0])
    if isinstance(made, p.Pool) and made.how == "center":
        told["centre"] = p.center_weights(made.window.kernel)
    if isinstance(made, p.Affine):
        told |= {"factor": made.factor, "addend": made.addend}
    if isinstance(made, p.DepthPool):
        told["channels"] = [made.channels.kernel[0], made.channels.strides[0]]
    plain = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    names = (
        "how",
        "function",
        "axes",
        "keepdims",
        "groups",
        "multiplier",
        "filters",
        "epsilon",
        "log",
        "parameters",
        "connections",
        "order",
    )
    told |= {name: plain[name] for name in names if name in plain}
    return told


def _window(window: Window, shape: Shape) -> dict[str, Any]:
    sizes = shape[:-1]
    before = [one for one, _ in (window.crop(sizes) if window.transposed else window.pads(sizes))]
    return {
        "kernel": window.kernel,
        "strides": window.strides,
        "dilation": window.dilation,
        "before": before,
        "transposed": window.transposed,
    }


def _sees(operation: Operation, which: int) -> list[Any]:
    """Per axis of an input: null for all of it, or [axis of the output, period, shift, lowest, highest]."""
    return [
        None if each is None else [each.axis, each.reach.period, each.reach.shift, each.reach.low, each.reach.high]
        for each in sight(operation.step, which)
    ]


# -- how the picture folds --------------------------------------------------------------------------------------------
def _part(part: Part, flat: FlatGraph) -> dict[str, Any]:
    if part.call is not None:
        return {"call": part.call}
    told: dict[str, Any] = {"name": part.name, "parts": [_part(inner, flat) for inner in part.parts]}
    if all(inner.call is not None for inner in part.parts):
        told |= {"place": placed(part.calls, flat), "turned": placed(part.calls, flat, turned=True)}
    return told | {"skip": _skips(part.calls, flat)}


def _skips(calls: Sequence[int], flat: FlatGraph) -> bool:
    """Whether what comes in reaches a call that adds or joins, past the others."""
    inside = {tensor for i in calls for tensor in flat.nodes[i].outputs}
    return any(
        len(flat.nodes[i].inputs) > 1 and any(tensor not in inside for tensor in flat.nodes[i].inputs) for i in calls
    )
