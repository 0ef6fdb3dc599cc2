"""``clone_model``: the same layers anew, with weights of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from striate.errors import ArgumentError
from striate.graph import Graph, InputLayer, Layer, Network, SymbolicTensor, replay, source_inputs
from striate.graph.nested import laid
from striate.graph.node import call as called
from striate.model.model import Model


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **others: Any,
) -> Any:
    """A model of new layers with the same arguments and names, and fresh weights, so without 8-bit twin and chosen engine.

    model            a Model or Sequential
    input_tensors    symbolic tensors that it is to begin at, nested as its inputs are; None: inputs of its own
    clone_function   gives the new layer for each; None: one with the same arguments.  One that returns its layer shares it
    call_function    called with each new layer and its inputs instead of the layer
    recursive        also ask `clone_function` for the layers in nested models, which are one layer for it otherwise
    others           nothing else is taken

    It is compiled as the model is.  Raises ArgumentError for what is no model, or a function that gives no layer.
    """
    if others:
        raise ArgumentError(f'clone_model has no argument "{next(iter(others))}".')
    if not isinstance(model, Model):
        raise ArgumentError(f"clone_model takes a model, not {model!r}.")
    made = _made_anew(model, input_tensors, clone_function, call_function, recursive)
    if model.compiled and made.built and (settings := model.get_compile_config()) is not None:
        made.compile_from_config(settings)
    return made


def _made_anew(model: Any, input_tensors: Any, clone_function: Any, call_function: Any, recursive: bool) -> Any:
    if model.has_own_call:
        if clone_function is not None or call_function is not None or input_tensors is not None:
            raise ArgumentError(
                f"clone_model: {type(model).__name__} says in call what it does; only it alone is cloned."
            )
        made = type(model).from_config(model.get_config())
        if model.built:
            made.begin(model.own_class().get("begins"), model.graph.input_shapes)
        return made
    if not model.built and input_tensors is None:
        made = type(model)(name=model.name)
        for layer in model.layers:
            made.add(_cloned(layer, clone_function, call_function, recursive))
        return made
    graph = model.graph.check()
    nested = graph.nested[0]
    if input_tensors is None:
        starts = [_input(tensor) for tensor in graph.inputs]
        sources = starts
    else:
        starts = laid(input_tensors, nested, graph.input_names)
        if isinstance(input_tensors, Mapping) != isinstance(nested, Mapping):
            raise ArgumentError("clone_model: input_tensors must be nested as model.input is.")
        sources = source_inputs(starts)
        nested = nested if len(sources) == len(starts) else None
    now = replay(graph, starts, lambda layer: _cloned(layer, clone_function, call_function, recursive), call_function)
    fresh = Graph(sources, [now(tensor) for tensor in graph.outputs], auxiliary=graph.auxiliary)
    fresh.like(graph).nested = nested, graph.nested[1]
    kind = type(model) if input_tensors is None else Model
    made = kind.from_graph(fresh, model.name)
    made.features = None if model.features is None else now(model.features)
    return made


def _input(tensor: SymbolicTensor) -> SymbolicTensor:
    layer: Any = tensor.node.layer
    named = None if layer.auto_named else layer.name
    return called(InputLayer(input_shape=tensor.sizes, batch_size=tensor.node.batch, dtype=layer.dtype, name=named), ())  # type: ignore[no-any-return]


def _cloned(layer: Layer, function: Any, call: Any, recursive: bool) -> Layer:
    if isinstance(layer, Network) and (function is None or recursive):
        return clone_model(layer, None, function, call if recursive else None, recursive)  # type: ignore[no-any-return]
    made = copied(layer) if function is None else function(layer)
    if not isinstance(made, Layer):
        raise ArgumentError(f"clone_model: clone_function gives a layer for each layer, not {made!r}.")
    return made


def copied(layer: Layer) -> Layer:
    """A layer with the same arguments and name, called on nothing yet.

    layer   which is no whole network
    """
    made = copy.copy(layer)
    made.__dict__.pop("_lowerings", None)
    made.node = made.torch_module = made.built_for = None
    return made
