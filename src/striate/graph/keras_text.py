"""A network as Keras' configuration, Functional or Sequential, in the form of Keras 3; ``keras_reading.py`` reads them.

A layer's entry names its class and holds its arguments; its calls stand in ``inbound_nodes``, each with the places of the
tensors that it takes: (layer, number of that layer's call, number of the output).
"""

from __future__ import annotations

import inspect
from typing import Any

from striate import configs
from striate.errors import StriateError
from striate.graph.graph import Graph
from striate.graph.keras_operations import called_in_keras, operation_in_keras
from striate.graph.keras_padding import padding_for_keras
from striate.graph.layer import Layer, snake_case
from striate.graph.nested import packed
from striate.graph.network import Network
from striate.graph.node import InputLayer, SymbolicTensor
from striate.graph.remade import takes
from striate.graph.window import Pads

_MODULES = {"Functional": "keras.src.models.functional", "Sequential": "keras"}


# -- out ----------------------------------------------------------------------------------------------------------------
def to_keras(network: Network, name: str, seen: dict[int, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Keras' configuration of a network, with its class beside it.

    network   a model
    name      of the network
    seen      the entries of the layers that are written already; a layer of two networks is told by its number

    Raises ArgumentError for a layer that a configuration cannot hold.
    """
    seen = {} if seen is None else seen
    if network.own_class():
        return network._keras_entry()  # type: ignore[attr-defined, no-any-return]
    kind = "Sequential" if network.kind == "Sequential" else "Functional"
    config = {"name": name, "trainable": network.trainable}
    if kind == "Sequential":
        config |= _stack(network, seen)
    else:
        config |= _calls(network.graph.check(), seen)
    registered_name = "Functional" if kind == "Functional" else None
    return {"module": _MODULES[kind], "class_name": kind, "config": config, "registered_name": registered_name}


def _stack(network: Any, seen: dict[int, dict[str, Any]]) -> dict[str, Any]:
    if not network.built:
        return {"layers": _in_a_row(network.layers, [one.name or snake_case(one.kind) for one in network.layers], seen)}
    graph = network.graph.check()
    layers = [node.layer for node in graph.nodes]
    row = _in_a_row(layers, [graph.name(layer) for layer in layers], seen)
    return {"layers": row, "build_input_shape": [None, *graph.input_shapes[0]]}


def _in_a_row(layers: list[Layer], names: list[str], seen: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    entries = []
    for layer, name, before in zip(layers, names, (None, *layers), strict=False):
        zeros = _zeros_before(layer, before, name, names, seen)
        entries += [*([zeros[0]] if zeros else []), _entry(layer, name, seen, before)]
    return entries


def _calls(graph: Graph, seen: dict[int, dict[str, Any]]) -> dict[str, Any]:
    place: dict[int, tuple[str, int]] = {}
    entries: dict[int, dict[str, Any]] = {}
    names = [graph.name(node.layer) for node in graph.nodes]
    for node, name in zip(graph.nodes, names, strict=True):
        before = node.inputs[0].node.layer if node.inputs else None
        zeros = _zeros_before(node.layer, before, name, names, seen)
        if zeros and -id(node.layer) not in entries:
            entries[-id(node.layer)] = zeros[0] | {"name": zeros[0]["config"]["name"], "inbound_nodes": []}
        entry = entries.get(id(node.layer))
        if entry is None:
            entry = _entry(node.layer, name, seen, before) | {"name": name, "inbound_nodes": []}
            entries[id(node.layer)] = entry
        label = graph.label(node)
        place[node.serial] = name, int(label.rpartition("#")[2]) - 1 if "#" in label[len(name) :] else 0
        if node.inputs:
            tensors = [_tensor(tensor, place) for tensor in node.inputs]
            if zeros:
                tensors = [_padded(entries[-id(node.layer)], tensors[0], zeros[1])]
            args = tensors if _one_by_one(node.layer, len(tensors)) else [tensors]
            called = called_in_keras(node.layer, tensors) or {"args": args, "kwargs": {}}
            if node.training is not None:
                called = called | {"kwargs": {**called["kwargs"], "training": node.training}}
            entry["inbound_nodes"].append(called)
    said: dict[str, Any] = {"layers": list(entries.values())}
    ends = ("input_layers", graph.inputs), ("output_layers", graph.outputs)
    for (key, ending), nested in zip(ends, graph.nested, strict=True):
        places = [[*place[t.node.serial], t.index] for t in ending]
        said[key] = packed(nested, places) if nested is not None else places[0] if len(places) == 1 else places
    return said


def _one_by_one(layer: Layer, count: int) -> bool:
    """Whether the call of a layer takes its inputs as arguments of their own, not as one list."""
    if count == 1:
        return layer.arity == 1
    if type(layer).call is Layer.call:
        return False
    named = inspect.signature(layer.call).parameters.values()
    taken = [one for one in named if one.name not in ("training", "mask") and one.kind is not one.KEYWORD_ONLY]
    return len(taken) >= count or any(one.kind is one.VAR_POSITIONAL for one in taken)


def _tensor(tensor: SymbolicTensor, place: dict[int, tuple[str, int]]) -> dict[str, Any]:
    history = [*place[tensor.node.serial], tensor.index]
    config = {"shape": list(tensor.shape), "dtype": tensor.dtype, "keras_history": history}
    return {"class_name": "__keras_tensor__", "config": config}


def _zeros_before(
    layer: Layer, before: Layer | None, name: str, names: list[str], seen: dict[int, dict[str, Any]]
) -> tuple[dict[str, Any], Pads] | None:
    """The entry of the layer of zeros that Keras needs before one whose padding is given in cells, and the zeros."""
    said = padding_for_keras(layer, before)
    if not isinstance(said, tuple) or said[0] != "valid" or not any(map(any, said[1])):
        return None
    if -id(layer) in seen:
        seen[-id(layer)]["shared_object_id"] = -id(layer)
        return dict(seen[-id(layer)]), said[1]
    free = next(one for i in range(len(names) + 1) if (one := f"{name}_pad{i or ''}") not in names)
    zeros = [list(side) for side in said[1]]
    config = {"name": free, "padding": zeros if len(zeros) > 1 else zeros[0]}
    kind = f"ZeroPadding{len(zeros)}D"
    entry = {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}
    seen[-id(layer)] = entry
    return entry, said[1]


def _padded(entry: dict[str, Any], tensor: dict[str, Any], zeros: Pads) -> dict[str, Any]:
    """Enter a call of a layer of zeros; the tensor that it gives."""
    entry["inbound_nodes"].append({"args": [tensor], "kwargs": {}})
    batch, *sizes, depth = tensor["config"]["shape"]
    grown = [n + sum(side) for n, side in zip(sizes, zeros, strict=True)]
    history = [entry["name"], len(entry["inbound_nodes"]) - 1, 0]
    config = tensor["config"] | {"shape": [batch, *grown, depth], "keras_history": history}
    return tensor | {"config": config}


def _entry(layer: Layer, name: str, seen: dict[int, dict[str, Any]], before: Layer | None = None) -> dict[str, Any]:
    if id(layer) in seen:
        seen[id(layer)]["shared_object_id"] = id(layer)
        return dict(seen[id(layer)])
    if isinstance(layer, Network):
        entry = to_keras(layer, name, seen)
        entry["config"]["name"] = name
    elif isinstance(layer, InputLayer):
        config: dict[str, Any] = {"batch_shape": list(layer.batch_shape), "dtype": layer.dtype}
        entry = {
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": config | {"sparse": False, "name": name},
        }
        entry["registered_name"] = None
    elif operation := operation_in_keras(layer, name):
        entry = operation
    else:
        try:
            entry = configs.described(layer, layer_config(layer, name))
        except StriateError as error:
            raise type(error)(f'{layer.kind} "{name}": {error}') from None
        if "name" not in entry["config"]:
            entry["name"] = name
        if not layer.trainable and not takes(type(layer), "trainable"):
            entry["trainable"] = False
        said = padding_for_keras(layer, before)
        if isinstance(said, tuple):
            kept = {key: value for key, value in entry["config"].items() if key != "count_include_pad"}
            entry["config"] = kept | {"padding": said[0]}
    seen[id(layer)] = entry
    return entry


def layer_config(layer: Layer, name: str) -> dict[str, Any]:
    """The arguments of a layer that a file holds: those that differ from their defaults, since versions of Keras differ too.

    layer   no network and no input
    name    of the layer

    Raises ArgumentError for an argument that no file can hold.
    """
    owner = next(cls for cls in type(layer).__mro__ if "get_config" in cls.__dict__)
    if owner.__module__ in ("striate.described", "striate.graph.layer"):
        said = {key: value for key, value in layer.config().items() if key not in ("name", "trainable", "input_shape")}
        config = configs.serialize(said, compact=True)
    else:
        config = configs.serialize(layer.get_config(), compact=True)
    every = {"name": name} | ({} if layer.trainable else {"trainable": False})  # not every class of Keras takes this
    own = {key for key in every if not takes(type(layer), key)}  # it stands beside the arguments
    if own and type(layer).from_config.__func__ is not Layer.from_config.__func__:  # type: ignore[attr-defined]
        own -= config.keys()
    config = {key: value for key, value in config.items() if key not in ("name", "trainable")}
    if (where := getattr(layer, "data_format", None)) is not None and owner.__module__.startswith("striate."):
        config["data_format"] = where  # a setting of Keras says what it means to leave it out
    every = {key: value for key, value in every.items() if key not in own}
    return every | _for_keras(type(layer).__name__, config)


def _for_keras(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Arguments in the form that Keras' constructors take, where it is another."""
    if kind in ("ZeroPadding1D", "Cropping1D"):  # one axis: a pair, not a list of one
        key = "padding" if kind == "ZeroPadding1D" else "cropping"
        value = config.get(key)
        return config | ({key: value[0]} if isinstance(value, list) and len(value) == 1 else {})
    return {"offset": 0.0} | config if kind == "Rescaling" else config
