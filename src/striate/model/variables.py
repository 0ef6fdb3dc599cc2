"""The arrays of a layer as variables in Keras' order: torch's tensors, by the names and layouts of ``weights/layout.py``."""

from __future__ import annotations

from functools import partial
from typing import Any

from striate.graph import Graph, Layer, Network, keras_layers
from striate.graph.variable import Variable
from striate.layers import constraints, regularizers


def variables(layer: Layer) -> list[Variable]:
    """Keras' ``weights`` of a layer or a network, each once: layer by layer in Keras' order, trainable ones first.

    layer   its arrays are made if they are not there yet; one that was never called has none
    """
    once: dict[int, Variable] = {}
    for one in _of(layer, "", True):
        once.setdefault(id(one.value), one)
    return list(once.values())


def penalties(layer: Layer) -> list[Any]:
    """Keras' ``losses`` of a layer or a network: of its latest call on numbers, and on the weights that training changes.

    layer   that has been called or built; any other has none
    """
    on_weights = [one.regularizer(one.laid_out()) for one in variables(layer) if one.trainable and one.regularizer]
    return [*layer.__dict__.get("_activity", ()), *on_weights]


Layer._arrays, Layer._penalties = staticmethod(variables), staticmethod(penalties)


def _of(layer: Layer, path: str, learns: bool) -> list[Variable]:
    """The arrays of a layer; `learns`: whether the whole that is asked does."""
    if isinstance(layer, Network):
        return _of_network(layer, path, learns)
    owner, parts = layer.__dict__.get("_inside", (None, ()))
    if (
        owner is not None and layer.torch_module is None and owner.node is not None
    ):  # its arrays are parts of the layer around it
        return [_renamed(one, layer, path) for one in _of(owner, "", learns) if one.slot.step.part in parts]
    if layer.node is None and layer.is_own:
        return _not_called(layer, path, learns)
    shapes = () if layer.node is None else layer.node.input_shapes
    if layer.node is None or not layer.parameters(*shapes) | layer.buffers(*shapes):
        return []
    if layer.torch_module is None:
        from striate.backend import build_layer

        build_layer(layer)
    from striate.weights.layout import from_keras, slots_of_layer, to_keras

    path = path or layer.name or ""
    found = []
    for slot in slots_of_layer(layer, *shapes):
        one = Variable(
            slot.keras,
            f"{path}/{slot.keras}" if path else slot.keras,
            layer,
            _tensor(layer.torch_module, slot.name),
            learns and slot.name in slot.step.weights,
            partial(to_keras, slot),
            partial(_back, from_keras, slot),
            _constraint(slot),
            _regularizer(slot),
        )
        one.slot = slot
        found.append(one)
    return found


def _renamed(one: Variable, layer: Layer, path: str) -> Variable:
    """An array of the layer around, as the layer within has it."""
    theirs = one.slot.primitive.keras.get(one.slot.own, one.slot.own)
    several = len(layer.__dict__["_inside"][1]) > 1 and theirs == "kernel"
    one.name = f"{one.slot.step.part.rpartition('_')[2]}_kernel" if several else theirs
    one.path, one.layer = f"{path or layer.name or layer.kind.lower()}/{one.name}", layer
    return one


def _not_called(layer: Layer, path: str, learns: bool) -> list[Variable]:
    """What a layer of a user's own has before its first call: what ``add_weight`` made, and its layers' arrays."""
    from striate.ops.torch_code import sublayers

    path = path or layer._named
    made = [
        Variable(
            one.name,
            f"{path}/{one.name}",
            layer,
            one.value,
            learns and one.trainable,
            _as_it_is,
            _as_it_is,
            constraints.get(one.constraint),
            regularizers.get(one.regularizer),
        )
        for one in layer.__dict__.get("_own_weights", ())
    ]
    made += [one for sub in sublayers(layer).values() for one in _of(sub, f"{path}/{sub._named}", learns)]
    return sorted(made, key=lambda one: not one.learns)


def _as_it_is(array: Any) -> Any:
    return array


def _of_network(network: Any, path: str, learns: bool) -> list[Variable]:
    if not network.built:
        return []

    graph: Graph = network.graph.check()
    network.module  # builds what is not built yet
    start, learns = f"{path}/" if path else "", learns and (bool(path) or graph.trainable)
    return [one for layer in keras_layers(graph) for one in _of(layer, start + graph.name(layer), learns)]


def _tensor(module: Any, name: str) -> Any:
    """A parameter or buffer by its name in the layer's module."""
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _constraint(slot: Any) -> Any:
    weight = slot.step.weights.get(slot.name)
    return None if weight is None else constraints.get(weight.constraint)


def _regularizer(slot: Any) -> Any:
    weight = slot.step.weights.get(slot.name)
    return None if weight is None else regularizers.get(weight.regularizer)


def _back(turn: Any, slot: Any, array: Any) -> Any:
    return turn(slot, array)
