"""Functions of ``striate.ops`` that move pixels, ``ops.image`` among them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from striate.errors import ArgumentError, ShapeError
from striate.ops.entries import entry, floats, tensor
from striate.ops.windows import _around, _each_axis, _first


@entry
def depth_to_space(x: Any, block_size: int, data_format: Any = "channels_last") -> torch.Tensor:
    x, r = tensor(x), int(block_size)
    n, height, width, depth = x.shape
    if depth % (r * r):
        raise ShapeError(f"depth_to_space: {depth} channels are no blocks of {r} x {r}.")
    y = x.reshape(n, height, width, r, r, depth // (r * r)).permute(0, 1, 3, 2, 4, 5)
    return y.reshape(n, height * r, width * r, depth // (r * r))


@entry
def space_to_depth(x: Any, block_size: int, data_format: Any = "channels_last") -> torch.Tensor:
    x, r = tensor(x), int(block_size)
    n, height, width, depth = x.shape
    if height % r or width % r:
        raise ShapeError(f"space_to_depth: {height} x {width} positions are no blocks of {r} x {r}.")
    y = x.reshape(n, height // r, r, width // r, r, depth).permute(0, 1, 3, 2, 4, 5)
    return y.reshape(n, height // r, width // r, r * r * depth)


@entry
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: Any = None) -> torch.Tensor:
    return _adaptive(inputs, output_size, data_format, (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d))


@entry
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: Any = None) -> torch.Tensor:
    return _adaptive(inputs, output_size, data_format, (F.adaptive_max_pool1d, F.adaptive_max_pool2d))


def _adaptive(inputs: Any, size: Any, data_format: Any, functions: tuple[Any, ...]) -> torch.Tensor:
    x = floats(inputs)
    result: torch.Tensor = functions[x.ndim - 3](_first(x), _each_axis(size, x.ndim - 2))
    return result.movedim(1, -1)


def _batched(images: Any) -> tuple[torch.Tensor, bool]:
    """Pictures with a batch in front, and whether there was one."""
    x = tensor(images)
    if x.ndim not in (3, 4):
        raise ShapeError(f"pictures are (H, W, C) or (N, H, W, C), not {tuple(x.shape)}.")
    return (x, True) if x.ndim == 4 else (x[None], False)


@entry
def image_rgb_to_grayscale(images: Any, data_format: Any = None) -> torch.Tensor:
    x = tensor(images)
    if x.shape[-1] != 3:
        raise ShapeError(f"rgb_to_grayscale takes 3 channels, not {x.shape[-1]}.")
    grey = (floats(x) * torch.tensor([0.2989, 0.5870, 0.1140], device=x.device)).sum(-1, keepdim=True)
    return grey.to(x.dtype)


def _sides(
    size: int, target: int | None, before: int | None, after: int | None, what: str, sign: int
) -> tuple[int, int]:
    """Cells (before, after) an axis, two of the three being given.  `sign` is 1 where cells are added."""
    if (target is None) + (before is None) + (after is None) != 1:
        raise ArgumentError(f"{what}: give just two of its size, the cells before and the cells after.")
    more = None if target is None else sign * (target - size)
    first = (more or 0) - (after or 0) if before is None else before
    last = (more or 0) - first if after is None else after
    if first < 0 or last < 0:
        raise ArgumentError(f"{what}: {size} cells do not become {target} with {before} before and {after} after.")
    return first, last


@entry
def image_pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: Any = None,
) -> torch.Tensor:
    x, batched = _batched(images)
    rows = _sides(x.shape[1], target_height, top_padding, bottom_padding, "pad_images: height", 1)
    columns = _sides(x.shape[2], target_width, left_padding, right_padding, "pad_images: width", 1)
    y = F.pad(x, (0, 0, *columns, *rows))
    return y if batched else y[0]


@entry
def image_crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: Any = None,
) -> torch.Tensor:
    x, batched = _batched(images)
    top, bottom = _sides(x.shape[1], target_height, top_cropping, bottom_cropping, "crop_images: height", -1)
    left, right = _sides(x.shape[2], target_width, left_cropping, right_cropping, "crop_images: width", -1)
    y = x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
    return y if batched else y[0]


@entry
def image_extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
) -> torch.Tensor:
    x, batched = _batched(images)
    cells = _each_axis(size, 2)
    steps, holes = cells if strides is None else _each_axis(strides, 2), _each_axis(dilation_rate, 2)
    first = _around(_first(floats(x)), cells, steps, holes, padding)
    high, wide = (
        (n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(first.shape[2:], cells, steps, holes, strict=True)
    )
    columns = F.unfold(first, cells, holes, 0, steps)  # (N, C · kh · kw, positions)
    y = columns.reshape(len(x), x.shape[-1], cells[0] * cells[1], high, wide).permute(0, 3, 4, 2, 1)
    y = y.reshape(len(x), high, wide, -1)
    return y if batched else y[0]
