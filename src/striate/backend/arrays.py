"""Rows of the torch table: what multiplies by arrays without a window, and norms."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

from striate import primitives as p
from striate.backend import modules
from striate.backend.axes import channels_first, channels_last
from striate.backend.table import ROWS
from striate.graph import InputLayer, Step

if TYPE_CHECKING:
    from striate.backend.builder import Builder


@ROWS.row(p.Linear)
def _linear(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    linear: Any = step.primitive
    shape = step.input_shapes[0]
    x = channels_last(b, xs[0], len(shape))
    y = b.module(step, lambda: nn.Linear(shape[-1], linear.units, linear.bias is not None), x)
    return channels_first(b, y, len(shape))


@ROWS.row(p.Lookup)
def _lookup(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    lookup: Any = step.primitive
    (x,), given = xs, b.node.inputs[0]
    if step.inputs != (0,) or not (isinstance(given.node.layer, InputLayer) and "int" in given.dtype):
        x = b.fx.create_node("call_method", "long", (x,), {})  # ids that come as floats, as Keras takes them
    return channels_first(b, b.module(step, lambda: nn.Embedding(lookup.rows, lookup.width), x), len(step.shape))


@ROWS.row(p.Distance)
def _distance(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    distance: Any = step.primitive
    return b.module(step, lambda: modules.EuclideanRBF(step.input_shapes[0][0], distance.units), xs[0])


@ROWS.row(p.Scale)
def _scale(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    scale: Any = step.primitive
    has = scale.factor is not None, scale.addend is not None
    return b.module(step, lambda: modules.Scale(step.shape[-1], *has), xs[0])


@ROWS.row(p.Slope)
def _slope(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    (shape,) = (array.shape for array in step.primitive.weights(*step.input_shapes).values())
    return b.module(step, lambda: modules.LearntSlope(*shape), xs[0])


@ROWS.row(p.Affine)
def _affine(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    affine: Any = step.primitive
    factor, addend = affine.factor, affine.addend
    x = b.call(torch.Tensor.float, xs[0]) if xs[0] in b.whole else xs[0]
    if isinstance(factor, tuple) or isinstance(addend, tuple):
        return b.call(modules.per_channel, x, *([*v] if isinstance(v, tuple) else [v] for v in (factor, addend)))
    y = b.call(operator.mul, x, factor) if factor != 1 else x
    return b.call(operator.add, y, addend) if addend else y


def _without(module: nn.Module, gamma: Any, beta: Any) -> nn.Module:
    """A norm without the scale or the shift that is not wanted."""
    if (gamma is None) != (beta is None):
        setattr(module, "weight" if gamma is None else "bias", None)
    return module


@ROWS.row(p.BatchNorm)
def _batch_norm(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    norm: Any = step.primitive
    channels = step.input_shapes[0][-1]

    def make() -> nn.Module:
        affine = norm.gamma is not None or norm.beta is not None
        module = modules.BatchNorm(channels, norm.epsilon, round(1 - norm.momentum, 12), affine, norm.unbiased)
        return _without(module, norm.gamma, norm.beta)

    return b.module(step, make, xs[0])


@ROWS.row(p.LayerNorm)
def _layer_norm(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    norm: Any = step.primitive
    shape = step.input_shapes[0]

    def make() -> nn.Module:
        affine = norm.gamma is not None or norm.beta is not None
        return _without(nn.LayerNorm(shape[-1], norm.epsilon, elementwise_affine=affine), norm.gamma, norm.beta)

    return channels_first(b, b.module(step, make, channels_last(b, xs[0], len(shape))), len(shape))


@ROWS.row(p.ChannelNorm)
def _channel_norm(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    norm: Any = step.primitive
    return b.call(modules.local_response_norm, xs[0], norm.radius, norm.k, norm.alpha, norm.beta)
