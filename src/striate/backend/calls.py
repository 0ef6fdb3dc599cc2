"""A layer called on numbers: arrays, channels-last, in; a torch tensor, channels-last, out."""

from __future__ import annotations

from typing import Any

import torch

from striate.errors import ArgumentError
from striate.graph import Graph, Input, Layer
from striate.ops.entries import tensor
from striate.ops.torch_code import channels_first, channels_last

_WHOLE = {torch.uint8: "uint8", torch.int32: "int32", torch.int64: "int64"}


def call(layer: Layer, inputs: Any, training: Any = None) -> Any:
    """What a layer makes of numbers; its weights are made at the first call, and shared with every later one.

    layer      a layer or a model
    inputs     an array or a tensor (N, …), or a list of them for several inputs
    training   True or False; None: prediction, or what the layer around it does

    Raises ArgumentError for what holds no numbers, ShapeError where they do not fit.
    """
    several = isinstance(inputs, list | tuple) and (layer.arity != 1 or any(hasattr(one, "shape") for one in inputs))
    given = [tensor(one) for one in (inputs if several else [inputs])]
    given = [one if one.dtype in _WHOLE else one.float() for one in given]
    if any(one.ndim < 2 for one in given):
        raise ArgumentError(f"{layer.kind} takes a batch, (N, …), not {tuple(given[0].shape)}.")
    module = alone(layer, given)
    first = next(module.parameters(), None)
    xs = [channels_first(one) if first is None else channels_first(one).to(first.device) for one in given]
    before = module.training
    if training is not None:
        module.train(bool(training))
    try:
        out = module(*xs)
    finally:
        module.train(before)
    outs = [channels_last(one) for one in (out if isinstance(out, list | tuple) else [out])]
    return outs[0] if len(outs) == 1 else outs


def alone(layer: Layer, given: list[torch.Tensor]) -> Any:
    """The module of one call of a layer on such tensors; that of the layer around it, while that one runs."""
    from striate.backend.builder import build

    key = tuple((tuple(one.shape[1:]), one.dtype) for one in given)
    if layer.__dict__.get("_alone_for") != key:
        node = layer.node
        tensors = [Input(shape, dtype=_WHOLE.get(dtype, "float32")) for shape, dtype in key]
        result = layer(tensors if len(tensors) > 1 else tensors[0])
        graph = Graph(tensors, result if isinstance(result, list) else [result])
        layer._alone, layer._alone_for = build(graph).eval(), key  # type: ignore[attr-defined]
        layer.node = layer.node if node is None else node
    return layer.__dict__["_alone"]
