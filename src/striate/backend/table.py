"""How each layer runs in torch: one row per layer class.

A row gets the builder, the call (its layer and input shapes) and the fx nodes of its inputs, and returns the fx node of
its output.  Layers with weights become a submodule under the layer's name; the rest become plain function calls.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from striate import layers
from striate.backend import modules
from striate.errors import ShapeError
from striate.graph import Layer, Node, Window
from striate.layers.pool import center_weights

if TYPE_CHECKING:
    from striate.backend.build import Builder

Row = Callable[["Builder", Node, list[fx.Node]], fx.Node]
ROWS: dict[type[Layer], Row] = {}

_CONV = {1: nn.Conv1d, 2: nn.Conv2d}
_CONV_TRANSPOSE = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}


def row(*kinds: type[Layer]) -> Callable[[Row], Row]:
    """Register a function as the row of these layer classes."""

    def register(function: Row) -> Row:
        for kind in kinds:
            ROWS[kind] = function
        return function

    return register


# -- padding and activation, shared by many rows --------------------------------------------------------------------
def _pads(window: Window, sizes: tuple[int, ...]) -> list[int]:
    """Padding in F.pad's order: last axis first, (before, after)."""
    return [side for pad in reversed(window.pads(sizes)) for side in pad]


def _even(window: Window, sizes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The padding as one number per axis, or None when a side differs from the other."""
    pads = window.pads(sizes)
    return tuple(before for before, _ in pads) if all(before == after for before, after in pads) else None


def _own_padding(window: Window) -> tuple[int, ...] | None:
    """The padding as one number per axis, or None when a side differs from the other or the input's size decides.

    ``same`` depends on the size where the stride is above 1; a shared layer must not keep its first call's padding.
    """
    if window.padding == "same" and any(s > 1 and w > 1 for s, w in zip(window.strides, window.span, strict=True)):
        return None
    return _even(window, window.span)


# torch's in-place relu6 (hardtanh) copies its input for the backward pass, so it would gain nothing
_IN_PLACE: dict[str, Any] = {"relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu}
_SIMPLE: dict[str, Callable[..., torch.Tensor]] = {
    "relu6": F.relu6,
    "tanh": torch.tanh,
    "scaled_tanh": modules.scaled_tanh,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "hard_swish": F.hardswish,
    "selu": F.selu,
    "silu": F.silu,
    "swish": F.silu,
    "gelu": F.gelu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "exponential": torch.exp,
}


def activate(b: Builder, x: fx.Node, activation: Any, in_place: bool) -> fx.Node:
    """Put an activation (name, layer or None) after `x`; in place where the caller says that `x` is not needed again."""
    if activation is None or activation == "linear":
        return x
    if isinstance(activation, Layer):
        return _activation_layer(b, x, activation, in_place)
    if activation in _IN_PLACE:
        extra = {"negative_slope": 0.2} if activation == "leaky_relu" else {}
        return b.call(_IN_PLACE[activation], x, **extra, **({"inplace": True} if in_place else {}))
    if activation in ("softmax", "log_softmax"):
        return b.call(getattr(F, activation), x, dim=1)
    return b.call(_SIMPLE[activation], x)


def _activation_layer(b: Builder, x: fx.Node, layer: Any, in_place: bool) -> fx.Node:
    inplace = {"inplace": True} if in_place else {}
    if isinstance(layer, layers.Activation):
        return activate(b, x, layer.activation, in_place)
    if isinstance(layer, layers.Softmax):
        return b.call(F.softmax, x, dim=1)
    if isinstance(layer, layers.ELU):
        return b.call(F.elu, x, alpha=layer.alpha, **inplace)
    if isinstance(layer, layers.LeakyReLU):
        return b.call(F.leaky_relu, x, negative_slope=layer.negative_slope, **inplace)
    if not layer.threshold and not layer.negative_slope:
        if layer.max_value is None:
            return b.call(F.relu, x, **inplace)
        return b.call(F.hardtanh, x, min_val=0.0, max_val=float(layer.max_value))
    return b.call(modules.parametric_relu, x, layer.max_value, layer.negative_slope, layer.threshold)


@row(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax)
def _activation(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return _activation_layer(b, xs[0], node.layer, b.may_overwrite(node.inputs[0]))


# -- convolutions -----------------------------------------------------------------------------------------------------
def _conv(b: Builder, node: Node, x: fx.Node, make: Callable[[Any], nn.Module]) -> fx.Node:
    layer: Any = node.layer
    sizes = node.input_shapes[0][:-1]
    padding, pads = _own_padding(layer.window()), _pads(layer.window(), sizes)
    if padding is None and any(pads):
        x = b.prepare(F.pad, x, pads)
    y = b.module(node, lambda: make(padding or (0,) * len(sizes)), x)
    return activate(b, y, layer.activation, in_place=True)


@row(layers.Conv1D, layers.Conv2D)
def _conv_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer

    def make(padding: Any) -> nn.Module:
        return _CONV[layer.rank](
            node.input_shapes[0][-1],
            layer.filters,
            layer.kernel_size,
            layer.strides,
            padding,
            layer.dilation_rate,
            layer.groups,
            layer.use_bias,
        )

    return _conv(b, node, xs[0], make)


def _depthwise(node: Node, padding: Any, bias: bool) -> nn.Module:
    layer: Any = node.layer
    depth = node.input_shapes[0][-1]
    maps = depth * layer.depth_multiplier
    return _CONV[layer.rank](depth, maps, layer.kernel_size, layer.strides, padding, layer.dilation_rate, depth, bias)


@row(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def _depthwise_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    return _conv(b, node, xs[0], lambda padding: _depthwise(node, padding, layer.use_bias))


@row(layers.SeparableConv1D, layers.SeparableConv2D)
def _separable_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer

    def make(padding: Any) -> nn.Module:
        maps = node.input_shapes[0][-1] * layer.depth_multiplier
        pointwise = _CONV[layer.rank](maps, layer.filters, 1, bias=layer.use_bias)
        return nn.Sequential(OrderedDict(depthwise=_depthwise(node, padding, False), pointwise=pointwise))

    return _conv(b, node, xs[0], make)


@row(layers.Conv1DTranspose, layers.Conv2DTranspose)
def _transpose_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    window = layer.window()
    sizes, out = node.input_shapes[0][:-1], node.shape[:-1]
    natural = [(n - 1) * s + f for n, s, f in zip(sizes, window.strides, window.span, strict=True)]
    if window.padding in ("valid", "same"):  # Keras: what is too much goes, half at the start rounded down
        crops = [max(n - o, 0) for n, o in zip(natural, out, strict=True)]
        before = [c // 2 for c in crops]
    else:
        before = [a for a, _ in window.padding]
    extra = [o - (n - 2 * a) for n, o, a in zip(natural, out, before, strict=True)]
    own = [0 <= e < s for e, s in zip(extra, window.strides, strict=True)]  # axes that the module itself can cut
    padding: Any = tuple(a if mine else 0 for a, mine in zip(before, own, strict=True))
    output_padding: Any = tuple(e if mine else 0 for e, mine in zip(extra, own, strict=True))

    def make() -> nn.Module:
        return _CONV_TRANSPOSE[layer.rank](
            node.input_shapes[0][-1],
            layer.filters,
            layer.kernel_size,
            layer.strides,
            padding,
            output_padding,
            bias=layer.use_bias,
            dilation=layer.dilation_rate,
        )

    y = b.module(node, make, xs[0])
    if not all(own):
        cut = (slice(None) if mine else slice(a, a + o) for a, o, mine in zip(before, out, own, strict=True))
        y = b.call(operator.getitem, y, (slice(None), slice(None), *cut))
    return activate(b, y, layer.activation, in_place=all(own))


# -- pooling ----------------------------------------------------------------------------------------------------------
def _pool_args(node: Node) -> tuple[list[int], list[int], list[int], tuple[int, ...] | None]:
    window = node.layer.window()
    assert window is not None
    sizes = node.input_shapes[0][:-1]
    return list(window.kernel), list(window.strides), _pads(window, sizes), _even(window, sizes)


def _max(b: Builder, node: Node, x: fx.Node) -> fx.Node:
    kernel, stride, pads, even = _pool_args(node)
    if even is not None and all(p <= k // 2 for p, k in zip(even, kernel, strict=True)):
        pool = F.max_pool2d if len(kernel) == 2 else F.max_pool1d
        return b.call(pool, x, kernel, stride, **({"padding": list(even)} if any(even) else {}))
    return b.call(modules.max_pool, x, kernel, stride, pads)


@row(layers.MaxPooling1D, layers.MaxPooling2D)
def _max_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return _max(b, node, xs[0])


@row(layers.MinPooling1D, layers.MinPooling2D)
def _min_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return b.call(operator.neg, _max(b, node, b.prepare(operator.neg, xs[0])))


@row(layers.AveragePooling1D, layers.AveragePooling2D)
def _average_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    kernel, stride, pads, even = _pool_args(node)
    if even is not None and all(p <= k // 2 for p, k in zip(even, kernel, strict=True)):
        pool = F.avg_pool2d if len(kernel) == 2 else F.avg_pool1d
        padding = {"padding": list(even), "count_include_pad": layer.count_include_pad} if any(even) else {}
        return b.call(pool, xs[0], kernel, stride, **padding)
    if layer.count_include_pad:
        area = kernel[0] * kernel[-1] if len(kernel) == 2 else kernel[0]
        return b.call(operator.truediv, b.call(modules.sum_pool, xs[0], kernel, stride, pads), area)
    return b.call(modules.mean_pool, xs[0], kernel, stride, pads)


@row(layers.SumPooling1D, layers.SumPooling2D)
def _sum_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return b.call(modules.sum_pool, xs[0], *_pool_args(node)[:3])


@row(layers.L1Pooling1D, layers.L1Pooling2D)
def _l1_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return b.call(modules.sum_pool, b.call(torch.abs, xs[0]), *_pool_args(node)[:3])


@row(layers.L2Pooling1D, layers.L2Pooling2D)
def _l2_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return b.call(modules.l2_pool, xs[0], *_pool_args(node)[:3])


@row(layers.CenterWeightedAveragePooling1D, layers.CenterWeightedAveragePooling2D)
def _center_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    kernel, stride, pads, _ = _pool_args(node)
    return b.call(modules.center_pool, xs[0], center_weights(tuple(kernel)), kernel, stride, pads)


@row(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D)
def _global_max_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    pool = F.adaptive_max_pool2d if layer.rank == 2 else F.adaptive_max_pool1d
    y = b.call(pool, xs[0], 1)
    return y if layer.keepdims else b.call(torch.flatten, y, 1)


@row(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D)
def _global_average_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    axes = [2, 3] if layer.rank == 2 else [2]
    return b.call(torch.mean, xs[0], axes, **({"keepdim": True} if layer.keepdims else {}))


@row(
    layers.AdaptiveAveragePooling1D,
    layers.AdaptiveAveragePooling2D,
    layers.AdaptiveMaxPooling1D,
    layers.AdaptiveMaxPooling2D,
)
def _adaptive_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    kind = "max" if "Max" in layer.kind else "avg"
    return b.call(getattr(F, f"adaptive_{kind}_pool{layer.rank}d"), xs[0], list(layer.output_size))


@row(layers.DepthPooling)
def _depth_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    return b.call(modules.depth_pool, xs[0], layer.pool_size, layer.strides or layer.pool_size, layer.mode)


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


# -- augmentation ---------------------------------------------------------------------------------------------------------
@row(layers.RandomAffine)
def _affine_row(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    layer: Any = node.layer
    amounts = (layer.rotation, layer.translation, layer.zoom, layer.shear)
    return b.module(node, lambda: modules.RandomAffine2d(*amounts), xs[0])
