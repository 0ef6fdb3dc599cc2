"""Layers that join branches."""

from __future__ import annotations

from typing import Any, ClassVar

from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Shape


class _Elementwise(Layer):
    """Inputs of one shape, joined number by number.  Shape unchanged; no weights."""

    arity: ClassVar[int | None] = None

    def shape(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) > 1:
            raise ShapeError(f"joins inputs of one shape, it got {' and '.join(map(str, inputs))}. {_remedy(inputs)}")
        return inputs[0]


def _remedy(shapes: tuple[Shape, ...]) -> str:
    if len({len(s) for s in shapes}) > 1:
        return "Bring them to the same number of axes first (Flatten, Reshape or a global pooling)."
    if len({s[:-1] for s in shapes}) > 1:
        return "Bring them to the same size first (padding='same', a stride, pooling, Cropping2D or UpSampling2D)."
    return "Bring them to the same number of channels first (a 1x1 convolution), or use Concatenate."


class Add(_Elementwise):
    """a + b + …, all of one shape."""


class Subtract(_Elementwise):
    """a - b, of one shape."""

    arity = 2


class Multiply(_Elementwise):
    """a · b · …, all of one shape; sizes of 1 are repeated, so that (1, 1, C) scales each map of (H, W, C)."""

    def shape(self, *inputs: Shape) -> Shape:
        if len({len(s) for s in inputs}) == 1:
            sizes = [{size for size in axis if size != 1} for axis in zip(*inputs, strict=True)]
            if all(len(axis) <= 1 for axis in sizes):
                return tuple(axis.pop() if axis else 1 for axis in sizes)
        return super().shape(*inputs)


class Average(_Elementwise):
    """(a + b + …) / n, all of one shape."""


class Maximum(_Elementwise):
    """max(a, b, …), all of one shape."""


class Minimum(_Elementwise):
    """min(a, b, …), all of one shape."""


class Concatenate(Layer):
    """Inputs one after the other along `axis` (default: channels); the other sizes must agree.  No weights.

    `axis` counts as in Keras: 0 is the batch, so 1 is the height, and -1 the channels.
    """

    arity = None

    axis: int = -1

    def dim(self, x: Shape) -> int:
        """The axis as an index into a shape without the batch."""
        dim = self.axis - 1 if self.axis > 0 else self.axis + len(x)
        if self.axis == 0 or not 0 <= dim < len(x):
            raise ArgumentError(f"axis {self.axis} does not exist in an input {x}; use 1 to {len(x)}, or -1.")
        return dim

    def shape(self, *inputs: Shape) -> Shape:
        dim = self.dim(inputs[0])
        rests = {(*x[:dim], *x[dim + 1 :]) for x in inputs}
        if len(rests) > 1 or len({len(x) for x in inputs}) > 1:
            raise ShapeError(
                f"joins along axis {self.axis}, so the other sizes must agree; it got "
                f"{' and '.join(map(str, inputs))}. Bring them to the same size first (padding='same', a stride, "
                "pooling, Cropping2D or UpSampling2D)."
            )
        return (*inputs[0][:dim], sum(x[dim] for x in inputs), *inputs[0][dim + 1 :])


def add(inputs: list[Any]) -> Any:
    """``Add()(inputs)``."""
    return Add()(inputs)


def subtract(inputs: list[Any]) -> Any:
    """``Subtract()(inputs)``."""
    return Subtract()(inputs)


def multiply(inputs: list[Any]) -> Any:
    """``Multiply()(inputs)``."""
    return Multiply()(inputs)


def average(inputs: list[Any]) -> Any:
    """``Average()(inputs)``."""
    return Average()(inputs)


def maximum(inputs: list[Any]) -> Any:
    """``Maximum()(inputs)``."""
    return Maximum()(inputs)


def minimum(inputs: list[Any]) -> Any:
    """``Minimum()(inputs)``."""
    return Minimum()(inputs)


def concatenate(inputs: list[Any], axis: int = -1) -> Any:
    """``Concatenate(axis)(inputs)``."""
    return Concatenate(axis)(inputs)
