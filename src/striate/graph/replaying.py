"""A graph called once more, on other tensors or with other layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from striate.errors import ArgumentError
from striate.graph.graph import Graph
from striate.graph.layer import Layer
from striate.graph.node import InputLayer, SymbolicTensor
from striate.wording import plural


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
        results = layer(x) if call is None else call(layer, x)
        listed = results if isinstance(results, list) else [results]
        made |= {(node.serial, i): tensor for i, tensor in enumerate(listed)}
    return lambda tensor: made[tensor.node.serial, tensor.index]
