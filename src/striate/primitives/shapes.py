"""What moves numbers around without changing them."""

from __future__ import annotations

from math import prod
from typing import Literal, get_args

from striate.errors import ArgumentError, ShapeError
from striate.graph import Primitive, Shape, Value
from striate.graph.lowering import put
from striate.graph.sizes import Open
from striate.primitives.arguments import axis_of, choice, shape_of, whole, wholes
from striate.primitives.arguments import sides as checked_sides
from striate.primitives.base import split_shape

Sides = tuple[tuple[int, int], ...]
Sampling = Literal["nearest", "bilinear", "bicubic"]


class Reshape(Primitive):
    """The same numbers, channels last, in another shape.

    target   the new shape; one size may be -1
    """

    family = "reshape"

    target: Shape

    def shape(self, *inputs: Shape) -> Shape:
        have, known = prod(inputs[0]), prod(s for s in self.target if s != -1)
        if -1 in self.target and have % known == 0:
            return tuple(have // known if s == -1 else s for s in self.target)
        if have != known:
            if any(isinstance(size, Open) for size in inputs[0]):
                raise ShapeError(
                    f"cannot turn {inputs[0]} into {self.target} ({known} numbers) while a size is left open. Give Input "
                    "its whole shape, or write -1 for one size here."
                )
            raise ShapeError(f"cannot turn {inputs[0]} ({have} numbers) into {self.target} ({known} numbers).")
        return self.target


class Flatten(Reshape):
    """All numbers as one vector, row by row, channels last."""

    target: Shape = (-1,)


class Pad(Primitive):
    """Zeros around.

    sides   (before, after) for each axis, the channels' last
    """

    family = "reshape"

    sides: Sides

    def shape(self, *inputs: Shape) -> Shape:
        return tuple(size + a + b for size, (a, b) in zip(inputs[0], self.sides, strict=True))


class Crop(Primitive):
    """Rows and columns, or steps, cut off.

    sides   (before, after) for each axis but the channels
    """

    family = "reshape"

    sides: Sides

    def shape(self, *inputs: Shape) -> Shape:
        sizes, channels = split_shape(inputs[0], len(self.sides))
        out = tuple(size - a - b for size, (a, b) in zip(sizes, self.sides, strict=True))
        if min(out) < 1:
            raise ShapeError(f"crops {self.sides} off {inputs[0]} and leaves nothing.")
        return (*out, channels)


class Slice(Primitive):
    """A regular part of the numbers.

    parts   (start, stop, step) for each axis, the channels' last: what Python's ``range`` takes, the step at least 1
    """

    family = "reshape"

    parts: tuple[tuple[int, int, int], ...]

    def shape(self, *inputs: Shape) -> Shape:
        return tuple(len(range(*part)) for part in self.parts)

    def whole(self, x: Shape, axis: int) -> bool:
        """Whether it leaves an axis as it is.

        x      the input's shape
        axis   from 0, the channels last
        """
        return self.parts[axis] == (0, x[axis], 1)


class Gather(Primitive):
    """Cells of an axis in another order, some of them several times or not at all.

    axis     from 0, the channels last
    places   the cell that each cell of the output is
    """

    family = "reshape"

    axis: int
    places: tuple[int, ...]

    def shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        return (*x[: self.axis], len(self.places), *x[self.axis + 1 :])


class Resize(Primitive):
    """Every axis of positions enlarged by a whole number.

    times   how often each axis
    how     "nearest" or "bilinear"
    """

    family = "reshape"

    times: tuple[int, ...]
    how: Literal["nearest", "bilinear"]

    def shape(self, *inputs: Shape) -> Shape:
        sizes, channels = split_shape(inputs[0], len(self.times))
        return (*(size * t for size, t in zip(sizes, self.times, strict=True)), channels)


class Interpolate(Primitive):
    """Pictures in another size, read between their pixels.  (H, W, C) -> (*size, C).

    size        (height, width) of the new pictures
    how         "nearest", "bilinear" or "bicubic", between the middles of pixels
    antialias   where it makes smaller: average over all pixels that become one
    """

    family = "reshape"

    size: tuple[int, ...]
    how: Sampling
    antialias: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        return (*self.size, split_shape(inputs[0], len(self.size))[1])


class Permute(Primitive):
    """Axes in another order.

    order   the axes of the input, from 0, in the order of the output
    """

    family = "reshape"

    order: tuple[int, ...]

    def shape(self, *inputs: Shape) -> Shape:
        return tuple(inputs[0][axis] for axis in self.order)

    def undoes(self, before: tuple[int, ...]) -> bool:
        """Whether it brings axes back that were put into an order.

        before   that order
        """
        return len(before) == len(self.order) and all(before[axis] == i for i, axis in enumerate(self.order))


class Concatenate(Primitive):
    """Inputs one after the other along an axis.

    axis      from 0, the channels last
    counted   the axis as an error should say it
    """

    family = "merge"

    axis: int
    counted: int | None = None  # as a layer's user counts the axis

    def shape(self, *inputs: Shape) -> Shape:
        first, axis = inputs[0], self.axis
        said = axis if self.counted is None else self.counted
        rests = {(*x[:axis], *x[axis + 1 :]) for x in inputs}
        if len(rests) > 1 or len({len(x) for x in inputs}) > 1:
            raise ShapeError(
                f"joins along axis {said}, so the other sizes must agree; it got {' and '.join(map(str, inputs))}. "
                "Bring them to the same size first (padding='same', a stride, pooling, Cropping2D or UpSampling2D)."
            )
        return (*first[:axis], sum(x[axis] for x in inputs), *first[axis + 1 :])


def reshape(x: Value, target: Shape) -> Value:
    """The same numbers, channels last, in another shape.

    x        of any shape
    target   the new shape; one size may be -1; () for one number

    Raises ShapeError where the numbers are not as many, and ArgumentError for other values.
    """
    shape_of(x, "reshape")
    if not isinstance(target, list | tuple) or [*target].count(-1) > 1:
        raise ArgumentError(f"reshape: target is a tuple of whole numbers, at most one of them -1, not {target!r}.")
    return put(Reshape(tuple(-1 if size == -1 else whole(size, "reshape: each size") for size in target)), x)


def flatten(x: Value) -> Value:
    """All numbers as one vector, row by row, channels last.  (H, W, C) -> (H · W · C,).

    x   of any shape

    Raises ArgumentError for anything but a value.
    """
    return put(Flatten(), x)


def pad(x: Value, sides: Sides) -> Value:
    """Zeros around.

    x       of any shape
    sides   (before, after) for each axis, or for all but the channels; whole numbers from 0

    Raises ArgumentError for anything but a value.
    """
    rank = len(shape_of(x, "pad"))
    given = checked_sides(sides, "pad: sides", {rank - 1, rank} - {0})
    return put(Pad(given if len(given) == rank else (*given, (0, 0))), x)


def crop(x: Value, sides: Sides) -> Value:
    """Rows and columns, or steps, cut off.

    x       (length, C) or (height, width, C)
    sides   (before, after) for each axis but the channels

    Raises ShapeError where nothing would be left.
    """
    return put(Crop(checked_sides(sides, "crop: sides", (len(shape_of(x, "crop")) - 1,))), x)


def cut(x: Value, parts: tuple[tuple[int, int, int], ...]) -> Value:
    """A regular part of the numbers, as Python's slices take it.

    x       of any shape
    parts   (start, stop, step) for each axis, the channels' last; the step is at least 1

    Raises ArgumentError for other values, and ShapeError where nothing would be left.
    """
    shape = shape_of(x, "cut")
    if not isinstance(parts, list | tuple) or len(parts) != len(shape):
        raise ArgumentError(f"cut: parts is (start, stop, step) for each axis of {shape}, not {parts!r}.")
    each = (wholes(part, "cut: a part", 3, 0) for part in parts)
    ranges = [range(start, stop, whole(step, "cut: a step")) for start, stop, step in each]
    if not all(len(r) and r[-1] < size for r, size in zip(ranges, shape, strict=True)):
        raise ShapeError(
            f"cuts {tuple(parts)} out of {shape}: of each axis one cell at least, and none beyond its end."
        )
    return put(Slice(tuple((r.start, r[-1] + 1, r.step) for r in ranges)), x)


def gather(x: Value, axis: int, places: tuple[int, ...]) -> Value:
    """Cells of an axis in another order, some of them several times or not at all.

    x        of any shape
    axis     from 0, the channels last; -1 are the channels
    places   the cell of the input that each cell of the output is

    Raises ArgumentError for other values, and ShapeError where there is no such axis or cell.
    """
    shape = shape_of(x, "gather")
    axis = axis_of(axis, shape, "gather")
    places = wholes(places, "gather: places", None, 0)
    if not places or max(places) >= shape[axis]:
        raise ShapeError(f"gather: places are cells 0 to {shape[axis] - 1} of axis {axis} of {shape}, not {places}.")
    return put(Gather(axis, places), x)


def resize(x: Value, times: tuple[int, ...], how: Literal["nearest", "bilinear"] = "nearest") -> Value:
    """Enlarged by whole numbers.

    x       (length, C) or (height, width, C)
    times   how often each axis, all but the channels
    how     "nearest": each cell becomes a block; "bilinear": cells in between are interpolated

    Raises ArgumentError for anything but a value.
    """
    choice(how, "resize: how", ("nearest", "bilinear"))
    return put(Resize(wholes(times, "resize: times", len(shape_of(x, "resize")) - 1), how), x)


def interpolate(x: Value, size: tuple[int, int], how: Sampling = "bilinear", antialias: bool = False) -> Value:
    """Pictures in another size.  (H, W, C) -> (*size, C).

    x           (height, width, C)
    size        (height, width) of the new pictures
    how         "nearest", "bilinear" or "bicubic", between the middles of pixels
    antialias   where it makes smaller: average over all pixels that become one (not for "nearest")

    Raises ShapeError for anything but pictures, and ArgumentError for other values.
    """
    choice(how, "interpolate: how", get_args(Sampling))
    split_shape(shape_of(x, "interpolate"), 2)
    smooth = bool(antialias) and how != "nearest"
    return put(Interpolate(wholes(size, "interpolate: size", 2), how, smooth), x)


def permute(x: Value, order: tuple[int, ...]) -> Value:
    """Axes in another order.

    x       of any shape
    order   the axes of `x`, from 0, in the order of the output; each once

    Raises ArgumentError for another list of axes.
    """
    rank = len(shape_of(x, "permute"))
    given = wholes(order, "permute: order", rank, 0)
    if sorted(given) != [*range(rank)]:
        raise ArgumentError(f"permute: order names each axis from 0 to {rank - 1} once, not {order!r}.")
    return x if given == tuple(range(rank)) else put(Permute(given), x)


def concatenate(axis: int, *values: Value, counted: int | None = None) -> Value:
    """Values one after the other.

    axis      from 0, the channels last; -1 are the channels
    values    whose other sizes agree
    counted   the axis as an error should say it, where that counts otherwise

    Raises ShapeError where they do not agree or the axis is not there, and ArgumentError for other values.
    """
    if not values:
        raise ArgumentError("concatenate joins values: concatenate(-1, a, b).")
    return put(Concatenate(axis_of(axis, shape_of(values[0], "concatenate"), "concatenate"), counted), *values)
