"""Rows of the table: dense layers, shapes, normalization, merging, LeNet-5's own parts, augmentation."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from striate import layers
from striate.backend import augment, modules
from striate.backend.table import ROWS, Row, activate, row
from striate.errors import ShapeError
from striate.graph import Node
from striate.layers.augment import between

if TYPE_CHECKING:
    from striate.backend.build import Builder


# -- dense and friends --------------------------------------------------------------------------------------------
def _channels_last(b: Builder, x: fx.Node, axes: int) -> fx.Node:
    """(N, C, …) -> (N, …, C) as a view."""
    return x if axes < 2 else b.prepare(torch.movedim, x, 1, -1)


def _channels_first(b: Builder, x: fx.Node, axes: int) -> fx.Node:
    """(N, …, C) -> (N, C, …) as a view."""
    return x if axes < 2 else b.call(torch.movedim, x, -1, 1)


@row(layers.Dense)
def _dense_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    shape = node.input_shapes[0]
    y = _channels_last(b, xs[0], len(shape))
    y = b.module(node, lambda: nn.Linear(shape[-1], layer.units, layer.use_bias), y)
    return activate(b, _channels_first(b, y, len(shape)), layer.activation, in_place=len(shape) == 1)


@row(layers.Embedding)
def _embedding_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    y = b.module(node, lambda: nn.Embedding(layer.input_dim, layer.output_dim), xs[0])
    return _channels_first(b, y, 2)


@row(layers.Dropout)
def _dropout_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    return b.module(node, lambda: nn.Dropout(layer.rate), xs[0])


# -- shapes ---------------------------------------------------------------------------------------------------------
@row(layers.Flatten)
def _flatten_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    axes = len(node.input_shapes[0])
    return xs[0] if axes == 1 else b.call(torch.flatten, _channels_last(b, xs[0], axes), 1)


@row(layers.Reshape)
def _reshape_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    x = _channels_last(b, xs[0], len(node.input_shapes[0]))
    return _channels_first(b, b.call(torch.reshape, x, (-1, *node.shape)), len(node.shape))


@row(layers.ZeroPadding1D, layers.ZeroPadding2D)
def _zero_padding_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    sides: Any = node.layer.sides()  # type: ignore[attr-defined]
    return b.call(F.pad, xs[0], [side for pad in reversed(sides) for side in pad])


@row(layers.ChannelPadding)
def _channel_padding_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    padding: Any = node.layer.padding  # type: ignore[attr-defined]
    return b.call(F.pad, xs[0], [0, 0] * (len(node.shape) - 1) + list(padding))


@row(layers.Cropping1D, layers.Cropping2D)
def _cropping_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    sides: Any = node.layer.sides()  # type: ignore[attr-defined]
    cut = (slice(a, a + n) for (a, _), n in zip(sides, node.shape[:-1], strict=True))
    return b.call(operator.getitem, xs[0], (slice(None), slice(None), *cut))


@row(layers.UpSampling2D)
def _upsampling_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    size = {"size": list(node.shape[:-1])}
    if layer.interpolation == "nearest":
        return b.call(F.interpolate, xs[0], mode="nearest", **size)
    return b.call(F.interpolate, xs[0], mode="bilinear", align_corners=False, **size)


@row(layers.UpSampling1D)
def _upsampling1d_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return b.call(torch.repeat_interleave, xs[0], node.layer.size, dim=2)  # type: ignore[attr-defined]


# -- normalization ----------------------------------------------------------------------------------------------------
@row(layers.BatchNormalization)
def _batch_norm_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    shape = node.input_shapes[0]
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    if layer.built is not None and not isinstance(layer.built, kind):
        raise ShapeError(
            f'BatchNormalization "{b.graph.name(layer)}": is shared between pictures and vectors or sequences. '
            "Use a second layer."
        )

    def make() -> nn.Module:
        module = kind(shape[-1], layer.epsilon, round(1 - layer.momentum, 12), affine=layer.scale or layer.center)
        if layer.scale != layer.center:
            setattr(module, "bias" if layer.scale else "weight", None)
        return module

    return b.module(node, make, xs[0])


@row(layers.LayerNormalization)
def _layer_norm_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    shape = node.input_shapes[0]

    def make() -> nn.Module:
        module = nn.LayerNorm(shape[-1], layer.epsilon, elementwise_affine=layer.scale or layer.center)
        if layer.scale != layer.center:
            setattr(module, "bias" if layer.scale else "weight", None)
        return module

    return _channels_first(b, b.module(node, make, _channels_last(b, xs[0], len(shape))), len(shape))


@row(layers.LocalResponseNormalization)
def _lrn_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    alpha = layer.alpha / (2 * layer.radius + 1 if layer.convention == "torch" else 1)
    return b.call(modules.local_response_norm, xs[0], layer.radius, layer.k, alpha, layer.beta)


def _scale_and_offset(b: Builder, node: Node, x: fx.Node, scale: Any, offset: Any) -> fx.Node:
    if node.inputs[0].dtype not in ("float32", "float64"):
        x = b.call(torch.Tensor.float, x)
    if isinstance(scale, tuple) or isinstance(offset, tuple):
        as_list = [list(v) if isinstance(v, tuple) else [v] for v in (scale, offset)]
        return b.call(modules.per_channel, x, *as_list)
    y = b.call(operator.mul, x, scale) if scale != 1 else x
    return b.call(operator.add, y, offset) if offset else y


@row(layers.Rescaling)
def _rescaling_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    return _scale_and_offset(b, node, xs[0], layer.scale, layer.offset)


@row(layers.Normalization)
def _normalization_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    means, variances = ([v] if isinstance(v, float) else list(v) for v in (layer.mean, layer.variance))
    scale = tuple(1 / max(v**0.5, 1e-7) for v in variances)  # Keras' guard against a constant channel
    width = max(len(means), len(scale))
    offset = tuple(-means[i % len(means)] * scale[i % len(scale)] for i in range(width))
    return _scale_and_offset(b, node, xs[0], scale, offset)


# -- merging ------------------------------------------------------------------------------------------------------------
def _fold(function: Callable[..., Any]) -> Row:
    def fold(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
        y = xs[0]
        for x in xs[1:]:
            y = b.call(function, y, x)
        return y

    return fold


ROWS[layers.Add] = _fold(operator.add)
ROWS[layers.Subtract] = _fold(operator.sub)
ROWS[layers.Multiply] = _fold(operator.mul)
ROWS[layers.Maximum] = _fold(torch.maximum)
ROWS[layers.Minimum] = _fold(torch.minimum)


@row(layers.Average)
def _mean_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return b.call(operator.truediv, _fold(operator.add)(b, node, xs), len(xs))


@row(layers.Concatenate)
def _concatenate_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    shape = node.input_shapes[0]
    dim = layer.dim(shape)
    return b.call(torch.cat, xs, 1 if dim == len(shape) - 1 else dim + 2)


# -- LeNet-5's own parts -----------------------------------------------------------------------------------------------
@row(layers.TrainableSubsampling2D)
def _subsampling_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    depth = node.input_shapes[0][-1]
    y = b.module(node, lambda: modules.TrainableSubsampling2d(depth, layer.pool_size), xs[0])
    return activate(b, y, layer.activation, in_place=True)


@row(layers.PartialConv2D)
def _partial_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    depth = node.input_shapes[0][-1]
    y = b.module(node, lambda: modules.PartialConv2d(depth, layer.connections, layer.kernel_size), xs[0])
    return activate(b, y, layer.activation, in_place=True)


@row(layers.EuclideanRBF)
def _rbf_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    return b.module(node, lambda: modules.EuclideanRBF(node.input_shapes[0][0], layer.units), xs[0])


# -- residual branches ------------------------------------------------------------------------------------------------------
@row(layers.DropPath)
def _drop_path_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    return b.module(node, lambda: modules.DropPath(layer.rate), xs[0])


@row(layers.LayerScale)
def _layer_scale_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return b.module(node, lambda: modules.LayerScale(node.input_shapes[0][-1]), xs[0])


# -- augmentation ---------------------------------------------------------------------------------------------------------
def augmentation(layer: Any) -> Any:
    """The torch module of an augmentation layer; several layers in a row as one.

    layer   such as ``layers.RandomFlip()``, or an ``layers.Augmentation`` of several; (N, C, H, W) in and out
    """
    fill: Any = None
    low, high = 0.0, 1.0
    if hasattr(layer, "fill_mode"):
        fill = (layer.fill_mode, layer.fill_value)
    if hasattr(layer, "value_range"):
        low, high = layer.value_range
    match layer:
        case layers.Augmentation():
            return augment.Augmentation2d(*map(augmentation, layer.steps()))
        case layers.RandomFlip():
            return augment.RandomFlip2d(layer.mode)
        case layers.RandomRotation():
            return augment.RandomRotation2d(*between(layer.factor), fill, layer.interpolation)
        case layers.RandomZoom():
            across = None if layer.width_factor is None else between(layer.width_factor)
            return augment.RandomZoom2d(between(layer.height_factor), across, fill, layer.interpolation)
        case layers.RandomTranslation():
            down, across = between(layer.height_factor), between(layer.width_factor)
            return augment.RandomTranslation2d(down, across, fill, layer.interpolation)
        case layers.RandomAffine():
            amounts = (layer.rotation, layer.translation, layer.zoom, layer.shear)
            return augment.RandomAffine2d(*amounts, fill, layer.interpolation)
        case layers.RandomCrop():
            return augment.RandomCrop2d(layer.height, layer.width)
        case layers.RandomBrightness():
            return augment.RandomBrightness2d(between(layer.factor), low, high)
        case layers.RandomContrast():
            less, more = layer.factor if isinstance(layer.factor, tuple) else (layer.factor, layer.factor)
            return augment.RandomContrast2d((1 - less, 1 + more), low, high)
        case layers.RandomSaturation():
            return augment.RandomSaturation2d(between(layer.factor, 0.0), low, high)
        case layers.RandomHue():
            return augment.RandomHue2d(between(layer.factor, 0.0), low, high)
        case layers.RandomErasing():
            scale = between(layer.scale, 0.0)
            return augment.RandomErasing2d(between(layer.factor, 0.0), low, high, scale, layer.fill_value)
    pairs = [tuple(a * d * (high - low) for a, d in zip(r, layer.deviations, strict=True)) for r in layer.components]
    return augment.RandomLighting2d(layer.std, tuple(pairs))


@row(layers.Augmentation, layers.RandomFlip, layers.RandomRotation, layers.RandomZoom, layers.RandomTranslation)
@row(layers.RandomAffine, layers.RandomCrop, layers.RandomBrightness, layers.RandomContrast, layers.RandomSaturation)
@row(layers.RandomHue, layers.RandomLighting, layers.RandomErasing)
def _augmentation_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    x = xs[0] if node.inputs[0].dtype in ("float32", "float64") else b.prepare(torch.Tensor.float, xs[0])
    return b.module(node, lambda: augmentation(node.layer), x)
