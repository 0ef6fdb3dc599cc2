"""What one number of a layer's output is made of: the numbers it reads, and their weights; one row per primitive."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from striate import primitives as p
from striate.graph import Rows, Shape, Step, Window
from striate.wording import by, listed, plural

At = tuple[int, ...]
Arrays = Mapping[str, np.ndarray]
_AXES = {1: ("step",), 2: ("row", "column")}


@dataclass
class Products:
    """The numbers that one output number comes from.  Of a window they are (kernel…, channels), else (n,).

    numbers   what is read, float64; 0 in the padding
    weights   of the same shape; None: nothing is multiplied
    there     of the window's cells (kernel…), those that lie in the input; None where all do
    bias      added to the sum; None: none
    how       what is done with the products: "sum", "mean", "max" …
    total     what comes out
    sees      in words, where the numbers are
    divisor   of a mean: how many numbers it divides by
    """

    numbers: np.ndarray
    weights: np.ndarray | None
    there: np.ndarray | None
    bias: float | None
    how: str
    total: float
    sees: str
    divisor: int = 1

    @property
    def products(self) -> np.ndarray:
        """Number times weight, of the shape of both; the numbers where nothing is multiplied."""
        return self.numbers if self.weights is None else self.numbers * self.weights


def _sum(
    numbers: np.ndarray, weights: np.ndarray | None, bias: np.ndarray | None, k: int, there: Any, sees: str
) -> Products:
    added = None if bias is None else float(bias[k])
    total = float((numbers if weights is None else numbers * weights).sum()) + (added or 0.0)
    return Products(numbers, weights, there, added, "sum", total, sees)


# -- windows ----------------------------------------------------------------------------------------------------------
def _cells(window: Window, sizes: Shape, at: At) -> tuple[list[list[int]], np.ndarray]:
    """The places along each axis that a window's cells read, and which cells (kernel…) lie in the input."""
    if window.transposed:
        before = [one for one, _ in window.crop(sizes)]
        spread = [
            [at[i] + before[i] - a * window.dilation[i] for a in range(window.kernel[i])] for i in range(len(sizes))
        ]
        inside = [
            [y % s == 0 and 0 <= y // s < n for y in axis]
            for axis, s, n in zip(spread, window.strides, sizes, strict=True)
        ]
        places = [[y // s for y in axis] for axis, s in zip(spread, window.strides, strict=True)]
    else:
        first = [i * s - before for i, s, (before, _) in zip(at, window.strides, window.pads(sizes), strict=True)]
        places = [[f + a * d for a in range(n)] for f, d, n in zip(first, window.dilation, window.kernel, strict=True)]
        inside = [[0 <= y < n for y in axis] for axis, n in zip(places, sizes, strict=True)]
    return places, np.array([all(cell) for cell in itertools.product(*inside)]).reshape(window.kernel)


def _read(x: np.ndarray, window: Window, at: At) -> tuple[np.ndarray, np.ndarray, str]:
    """(kernel…, C) of what a window reads, 0 where nothing is; which cells are there; where, in words."""
    sizes = x.shape[:-1]
    places, there = _cells(window, sizes, at)
    held = [np.clip(axis, 0, n - 1) for axis, n in zip(places, sizes, strict=True)]
    numbers = np.where(there[..., None], x[np.ix_(*held)], 0.0)
    parts: list[str] = []
    for axis, name in zip(places, _AXES.get(len(sizes), ("place",) * len(sizes)), strict=True):
        seen = [y for y in axis if 0 <= y < sizes[len(parts)]] or axis
        low, high = min(seen), max(seen)
        parts.append(f"{name} {low}" if low == high else f"{name}s {low} to {high}")
    sees = f"{listed(parts, 'and')} of the {by(x.shape)} input"
    if not there.all():
        what = "that paint nothing here" if window.transposed else "in the padding"
        sees += f", {plural(int(there.size - there.sum()), 'cell')} {what}"
    return numbers, there, sees


ROWS: Rows[Callable[[Any, Arrays, Sequence[np.ndarray], At, Step], Products]] = Rows()


def _turned(weight: np.ndarray) -> np.ndarray:
    """(C, kernel…) as (kernel…, C)."""
    return np.moveaxis(weight, 0, -1)


@ROWS.row(p.Conv)
def _conv(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    numbers, there, sees = _read(xs[0], made.window, at[:-1])
    k, depth = at[-1], arrays["weight"].shape[1]
    first = k // (made.filters // made.groups) * depth
    if made.groups > 1:
        sees += f", maps {first} to {first + depth - 1}: those of its group"
    return _sum(numbers[..., first : first + depth], _turned(arrays["weight"][k]), arrays.get("bias"), k, there, sees)


@ROWS.row(p.DepthwiseConv)
def _depthwise(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    numbers, there, sees = _read(xs[0], made.window, at[:-1])
    k = at[-1]
    own = k // made.multiplier
    weights = _turned(arrays["weight"][k])
    return _sum(numbers[..., own : own + 1], weights, arrays.get("bias"), k, there, f"{sees}, map {own} alone")


@ROWS.row(p.PartialConv)
def _partial(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    numbers, there, sees = _read(xs[0], made.window, at[:-1])
    k = at[-1]
    maps, first = list(made.connections[k]), sum(map(len, made.connections[:k]))
    weights = _turned(arrays["weight"][first : first + len(maps)])
    sees += f", the maps {listed([str(one) for one in maps])}: those that it is connected to"
    return _sum(numbers[..., maps], weights, arrays.get("bias"), k, there, sees)


@ROWS.row(p.ConvTranspose)
def _transposed(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    numbers, there, sees = _read(xs[0], made.window, at[:-1])
    return _sum(numbers, _turned(arrays["weight"][:, at[-1]]), arrays.get("bias"), at[-1], there, sees)


def _reduced(numbers: np.ndarray, how: str, there: np.ndarray | None, sees: str) -> Products:
    inside = numbers if there is None else numbers[there]
    totals = {"sum": inside.sum, "mean": inside.mean, "max": inside.max}
    return Products(numbers, None, there, None, how, float(totals[how]()), sees, inside.size)


@ROWS.row(p.Pool)
def _pool(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    k = at[-1]
    numbers, there, sees = _read(xs[0][..., k : k + 1], made.window, at[:-1])
    sees = sees.replace(f"the {by((*xs[0].shape[:-1], 1))} input", f"map {k} of the {by(xs[0].shape)} input")
    if made.how == "center":
        weights = np.array(p.center_weights(made.window.kernel)).reshape(*made.window.kernel, 1)
        return _sum(numbers, weights, None, 0, there, sees)
    if made.how == "average_all":  # the padding counts as zeros
        return Products(numbers, None, there, None, "mean", float(numbers.mean()), sees, numbers.size)
    return _reduced(numbers, {"average": "mean"}.get(made.how, made.how), there, sees)


@ROWS.row(p.AdaptivePool)
def _adaptive(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    spans = [(i * n // m, -(-(i + 1) * n // m)) for i, n, m in zip(at, xs[0].shape[:-1], made.size, strict=False)]
    numbers = xs[0][(*(slice(*span) for span in spans), slice(at[-1], at[-1] + 1))]
    names = _AXES.get(len(spans), ("place",) * len(spans))
    parts = [f"{name}s {low} to {high - 1}" for name, (low, high) in zip(names, spans, strict=True)]
    how = {"average": "mean"}.get(made.how, made.how)
    return _reduced(numbers, how, None, f"{listed(parts)} of map {at[-1]} of the {by(xs[0].shape)} input")


@ROWS.row(p.DepthPool)
def _depth(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    (size,), (stride,) = made.channels.kernel, made.channels.strides
    first = at[-1] * stride
    numbers = xs[0][at[:-1]][first : first + size]
    how = {"average": "mean"}.get(made.how, made.how)
    return _reduced(numbers, how, None, f"maps {first} to {first + size - 1} of the {by(xs[0].shape)} input")


@ROWS.row(p.Reduce)
def _gathered(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    left = iter(at)
    key: list[Any] = []
    for axis in range(xs[0].ndim):
        gone = axis in made.axes
        index = None if gone and not made.keepdims else next(left)
        key.append(slice(None) if gone else index)
    numbers = xs[0][tuple(key)]
    whole = f"map {at[-1]}, whole, of the" if made.positions(xs[0].shape) else f"{numbers.size:,} numbers of the"
    return _reduced(numbers.reshape(-1), made.how, None, f"{whole} {by(xs[0].shape)} input")


# -- rows of numbers --------------------------------------------------------------------------------------------------
@ROWS.row(p.Linear)
def _linear(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    where = "" if len(at) == 1 else f" at {', '.join(map(str, at[:-1]))}"
    sees = f"all {plural(xs[0].shape[-1], 'number')} of the input{where}"
    return _sum(xs[0][at[:-1]], arrays["weight"][at[-1]], arrays.get("bias"), at[-1], None, sees)


@ROWS.row(p.Scale)
def _scaled(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    factor = arrays["weight"][at[-1:]] if made.factor is not None else None
    return _sum(xs[0][at][None], factor, arrays.get("bias"), at[-1], None, "the number at its own place")


@ROWS.row(p.BatchNorm)
def _normed(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    k = at[-1]
    mean, deviation = float(arrays["running_mean"][k]), float(np.sqrt(arrays["running_var"][k] + made.epsilon))
    scale = float(arrays["weight"][k]) if made.gamma is not None else 1.0
    shift = float(arrays["bias"][k]) if made.beta is not None else 0.0
    sees = (
        f"the number at its own place; its weight is gamma / sqrt(variance + epsilon) = {scale:.4g} / {deviation:.4g}, "
        f"its bias beta - mean · weight = {shift:.4g} - {mean:.4g} · {scale / deviation:.4g}"
    )
    bias = np.array([shift - mean * scale / deviation])
    return _sum(xs[0][at][None], np.array([scale / deviation]), bias, 0, None, sees)


@ROWS.row(p.Combine)
def _combined(made: Any, arrays: Arrays, xs: Sequence[np.ndarray], at: At, step: Step) -> Products:
    numbers = np.array([np.broadcast_to(x, step.shape)[at] for x in xs])
    totals: dict[str, Callable[[], Any]] = {
        "add": numbers.sum,
        "subtract": lambda: numbers[0] - numbers[1:].sum(),
        "multiply": lambda: prod(numbers),
        "divide": lambda: numbers[0] / prod(numbers[1:]),
        "average": numbers.mean,
        "maximum": numbers.max,
        "minimum": numbers.min,
    }
    how = {"add": "sum", "average": "mean", "maximum": "max", "minimum": "min"}.get(made.how, made.how)
    return Products(numbers, None, None, None, how, float(totals[made.how]()), "the same place in each input", len(xs))
