"""Rows of the torch table: what slides a window, and what gathers whole axes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from striate import primitives as p
from striate.backend import modules
from striate.backend.axes import channels_first, torch_axis
from striate.backend.table import ROWS
from striate.graph import Step, Window

if TYPE_CHECKING:
    from striate.backend.builder import Builder

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
def _convolved(b: Builder, step: Step, x: fx.Node, make: Callable[[Any], nn.Module]) -> fx.Node:
    """A convolution whose module has its padding where it can, and reads a padded copy where not."""
    window, sizes = step.primitive.window, step.input_shapes[0][:-1]  # type: ignore[attr-defined]
    padding, pads = _own_padding(window), _pads(window, sizes)
    if padding is None and any(pads):
        x = b.prepare(F.pad, x, pads)
    return b.module(step, lambda: make(padding or (0,) * len(sizes)), x)


@ROWS.row(p.Conv, p.DepthwiseConv)
def _conv(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    conv: Any = step.primitive
    x, window = step.input_shapes[0], conv.window

    def make(padding: Any) -> nn.Module:
        sizes = (window.kernel, window.strides, padding, window.dilation)
        return _CONV[conv.rank](x[-1], conv.maps(x), *sizes, conv.split(x), conv.bias is not None)

    return _convolved(b, step, xs[0], make)


@ROWS.row(p.PartialConv)
def _partial(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    conv: Any = step.primitive
    depth = step.input_shapes[0][-1]
    return b.module(step, lambda: modules.PartialConv2d(depth, conv.connections, conv.window.kernel), xs[0])


@ROWS.row(p.ConvTranspose)
def _transposed(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    conv: Any = step.primitive
    window, x = conv.window, step.input_shapes[0]
    crops, own = window.crop(x[:-1]), conv.own(x)
    padding: Any = tuple(before if mine else 0 for (before, _), mine in zip(crops, own, strict=True))
    more: Any = tuple(before - after if mine else 0 for (before, after), mine in zip(crops, own, strict=True))

    def make() -> nn.Module:
        sizes = (window.kernel, window.strides, padding, more)
        bias = conv.bias is not None
        return _CONV_TRANSPOSE[conv.rank](x[-1], conv.filters, *sizes, bias=bias, dilation=window.dilation)

    y = b.module(step, make, xs[0])
    if all(own):
        return y
    places = zip(crops, step.shape[:-1], own, strict=True)
    cut = (slice(None) if mine else slice(before, before + n) for (before, _), n, mine in places)
    return b.call(operator.getitem, y, (slice(None), slice(None), *cut))


# -- pooling ----------------------------------------------------------------------------------------------------------
@ROWS.row(p.Pool)
def _pool(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    how, window = step.primitive.how, step.primitive.window  # type: ignore[attr-defined]
    sizes = step.input_shapes[0][:-1]
    kernel, stride, pads = list(window.kernel), list(window.strides), _pads(window, sizes)
    if how == "sum":
        return b.call(modules.sum_pool, xs[0], kernel, stride, pads)
    if how == "center":
        return b.call(modules.center_pool, xs[0], p.center_weights(window.kernel), kernel, stride, pads)
    even, two = _even(window, sizes), len(kernel) == 2
    own = even is not None and all(pad <= k // 2 for pad, k in zip(even, kernel, strict=True))
    padding = {"padding": list(even)} if own and even and any(even) else {}
    if how == "max":
        if own:
            return b.call(F.max_pool2d if two else F.max_pool1d, xs[0], kernel, stride, **padding)
        return b.call(modules.max_pool, xs[0], kernel, stride, pads)
    every = how == "average_all"
    if own:
        counted = {"count_include_pad": every} if padding else {}
        return b.call(F.avg_pool2d if two else F.avg_pool1d, xs[0], kernel, stride, **padding, **counted)
    if every:
        return b.call(operator.truediv, b.call(modules.sum_pool, xs[0], kernel, stride, pads), window.area)
    return b.call(modules.mean_pool, xs[0], kernel, stride, pads)


@ROWS.row(p.AdaptivePool)
def _adaptive(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    how, size = step.primitive.how, step.primitive.size  # type: ignore[attr-defined]
    kind = "max" if how == "max" else "avg"
    return b.call(getattr(F, f"adaptive_{kind}_pool{len(size)}d"), xs[0], list(size))


@ROWS.row(p.DepthPool)
def _depth(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    (size,), (stride,) = step.primitive.channels.kernel, step.primitive.channels.strides  # type: ignore[attr-defined]
    return b.call(modules.depth_pool, xs[0], size, stride, step.primitive.how)  # type: ignore[attr-defined]


@ROWS.row(p.Reduce)
def _reduce(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    reduce: Any = step.primitive
    x = step.input_shapes[0]
    axes = sorted(torch_axis(axis, len(x)) for axis in reduce.axes)
    keep = {"keepdim": True} if reduce.keepdims else {}
    if reduce.how != "max" or not reduce.positions(x) or len(x) not in (2, 3):
        functions: dict[str, Callable[..., torch.Tensor]] = {"mean": torch.mean, "sum": torch.sum, "max": torch.amax}
        y = b.call(functions[reduce.how], xs[0], axes, **keep)
        without_channels = len(x) - 1 in reduce.axes and not reduce.keepdims
        return channels_first(b, y, len(step.shape)) if without_channels else y  # the last axis left takes their place
    y = b.call(F.adaptive_max_pool2d if len(x) == 3 else F.adaptive_max_pool1d, xs[0], 1)
    return y if reduce.keepdims else b.call(torch.flatten, y, 1)
