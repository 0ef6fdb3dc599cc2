"""The functions of ``striate.ops`` on values without numbers: what each puts down, in primitives.

Axes are counted as in Keras, the batch being axis 0; shapes of values leave the batch out.  What has no entry in ``TABLE``,
or raises NotLowered, runs as a function of torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from math import pi, sqrt
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Value, Window
from striate.ops.variable import NotLowered
from striate.primitives.functions import CombineHow

TABLE: dict[str, Callable[..., Any]] = {}
_LARGEST = 3.4028234663852886e38  # of a float32


def lowers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter a function into the table, under its name without a last underscore."""
    TABLE[function.__name__.rstrip("_")] = function
    return function


# -- axes --------------------------------------------------------------------------------------------------------------
def axis_of(x: Value, axis: Any, where: str, more: int = 0) -> int:
    """An axis as Keras counts it, from 0 without the batch.  Raises ArgumentError for the batch, or one not there."""
    rank = len(x.shape) + 1 + more
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise ArgumentError(f"{where}: an axis is a whole number, not {axis!r}.")
    if not -rank <= int(axis) < rank:
        raise ShapeError(f"{where}: there is no axis {axis} in {(None, *x.shape)}, only 0 (the batch) to {rank - 1}.")
    if int(axis) % rank == 0:
        raise ArgumentError(f"{where}: axis 0 is the batch; a network treats each of its samples alike.")
    return int(axis) % rank - 1


def axes_of(x: Value, axis: Any, where: str) -> tuple[int, ...]:
    """One axis or several.  Raises ArgumentError for None: that takes the batch too."""
    if axis is None:
        every = tuple(range(1, len(x.shape) + 1))
        raise ArgumentError(f"{where}: axis=None takes the batch too; a layer keeps it. Write axis={every}.")
    return tuple(sorted({axis_of(x, one, where) for one in (axis if isinstance(axis, list | tuple) else (axis,))}))


def _without_batch(shape: Sequence[Any], where: str) -> tuple[int, ...]:
    """A shape that begins with the batch (None or -1), without it."""
    if not shape or shape[0] not in (None, -1):
        raise ArgumentError(
            f"{where}: the first size is the batch, None or -1, not {shape[0] if shape else 'left out'}."
        )
    return tuple(-1 if size is None else int(size) for size in shape[1:])


# -- numbers -----------------------------------------------------------------------------------------------------------
def _depth(value: Any) -> Any:
    """A constant as a number, or as one per channel: sizes of 1 in front are taken away.  Raises NotLowered."""
    if isinstance(value, str):
        raise ArgumentError(f"takes numbers, not {value!r}.")
    while isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, list | tuple) and any(isinstance(one, list | tuple) for one in value):
        raise NotLowered
    return tuple(map(float, value)) if isinstance(value, list | tuple) else float(value)


def _each(function: Callable[[float], float], value: Any) -> Any:
    return tuple(map(function, value)) if isinstance(value, tuple) else function(value)


def _arithmetic(how: CombineHow, x1: Any, x2: Any) -> Value:
    if isinstance(x1, Value) and isinstance(x2, Value):
        return p.combine(how, x1, x2)
    value, first = (x2, False) if isinstance(x1, Value) else (x1, True)
    x: Value = x1 if isinstance(x1, Value) else x2
    c = _depth(value)
    if isinstance(c, tuple) and len(c) != x.shape[-1]:
        raise NotLowered
    if how == "add":
        return p.affine(x, 1.0, c)
    if how == "subtract":
        return p.affine(x, -1.0, c) if first else p.affine(x, 1.0, _each(lambda v: -v, c))
    if how == "multiply":
        return p.affine(x, c, 0.0)
    if how == "divide":
        if first:
            return p.affine(p.pointwise(x, "power", -1.0), c, 0.0)
        if c == 0 or (isinstance(c, tuple) and 0.0 in c):
            raise ArgumentError("divide: by 0.")
        return p.affine(x, _each(lambda v: 1 / v, c), 0.0)
    if isinstance(c, tuple):
        raise NotLowered
    if how == "maximum":
        return p.pointwise(x, "relu") if c == 0 else p.pointwise(x, "clip", c, _LARGEST)
    return p.pointwise(x, "clip", -_LARGEST, c)


for _how in ("add", "subtract", "multiply", "divide", "maximum", "minimum"):
    TABLE[_how] = lambda x1, x2, how=_how: _arithmetic(how, x1, x2)
TABLE["true_divide"] = TABLE["divide"]


@lowers
def power(x1: Any, x2: Any) -> Value:
    if not isinstance(x2, Value):
        to = _depth(x2)
        if isinstance(to, tuple):
            raise NotLowered
        known = {2.0: "square", 0.5: "sqrt", -0.5: "rsqrt"}
        return x1 if to == 1 else p.pointwise(x1, known[to]) if to in known else p.pointwise(x1, "power", to)
    base = p.pointwise(x1, "log") if isinstance(x1, Value) else None
    if base is not None:
        return p.pointwise(p.combine("multiply", base, x2), "exponential")
    raise NotLowered


def _pointwise(ours: str) -> Callable[[Value], Value]:
    return lambda x: p.pointwise(x, ours)


_ALIKE = {
    **{name: name for name in ("relu", "relu6", "selu", "tanh", "sigmoid", "hard_sigmoid", "hard_silu", "silu")},
    **{
        name: name
        for name in ("softplus", "softsign", "mish", "log", "sqrt", "rsqrt", "square", "absolute", "negative")
    },
    **{name: name for name in ("sin", "cos", "erf", "floor", "ceil", "sign", "exponential")},
    "hard_swish": "hard_silu",
    "swish": "silu",
    "abs": "absolute",
    "exp": "exponential",
}
TABLE |= {theirs: _pointwise(ours) for theirs, ours in _ALIKE.items()}


@lowers
def leaky_relu(x: Value, negative_slope: float = 0.2) -> Value:
    return p.pointwise(x, "leaky_relu", float(negative_slope))


@lowers
def parametric_relu(x: Value, max_value: float | None, negative_slope: float, threshold: float) -> Value:
    return p.pointwise(x, "parametric_relu", max_value, float(negative_slope), float(threshold))


@lowers
def elu(x: Value, alpha: float = 1.0) -> Value:
    return p.pointwise(x, "elu", float(alpha))


@lowers
def gelu(x: Value, approximate: bool = True) -> Value:
    if not approximate:
        return p.pointwise(x, "gelu")
    cubed = p.combine("add", x, p.affine(p.pointwise(x, "power", 3.0), 0.044715))
    half = p.affine(p.pointwise(p.affine(cubed, sqrt(2 / pi)), "tanh"), 0.5, 0.5)
    return p.combine("multiply", x, half)


@lowers
def hard_tanh(x: Value) -> Value:
    return p.pointwise(x, "clip", -1.0, 1.0)


@lowers
def tanh_shrink(x: Value) -> Value:
    return p.combine("subtract", x, p.pointwise(x, "tanh"))


@lowers
def log_sigmoid(x: Value) -> Value:
    return p.pointwise(p.pointwise(p.pointwise(x, "negative"), "softplus"), "negative")


@lowers
def reciprocal(x: Value) -> Value:
    return p.pointwise(x, "power", -1.0)


@lowers
def clip(x: Value, x_min: float, x_max: float) -> Value:
    if isinstance(x_min, list | tuple) or isinstance(x_max, list | tuple):
        raise NotLowered
    return p.pointwise(x, "clip", float(x_min), float(x_max))


@lowers
def round_(x: Value, decimals: int = 0) -> Value:
    if decimals:
        raise NotLowered
    return p.pointwise(x, "round")


@lowers
def linear(x: Value) -> Value:
    return x


TABLE["identity"] = linear


@lowers
def cast(x: Value, dtype: str) -> Value:
    if not dtype.startswith(("float", "bfloat")):
        raise NotLowered
    return x


def _softmax(x: Value, axis: Any, log: bool) -> Value:
    if axis_of(x, axis, "softmax") != len(x.shape) - 1:
        raise NotLowered
    return p.softmax(x, log)


@lowers
def softmax(x: Value, axis: int = -1) -> Value:
    return _softmax(x, axis, False)


@lowers
def log_softmax(x: Value, axis: int = -1) -> Value:
    return _softmax(x, axis, True)


# -- over axes ---------------------------------------------------------------------------------------------------------
@lowers
def mean(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    return p.reduce(x, "mean", axes_of(x, axis, "mean"), keepdims)


@lowers
def sum_(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    return p.reduce(x, "sum", axes_of(x, axis, "sum"), keepdims)


@lowers
def max_(x: Value, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Value:
    if initial is not None:
        raise NotLowered
    return p.reduce(x, "max", axes_of(x, axis, "max"), keepdims)


@lowers
def min_(x: Value, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Value:
    return p.pointwise(max_(p.pointwise(x, "negative"), axis, keepdims, initial), "negative")


TABLE |= {"amax": max_, "amin": min_}


@lowers
def var(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    away = p.combine("subtract", x, mean(x, axis, keepdims=True))
    return mean(p.pointwise(away, "square"), axis, keepdims)


@lowers
def std(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    return p.pointwise(var(x, axis, keepdims), "sqrt")


# -- shapes ------------------------------------------------------------------------------------------------------------
@lowers
def shape(x: Value) -> tuple[int | None, ...]:
    return (None, *x.shape)


@lowers
def reshape(x: Value, newshape: Any) -> Value:
    return p.reshape(x, _without_batch(tuple(newshape), "reshape"))


@lowers
def transpose(x: Value, axes: Any = None) -> Value:
    if axes is None or tuple(axes)[:1] != (0,):
        raise ArgumentError(f"transpose: the batch stays the first axis, as in axes=(0, 2, 1, 3); {axes} moves it.")
    return p.permute(x, tuple(int(axis) - 1 for axis in axes[1:]))


@lowers
def swapaxes(x: Value, axis1: int, axis2: int) -> Value:
    order = [*range(len(x.shape))]
    one, other = axis_of(x, axis1, "swapaxes"), axis_of(x, axis2, "swapaxes")
    order[one], order[other] = order[other], order[one]
    return p.permute(x, tuple(order))


@lowers
def moveaxis(x: Value, source: int, destination: int) -> Value:
    order = [*range(len(x.shape))]
    order.insert(axis_of(x, destination, "moveaxis"), order.pop(axis_of(x, source, "moveaxis")))
    return p.permute(x, tuple(order))


@lowers
def expand_dims(x: Value, axis: Any) -> Value:
    target = list(x.shape)
    for one in axis if isinstance(axis, list | tuple) else (axis,):
        target.insert(axis_of(x, one, "expand_dims", 1), 1)
    return p.reshape(x, tuple(target))


@lowers
def squeeze(x: Value, axis: Any = None) -> Value:
    gone = axes_of(x, axis, "squeeze") if axis is not None else [i for i, n in enumerate(x.shape) if n == 1]
    if any(x.shape[i] != 1 for i in gone):
        raise ShapeError(f"squeeze: axis {axis} of {(None, *x.shape)} is not of size 1.")
    return p.reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in gone))


@lowers
def concatenate(xs: Sequence[Value], axis: int = 0) -> Value:
    return p.concatenate(axis_of(xs[0], axis, "concatenate"), *xs, counted=axis)


@lowers
def stack(x: Sequence[Value], axis: int = 0) -> Value:
    at = axis_of(x[0], axis, "stack", 1)
    return p.concatenate(at, *(p.reshape(one, (*one.shape[:at], 1, *one.shape[at:])) for one in x), counted=axis)


@lowers
def split(x: Value, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    at = axis_of(x, axis, "split")
    size, where = x.shape[at], indices_or_sections
    if isinstance(where, int):
        if where < 1 or size % where:
            raise ShapeError(f"split: {size} cells of axis {axis} cannot be split into {where} equal parts.")
        where = range(size // where, size, size // where)
    ends = [0, *where, size]
    return [_part(x, at, (a, b, 1)) for a, b in itertools.pairwise(ends)]


def _part(x: Value, axis: int, part: tuple[int, int, int]) -> Value:
    return p.cut(x, tuple(part if i == axis else (0, n, 1) for i, n in enumerate(x.shape)))


def _evenly(places: list[int]) -> tuple[int, int, int] | None:
    """Cells as a slice, where they stand evenly: (start, stop, step)."""
    step = places[1] - places[0] if len(places) > 1 else 1
    if step > 0 and places == [*range(places[0], places[-1] + 1, step)]:
        return places[0], places[-1] + 1, step
    return None


def _picked(x: Value, axis: int, places: Iterable[int]) -> Value:
    """Cells of an axis, as a slice where they stand evenly."""
    at = list(places)
    part = _evenly(at)
    if part is None:
        return p.gather(x, axis, tuple(at))
    return x if part == (0, x.shape[axis], 1) else _part(x, axis, part)


@lowers
def get_item(x: Value, key: Any) -> Value:
    keys = list(key) if isinstance(key, tuple) else [key]
    counted = sum(one is not None and one is not Ellipsis for one in keys)
    if keys.count(Ellipsis) > 1 or counted > len(x.shape) + 1:
        raise ShapeError(f"{len(keys)} indices are too many for {(None, *x.shape)}.")
    more: list[Any] = [slice(None)] * (len(x.shape) + 1 - counted)
    at = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
    keys[at : at + 1] = more
    if keys[0] != slice(None):
        raise ArgumentError(f"axis 0 is the batch; it is left as it is, x[:, …], not x[{keys[0]}, …].")
    target: list[int] = []
    picked: list[list[int]] = []
    for one in keys[1:]:
        if one is None:
            target.append(1)
            continue
        axis, size = len(picked) + 1, x.shape[len(picked)]
        if isinstance(one, slice):
            picked.append([*range(*one.indices(size))])
            if not picked[-1]:
                raise ShapeError(f"a slice of axis {axis} of {(None, *x.shape)} leaves nothing.")
            target.append(len(picked[-1]))
        elif hasattr(one, "__index__") and not isinstance(one, bool):
            if not -size <= int(one) < size:
                raise ShapeError(f"there is no cell {one} on axis {axis} of {(None, *x.shape)}.")
            picked.append([int(one) % size])
        else:
            raise ArgumentError(f"an index is a whole number, a slice, None or ..., not {one!r}.")
    evenly = [_evenly(places) for places in picked]
    parts = tuple((0, n, 1) if part is None else part for n, part in zip(x.shape, evenly, strict=True))
    x = x if all(part == (0, n, 1) for n, part in zip(x.shape, parts, strict=True)) else p.cut(x, parts)
    for at, (places, part) in enumerate(zip(picked, evenly, strict=True)):
        x = p.gather(x, at, tuple(places)) if part is None else x
    wanted = tuple(target)
    return x if x.shape == wanted else p.reshape(x, wanted)


@lowers
def take(x: Value, indices: Any, axis: int | None = None) -> Value:
    if axis is None or not isinstance(indices, int | list | tuple):
        raise NotLowered
    at = axis_of(x, axis, "take")
    y = _picked(x, at, [i % x.shape[at] for i in (indices if isinstance(indices, list | tuple) else [indices])])
    return y if isinstance(indices, list | tuple) else p.reshape(y, (*x.shape[:at], *x.shape[at + 1 :]))


@lowers
def flip(x: Value, axis: Any = None) -> Value:
    for at in axes_of(x, axis, "flip"):
        x = _picked(x, at, range(x.shape[at] - 1, -1, -1))
    return x


@lowers
def roll(x: Value, shift: int, axis: Any = None) -> Value:
    (at,) = axes_of(x, axis, "roll")
    return _picked(x, at, [(i - shift) % x.shape[at] for i in range(x.shape[at])])


@lowers
def repeat(x: Value, repeats: int, axis: int | None = None) -> Value:
    if axis is None or not isinstance(repeats, int):
        raise NotLowered
    at = axis_of(x, axis, "repeat")
    return _picked(x, at, [i for i in range(x.shape[at]) for _ in range(repeats)])


@lowers
def tile(x: Value, repeats: Any) -> Value:
    times = [repeats] if isinstance(repeats, int) else list(repeats)
    times = [1] * (len(x.shape) + 1 - len(times)) + times
    if times[0] != 1 or len(times) != len(x.shape) + 1:
        raise ArgumentError(
            f"tile: repeats is once for the batch, then a number for each axis of {x.shape}, not {repeats}."
        )
    for at, often in enumerate(times[1:]):
        x = _picked(x, at, [*range(x.shape[at])] * often)
    return x


_BESIDE: dict[str, Callable[[int, int], int]] = {
    "reflect": lambda i, n: min(i % (2 * n - 2 or 1), (-i) % (2 * n - 2 or 1)),
    "symmetric": lambda i, n: min(i % (2 * n), (-1 - i) % (2 * n)),
    "edge": lambda i, n: min(max(i, 0), n - 1),
    "wrap": lambda i, n: i % n,
}


@lowers
def pad(x: Value, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Value:
    rank = len(x.shape) + 1
    sides: Any = ((pad_width, pad_width),) * rank if isinstance(pad_width, int) else tuple(pad_width)
    if sides and isinstance(sides[0], int):
        sides = (tuple(sides) * (2 if len(sides) == 1 else 1),) * rank
    sides = sides * rank if len(sides) == 1 else sides
    if len(sides) != rank or tuple(sides[0]) != (0, 0):
        raise ArgumentError(f"pad: pad_width is (before, after) for each axis, (0, 0) for the batch, not {pad_width}.")
    inner = tuple((int(a), int(b)) for a, b in sides[1:])
    if mode == "constant":
        fill = float(constant_values or 0)
        return p.pad(x, inner) if not fill else p.affine(p.pad(p.affine(x, 1.0, -fill), inner), 1.0, fill)
    if mode not in _BESIDE:
        raise NotLowered
    for at, (before, after) in enumerate(inner):
        n = x.shape[at]
        x = _picked(x, at, [_BESIDE[mode](i, n) for i in range(-before, n + after)])
    return x


@lowers
def depth_to_space(x: Value, block_size: int, data_format: Any = "channels_last") -> Value:
    height, width, depth = _picture(x, "depth_to_space", data_format)
    r = int(block_size)
    if depth % (r * r):
        raise ShapeError(f"depth_to_space: {depth} channels are no blocks of {r} x {r}.")
    y = p.permute(p.reshape(x, (height, width, r, r, depth // (r * r))), (0, 2, 1, 3, 4))
    return p.reshape(y, (height * r, width * r, depth // (r * r)))


@lowers
def space_to_depth(x: Value, block_size: int, data_format: Any = "channels_last") -> Value:
    height, width, depth = _picture(x, "space_to_depth", data_format)
    r = int(block_size)
    if height % r or width % r:
        raise ShapeError(f"space_to_depth: {height} x {width} positions are no blocks of {r} x {r}.")
    y = p.permute(p.reshape(x, (height // r, r, width // r, r, depth)), (0, 2, 1, 3, 4))
    return p.reshape(y, (height // r, width // r, r * r * depth))


def _picture(x: Value, where: str, data_format: Any) -> tuple[int, int, int]:
    if len(x.shape) != 3:
        raise ShapeError(f"{where} takes (None, height, width, channels), not {(None, *x.shape)}.")
    if data_format not in (None, "channels_last"):
        raise NotLowered
    height, width, depth = x.shape
    return height, width, depth


# -- windows -----------------------------------------------------------------------------------------------------------
def _pooled(x: Value, pool_size: Any, strides: Any, padding: str, how: Any) -> Value:
    rank = len(x.shape) - 1
    size = (pool_size,) * rank if isinstance(pool_size, int) else tuple(pool_size)
    steps = size if strides is None else (strides,) * rank if isinstance(strides, int) else tuple(strides)
    return p.pool(x, Window(size, steps, padding.lower()), how)  # type: ignore[arg-type]


@lowers
def max_pool(
    inputs: Value, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
) -> Value:
    return _pooled(inputs, pool_size, strides, padding, "max")


@lowers
def average_pool(
    inputs: Value, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
) -> Value:
    return _pooled(inputs, pool_size, strides, padding, "average")
