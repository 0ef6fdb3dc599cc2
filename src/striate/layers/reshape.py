"""Layers that move numbers around without changing them: flatten, reshape, pad, crop, enlarge."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from striate import primitives as p
from striate.errors import ArgumentError
from striate.graph import Layer, Value
from striate.graph.window import as_padding, as_tuple
from striate.primitives.base import split_shape

__all__ = [
    "ChannelPadding",
    "Cropping1D",
    "Cropping2D",
    "Flatten",
    "Reshape",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
]


class Flatten(Layer):
    """All numbers as one vector, row by row, channels last.  (H, W, C) -> (H · W · C,); no weights."""

    def lower(self, x: Value) -> Value:
        return p.flatten(x)


class Reshape(Layer):
    """The same numbers, channels last, in another shape.  No weights.

    target_shape   without the batch; one size may be -1: what is left
    """

    target_shape: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.target_shape
        shape = tuple(given) if isinstance(given, list | tuple) else (given,)
        whole = all(isinstance(s, Integral) and not isinstance(s, bool) and (int(s) >= 1 or s == -1) for s in shape)
        if not shape or not whole or shape.count(-1) > 1:
            raise ArgumentError(f"Reshape: target_shape is whole numbers, at most one of them -1, not {given!r}.")
        self.target_shape = tuple(int(s) for s in shape)

    def lower(self, x: Value) -> Value:
        return p.reshape(x, self.target_shape)


class _ZeroPadding(Layer):
    rank: ClassVar[int]

    padding: Any = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.padding = as_padding(self.padding, self.rank, f"{self.kind}: padding", ())

    def lower(self, x: Value) -> Value:
        split_shape(x.shape, self.rank)
        return p.pad(x, self.padding)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around the picture.  (H, W, C) -> (top + H + bottom, left + W + right, C); no weights.

    padding   a number, (vertical, horizontal) or ((top, bottom), (left, right))
    """

    rank = 2


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the sequence.  (L, C) -> (before + L + after, C); no weights.

    padding   a number or (before, after)
    """

    rank = 1

    def __post_init__(self) -> None:
        if isinstance(self.padding, list | tuple) and len(self.padding) == 2:
            self.padding = (self.padding,)
        super().__post_init__()


class _Cropping(Layer):
    rank: ClassVar[int]

    cropping: Any = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cropping = as_padding(self.cropping, self.rank, f"{self.kind}: cropping", ())

    def lower(self, x: Value) -> Value:
        return p.crop(x, self.cropping)


class Cropping2D(_Cropping):
    """Rows and columns cut off.  (H, W, C) -> (H - top - bottom, W - left - right, C); no weights.

    cropping   a number, (vertical, horizontal) or ((top, bottom), (left, right))
    """

    rank = 2


class Cropping1D(_Cropping):
    """Steps cut off before and after.  (L, C) -> (L - before - after, C); no weights.

    cropping   a number or (before, after)
    """

    rank = 1
    cropping: Any = 1

    def __post_init__(self) -> None:
        if isinstance(self.cropping, list | tuple) and len(self.cropping) == 2:
            self.cropping = (self.cropping,)
        super().__post_init__()


class UpSampling2D(Layer):
    """Each pixel becomes a block of `size`, or pixels in between are interpolated.

    size            height and width of the block, or one number for both
    interpolation   ``nearest`` repeats pixels, ``bilinear`` interpolates

    (H, W, C) -> (H · sh, W · sw, C); no weights.
    """

    size: Any = 2
    interpolation: str = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.size = as_tuple(self.size, 2, "UpSampling2D: size")
        if self.interpolation not in ("nearest", "bilinear"):
            raise ArgumentError(f'UpSampling2D: interpolation is "nearest" or "bilinear", not {self.interpolation!r}.')

    def lower(self, x: Value) -> Value:
        return p.resize(x, self.size, "nearest" if self.interpolation == "nearest" else "bilinear")


class UpSampling1D(Layer):
    """Each step repeated `size` times.  (L, C) -> (L · size, C); no weights."""

    size: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.size,) = as_tuple(self.size, 1, "UpSampling1D: size")

    def lower(self, x: Value) -> Value:
        return p.resize(x, (self.size,))


class ChannelPadding(Layer):
    """Channels of zeros before and after the others.  (…, C) -> (…, C + added).

    padding   a number, or (before, after)

    The parameter-free shortcut of ResNets (option A).  He et al. 2015, section 3.3.
    """

    padding: Any = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        pair = (self.padding,) if isinstance(self.padding, list | tuple) else self.padding
        sides: Any = as_padding(pair, 1, "ChannelPadding: padding", ())
        self.padding = sides[0]

    def lower(self, x: Value) -> Value:
        return p.pad(x, (*((0, 0),) * (len(x.shape) - 1), self.padding))
