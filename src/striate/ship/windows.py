"""Rows of the ONNX table: what slides a window, and what gathers whole axes."""

from __future__ import annotations

from math import ceil, floor, prod
from typing import Any

import numpy as np

from striate import primitives as p
from striate.graph import Step, Window
from striate.ship.writer import ROWS, Tensor, Writer


def _sides(step: Step, window: Window) -> list[int]:
    """Padding in ONNX' order: before each axis, then after each axis."""
    pads = window.pads(step.input_shapes[0][:-1])
    return [before for before, _ in pads] + [after for _, after in pads]


# -- convolutions ----------------------------------------------------------------------------------------------------
def _convolved(
    w: Writer, step: Step, x: Tensor, weight: np.ndarray, bias: np.ndarray | None, groups: int = 1
) -> Tensor:
    window: Window = step.primitive.window  # type: ignore[attr-defined]
    y = w.op(
        "Conv",
        w.first(x),
        weight,
        bias,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilation),
        pads=_sides(step, window),
        group=groups,
    )
    return Tensor(y, step.shape, "first")


@ROWS.row(p.Conv, p.DepthwiseConv)
def _conv(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    conv: Any = step.primitive
    arrays = w.arrays(step)
    return _convolved(w, step, xs[0], arrays["weight"], arrays.get("bias"), conv.split(step.input_shapes[0]))


@ROWS.row(p.PartialConv)
def _partial(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    connections: Any = step.primitive.connections  # type: ignore[attr-defined]
    arrays = w.arrays(step)
    full = np.zeros((len(connections), step.input_shapes[0][-1], *arrays["weight"].shape[1:]), np.float32)
    links = [(k, i) for k, inputs in enumerate(connections) for i in inputs]
    full[tuple(zip(*links, strict=True))] = arrays["weight"]
    return _convolved(w, step, xs[0], full, arrays.get("bias"))


@ROWS.row(p.ConvTranspose)
def _transposed(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    window: Window = step.primitive.window  # type: ignore[attr-defined]
    arrays, crops = w.arrays(step), window.crop(step.input_shapes[0][:-1])
    y = w.op(
        "ConvTranspose",
        w.first(xs[0]),
        arrays["weight"],
        arrays.get("bias"),
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilation),
        pads=[before for before, _ in crops] + [max(after, 0) for _, after in crops],
        output_padding=[max(-after, 0) for _, after in crops],
    )
    return Tensor(y, step.shape, "first")


# -- pooling ---------------------------------------------------------------------------------------------------------
@ROWS.row(p.Pool)
def _pool(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    how, window = step.primitive.how, step.primitive.window  # type: ignore[attr-defined]
    if how == "center":
        one = np.array(p.center_weights(window.kernel), np.float32).reshape(1, 1, *window.kernel)
        return _convolved(w, step, xs[0], np.repeat(one, step.shape[-1], axis=0), None, step.shape[-1])
    sizes = {"kernel_shape": list(window.kernel), "strides": list(window.strides), "pads": _sides(step, window)}
    x = w.first(xs[0])
    if how == "max":
        return Tensor(w.op("MaxPool", x, **sizes), step.shape, "first")
    y = w.op("AveragePool", x, **sizes, count_include_pad=int(how != "average"))
    y = w.op("Mul", y, np.array(window.area, np.float32)) if how == "sum" else y
    return Tensor(y, step.shape, "first")


@ROWS.row(p.Reduce)
def _reduce(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    if made.positions(step.input_shapes[0]) and made.how != "sum":
        y = w.op({"max": "GlobalMaxPool", "mean": "GlobalAveragePool"}[made.how], w.first(xs[0]))
        return Tensor(y if made.keepdims else w.op("Flatten", y, axis=1), step.shape, "first")
    axes = np.array([axis + 1 for axis in made.axes])
    kind = {"max": "ReduceMax", "mean": "ReduceMean", "sum": "ReduceSum"}[made.how]
    return Tensor(w.op(kind, w.last(xs[0]), axes, keepdims=int(made.keepdims)), step.shape, "last")


@ROWS.row(p.AdaptivePool)
def _adaptive(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    sizes, out = step.input_shapes[0][:-1], made.size
    kind = "Max" if made.how == "max" else "Average"
    x = w.first(xs[0])
    if sizes == out:
        return Tensor(x, step.shape, "first")
    if all(n % m == 0 for n, m in zip(sizes, out, strict=True)):
        steps = [n // m for n, m in zip(sizes, out, strict=True)]
        return Tensor(w.op(f"{kind}Pool", x, kernel_shape=steps, strides=steps), step.shape, "first")
    for axis, (n, m) in enumerate(zip(sizes, out, strict=True)):  # windows are rows x columns: one axis, then the other
        spans = [(floor(i * n / m), ceil((i + 1) * n / m)) for i in range(m)]
        if kind == "Average":
            x = _averaged(w, x, n, spans, axis == len(out) - 1)
        else:
            parts = [_slice(w, x, axis + 2, a, b) for a, b in spans]
            parts = [w.op("ReduceMax", part, np.array([axis + 2]), keepdims=1) for part in parts]
            x = w.op("Concat", *parts, axis=axis + 2)
    return Tensor(x, step.shape, "first")


def _averaged(w: Writer, x: str, size: int, spans: list[tuple[int, int]], is_last: bool) -> str:
    """Means over spans of the last axis, or of the one before it, as a matrix product."""
    means = np.zeros((len(spans), size), np.float32)
    for i, (a, b) in enumerate(spans):
        means[i, a:b] = 1 / (b - a)
    return w.op("MatMul", x, np.ascontiguousarray(means.T)) if is_last else w.op("MatMul", means, x)


def _slice(w: Writer, x: str, axis: int, start: int, stop: int) -> str:
    return w.op("Slice", x, np.array([start]), np.array([stop]), np.array([axis]))


@ROWS.row(p.DepthPool)
def _depth(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    (*sizes, depth), out = step.input_shapes[0], step.shape[-1]
    flat = w.op("Reshape", w.first(xs[0]), np.array([0, 1, depth, prod(sizes)]))  # channels as the rows of a picture
    kind = "MaxPool" if made.how == "max" else "AveragePool"
    y = w.op(kind, flat, kernel_shape=[*made.channels.kernel, 1], strides=[*made.channels.strides, 1])
    return Tensor(w.op("Reshape", y, np.array([0, out, *sizes])), step.shape, "first")
