"""Layers that learn at a part of the optimizer's rate: which they are, and which weights are theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate.described import number
from striate.errors import ArgumentError, unknown
from striate.graph import Graph, Layer


def layer_rates(given: Any, graph: Graph) -> dict[str, float]:
    """For each layer that does not learn at the full rate, by its name, the part of the rate that it learns at.

    given   {layer, network or name of a layer: part}; a network stands for all its layers, within another or spread in it
    graph   whose layers they are

    Of several entries that say something of a layer the last one holds.  Raises ArgumentError for layers that the network
    has not, and for a part that is not above 0.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"compile: rates is a dict, {{layer or network: part of the learning rate}}, not {given!r}."
        )
    own = {str(layer.name): layer for layer in graph.layers}
    held = {node.layer.name for node in graph.nodes if node.layer.parameters(*node.input_shapes)}
    found: dict[str, float] = {}
    for key, value in given.items():
        part = number("compile", "rates", value, 0)
        if part <= 0:
            raise ArgumentError("compile: rates are above 0; a layer that learns nothing has trainable = False.")
        if isinstance(key, str):
            if key not in own:
                raise unknown("layer in compile(rates=…)", key, list(own))
            names = [key]
        elif isinstance(key, Layer):
            names = [name for name, layer in own.items() if layer is key]
            spread = getattr(key, "layers", ())
            names = names or [name for name, layer in own.items() if any(layer is one for one in spread)]
            if not names:
                raise ArgumentError(f"compile: rates: {key.name} is no layer of this network, and none of its own are.")
        else:
            raise ArgumentError(f"compile: rates has layers, networks or names of layers as keys, not {key!r}.")
        for name in names:
            found.pop(name, None)
            found[name] = part
    return {name: found[name] for name in own if name in held and found.get(name, 1.0) != 1.0}


def weight_rates(rates: Mapping[str, float], graph: Graph) -> dict[int, float]:
    """The part of the rate by the ``id`` of each weight that does not learn at the full rate.

    rates   of layers by their names
    graph   whose layers they are, once a module is made of it

    A weight that several layers share learns at the least of their rates.
    """
    parts: dict[int, float] = {}
    for layer in graph.layers:
        part = rates.get(str(layer.name))
        if part is not None and layer.torch_module is not None:
            for weight in layer.torch_module.parameters():
                parts[id(weight)] = min(part, parts.get(id(weight), part))
    return parts
