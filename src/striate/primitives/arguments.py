"""Checks that the functions of primitives share: each says in one line what is wrong with an argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import isfinite
from numbers import Integral, Real
from typing import Any

from striate.errors import ArgumentError, ShapeError, unknown
from striate.graph import Shape, Value, Window
from striate.wording import plural


def shape_of(x: Any, where: str) -> Shape:
    """The shape of a value.  Raises ArgumentError for anything else."""
    if not isinstance(x, Value):
        raise ArgumentError(f"{where} takes values that lower() was given, not {type(x).__name__}.")
    return x.shape


def whole(value: Any, where: str, low: int = 1) -> int:
    """A whole number of at least `low`.  Raises ArgumentError."""
    if type(value) is int and value >= low:  # nearly always
        return value
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise ArgumentError(f"{where} is a whole number of at least {low}, not {value!r}.")
    return int(value)


def wholes(value: Any, where: str, count: int | None = None, low: int = 1) -> tuple[int, ...]:
    """Whole numbers of at least `low`, so many.  Raises ArgumentError."""
    if not isinstance(value, list | tuple) or (count is not None and len(value) != count):
        many = "whole numbers" if count is None else f"{plural(count, 'whole number')}"
        raise ArgumentError(f"{where} is a tuple of {many}, not {value!r}.")
    return tuple(whole(each, f"each of {where}", low) for each in value)


def number(value: Any, where: str, low: float, high: float = float("inf"), *, open_ends: str = "") -> float:
    """A number from `low` to `high`; ends named in `open_ends` ("low", "high") do not count.  Raises ArgumentError."""
    good = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value) and low <= float(value) <= high
    if not good or ("low" in open_ends and value == low) or ("high" in open_ends and value == high):
        ends = f"above {low:g}" if "low" in open_ends else f"at least {low:g}"
        if high < float("inf"):
            ends += f" and {'below' if 'high' in open_ends else 'at most'} {high:g}"
        raise ArgumentError(f"{where} is {ends}, not {value!r}.")
    return float(value)


def choice(value: Any, where: str, known: Collection[str]) -> Any:
    """One of the known words.  Raises ArgumentError, naming the nearest."""
    if value not in known:
        raise unknown(where, str(value), known)
    return value


def numbers(value: Any, where: str) -> float | tuple[float, ...]:
    """A finite number, or a tuple with one per channel, from whatever holds numbers.  Raises ArgumentError."""
    given = value.tolist() if hasattr(value, "tolist") else value
    listed = given if isinstance(given, list | tuple) else (given,)
    if not listed or not all(isinstance(v, Real) and not isinstance(v, bool) and isfinite(v) for v in listed):
        raise ArgumentError(f"{where} is a finite number, or one per channel, not {value!r}.")
    return tuple(map(float, listed)) if isinstance(given, list | tuple) else float(given)


def sides(value: Any, where: str, counts: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis, whole numbers from 0.  Raises ArgumentError."""
    counts = tuple(counts)
    if not isinstance(value, list | tuple) or len(value) not in counts:
        raise ArgumentError(
            f"{where} is (before, after) for each of {' or '.join(map(str, counts))} axes, not {value!r}."
        )
    pairs = [wholes(pair, f"{where}'s (before, after)", 2, 0) for pair in value]
    return tuple((before, after) for before, after in pairs)


def axis_of(axis: Any, x: Shape, where: str) -> int:
    """An axis from 0, or from the end as -1.  Raises ArgumentError for no whole number, ShapeError where it is not there."""
    if isinstance(axis, bool) or not isinstance(axis, Integral):
        raise ArgumentError(f"{where}: an axis is a whole number, not {axis!r}.")
    if not -len(x) <= int(axis) < len(x):
        raise ShapeError(
            f"{where}: there is no axis {axis} in {x}; its axes are 0 to {len(x) - 1}, or -1 for the channels."
        )
    return int(axis) % len(x)


def window_of(window: Any, x: Shape, where: str, *, transposed: bool = False, plain: str = "") -> Window:
    """The window that slides over a value: a Window, or its size as a whole number or one per axis.

    transposed   whether one that paints is taken
    plain        what of it must be as it is without a word: "dilation", or "strides padding dilation"

    Raises ArgumentError.
    """
    rank = len(x) - 1
    if not isinstance(window, Window):
        size = (window,) * rank if isinstance(window, Integral) else window
        size = wholes(size, f"{where}: the window, a Window or its size,", rank)
        window = Window(size, (1,) * rank)
    if window.transposed and not transposed:
        raise ArgumentError(f"{where}: takes no transposed window; only conv does.")
    if plain:
        ones = (1,) * len(window.kernel)
        for what, usual in (("strides", ones), ("padding", "valid"), ("dilation", ones)):
            if what in plain and getattr(window, what) != usual:
                raise ArgumentError(f"{where}: takes no {what}, the window has {getattr(window, what)}.")
    return window
