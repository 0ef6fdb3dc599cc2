"""Layers that move numbers around without changing them: flatten, reshape, pad, crop, enlarge."""

from __future__ import annotations

from math import prod
from numbers import Integral
from typing import Any, ClassVar

from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Shape
from striate.graph.window import as_padding, as_tuple
from striate.layers.conv import split_shape


class Flatten(Layer):
    """All numbers as one vector, row by row, channels last.  (H, W, C) -> (H · W · C,); no weights."""

    def shape(self, *inputs: Shape) -> Shape:
        return (prod(inputs[0]),)


class Reshape(Layer):
    """The same numbers, channels last, in another shape.  One size may be -1.  No weights."""

    target_shape: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.target_shape
        shape = tuple(given) if isinstance(given, list | tuple) else (given,)
        whole = all(isinstance(s, Integral) and not isinstance(s, bool) and (int(s) >= 1 or s == -1) for s in shape)
        if not shape or not whole or shape.count(-1) > 1:
            raise ArgumentError(f"Reshape: target_shape is whole numbers, at most one of them -1, not {given!r}.")
        self.target_shape = tuple(int(s) for s in shape)

    def shape(self, *inputs: Shape) -> Shape:
        have, known = prod(inputs[0]), prod(s for s in self.target_shape if s != -1)
        if -1 in self.target_shape and have % known == 0:
            return tuple(have // known if s == -1 else s for s in self.target_shape)
        if have != known:
            raise ShapeError(f"cannot turn {inputs[0]} ({have} numbers) into {self.target_shape} ({known} numbers).")
        return self.target_shape  # type: ignore[no-any-return]


class _Sides(Layer):
    """Zero padding and cropping: an amount on each side of each axis."""

    rank: ClassVar[int]
    sign: ClassVar[int]

    def sides(self) -> tuple[tuple[int, int], ...]:
        """(before, after) for each axis."""
        raise AssertionError(self.kind)

    def shape(self, *inputs: Shape) -> Shape:
        sizes, channels = split_shape(inputs[0], self.rank)
        out = tuple(size + self.sign * sum(side) for size, side in zip(sizes, self.sides(), strict=True))
        if min(out) < 1:
            raise ShapeError(f"crops {self.sides()} off {inputs[0]} and leaves nothing.")
        return (*out, channels)


class _ZeroPadding(_Sides):
    sign = 1

    padding: Any = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.padding = as_padding(self.padding, self.rank, f"{self.kind}: padding", ())

    def sides(self) -> tuple[tuple[int, int], ...]:
        return self.padding  # type: ignore[no-any-return]


class ZeroPadding2D(_ZeroPadding):
    """Zeros around the picture: a number, (vertical, horizontal) or ((top, bottom), (left, right)).  No weights."""

    rank = 2


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the sequence: a number or (before, after).  No weights."""

    rank = 1

    def __post_init__(self) -> None:
        if isinstance(self.padding, list | tuple) and len(self.padding) == 2:
            self.padding = (self.padding,)
        super().__post_init__()


class _Cropping(_Sides):
    sign = -1

    cropping: Any = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cropping = as_padding(self.cropping, self.rank, f"{self.kind}: cropping", ())

    def sides(self) -> tuple[tuple[int, int], ...]:
        return self.cropping  # type: ignore[no-any-return]


class Cropping2D(_Cropping):
    """Rows and columns cut off: a number, (vertical, horizontal) or ((top, bottom), (left, right)).  No weights."""

    rank = 2


class Cropping1D(_Cropping):
    """Steps cut off before and after: a number or (before, after).  No weights."""

    rank = 1
    cropping: Any = 1

    def __post_init__(self) -> None:
        if isinstance(self.cropping, list | tuple) and len(self.cropping) == 2:
            self.cropping = (self.cropping,)
        super().__post_init__()


class UpSampling2D(Layer):
    """Each pixel becomes a block of `size` (``nearest``), or pixels in between are interpolated (``bilinear``).

    (H, W, C) -> (H · sh, W · sw, C); no weights.
    """

    size: Any = 2
    interpolation: str = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.size = as_tuple(self.size, 2, "UpSampling2D: size")
        if self.interpolation not in ("nearest", "bilinear"):
            raise ArgumentError(f'UpSampling2D: interpolation is "nearest" or "bilinear", not {self.interpolation!r}.')

    def shape(self, *inputs: Shape) -> Shape:
        (height, width), channels = split_shape(inputs[0], 2)
        return (height * self.size[0], width * self.size[1], channels)


class UpSampling1D(Layer):
    """Each step repeated `size` times.  (L, C) -> (L · size, C); no weights."""

    size: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.size,) = as_tuple(self.size, 1, "UpSampling1D: size")

    def shape(self, *inputs: Shape) -> Shape:
        (length,), channels = split_shape(inputs[0], 1)
        return (length * self.size, channels)


class ChannelPadding(Layer):
    """Channels of zeros before and after the others: a number, or (before, after).  (…, C) -> (…, C + added).

    The parameter-free shortcut of ResNets (option A).  He et al. 2015, section 3.3.
    """

    padding: Any = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        pair = (self.padding,) if isinstance(self.padding, list | tuple) else self.padding
        sides: Any = as_padding(pair, 1, "ChannelPadding: padding", ())
        self.padding = sides[0]

    def shape(self, *inputs: Shape) -> Shape:
        return (*inputs[0][:-1], inputs[0][-1] + sum(self.padding))
