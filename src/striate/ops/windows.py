"""Functions of ``striate.ops`` that slide a window, normalise or resize."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from striate.errors import ArgumentError
from striate.ops.entries import entry, floats, tensor


def _each_axis(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _around(x: torch.Tensor, size: Any, steps: Any, holes: Any, padding: str, fill: float = 0.0) -> torch.Tensor:
    """`x` (N, C, …) with what padding="same" puts around it."""
    if padding.lower() not in ("same", "valid"):
        raise ArgumentError(f'padding is "valid" or "same", not "{padding}".')
    if padding.lower() == "valid":
        return x
    sides: list[int] = []
    for n, k, s, d in reversed([*zip(x.shape[2:], size, steps, holes, strict=True)]):
        all_ = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
        sides += [all_ // 2, all_ - all_ // 2]
    return F.pad(x, sides, value=fill)


def _first(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(-1, 1)


def _convolved(inputs: Any, kernel: torch.Tensor, strides: Any, padding: str, holes: Any, groups: int) -> torch.Tensor:
    x = floats(inputs)
    rank = x.ndim - 2
    steps, holes = _each_axis(strides, rank), _each_axis(holes, rank)
    x = _around(_first(x), kernel.shape[2:], steps, holes, padding)
    function: Any = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    return function(x, kernel.to(x.dtype), None, steps, 0, holes, groups).movedim(1, -1)  # type: ignore[no-any-return]


@entry
def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> torch.Tensor:
    weights = floats(kernel)
    groups = tensor(inputs).shape[-1] // weights.shape[-2]
    return _convolved(inputs, weights.movedim((-1, -2), (0, 1)), strides, padding, dilation_rate, groups)


@entry
def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> torch.Tensor:
    weights = floats(kernel)
    depth, wide = weights.shape[-2:]
    turned = weights.flatten(-2)[..., None].movedim((-2, -1), (0, 1))
    return _convolved(
        inputs, turned.reshape(depth * wide, 1, *weights.shape[:-2]), strides, padding, dilation_rate, depth
    )


@entry
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> torch.Tensor:
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel)


@entry
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
) -> torch.Tensor:
    x = floats(inputs)
    rank = x.ndim - 2
    size = _each_axis(pool_size, rank)
    steps = size if strides is None else _each_axis(strides, rank)
    function: Any = (F.max_pool1d, F.max_pool2d)[rank - 1]
    return function(_around(_first(x), size, steps, (1,) * rank, padding, -math.inf), size, steps).movedim(1, -1)  # type: ignore[no-any-return]


@entry
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
) -> torch.Tensor:
    x = _first(floats(inputs))
    rank = x.ndim - 2
    size = _each_axis(pool_size, rank)
    steps = size if strides is None else _each_axis(strides, rank)
    function: Any = (F.avg_pool1d, F.avg_pool2d)[rank - 1]
    sums = function(_around(x, size, steps, (1,) * rank, padding), size, steps)
    share = function(_around(torch.ones_like(x[:1, :1]), size, steps, (1,) * rank, padding), size, steps)
    return (sums / share).movedim(1, -1)  # type: ignore[no-any-return]


@entry
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> torch.Tensor:
    x = floats(x)
    wide = [1] * x.ndim
    wide[axis] = x.shape[axis]
    y = (x - floats(mean).reshape(wide)) * torch.rsqrt(floats(variance).reshape(wide) + epsilon)
    y = y if scale is None else y * floats(scale).reshape(wide)
    return y if offset is None else y + floats(offset).reshape(wide)


@entry
def image_resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: Any = None,
) -> torch.Tensor:
    given = tensor(images)
    x = floats(given)
    x = _first(x if x.ndim == 4 else x[None])
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("resize: crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        x = _of_aspect(x, int(size[0]), int(size[1]), pad_to_aspect_ratio, fill_mode, fill_value)
    if interpolation == "nearest":
        y = F.interpolate(x, tuple(size), mode="nearest-exact")
    elif interpolation in ("bilinear", "bicubic"):
        y = F.interpolate(x, tuple(size), mode=interpolation, align_corners=False, antialias=antialias)
    elif interpolation == "area":
        y = F.interpolate(x, tuple(size), mode="area")
    else:
        raise ArgumentError(f'interpolation is "bilinear", "nearest", "bicubic" or "area", not "{interpolation}".')
    y = y.movedim(1, -1)
    y = y if given.ndim == 4 else y[0]
    return y if given.is_floating_point() else y.round().clamp(0, 255).to(given.dtype)


def _of_aspect(x: torch.Tensor, high: int, wide: int, grow: bool, mode: str, fill: float) -> torch.Tensor:
    """`x` (N, C, H, W) cropped in the middle, or with `fill` around, to the shape of high x wide."""
    if mode != "constant":
        raise ArgumentError(f'resize: fill_mode is "constant", not "{mode}".')
    rows, columns = x.shape[2:]
    if grow:
        tall = max(rows, int(float(columns * high) / wide))
        broad = max(columns, int(float(rows * wide) / high))
        top, left = int(float(tall - rows) / 2), int(float(broad - columns) / 2)
        return F.pad(x, (left, left, top, top), value=fill)  # alike on both sides, as Keras has it
    tall = max(min(rows, int(float(columns * high) / wide)), 1)
    broad = max(min(columns, int(float(rows * wide) / high)), 1)
    top, left = int(float(rows - tall) / 2), int(float(columns - broad) / 2)
    return x[:, :, top : top + tall, left : left + broad]
