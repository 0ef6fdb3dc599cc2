"""Rows of the ONNX table: functions of each number, arrays, norms, shapes, merging, and what only training does."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from striate import primitives as p
from striate.graph import Step
from striate.ship.foreign import inlined
from striate.ship.writer import ROWS, Tensor, Writer


@ROWS.row(p.Identity, p.Dropout, p.Noise, p.Penalty)
def _nothing(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    return xs[0]


# -- functions of each number ----------------------------------------------------------------------------------------
def _number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def _mul(w: Writer, x: str, factor: float) -> str:
    return w.op("Mul", x, _number(factor))


def _parametric_relu(w: Writer, x: str, most: float | None, slope: float, threshold: float) -> str:
    if threshold:
        below = _mul(w, w.op("Sub", x, _number(threshold)), slope)
        y = w.op("Where", w.op("Greater", x, _number(threshold)), x, below)
    else:
        y = w.op("LeakyRelu", x, alpha=slope)
    return y if most is None else w.op("Min", y, _number(most))


_FUNCTIONS: dict[str, Callable[..., str]] = {
    "relu": lambda w, x: w.op("Relu", x),
    "relu6": lambda w, x: w.op("Clip", x, _number(0), _number(6)),
    "clip": lambda w, x, low, high: w.op("Clip", x, _number(low), _number(high)),
    "leaky_relu": lambda w, x, slope: w.op("LeakyRelu", x, alpha=slope),
    "elu": lambda w, x, alpha: w.op("Elu", x, alpha=alpha),
    "selu": lambda w, x: w.op("Selu", x),
    "tanh": lambda w, x: w.op("Tanh", x),
    "scaled_tanh": lambda w, x: _mul(w, w.op("Tanh", _mul(w, x, 2 / 3)), 1.7159),
    "sigmoid": lambda w, x: w.op("Sigmoid", x),
    "hard_sigmoid": lambda w, x: w.op("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hard_silu": lambda w, x: w.op("HardSwish", x),
    "silu": lambda w, x: w.op("Mul", x, w.op("Sigmoid", x)),
    "gelu": lambda w, x: w.op("Gelu", x),
    "mish": lambda w, x: w.op("Mul", x, w.op("Tanh", w.op("Softplus", x))),
    "softplus": lambda w, x: w.op("Softplus", x),
    "softsign": lambda w, x: w.op("Softsign", x),
    "exponential": lambda w, x: w.op("Exp", x),
    "parametric_relu": _parametric_relu,
    "negative": lambda w, x: w.op("Neg", x),
    "absolute": lambda w, x: w.op("Abs", x),
    "square": lambda w, x: w.op("Mul", x, x),
    "sqrt": lambda w, x: w.op("Sqrt", x),
    "rsqrt": lambda w, x: w.op("Reciprocal", w.op("Sqrt", x)),
    "log": lambda w, x: w.op("Log", x),
    "power": lambda w, x, to: w.op("Pow", x, _number(to)),
    "sin": lambda w, x: w.op("Sin", x),
    "cos": lambda w, x: w.op("Cos", x),
    "erf": lambda w, x: w.op("Erf", x),
    "floor": lambda w, x: w.op("Floor", x),
    "ceil": lambda w, x: w.op("Ceil", x),
    "round": lambda w, x: w.op("Round", x),
    "sign": lambda w, x: w.op("Sign", x),
}


@ROWS.row(p.Pointwise)
def _pointwise(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    return Tensor(_FUNCTIONS[made.function](w, w.same(xs[0]), *made.parameters), step.shape, xs[0].layout)


@ROWS.row(p.Slope)
def _slope(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    return Tensor(w.op("PRelu", w.first(xs[0]), w.arrays(step)["weight"]), step.shape, "first")


@ROWS.row(p.Softmax)
def _softmax(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    (x,), made = xs, step.primitive
    kind = "LogSoftmax" if made.log else "Softmax"  # type: ignore[attr-defined]
    return Tensor(w.op(kind, w.same(x), axis=x.axis), x.shape, x.layout)


# -- dense and friends -----------------------------------------------------------------------------------------------
@ROWS.row(p.Linear)
def _dense_row(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    arrays, (x,) = w.arrays(step), xs
    weight, bias = arrays["weight"], arrays.get("bias")
    if len(x.shape) == 1:
        return Tensor(w.op("Gemm", w.same(x), weight, bias, transB=1), step.shape, "first")
    if x.layout == "first":  # the same sums as a convolution with windows of 1, and nothing has to be turned
        ones = [1] * (len(x.shape) - 1)
        wide = weight.reshape(*weight.shape, *ones)
        return Tensor(w.op("Conv", x.name, wide, bias, kernel_shape=ones), step.shape, "first")
    return Tensor(w.op("Linear", w.last(x), weight, bias), step.shape, "last")


@ROWS.row(p.Lookup)
def _embedding_row(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    rows, (x,) = step.primitive.rows, xs  # type: ignore[attr-defined]
    w.ids[x.name] = min(rows, w.ids.get(x.name, rows))
    ids = x.name if x.whole else w.op("Cast", x.name, to=7)  # TensorProto.INT64
    return Tensor(w.op("Gather", w.arrays(step)["weight"], ids, axis=0), step.shape, "last")


def _cut(w: Writer, x: Tensor, sides: Any, shape: tuple[int, ...]) -> Tensor:
    """Without (before, after) rows and columns, or steps."""
    starts = np.array([a for a, _ in sides])
    stops = np.array([a + n for (a, _), n in zip(sides, shape[:-1], strict=True)])
    axes = np.arange(len(sides)) + (2 if x.layout == "first" else 1)
    return Tensor(w.op("Slice", w.same(x), starts, stops, axes), shape, x.layout)


@ROWS.row(p.Augment)
def _augment(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    change: Any = step.primitive
    if change.always:
        module = importlib.import_module("striate.backend").augmentation(change)
        return Tensor(inlined(w, module, step, [w.first(xs[0])]), step.shape, "first")
    region = change.region(step.input_shapes[0])
    return xs[0] if step.shape == step.input_shapes[0] else _cut(w, xs[0], region, step.shape)


# -- shapes ----------------------------------------------------------------------------------------------------------
@ROWS.row(p.Flatten)
def _flatten_row(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    (x,) = xs
    return Tensor(w.op("Flatten", w.last(x), axis=1) if len(x.shape) != 1 else w.same(x), step.shape, "first")


@ROWS.row(p.Reshape)
def _reshape_row(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    return Tensor(w.op("Reshape", w.last(xs[0]), np.array([0, *step.shape])), step.shape, "last")


@ROWS.row(p.Pad)
def _pad(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    *positions, channels = step.primitive.sides  # type: ignore[attr-defined]
    x = xs[0] if any(channels) else Tensor(w.first(xs[0]), xs[0].shape, "first")
    sides = [channels, *positions] if x.layout == "first" else [*positions, channels]
    pads = np.array([0, *(a for a, _ in sides), 0, *(b for _, b in sides)])
    return Tensor(w.op("Pad", w.same(x), pads), step.shape, x.layout)


@ROWS.row(p.Crop)
def _crop(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    return _cut(w, xs[0], step.primitive.sides, step.shape)  # type: ignore[attr-defined]


def _place(x: Tensor, axis: int) -> int:
    """An axis of the value as it lies, the batch counted."""
    if x.layout == "last":
        return axis + 1
    return 1 if axis == len(x.shape) - 1 else axis + 2


@ROWS.row(p.Slice)
def _slice(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    (x,) = xs
    cut = [(_place(x, i), *part) for i, part in enumerate(made.parts) if not made.whole(x.shape, i)]
    if not cut:
        return x
    axes, starts, stops, steps = (np.array(column) for column in zip(*cut, strict=True))
    return Tensor(w.op("Slice", w.same(x), starts, stops, axes, steps), step.shape, x.layout)


@ROWS.row(p.Gather)
def _gather(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    y = w.op("Gather", w.same(xs[0]), np.array(made.places), axis=_place(xs[0], made.axis))
    return Tensor(y, step.shape, xs[0].layout)


@ROWS.row(p.Resize)
def _resize(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    if made.how == "bilinear":
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    else:
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    scales = np.array([1, 1, *made.times], np.float32)
    return Tensor(w.op("Resize", w.first(xs[0]), None, scales, **how), step.shape, "first")


@ROWS.row(p.Interpolate)
def _interpolate(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    """Nearest and bilinear as ONNX has them; else, where its cubes and averages are not torch's, as a matrix per axis."""
    made: Any = step.primitive
    x = w.first(xs[0])
    if made.how == "bicubic" or made.antialias:
        down, across = (_sampled(made, n, new) for n, new in zip(step.input_shapes[0][:-1], made.size, strict=True))
        return Tensor(w.op("MatMul", down, w.op("MatMul", x, across.T.copy())), step.shape, "first")
    nearest = {"mode": "nearest", "nearest_mode": "round_prefer_ceil"}
    how = nearest if made.how == "nearest" else {"mode": "linear"}
    sizes = w.op(
        "Concat", w.op("Shape", x, start=0, end=2), np.array(made.size), axis=0
    )  # ORT turns no Resize with axes
    y = w.op("Resize", x, None, None, sizes, coordinate_transformation_mode="half_pixel", **how)
    return Tensor(y, step.shape, "first")


def _sampled(made: Any, length: int, out: int) -> np.ndarray:
    """The matrix (out, length) that reads `out` cells from `length`."""
    import torch

    each = torch.eye(length)[None, None]
    how = {"mode": made.how, "align_corners": False, "antialias": made.antialias}
    return torch.nn.functional.interpolate(each, size=(out, length), **how)[0, 0].numpy()  # type: ignore[no-any-return]


@ROWS.row(p.Permute)
def _permute(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    return w.turned(xs[0], [0, *(axis + 1 for axis in step.primitive.order)], step.shape)  # type: ignore[attr-defined]


@ROWS.row(p.Foreign)
def _foreign(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    """What torch itself writes of the code, put into this graph."""
    code: Any = step.primitive.code  # type: ignore[attr-defined]
    return Tensor(inlined(w, code.module(*step.input_shapes), step, [w.first(x) for x in xs]), step.shape, "first")


# -- normalization ---------------------------------------------------------------------------------------------------
def _per_channel(w: Writer, x: Tensor, scale: Any, shift: Any) -> Tensor:
    """x · scale + shift per channel, in the layout in which it lies."""
    depth = x.shape[-1:] or (1,)
    scale, shift = (np.broadcast_to(np.asarray(v, float), depth) for v in (scale, shift))
    return Tensor(w.op("Affine", w.same(x), scale, shift, axis=x.axis, axes=len(x.shape)), x.shape, x.layout)


@ROWS.row(p.BatchNorm)
def _batch_norm(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    arrays = {key: array.astype(float) for key, array in w.arrays(step).items()}
    scale = arrays.get("weight", 1.0) / np.sqrt(arrays["running_var"] + step.primitive.epsilon)  # type: ignore[attr-defined]
    return _per_channel(w, xs[0], scale, arrays.get("bias", 0.0) - arrays["running_mean"] * scale)


@ROWS.row(p.LayerNorm)
def _layer_norm(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    arrays = w.arrays(step)
    scale = arrays.get("weight", np.ones(step.shape[-1], np.float32))
    y = w.op("LayerNormalization", w.last(xs[0]), scale, arrays.get("bias"), axis=-1, epsilon=made.epsilon)
    return Tensor(y, step.shape, "last")


@ROWS.row(p.ChannelNorm)
def _channel_norm(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    size = 2 * made.radius + 1  # ONNX divides alpha by it, as torch does
    x, depth = w.first(xs[0]), step.shape[-1]
    flat = len(step.shape) == 2
    x = w.op("Reshape", x, np.array([0, depth, step.shape[0], 1])) if flat else x
    alpha, bias, outside = made.alpha * size, made.k, None
    if made.k > 0 and made.k != int(made.k):  # OpenVINO reads it as a whole number: k^-beta stands outside then
        alpha, bias, outside = alpha / made.k, 1.0, np.array(made.k**-made.beta, np.float32)
    y = w.op("LRN", x, size=size, alpha=alpha, beta=made.beta, bias=bias)
    y = y if outside is None else w.op("Mul", y, outside)
    y = w.op("Reshape", y, np.array([0, depth, step.shape[0]])) if flat else y
    return Tensor(y, step.shape, "first")


@ROWS.row(p.Scale)
def _scale(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    arrays = {key: array.astype(float) for key, array in w.arrays(step).items()}
    return _per_channel(w, xs[0], arrays.get("weight", 1.0), arrays.get("bias", 0.0))


@ROWS.row(p.Affine)
def _affine(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    return _per_channel(w, xs[0], np.array(made.factor), np.array(made.addend))


@ROWS.row(p.Locate)
def _locate(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    made: Any = step.primitive
    cells = [(g, row, column) for g in made.grids for row in range(g.rows) for column in range(g.columns)]
    sides = np.array([(g.across, g.down) for g, _, _ in cells], float)
    places = np.array([((c + made.anchor) * g.across, (r + made.anchor) * g.down) for g, r, c in cells], float)
    times = len(made.factors) // 2
    scale, shift = (np.tile(np.repeat(array, made.each, axis=0), (1, times)) for array in (sides, places))
    scale = scale * np.array(made.factors)
    if xs[0].layout != "last":
        scale, shift = scale.T, shift.T
    scaled = w.op("Mul", w.same(xs[0]), scale.astype(np.float32))
    return Tensor(w.op("Add", scaled, shift.astype(np.float32)), step.shape, xs[0].layout)


# -- merging ---------------------------------------------------------------------------------------------------------
_COMBINE = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "average": "Add",
    "maximum": "Max",
    "minimum": "Min",
}


@ROWS.row(p.Combine)
def _combine(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    how, rank = step.primitive.how, len(step.shape)  # type: ignore[attr-defined]
    (y, *rest), layout = w.together([_wider(w, x, rank) for x in xs])
    for x in rest:
        y = w.op(_COMBINE[how], y, x)
    y = w.op("Div", y, _number(len(xs))) if how == "average" else y
    return Tensor(y, step.shape, layout)


def _wider(w: Writer, x: Tensor, rank: int) -> Tensor:
    """With axes of size 1 before those that it has."""
    more = rank - len(x.shape)
    if not more:
        return x
    wide = (*(1,) * more, *x.shape)
    return Tensor(w.op("Reshape", w.last(x), np.array([0, *wide])), wide, "last")


@ROWS.row(p.Concatenate)
def _concatenate(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    names, layout = w.together(xs)
    axis, rank = step.primitive.axis, len(step.shape)  # type: ignore[attr-defined]
    if layout == "first":
        place = 1 if axis == rank - 1 else axis + 2
    else:
        place = axis + 1
    return Tensor(w.op("Concat", *names, axis=place), step.shape, layout)


@ROWS.row(p.Distance)
def _distance(w: Writer, step: Step, xs: list[Tensor]) -> Tensor:
    x = w.op("Unsqueeze", w.same(xs[0]), np.array([1]))
    away = w.op("Sub", x, w.arrays(step)["weight"])
    return Tensor(w.op("ReduceSum", w.op("Mul", away, away), np.array([-1]), keepdims=0), step.shape, "first")
