"""The order of Keras' ``model.layers``."""

from __future__ import annotations

from striate.graph.graph import Graph
from striate.graph.layer import Layer


def keras_layers(graph: Graph) -> list[Layer]:
    """The layers of a network (nested networks as one) in the order of Keras' ``model.layers``.

    By distance from the outputs, the farthest first, then in the order in which a walk back from the outputs meets
    them (``keras.src.ops.function.map_graph``); a chain is in its own order, an input that nothing reads is before its like.

    Those that a class of a user's own holds come first, as it holds them.

    graph   of the network
    """
    if graph.tracked is not None:
        held = {id(layer): i for i, layer in enumerate(graph.tracked)}
        return sorted(graph.layers, key=lambda layer: held.get(id(layer), len(held)))
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
    return sorted(graph.layers, key=lambda layer: (-depth[id(layer)], met.get(id(layer), -1)))
