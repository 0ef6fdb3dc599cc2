"""Rows of the table: layers that slide a window, and global pooling."""

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
from striate.backend.table import activate, row
from striate.graph import Node, Window
from striate.layers.pool import center_weights

if TYPE_CHECKING:
    from striate.backend.build import Builder

_CONV = {1: nn.Conv1d, 2: nn.Conv2d}
_CONV_TRANSPOSE = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}


# -- padding ------------------------------------------------------------------------------------------------------
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
