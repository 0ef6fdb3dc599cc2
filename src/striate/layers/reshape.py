"""Layers that move numbers around without changing them: flatten, reshape, pad, crop, enlarge."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Shape, Value
from striate.graph.window import as_padding, as_tuple
from striate.layers.formatted import FormattedLayer
from striate.layers.pictures import PictureLayer
from striate.primitives.base import split_shape
from striate.primitives.shapes import Sides

__all__ = [
    "CenterCrop",
    "ChannelPadding",
    "CropLike",
    "Cropping1D",
    "Cropping2D",
    "Flatten",
    "Permute",
    "RepeatVector",
    "Reshape",
    "Resizing",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
]


class Flatten(FormattedLayer):
    """All numbers as one vector, row by row, channels last.  (H, W, C) -> (H · W · C,); no weights."""

    order = "data_format"

    def lower(self, x: Value) -> Value:
        return p.flatten(x)


class Reshape(Layer):
    """The same numbers, channels last, in another shape.  No weights.

    target_shape   without the batch; one size may be -1: what is left; () for one number
    """

    formerly = {"dims": "target_shape="}

    target_shape: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.target_shape
        shape = tuple(given) if isinstance(given, list | tuple) else (given,)
        whole = all(isinstance(s, Integral) and not isinstance(s, bool) and (int(s) >= 1 or s == -1) for s in shape)
        if not whole or shape.count(-1) > 1:
            raise ArgumentError(f"Reshape: target_shape is whole numbers, at most one of them -1, not {given!r}.")
        self.target_shape = tuple(int(s) for s in shape)

    def lower(self, x: Value) -> Value:
        return p.reshape(x, self.target_shape)


class Permute(Layer):
    """Axes in another order.  No weights.

    dims   the axes of the input, from 1, in the order of the output: (2, 1, 3) turns rows and columns round

    Raises ArgumentError for anything but each axis once.
    """

    dims: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        given = tuple(self.dims) if isinstance(self.dims, list | tuple) else (self.dims,)
        whole = all(isinstance(axis, Integral) and not isinstance(axis, bool) for axis in given)
        if not given or not whole or sorted(given) != [*range(1, len(given) + 1)]:
            raise ArgumentError(f"Permute: dims names each axis from 1 once, such as (2, 1), not {self.dims!r}.")
        self.dims = tuple(int(axis) for axis in given)

    def lower(self, x: Value) -> Value:
        if len(self.dims) != len(x.shape):
            raise ShapeError(f"orders {len(self.dims)} axes, the input {x.shape} has {len(x.shape)}.")
        return p.permute(x, tuple(axis - 1 for axis in self.dims))


class RepeatVector(Layer):
    """A vector `n` times, one after the other.  (C,) -> (n, C); no weights.

    n   how often, at least 1

    Raises ShapeError for anything but a vector.
    """

    n: int

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.n,) = as_tuple(self.n, 1, "RepeatVector: n")

    def lower(self, x: Value) -> Value:
        if len(x.shape) != 1:
            raise ShapeError(f"takes a vector, (channels,), it got {x.shape}. Put Flatten before it.")
        return p.resize(p.reshape(x, (1, *x.shape)), (self.n,))


class Resizing(PictureLayer):
    """Pictures in another size.  (H, W, C) -> (height, width, C); no weights.

    height, width             of the new pictures
    interpolation             "bilinear", "nearest" or "bicubic", between the middles of pixels
    crop_to_aspect_ratio      cut the middle with the new sides' ratio out first, so that nothing is distorted
    pad_to_aspect_ratio       or put `fill_value` around, so that nothing is distorted
    fill_mode                 "constant"
    fill_value                of what stands around
    antialias                 where it makes smaller: average over all pixels that become one

    Raises ArgumentError for other values, and ShapeError for anything but pictures.
    """

    keeps_whole = True
    order = (
        "height width interpolation crop_to_aspect_ratio pad_to_aspect_ratio fill_mode fill_value antialias data_format"
    )

    height: int
    width: int
    interpolation: str = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: str = "constant"
    fill_value: float = 0.0
    antialias: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        as_tuple((self.height, self.width), 2, "Resizing: (height, width)")
        self.interpolation = _interpolation(self.interpolation, self.kind)
        if self.fill_mode != "constant":
            raise ArgumentError(f'Resizing: fill_mode is "constant", not {self.fill_mode!r}.')
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ArgumentError("Resizing: either crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")

    def shown(self, x: Shape) -> Sides:
        """(first, behind the last) row and column of the input that the new picture shows, some outside where it pads.

        x   the input's shape, (H, W, C)
        """
        if self.crop_to_aspect_ratio:
            return middle(x, self.height, self.width)
        (rows, columns), height, width = x[:2], self.height, self.width
        down = (max(rows, columns * height // width) - rows) // 2 if self.pad_to_aspect_ratio else 0
        across = (max(columns, rows * width // height) - columns) // 2 if self.pad_to_aspect_ratio else 0
        return (-down, rows + down), (-across, columns + across)

    def lower(self, x: Value) -> Value:
        split_shape(x.shape, 2)
        shown = self.shown(x.shape)
        if self.pad_to_aspect_ratio:
            x = p.affine(x, addend=-self.fill_value) if self.fill_value else x
            x = p.pad(x, tuple((-first, -first) for first, _ in shown))
            x = p.affine(x, addend=self.fill_value) if self.fill_value else x
        else:
            x = _part(x, shown)
        return p.interpolate(x, (self.height, self.width), self.interpolation, self.antialias)  # type: ignore[arg-type]


def _interpolation(value: str, where: str) -> str:
    if value not in ("nearest", "bilinear", "bicubic"):
        raise ArgumentError(f'{where}: interpolation is "nearest", "bilinear" or "bicubic", not {value!r}.')
    return value


def middle(x: Shape, height: int, width: int) -> Sides:
    """(first, behind the last) row and column of the largest part around the middle whose sides are as two others.

    x               the shape of the pictures, (H, W, C)
    height, width   the sides
    """
    rows, columns = x[:2]
    down = max(min(rows, columns * height // width), 1)
    across = max(min(columns, rows * width // height), 1)
    top, left = (rows - down) // 2, (columns - across) // 2
    return (top, top + down), (left, left + across)


def _part(x: Value, shown: Sides) -> Value:
    """These rows and columns of pictures."""
    cuts = tuple((first, size - end) for (first, end), size in zip(shown, x.shape[:2], strict=True))
    return p.crop(x, cuts) if any(map(any, cuts)) else x


class CenterCrop(PictureLayer):
    """The middle of each picture.  (H, W, C) -> (height, width, C); no weights.

    A picture that is smaller is cut to the new sides' ratio and enlarged, as in Keras.

    height, width   of the part

    Raises ShapeError for anything but pictures.
    """

    order = "height width data_format"

    height: int
    width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        as_tuple((self.height, self.width), 2, "CenterCrop: (height, width)")

    def shown(self, x: Shape) -> Sides:
        """(first, behind the last) row and column of the input that the new picture shows.

        x   the input's shape, (H, W, C)
        """
        rows, columns = x[:2]
        if rows < self.height or columns < self.width:
            return middle(x, self.height, self.width)
        top, left = (rows - self.height) // 2, (columns - self.width) // 2
        return (top, top + self.height), (left, left + self.width)

    def lower(self, x: Value) -> Value:
        split_shape(x.shape, 2)
        y = _part(x, self.shown(x.shape))
        return y if y.shape[:2] == (self.height, self.width) else p.interpolate(y, (self.height, self.width))


def _both_ends(value: Any, where: str) -> Any:
    """(before, after) of a sequence as a window has it, ((before, after),); others as they are."""
    if isinstance(value, list | tuple) and len(value) == 1 and not isinstance(value[0], list | tuple):
        raise ArgumentError(f"{where} is a whole number or (before, after), not {value!r}.")
    return (value,) if isinstance(value, list | tuple) and len(value) == 2 else value


class _ZeroPadding(FormattedLayer):
    order = "padding data_format"
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
        self.padding = _both_ends(self.padding, f"{self.kind}: padding")
        super().__post_init__()


class _Cropping(Layer):
    rank: ClassVar[int]

    cropping: Any = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cropping = as_padding(self.cropping, self.rank, f"{self.kind}: cropping", ())

    def lower(self, x: Value) -> Value:
        return p.crop(x, self.cropping)


class Cropping2D(_Cropping, FormattedLayer):
    """Rows and columns cut off.  (H, W, C) -> (H - top - bottom, W - left - right, C); no weights.

    cropping   a number, (vertical, horizontal) or ((top, bottom), (left, right))
    """

    order = "cropping data_format"
    rank = 2


class Cropping1D(_Cropping):
    """Steps cut off before and after.  (L, C) -> (L - before - after, C); no weights.

    cropping   a number or (before, after)
    """

    rank = 1
    cropping: Any = 1

    def __post_init__(self) -> None:
        self.cropping = _both_ends(self.cropping, f"{self.kind}: cropping")
        super().__post_init__()


class CropLike(Layer):
    """Rows and columns cut off at the end, down to the size of other maps.  (H, W, C), (h, w, D) -> (h, w, C); no weights.

    What a decoder of any picture size needs: maps enlarged by 2 reach a step too far where the picture's side was odd.
    Called on ``[maps, other]``; of the other only the size is read.  Raises ShapeError where the maps are the smaller ones.
    """

    arity = 2
    drawn_as: ClassVar[str | None] = "reshape"

    def lower(self, x: Value, other: Value) -> Value:
        mine, theirs = x.shape, other.shape
        if len(mine) != 3 or len(theirs) != 3 or mine[0] < theirs[0] or mine[1] < theirs[1]:
            raise ShapeError(
                f"cuts maps (H, W, C) to the size of others that are no larger; it got {mine} and {theirs}."
            )
        return p.crop(x, ((0, mine[0] - theirs[0]), (0, mine[1] - theirs[1])))


class UpSampling2D(FormattedLayer):
    """Each pixel becomes a block of `size`, or pixels in between are interpolated.

    size            height and width of the block, or one number for both
    interpolation   ``nearest`` repeats pixels, ``bilinear`` and ``bicubic`` interpolate

    (H, W, C) -> (H · sh, W · sw, C); no weights.
    """

    order = "size data_format interpolation"

    size: Any = 2
    interpolation: str = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.size = as_tuple(self.size, 2, "UpSampling2D: size")
        self.interpolation = _interpolation(self.interpolation, "UpSampling2D")

    def lower(self, x: Value) -> Value:
        if self.interpolation == "bicubic":
            (rows, columns), (down, across) = split_shape(x.shape, 2)[0], self.size
            return p.interpolate(x, (rows * down, columns * across), "bicubic")
        return p.resize(x, self.size, "nearest" if self.interpolation == "nearest" else "bilinear")


class UpSampling1D(Layer):
    """Each step repeated `size` times.  (L, C) -> (L · size, C); no weights."""

    formerly = {"length": "size="}

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
