"""A layer called on numbers: arrays, channels-last, in; a torch tensor, channels-last, out."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from striate import primitives as p
from striate.backend.builder import build, set_mode
from striate.errors import ArgumentError, ShapeError, StriateError
from striate.graph import Graph, Input, Layer
from striate.ops.entries import tensor
from striate.ops.torch_code import channels_first, channels_last
from striate.ops.variable import RUNNING

_MOVES = (
    *p.IDLE,
    p.Concatenate,
    p.Crop,
    p.Foreign,
    p.Gather,
    p.Pad,
    p.Permute,
    p.Reshape,
    p.Resize,
    p.Slice,
)  # what leaves numbers as they are, and code of a user's own
_WHOLE = {torch.uint8: "uint8", torch.int32: "int32", torch.int64: "int64"}


def call(layer: Layer, inputs: Any, training: Any = None) -> Any:
    """What a layer makes of numbers; its weights are made at the first call, and shared with every later one.

    layer      a layer or a model
    inputs     an array or a tensor (N, …), or a list of them for several inputs; of one number () it makes one; for a layer
               that changes pictures one picture (H, W, C) too, or a dict of pictures with what belongs to them
    training   True or False; None: what the layer around it does, else prediction, in which only pictures are augmented

    Raises ArgumentError for what holds no numbers, ShapeError where they do not fit.
    """
    if isinstance(inputs, Mapping) and layer.changes_pictures:
        return importlib.import_module("striate.data.together").changed(layer, inputs, training)
    several = isinstance(inputs, list | tuple) and (layer.arity != 1 or any(hasattr(one, "shape") for one in inputs))
    given = [tensor(one) for one in (inputs if several else [inputs])]
    whole = next((one.dtype for one in given if one.dtype in _WHOLE), None) if layer.keeps_whole else None
    as_they_are = _takes_whole(layer, given)
    given = [one if one.dtype in _WHOLE and as_they_are else one.float() for one in given]
    if hasattr(layer, "input_dtype"):  # which reads whole numbers
        given = [_within(layer, one.long()) for one in given]
    single = layer.changes_pictures and len(given) == 1 and given[0].ndim == 3
    single = single or all(one.ndim == 0 for one in given)
    given = [one[None] for one in given] if single else given
    if any(one.ndim == 0 for one in given):
        raise ArgumentError(f"{layer.kind} takes batches, (N, …), not one number.")
    try:
        module, graph = alone(layer, given)
    except ShapeError as error:
        if any(one.ndim == 1 for one in given):
            shapes = " and ".join(str(tuple(one.shape)) for one in given)
            raise ShapeError(f"{layer.kind} takes a batch, (N, …), not {shapes}: {error}") from None
        raise
    first = next(module.parameters(), None)
    xs = [channels_first(one) if first is None else channels_first(one).to(first.device) for one in given]
    with _mode(module, graph, training), listening(layer, module):
        out = module(*xs)
    outs = [channels_last(one) for one in (out if isinstance(out, list | tuple) else [out])]
    outs = [one[0] for one in outs] if single else outs
    if whole is not None:
        ends = torch.iinfo(whole)
        outs = [one.round().clamp(ends.min, ends.max).to(whole) for one in outs]
    return outs[0] if len(outs) == 1 else outs


def _within(layer: Any, numbers: torch.Tensor) -> torch.Tensor:
    """Whole numbers that a table has rows for.  Raises ArgumentError for others."""
    rows = layer.input_dim
    if numbers.numel() and not 0 <= int(numbers.min()) <= int(numbers.max()) < rows:
        raise ArgumentError(
            f"{layer.kind} takes whole numbers from 0 to {rows - 1}; it got {int(numbers.min())} to {int(numbers.max())}."
        )
    return numbers


def _takes_whole(layer: Layer, given: list[torch.Tensor]) -> bool:
    """Whether whole numbers reach a layer as they are: one that reads them, only moves them, or is a user's own code.

    All others compute, in floats.
    """
    if layer.changes_pictures:
        return False
    if layer.is_own or layer.is_network or hasattr(layer, "input_dtype"):
        return True
    if all(one.dtype not in _WHOLE or one.ndim == 0 for one in given):
        return False
    try:
        steps = layer.lowering(*(tuple(one.shape[1:]) for one in given)).steps
    except StriateError:  # which the call itself says better
        return True
    return all(isinstance(step.primitive, _MOVES) for step in steps)


@contextmanager
def listening(layer: Layer, module: Any) -> Iterator[None]:
    """Keep the penalties of one call for the layer.  Within the call of a layer of a user's own they are that one's.

    layer    a layer or a model
    module   what runs
    """
    if RUNNING:
        yield
        return
    ears = [part for part in module.modules() if hasattr(part, "taken")]
    before = [getattr(part, "listens", False) for part in ears]
    for part in ears:
        part.taken()
        part.listens = True
    try:
        yield
    finally:
        for part, listened in zip(ears, before, strict=True):
            part.listens = listened
        found = [part.taken_apart() if hasattr(part, "taken_apart") else [part.taken()] for part in ears]
        layer._activity = [one for some in found for one in some if one is not None]  # type: ignore[attr-defined]


@contextmanager
def _mode(module: Any, graph: Graph, training: Any) -> Iterator[None]:
    """A mode for one call.  Within the call of a layer of a user's own, None leaves the one that this has set."""
    if training is None and RUNNING:
        yield
        return
    before = [(part, part.training) for part in module.modules()]
    set_mode(module, graph, None if training is None else bool(training))
    try:
        yield
    finally:
        for part, was in before:
            part.training = was


def alone(layer: Layer, given: list[torch.Tensor]) -> tuple[Any, Graph]:
    """The module of one call of a layer on such tensors, and its graph; that of the layer around it, while that one runs."""
    key = tuple((tuple(one.shape[1:]), one.dtype) for one in given)
    if layer.__dict__.get("_alone_for") != key:
        node = layer.node
        tensors = [Input(shape, dtype=_WHOLE.get(dtype, "float32")) for shape, dtype in key]
        result = layer(
            tensors if len(tensors) > 1 else tensors[0], training=(node is not None and node.training) or None
        )
        graph = Graph(tensors, result if isinstance(result, list) else [result])
        layer._alone, layer._alone_for = build(graph).eval(), key  # type: ignore[attr-defined]
        layer._alone_graph = graph  # type: ignore[attr-defined]
        layer.node = layer.node if node is None else node
    return layer.__dict__["_alone"], layer.__dict__["_alone_graph"]
