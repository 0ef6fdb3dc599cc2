"""Layers that join branches."""

from __future__ import annotations

from typing import Any, ClassVar

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Shape, Value
from striate.layers.axes import checked, place
from striate.layers.norm import normalized
from striate.primitives.functions import CombineHow
from striate.wording import plural

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
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

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output: true where that of any input is; None where one has none.

        inputs   a list, as the layer takes them
        mask     a list of their masks, or None

        Raises ArgumentError for what is no list, or another number of masks.
        """
        if not _masks(self, inputs, mask) or any(one is None for one in mask):
            return None
        import torch

        joined = torch.as_tensor(mask[0]).bool()
        for one in mask[1:]:
            joined = joined | torch.as_tensor(one).bool()
        return joined

    @staticmethod
    def fit(shapes: tuple[Shape, ...]) -> bool:
        """Whether inputs of these shapes can be joined.

        shapes   a shape per input
        """
        return len(set(shapes)) == 1


def _masks(layer: Layer, inputs: Any, mask: Any) -> bool:
    """Whether there are masks.  Raises ArgumentError where they are not a list, one for each input."""
    if mask is None:
        return False
    for name, given in (("mask", mask), ("inputs", inputs)):
        if not isinstance(given, list | tuple):
            raise ArgumentError(f"{layer.kind}: {name} is a list, one for each input, not {type(given).__name__}.")
    if len(mask) != len(inputs):
        raise ArgumentError(
            f"{layer.kind}: {plural(len(inputs), 'input')} and {plural(len(mask), 'mask')}; give one for each."
        )
    return any(one is not None for one in mask)


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

    def lower(self, *inputs: Value) -> Value:
        return p.concatenate(place(self.axis, inputs[0].shape), *inputs, counted=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks one after the other along the axis; None where no input has one.

        inputs   a list, as the layer takes them
        mask     a list of their masks, or None; an input without one counts in full

        Raises ArgumentError for what is no list, or another number of masks.
        """
        if not _masks(self, inputs, mask):
            return None
        import torch

        whole = []
        known = next(torch.as_tensor(one) for one in mask if one is not None)
        for x, one in zip(inputs, mask, strict=True):
            sizes = [n if size is None else size for size, n in zip(x.shape, (*known.shape, 0), strict=False)]
            one = torch.ones(sizes, dtype=torch.bool) if one is None else torch.as_tensor(one).bool()
            whole.append(one[..., None].expand(*one.shape, sizes[-1]) if one.ndim < len(sizes) else one)
        return torch.cat(whole, self.axis).any(-1)


class Dot(Layer):
    """Products of two inputs added up along an axis of each: (…, n) and (…, n) give every pair of the rest.

    (C,), (C,) -> (1,); (L, C), (M, C) with axes 2 -> (L, M); no weights.  It is called on a list of two inputs.

    axes        one number for both inputs, or one for each, as Keras counts: 0 is the batch, -1 the channels
    normalize   divide by the lengths first, so that it is the cosine of the angle

    Raises ArgumentError for an axis that is not there, and ShapeError where the two are not as long.
    """

    arity = 2
    drawn_as = "merge"

    axes: Any
    normalize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axes = checked(self.axes, "Dot: axes")
        if isinstance(self.axes, tuple) and len(self.axes) != 2:
            raise ArgumentError(f"Dot: axes is one axis, or one for each of two inputs, not {self.axes}.")

    def lower(self, *inputs: Value) -> Value:
        axes = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        one, other = (self._last(x, axis) for x, axis in zip(inputs, axes, strict=True))
        if one.shape[-1] != other.shape[-1]:
            shapes = " and ".join(str(x.shape) for x in inputs)
            raise ShapeError(f"adds products along axes of one size, it got {shapes} with axes {self.axes}.")
        left, right = one.shape[:-1], other.shape[:-1]
        if left and right:
            one = p.reshape(one, (*left, *(1,) * len(right), one.shape[-1]))
        y = p.combine("multiply", one, other)
        return p.reduce(y, "sum", (-1,), keepdims=not left and not right)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: no mask passes.

        inputs   taken as Keras has it
        mask     taken as Keras has it
        """

    def _last(self, x: Value, axis: int) -> Value:
        """With that axis in the channels' place."""
        chosen = place(axis, x.shape)
        x = p.permute(x, (*(i for i in range(len(x.shape)) if i != chosen), chosen))
        return normalized(x, (len(x.shape) - 1,)) if self.normalize else x


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


def dot(inputs: list[Any], axes: Any = -1, normalize: bool = False) -> Any:
    """Products added up along an axis of each of two inputs, as a layer: ``Dot(axes)(inputs)``.

    Raises ShapeError for shapes that do not fit.

    inputs      a list of two symbolic tensors
    axes        as in ``Dot``: -1 is the channels
    normalize   divide by the lengths first
    """
    return Dot(axes, normalize)(inputs)
