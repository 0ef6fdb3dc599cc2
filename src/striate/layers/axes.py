"""Axes as Keras counts them: 0 is the batch, -1 the channels."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError
from striate.graph import Shape, Value


def place(axis: int, x: Shape) -> int:
    """An axis as an index into a shape without the batch.  Raises ArgumentError for one that is not there.

    axis   as Keras counts it
    x      the shape of an input
    """
    index = axis - 1 if axis > 0 else axis + len(x)
    if axis == 0 or not 0 <= index < len(x):
        raise ArgumentError(f"axis {axis} does not exist in an input {x}; use 1 to {len(x)}, or -1.")
    return index


def checked(axis: Any, where: str) -> int | tuple[int, ...]:
    """An ``axis=`` argument: a whole number, or a tuple of them.  Raises ArgumentError.

    axis    as it was given
    where   the class and the argument, for the message
    """
    each = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    if (
        not each
        or len({*map(repr, each)}) < len(each)
        or any(isinstance(one, bool) or not isinstance(one, Integral) or one == 0 for one in each)
    ):
        raise ArgumentError(
            f"{where} is a whole number or several, -1 for the channels (0 is the batch), not {axis!r}."
        )
    return tuple(int(one) for one in each) if isinstance(axis, list | tuple) else int(axis)


def places(axis: int | tuple[int, ...], x: Shape) -> tuple[int, ...]:
    """One or several axes, each once and in order, as indices into a shape without the batch.

    axis   as Keras counts it
    x      the shape of an input

    Raises ArgumentError for one that is not there.
    """
    return tuple(sorted({place(one, x) for one in (axis if isinstance(axis, tuple) else (axis,))}))


def over(axis: int | tuple[int, ...], x: Value, function: Callable[[Value], Value]) -> Value:
    """What a function of the channels makes of `x` where other axes, together, take the channels' place.

    axis       as Keras counts it
    x          of any shape
    function   takes a value and returns one of the same shape

    Raises ArgumentError for an axis that is not there, or one that is named twice.
    """
    chosen = places(axis, x.shape)
    if isinstance(axis, tuple) and len(chosen) < len(axis):
        raise ArgumentError(f"axis {axis} names an axis of an input {x.shape} twice; name each once.")
    if chosen == (len(x.shape) - 1,):
        return function(x)
    order = (*(i for i in range(len(x.shape)) if i not in chosen), *chosen)
    y = p.permute(x, order)
    moved = y.shape
    if len(chosen) > 1:
        y = p.reshape(y, (*moved[: -len(chosen)], -1))
    y = function(y)
    y = p.reshape(y, moved) if len(chosen) > 1 else y
    return p.permute(y, tuple(order.index(i) for i in range(len(order))))
