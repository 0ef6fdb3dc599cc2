"""A graph called once more, on other tensors or with other layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from striate.errors import ArgumentError
from striate.graph.graph import Graph
from striate.graph.layer import Layer
from striate.graph.node import InputLayer, SymbolicTensor, ancestors
from striate.graph.node import call as call_layer
from striate.wording import plural


def rerooted(
    inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]
) -> tuple[list[SymbolicTensor], list[SymbolicTensor]]:
    """Inputs and outputs of a network that begins at tensors within another, whose layers it shares.

    inputs    where it begins: each is made an input of its own, if it is none
    outputs   that depend on them
    """
    made: dict[tuple[int, int], SymbolicTensor] = {}
    for tensor in inputs:
        if isinstance(tensor.node.layer, InputLayer):
            made[tensor.node.serial, tensor.index] = tensor
        else:
            start = InputLayer(tensor.sizes, dtype=tensor.dtype)
            made[tensor.node.serial, tensor.index] = call_layer(start, ())
    if all(made[t.node.serial, t.index] is t for t in inputs):
        return list(inputs), list(outputs)
    for node in ancestors(list(outputs)):
        if not node.inputs:
            made.setdefault((node.serial, 0), node.outputs[0])
        known = all((t.node.serial, t.index) in made for t in node.inputs)
        if node.inputs and known and (node.serial, 0) not in made:
            given = [made[t.node.serial, t.index] for t in node.inputs]
            before = node.layer.node
            results = node.layer(given if len(given) > 1 else given[0], training=node.training)
            node.layer.node = before
            for i, one in enumerate(results if isinstance(results, list) else [results]):
                made.setdefault((node.serial, i), one)
    return [made[t.node.serial, t.index] for t in inputs], [made[t.node.serial, t.index] for t in outputs]


def replay(
    graph: Graph,
    inputs: Sequence[SymbolicTensor],
    layer_of: Callable[[Layer], Layer] = lambda layer: layer,
    call: Callable[..., Any] | None = None,
) -> Callable[[SymbolicTensor], SymbolicTensor]:
    """Call the layers of a graph, in its order, on other inputs; returns what a tensor of the graph has become.

    graph      whose calls are made again
    inputs     a tensor for each input of the graph
    layer_of   the layer to call for each of the graph's, asked once for each; the same one shares its weights
    call       called with a layer and its inputs in place of the layer

    Raises ArgumentError for another number of inputs, ShapeError where a layer does not fit.
    """
    if len(inputs) != len(graph.inputs):
        raise ArgumentError(
            f"the network has {plural(len(graph.inputs), 'input')}, {plural(len(inputs), 'tensor', 'was')} given."
        )
    made = {(old.node.serial, old.index): new for old, new in zip(graph.inputs, inputs, strict=True)}
    layers: dict[int, Layer] = {}
    for node in graph.nodes:
        if isinstance(node.layer, InputLayer):
            continue
        if id(node.layer) not in layers:
            layers[id(node.layer)] = layer_of(node.layer)
        given = [made[tensor.node.serial, tensor.index] for tensor in node.inputs]
        layer, x = layers[id(node.layer)], given if len(given) > 1 else given[0]
        results = layer(x, training=node.training) if call is None else call(layer, x)
        listed = results if isinstance(results, list) else [results]
        made |= {(node.serial, i): tensor for i, tensor in enumerate(listed)}
    return lambda tensor: made[tensor.node.serial, tensor.index]
