"""Shapes as they are given: whole numbers, or sizes that are left open."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

from striate.errors import ShapeError

if TYPE_CHECKING:
    from striate.graph.lowering import Shape


class Open(int):
    """A size that is left open: what is computed with is `size`; `other` is another one, which tells what depends on it.

    size, other   of the axis
    """

    other: int

    def __new__(cls, size: int = 224, other: int = 544) -> Self:
        made = super().__new__(cls, size)
        made.other = other
        return made

    def __repr__(self) -> str:
        return "None"

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]
        return int(self), self.other


def checked_shape(where: str, shape: Any, empty: bool = False) -> Shape:
    """A shape as a tuple of positive ints.  Raises ShapeError for anything else.

    where   what the message names, such as a layer
    shape   whole numbers of at least 1 without the batch, or one such number
    empty   whether () is one
    """
    if isinstance(shape, Integral):
        shape = (shape,)
    try:
        sizes = tuple(shape)
    except TypeError:
        raise ShapeError(f"{where}: a shape is a tuple such as (32, 32, 3), not {shape!r}.") from None
    for size in sizes:
        if size is None:  # left open: a network of windows takes any
            continue
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ShapeError(f"{where}: shape {sizes} must hold whole numbers of at least 1, without the batch size.")
    if not sizes and not empty:
        raise ShapeError(f"{where}: an empty shape; give at least one size, such as (784,).")
    return tuple(Open() if size is None else size if isinstance(size, Open) else int(size) for size in sizes)
