"""Windows, maps, channels and axes that become one number."""

from __future__ import annotations

from math import hypot
from typing import Literal, get_args

from striate.errors import ArgumentError, ShapeError
from striate.graph import Primitive, Shape, Value, Window
from striate.graph.lowering import put
from striate.primitives.arguments import axis_of, choice, shape_of, wholes, window_of
from striate.primitives.base import split_shape
from striate.wording import plural

PoolHow = Literal["max", "average", "average_all", "sum", "center"]
ReduceHow = Literal["max", "mean", "sum"]


class Pool(Primitive):
    """Each window of each channel as one number.  (…, C) -> (…', C).

    window   size, strides and padding
    how      as in ``pool``
    """

    family = "pool"

    window: Window
    how: PoolHow

    def shape(self, *inputs: Shape) -> Shape:
        sizes, channels = split_shape(inputs[0], len(self.window.kernel))
        return (*self.window.slide(sizes), channels)


class AdaptivePool(Primitive):
    """Windows chosen so that the output has `size`: window i covers floor(i·H/H') up to ceil((i+1)·H/H'), as in torch.

    how   "max" or "average"
    """

    family = "pool"

    size: tuple[int, ...]
    how: Literal["max", "average"]

    def shape(self, *inputs: Shape) -> Shape:
        return (*self.size, split_shape(inputs[0], len(self.size))[1])


class DepthPool(Primitive):
    """Groups of neighbouring channels as one.  (…, C) -> (…, C').

    channels   the window that slides over the channels
    how        "max" or "average"
    """

    family = "pool"

    channels: Window
    how: Literal["max", "average"]

    def shape(self, *inputs: Shape) -> Shape:
        (size,), depth = self.channels.kernel, inputs[0][-1]
        if size > depth:
            raise ShapeError(f"pools {plural(size, 'channel')}, the input has {depth}. Use a smaller pool_size.")
        return (*inputs[0][:-1], *self.channels.slide((depth,)))


class Reduce(Primitive):
    """Whole axes as one number each.

    axes       from 0, the channels last
    how        "max", "mean" or "sum"
    keepdims   leave axes of size 1
    """

    family = "pool"

    axes: tuple[int, ...]
    how: ReduceHow
    keepdims: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        if not self.axes or max(self.axes) >= len(x):
            raise ShapeError(f"reduces the axes {self.axes}, the input {x} has {len(x)}.")
        kept = tuple(1 if axis in self.axes else size for axis, size in enumerate(x))
        return kept if self.keepdims else tuple(size for axis, size in enumerate(x) if axis not in self.axes)

    def positions(self, x: Shape) -> bool:
        """Whether it takes all positions and leaves the channels.

        x   the input's shape
        """
        return self.axes == tuple(range(len(x) - 1))


def pool(x: Value, window: Window | int | tuple[int, ...], how: PoolHow) -> Value:
    """Each window of each channel as one number.  (…, C) -> (…', C).

    x        (length, C) or (height, width, C)
    window   size, strides and padding, or just the size
    how      "max" (padding never wins), "average" (padding left out), "average_all" (padding counted as zeros), "sum", or
             "center": a mean whose cells weigh 1 / (1 + distance to the centre)

    Raises ShapeError where the window is larger than the input, and ArgumentError for other values.
    """
    choice(how, "pool: how", get_args(PoolHow))
    return put(Pool(window_of(window, shape_of(x, "pool"), "pool", plain="dilation"), how), x)


def adaptive_pool(x: Value, size: tuple[int, ...], how: Literal["max", "average"]) -> Value:
    """Pooling to a given size.  (…, C) -> (*size, C).

    x      (length, C) or (height, width, C)
    size   of the output, per axis
    how    "max" or "average"

    Raises ArgumentError for other values.
    """
    choice(how, "adaptive_pool: how", ("max", "average"))
    return put(AdaptivePool(wholes(size, "adaptive_pool: size", len(shape_of(x, "adaptive_pool")) - 1), how), x)


def depth_pool(x: Value, channels: Window, how: Literal["max", "average"]) -> Value:
    """Groups of neighbouring channels as one.  (…, C) -> (…, C').

    x          of any shape
    channels   the window that slides over the channels
    how        "max" or "average"

    Raises ShapeError where it is larger than the number of channels, and ArgumentError for other values.
    """
    choice(how, "depth_pool: how", ("max", "average"))
    window = window_of(channels, (shape_of(x, "depth_pool")[-1], 1), "depth_pool", plain="padding dilation")
    return put(DepthPool(window, how), x)


def reduce(x: Value, how: ReduceHow, axes: tuple[int, ...] | None = None, keepdims: bool = False) -> Value:
    """Whole axes as one number each.

    x          of any shape
    how        "max", "mean" or "sum"
    axes       from 0, the channels last; None: all positions, so that each map becomes one number
    keepdims   leave axes of size 1 instead of none

    Raises ArgumentError for other values, and ShapeError where an axis is not there.
    """
    choice(how, "reduce: how", get_args(ReduceHow))
    shape = shape_of(x, "reduce")
    if axes is None:
        return put(Reduce(tuple(range(len(shape) - 1)), how, bool(keepdims)), x)
    if not isinstance(axes, list | tuple):
        raise ArgumentError(f"reduce: axes is a tuple of whole numbers, such as (0, 1), not {axes!r}.")
    chosen = {axis_of(axis, shape, "reduce") for axis in axes}
    return put(Reduce(tuple(sorted(chosen)), how, bool(keepdims)), x)


def center_weights(size: tuple[int, ...]) -> list[float]:
    """Cell weights of a centre-weighted mean over a window, row by row; they add up to 1.

    size   of the window, per axis
    """
    if len(size) == 1:
        distances = [abs(i - (size[0] - 1) / 2) for i in range(size[0])]
    else:
        distances = [
            hypot(i - (size[0] - 1) / 2, j - (size[1] - 1) / 2) for i in range(size[0]) for j in range(size[1])
        ]
    raw = [1 / (1 + d) for d in distances]
    return [w / sum(raw) for w in raw]
