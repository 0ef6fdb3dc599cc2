"""Layers that join branches."""

from __future__ import annotations

from typing import Any, ClassVar

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Shape, Value
from striate.primitives.functions import CombineHow

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


class _Elementwise(Layer):
    """Inputs of one shape, joined number by number.  Shape unchanged; no weights.

    It is called on a list of inputs; other shapes are a ShapeError with the remedy.
    """

    arity: ClassVar[int | None] = None
    how: ClassVar[CombineHow]

    def lower(self, *inputs: Value) -> Value:
        shapes = tuple(x.shape for x in inputs)
        if not self.fit(shapes):
            raise ShapeError(f"joins inputs of one shape, it got {' and '.join(map(str, shapes))}. {_remedy(shapes)}")
        return p.combine(self.how, *inputs)

    @staticmethod
    def fit(shapes: tuple[Shape, ...]) -> bool:
        """Whether inputs of these shapes can be joined.

        shapes   a shape per input
        """
        return len(set(shapes)) == 1


def _remedy(shapes: tuple[Shape, ...]) -> str:
    if len({len(s) for s in shapes}) > 1:
        return "Bring them to the same number of axes first (Flatten, Reshape or a global pooling)."
    if len({s[:-1] for s in shapes}) > 1:
        return "Bring them to the same size first (padding='same', a stride, pooling, Cropping2D or UpSampling2D)."
    return "Bring them to the same number of channels first (a 1x1 convolution), or use Concatenate."


class Add(_Elementwise):
    """a + b + …, all of one shape."""

    how = "add"


class Subtract(_Elementwise):
    """a - b, of one shape."""

    arity = 2
    how = "subtract"


class Multiply(_Elementwise):
    """a · b · …, all of one shape; sizes of 1 are repeated, so that (1, 1, C) scales each map of (H, W, C)."""

    how = "multiply"

    @staticmethod
    def fit(shapes: tuple[Shape, ...]) -> bool:
        return len({len(s) for s in shapes}) == 1 and all(
            len({size for size in axis if size != 1}) <= 1 for axis in zip(*shapes, strict=True)
        )


class Average(_Elementwise):
    """(a + b + …) / n, all of one shape."""

    how = "average"


class Maximum(_Elementwise):
    """max(a, b, …), all of one shape."""

    how = "maximum"


class Minimum(_Elementwise):
    """min(a, b, …), all of one shape."""

    how = "minimum"


class Concatenate(Layer):
    """Inputs one after the other along an axis (default: channels); the other sizes must agree.  No weights.

    axis   counts as in Keras: 0 is the batch, so 1 is the height, and -1 the channels

    It is called on a list of inputs.
    """

    arity = None

    axis: int = -1

    def dim(self, x: Shape) -> int:
        """The axis as an index into a shape without the batch.  Raises ArgumentError for one that is not there.

        x   the shape of an input
        """
        dim = self.axis - 1 if self.axis > 0 else self.axis + len(x)
        if self.axis == 0 or not 0 <= dim < len(x):
            raise ArgumentError(f"axis {self.axis} does not exist in an input {x}; use 1 to {len(x)}, or -1.")
        return dim

    def lower(self, *inputs: Value) -> Value:
        return p.concatenate(self.dim(inputs[0].shape), *inputs, counted=self.axis)


def add(inputs: list[Any]) -> Any:
    """a + b + …, as a layer: ``Add()(inputs)``.  Raises ShapeError for shapes that do not fit.

    inputs   a list of symbolic tensors
    """
    return Add()(inputs)


def subtract(inputs: list[Any]) -> Any:
    """a - b, as a layer: ``Subtract()(inputs)``.  Raises ShapeError for shapes that do not fit.

    inputs   a list of symbolic tensors
    """
    return Subtract()(inputs)


def multiply(inputs: list[Any]) -> Any:
    """a · b · …, as a layer: ``Multiply()(inputs)``.  Raises ShapeError for shapes that do not fit.

    inputs   a list of symbolic tensors
    """
    return Multiply()(inputs)


def average(inputs: list[Any]) -> Any:
    """(a + b + …) / n, as a layer: ``Average()(inputs)``.  Raises ShapeError for shapes that do not fit.

    inputs   a list of symbolic tensors
    """
    return Average()(inputs)


def maximum(inputs: list[Any]) -> Any:
    """max(a, b, …), as a layer: ``Maximum()(inputs)``.  Raises ShapeError for shapes that do not fit.

    inputs   a list of symbolic tensors
    """
    return Maximum()(inputs)


def minimum(inputs: list[Any]) -> Any:
    """min(a, b, …), as a layer: ``Minimum()(inputs)``.  Raises ShapeError for shapes that do not fit.

    inputs   a list of symbolic tensors
    """
    return Minimum()(inputs)


def concatenate(inputs: list[Any], axis: int = -1) -> Any:
    """Inputs one after the other along an axis, as a layer: ``Concatenate(axis)(inputs)``.

    Raises ShapeError for shapes that do not fit.

    inputs   a list of symbolic tensors
    axis     as in ``Concatenate``: -1 is the channels
    """
    return Concatenate(axis)(inputs)
