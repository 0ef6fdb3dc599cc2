"""The functions of ``striate.ops`` in torch: on tensors, arrays and numbers, channels-last, the batch being axis 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from striate.errors import ArgumentError, ShapeError

TABLE: dict[str, Callable[..., Any]] = {}


def run(name: str, *args: Any, **kwargs: Any) -> Any:
    """Call a function of the table.  Raises ArgumentError for arguments that it does not take.

    name   of ``table``
    """
    try:
        return TABLE[name](*args, **kwargs)
    except (TypeError, RuntimeError, IndexError, KeyError, AttributeError) as error:
        if isinstance(error, torch.cuda.OutOfMemoryError):
            raise
        raise ArgumentError(f"ops.{name} cannot take {_said(args, kwargs)}: {str(error).splitlines()[0]}") from error


def _said(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    def one(value: Any) -> str:
        return f"{type(value).__name__} {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)[:60]

    return ", ".join([*map(one, args), *(f"{key}={one(value)}" for key, value in kwargs.items())])


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter a function into the table, under its name without a last underscore."""
    TABLE[function.__name__.rstrip("_")] = function
    return function


# -- types -------------------------------------------------------------------------------------------------------------
def dtype_of(dtype: Any) -> Any:
    """A type of torch by its name, such as "float32".  Raises ArgumentError for an unknown one."""
    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    given = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)
    name = str(given)
    name = {"bool_": "bool", "float": "float32", "int": "int32"}.get(name, name)
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise ArgumentError(f'unknown dtype "{name}"; write "float32", "int32", "uint8", "bool" …')
    return found


def tensor(x: Any, dtype: Any = None) -> torch.Tensor:
    """A tensor of whatever holds numbers; Python's floats become float32.  Raises ArgumentError for anything else."""
    x = getattr(x, "value", x) if hasattr(x, "assign_add") else x  # a weight of a layer's own
    if isinstance(x, torch.Tensor):
        return x if dtype is None else x.to(dtype_of(dtype))
    if isinstance(x, list | tuple) and any(isinstance(one, torch.Tensor) for one in x):
        return torch.stack([tensor(one) for one in x]).to(dtype_of(dtype) or None)
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ArgumentError(f"rows of numbers differ in their length: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"takes numbers, not {type(x).__name__}.")
    if not isinstance(x, np.ndarray | np.generic):
        array = array.astype(
            "float32" if array.dtype.kind == "f" else "int32" if array.dtype.kind == "i" else array.dtype
        )
    return torch.as_tensor(np.ascontiguousarray(array) if array.ndim else array).to(dtype_of(dtype) or None)


def floats(x: Any) -> torch.Tensor:
    """A tensor of floats."""
    x = tensor(x)
    return x if x.is_floating_point() else x.float()


def pair(x1: Any, x2: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Two tensors on one device; numbers of Python take the other's type."""
    x1, x2 = (one.value if hasattr(one, "assign_add") else one for one in (x1, x2))
    if isinstance(x1, torch.Tensor) and not isinstance(x2, torch.Tensor):
        return x1, _other(x1, x2)
    if isinstance(x2, torch.Tensor) and not isinstance(x1, torch.Tensor):
        return _other(x2, x1), x2
    x1, x2 = tensor(x1), tensor(x2)
    return x1, x2.to(x1.device)


def _other(x: torch.Tensor, other: Any) -> torch.Tensor:
    if isinstance(other, bool | int | float):
        return torch.as_tensor(other, dtype=_beside(x, other), device=x.device)
    return tensor(other).to(x.device)


def _beside(x: torch.Tensor, number: float) -> torch.dtype | None:
    """The type of a number of Python beside a tensor."""
    return x.dtype if x.is_floating_point() or not isinstance(number, float) else None


def _last(data_format: Any) -> None:
    if data_format not in (None, "channels_last"):
        raise ArgumentError(
            f'data_format is "channels_last", not "{data_format}"; turn others with np.moveaxis(x, 1, -1).'
        )


# -- two numbers -------------------------------------------------------------------------------------------------------
def _two(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x1, x2: function(*pair(x1, x2))


_BOTH: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "subtract": torch.subtract,
    "multiply": torch.multiply,
    "divide": torch.true_divide,
    "true_divide": torch.true_divide,
    "floor_divide": torch.floor_divide,
    "mod": torch.remainder,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "equal": torch.eq,
    "not_equal": torch.ne,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "power": torch.pow,
    "divide_no_nan": lambda a, b: torch.where(b == 0, torch.zeros_like(a / b), a / torch.where(b == 0, 1, b)),
    "outer": lambda a, b: torch.outer(a.flatten(), b.flatten()),
}
TABLE |= {name: _two(function) for name, function in _BOTH.items()}


def _same_type(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x1: Any, x2: Any) -> torch.Tensor:
        a, b = pair(x1, x2)
        common = torch.promote_types(a.dtype, b.dtype)
        return function(a.to(common), b.to(common))  # type: ignore[no-any-return]

    return call


TABLE |= {name: _same_type(getattr(torch, name)) for name in ("maximum", "minimum", "matmul")}


@entry
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8) -> torch.Tensor:
    a, b = pair(x1, x2)
    return torch.isclose(a, b.to(a.dtype), rtol, atol)


@entry
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    holds = tensor(condition).bool()
    if x1 is None and x2 is None:
        return torch.where(holds)
    return torch.where(holds, *(t.to(holds.device) for t in pair(x1, x2)))


# -- one number --------------------------------------------------------------------------------------------------------
def _one(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: function(tensor(x))


def _float(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: function(floats(x))


TABLE |= {name: _one(getattr(torch, name)) for name in ("sign", "square", "logical_not", "isnan", "isfinite", "relu")}
TABLE |= {"absolute": _one(torch.abs), "abs": _one(torch.abs), "negative": _one(torch.neg), "ravel": _one(torch.ravel)}
TABLE |= {
    name: _float(getattr(torch, name))
    for names in (
        "sqrt rsqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan",
        "arctan erf floor ceil tanh sigmoid",
    )
    for name in names.split()
}
TABLE |= {
    **{name: _float(getattr(F, name)) for name in ("relu6", "selu", "silu", "softplus", "softsign", "mish")},
    "swish": _float(F.silu),
    "log_sigmoid": _float(F.logsigmoid),
    "hard_sigmoid": _float(F.hardsigmoid),
    "hard_silu": _float(F.hardswish),
    "hard_swish": _float(F.hardswish),
    "hard_tanh": _float(F.hardtanh),
    "tanh_shrink": _float(F.tanhshrink),
    "sparse_sigmoid": _float(lambda x: ((x + 1) / 2).clamp(0, 1)),
    "sparse_plus": _float(lambda x: torch.where(x <= -1, 0.0 * x, torch.where(x < 1, (x + 1).square() / 4, x))),
}


@entry
def round_(x: Any, decimals: int = 0) -> torch.Tensor:
    x = tensor(x)
    return torch.round(x, decimals=decimals) if x.is_floating_point() else x


@entry
def clip(x: Any, x_min: Any, x_max: Any) -> torch.Tensor:
    x = tensor(x)
    ends: Any = (one if isinstance(one, int | float) else tensor(one).to(x.device) for one in (x_min, x_max))
    low, high = ends
    return torch.clamp(x, low, high)


TABLE |= {
    "leaky_relu": lambda x, negative_slope=0.2: F.leaky_relu(floats(x), negative_slope),
    "elu": lambda x, alpha=1.0: F.elu(floats(x), alpha),
    "celu": lambda x, alpha=1.0: F.celu(floats(x), alpha),
    "gelu": lambda x, approximate=True: F.gelu(floats(x), approximate="tanh" if approximate else "none"),
    "hard_shrink": lambda x, threshold=0.5: F.hardshrink(floats(x), threshold),
    "soft_shrink": lambda x, threshold=0.5: F.softshrink(floats(x), threshold),
    "squareplus": lambda x, b=4: (floats(x) + (floats(x).square() + b).sqrt()) / 2,
    "softmax": lambda x, axis=-1: _softmax(torch.softmax, floats(x), axis),
    "log_softmax": lambda x, axis=-1: _softmax(torch.log_softmax, floats(x), axis),
    "glu": lambda x, axis=-1: F.glu(floats(x), axis),
    "threshold": lambda x, threshold, default_value: F.threshold(floats(x), threshold, default_value),
}


def _softmax(function: Callable[..., torch.Tensor], x: torch.Tensor, axis: Any) -> torch.Tensor:
    if axis is None:
        return function(x.flatten(), 0).reshape(x.shape)
    if isinstance(axis, tuple | list):
        rest = [i for i in range(x.ndim) if i not in {a % x.ndim for a in axis}]
        order = [*rest, *(a % x.ndim for a in axis)]
        turned = x.permute(order)
        y = function(turned.flatten(len(rest)), -1).reshape(turned.shape)
        return y.permute([order.index(i) for i in range(x.ndim)])
    return function(x, axis)


# -- over axes ---------------------------------------------------------------------------------------------------------
def _axes(x: torch.Tensor, axis: Any) -> list[int]:
    if axis is None:
        return [*range(x.ndim)]
    return [int(one) for one in (axis if isinstance(axis, list | tuple) else (axis,))]


def _over(function: Callable[..., Any], make: Callable[[Any], torch.Tensor] = floats) -> Callable[..., Any]:
    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = make(x)
        return function(x, _axes(x, axis), keepdim=keepdims)

    return call


TABLE |= {
    "mean": _over(torch.mean),
    "var": _over(partial(torch.var, correction=0)),
    "std": _over(partial(torch.std, correction=0)),
    "amax": _over(torch.amax, tensor),
    "amin": _over(torch.amin, tensor),
    "logsumexp": _over(torch.logsumexp),
    "count_nonzero": lambda x, axis=None: torch.count_nonzero(tensor(x), axis).to(torch.int32),
    "argsort": lambda x, axis=-1: torch.argsort(tensor(x), dim=axis, stable=True).to(torch.int32),
    "sort": lambda x, axis=-1: torch.sort(tensor(x), axis).values,
}


@entry
def sum_(x: Any, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    x = tensor(x)
    small = not x.is_floating_point() and x.dtype != torch.int64
    axes = _axes(x, axis)
    return torch.sum(x, axes, keepdims, dtype=torch.int32 if small else None) if axes else x


@entry
def max_(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> torch.Tensor:
    y = torch.amax(tensor(x), _axes(tensor(x), axis), keepdims)
    return y if initial is None else y.clamp_min(initial)


@entry
def min_(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> torch.Tensor:
    y = torch.amin(tensor(x), _axes(tensor(x), axis), keepdims)
    return y if initial is None else y.clamp_max(initial)


def _one_by_one(function: Callable[..., torch.Tensor], x: torch.Tensor, axis: Any, keepdims: bool) -> torch.Tensor:
    for one in sorted((a % x.ndim for a in _axes(x, axis)), reverse=True):
        x = function(x, one, keepdims)
    return x


def _truths(x: Any) -> torch.Tensor:
    return tensor(x).bool()


def _each_in_turn(function: Callable[..., Any], make: Callable[[Any], torch.Tensor]) -> Callable[..., Any]:
    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return _one_by_one(function, make(x), axis, keepdims)

    return call


TABLE |= {"any": _each_in_turn(torch.any, _truths), "all": _each_in_turn(torch.all, _truths)}


@entry
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> torch.Tensor:
    return _one_by_one(torch.prod, tensor(x, dtype), axis, keepdims)


def _place(function: Callable[..., torch.Tensor], x: Any, axis: Any, keepdims: bool) -> torch.Tensor:
    x = tensor(x)
    x = x.to(torch.uint8) if x.dtype == torch.bool else x
    if axis is None:
        y = function(x.flatten(), 0)
        return (y.reshape((1,) * x.ndim) if keepdims else y).to(torch.int32)
    return function(x, axis, keepdims).to(torch.int32)


TABLE |= {
    "argmax": lambda x, axis=None, keepdims=False: _place(torch.argmax, x, axis, keepdims),
    "argmin": lambda x, axis=None, keepdims=False: _place(torch.argmin, x, axis, keepdims),
    "moments": lambda x, axes, keepdims=False, synchronized=False: (
        TABLE["mean"](x, axes, keepdims),
        TABLE["var"](x, axes, keepdims),
    ),
}


@entry
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return torch.linalg.norm(floats(x), ord=ord, dim=axis, keepdim=keepdims)  # type: ignore[no-any-return]


@entry
def normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: float | None = None) -> torch.Tensor:
    x, epsilon = floats(x), 1e-7 if epsilon is None else epsilon
    if order == 2:
        squares = x.square().sum(_axes(x, axis), keepdim=True)
        return x * squares.clamp_min(epsilon**2).rsqrt()
    length = torch.linalg.vector_norm(x, order, _axes(x, axis), True)
    return x / length.clamp_min(epsilon)


@entry
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    values, places = torch.topk(tensor(x), k, sorted=sorted)
    return values, places.to(torch.int32)


@entry
def in_top_k(targets: Any, predictions: Any, k: int) -> torch.Tensor:
    scores, classes = floats(predictions), tensor(targets).long()
    own = scores.gather(1, classes[:, None])
    return ((scores > own).sum(1) < k) & own.squeeze(1).isfinite()


@entry
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> torch.Tensor:
    x = tensor(x)
    return torch.cumsum(x.flatten() if axis is None else x, axis or 0, dtype=dtype_of(dtype))


# -- shapes ------------------------------------------------------------------------------------------------------------
def _order(x: torch.Tensor, axes: Any) -> Any:
    return range(x.ndim - 1, -1, -1) if axes is None else axes


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(-1 if size is None else int(size) for size in ((shape,) if isinstance(shape, int) else shape))


@entry
def squeeze(x: Any, axis: Any = None) -> torch.Tensor:
    x = tensor(x)
    gone = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else _axes(x, axis)
    if any(x.shape[i] != 1 for i in gone):
        raise ShapeError(f"squeeze: axis {axis} of {tuple(x.shape)} is not of size 1.")
    return torch.squeeze(x, gone)


@entry
def expand_dims(x: Any, axis: Any) -> torch.Tensor:
    x = tensor(x)
    for one in axis if isinstance(axis, list | tuple) else (axis,):
        x = x.unsqueeze(one)
    return x


@entry
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[torch.Tensor]:
    x, where = tensor(x), indices_or_sections
    if isinstance(where, int) and (where < 1 or x.shape[axis] % where):
        raise ShapeError(f"split: {x.shape[axis]} cells of axis {axis} cannot be split into {where} equal parts.")
    return list(torch.tensor_split(x, where if isinstance(where, int) else tuple(where), axis))


def _key(key: Any) -> Any:
    return tensor(key) if isinstance(key, np.ndarray) else key


@entry
def get_item(x: Any, key: Any) -> torch.Tensor:
    x, keys = tensor(x), list(key) if isinstance(key, tuple) else [key]
    back = [i for i, one in enumerate(keys) if isinstance(one, slice) and (one.step or 1) < 0]
    if not back:
        return x[tuple(map(_key, keys))] if isinstance(key, tuple) else x[_key(key)]
    return tensor(x.detach().cpu().numpy()[key].copy()) if not x.requires_grad else _turned(x, keys, back)


def _turned(x: torch.Tensor, keys: list[Any], back: list[int]) -> torch.Tensor:
    """Slices that run backwards, which torch has not."""
    at = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
    missing = x.ndim - sum(one is not None and one is not Ellipsis for one in keys)
    keys[at : at + 1] = [slice(None)] * missing
    axis = 0
    for i, one in enumerate(keys):
        if isinstance(one, slice) and (one.step or 1) < 0:
            x = x.index_select(axis, torch.tensor([*range(*one.indices(x.shape[axis]))], device=x.device))
            keys[i] = slice(None)
        axis += one is not None
    return x[tuple(keys)]


@entry
def take(x: Any, indices: Any, axis: int | None = None) -> torch.Tensor:
    x, where = tensor(x), tensor(indices).long()
    x, axis = (x.flatten(), 0) if axis is None else (x, axis % x.ndim)
    where = torch.where(where < 0, where + x.shape[axis], where).to(x.device)
    y = x.index_select(axis, where.flatten())
    return y.reshape(*x.shape[:axis], *where.shape, *x.shape[axis + 1 :])


@entry
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> torch.Tensor:
    x, where = tensor(x), tensor(indices).long()
    return torch.take_along_dim(x, torch.where(where < 0, where + x.shape[axis or 0], where), axis)


@entry
def slice_(inputs: Any, start_indices: Any, shape: Any) -> torch.Tensor:
    return tensor(inputs)[tuple(slice(int(a), int(a) + int(n)) for a, n in zip(start_indices, shape, strict=True))]


@entry
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> torch.Tensor:
    x = tensor(x)
    sides: Any = ((pad_width, pad_width),) * x.ndim if isinstance(pad_width, int) else tuple(pad_width)
    if sides and isinstance(sides[0], int):
        sides = (tuple(sides) * (2 if len(sides) == 1 else 1),) * x.ndim
    sides = sides * x.ndim if len(sides) == 1 else sides
    if mode == "constant":
        return F.pad(x, [int(side) for both in reversed(sides) for side in both], value=constant_values or 0)
    places = [np.pad(np.arange(n), tuple(map(int, s)), mode) for n, s in zip(x.shape, sides, strict=True)]  # type: ignore[call-overload]
    for axis, at in enumerate(places):
        x = x.index_select(axis, torch.from_numpy(at).to(x.device))
    return x


@entry
def repeat(x: Any, repeats: Any, axis: int | None = None) -> torch.Tensor:
    often = repeats if isinstance(repeats, int) else tensor(repeats).long()
    return torch.repeat_interleave(tensor(x), often, axis)


@entry
def tile(x: Any, repeats: Any) -> torch.Tensor:
    return torch.tile(tensor(x), (repeats,) if isinstance(repeats, int) else tuple(int(n) for n in repeats))


@entry
def stop_gradient(variable: Any) -> torch.Tensor:
    return tensor(variable).detach()


TABLE |= {
    "reshape": lambda x, newshape: torch.reshape(tensor(x), _sizes(newshape)),
    "transpose": lambda x, axes=None: torch.permute(tensor(x), tuple(_order(tensor(x), axes))),
    "swapaxes": lambda x, axis1, axis2: torch.swapaxes(tensor(x), axis1, axis2),
    "moveaxis": lambda x, source, destination: torch.moveaxis(tensor(x), source, destination),
    "broadcast_to": lambda x, shape: torch.broadcast_to(tensor(x), tuple(shape)),
    "concatenate": lambda xs, axis=0: torch.cat([tensor(one) for one in xs], axis),
    "stack": lambda x, axis=0: torch.stack([tensor(one) for one in x], axis),
    "unstack": lambda x, num=None, axis=0: list(torch.unbind(tensor(x), axis)),
    "flip": lambda x, axis=None: torch.flip(tensor(x), _axes(tensor(x), axis)),
    "roll": lambda x, shift, axis=None: torch.roll(tensor(x), shift, axis),
    "cast": lambda x, dtype: tensor(x).to(dtype_of(dtype)),
}


# -- products ----------------------------------------------------------------------------------------------------------
@entry
def dot(x1: Any, x2: Any) -> torch.Tensor:
    a, b = pair(x1, x2)
    if not a.ndim or not b.ndim:
        return a * b
    return torch.tensordot(a, b, dims=([a.ndim - 1], [max(b.ndim - 2, 0)]))


@entry
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> torch.Tensor:
    dims = axes if isinstance(axes, int) else tuple([one] if isinstance(one, int) else list(one) for one in axes)
    return torch.tensordot(*pair(x1, x2), dims=dims)


@entry
def einsum(subscripts: str, *operands: Any) -> torch.Tensor:
    return torch.einsum(subscripts, *(tensor(one) for one in operands))


@entry
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> torch.Tensor:
    classes = tensor(x).long()
    inside = (classes >= 0) & (classes < num_classes)
    y = F.one_hot(torch.where(inside, classes, 0), num_classes) * inside[..., None]
    return torch.movedim(y, -1, axis).to(dtype_of(dtype) or torch.float32)


@entry
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> torch.Tensor:
    classes = tensor(inputs).long()
    y = one_hot(classes, int(classes.max()) + 1 if num_classes is None else num_classes, dtype=dtype)
    return torch.amax(y, classes.ndim - 1 if classes.ndim > 1 else 0)


# -- windows -----------------------------------------------------------------------------------------------------------
def _each_axis(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _around(x: torch.Tensor, size: Any, steps: Any, holes: Any, padding: str, fill: float = 0.0) -> torch.Tensor:
    """`x` (N, C, …) with what padding="same" puts around it."""
    if padding.lower() not in ("same", "valid"):
        raise ArgumentError(f'padding is "valid" or "same", not "{padding}".')
    if padding.lower() == "valid":
        return x
    sides: list[int] = []
    for n, k, s, d in reversed([*zip(x.shape[2:], size, steps, holes, strict=True)]):
        all_ = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
        sides += [all_ // 2, all_ - all_ // 2]
    return F.pad(x, sides, value=fill)


def _first(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(-1, 1)


def _convolved(inputs: Any, kernel: torch.Tensor, strides: Any, padding: str, holes: Any, groups: int) -> torch.Tensor:
    x = floats(inputs)
    rank = x.ndim - 2
    steps, holes = _each_axis(strides, rank), _each_axis(holes, rank)
    x = _around(_first(x), kernel.shape[2:], steps, holes, padding)
    function: Any = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    return function(x, kernel.to(x.dtype), None, steps, 0, holes, groups).movedim(1, -1)  # type: ignore[no-any-return]


@entry
def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> torch.Tensor:
    _last(data_format)
    weights = floats(kernel)
    groups = tensor(inputs).shape[-1] // weights.shape[-2]
    return _convolved(inputs, weights.movedim((-1, -2), (0, 1)), strides, padding, dilation_rate, groups)


@entry
def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> torch.Tensor:
    _last(data_format)
    weights = floats(kernel)
    depth, wide = weights.shape[-2:]
    turned = weights.flatten(-2)[..., None].movedim((-2, -1), (0, 1))
    return _convolved(
        inputs, turned.reshape(depth * wide, 1, *weights.shape[:-2]), strides, padding, dilation_rate, depth
    )


@entry
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> torch.Tensor:
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel)


@entry
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
) -> torch.Tensor:
    _last(data_format)
    x = floats(inputs)
    rank = x.ndim - 2
    size = _each_axis(pool_size, rank)
    steps = size if strides is None else _each_axis(strides, rank)
    function: Any = (F.max_pool1d, F.max_pool2d)[rank - 1]
    return function(_around(_first(x), size, steps, (1,) * rank, padding, -math.inf), size, steps).movedim(1, -1)  # type: ignore[no-any-return]


@entry
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
) -> torch.Tensor:
    _last(data_format)
    x = _first(floats(inputs))
    rank = x.ndim - 2
    size = _each_axis(pool_size, rank)
    steps = size if strides is None else _each_axis(strides, rank)
    function: Any = (F.avg_pool1d, F.avg_pool2d)[rank - 1]
    sums = function(_around(x, size, steps, (1,) * rank, padding), size, steps)
    share = function(_around(torch.ones_like(x[:1, :1]), size, steps, (1,) * rank, padding), size, steps)
    return (sums / share).movedim(1, -1)  # type: ignore[no-any-return]


@entry
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> torch.Tensor:
    x = floats(x)
    wide = [1] * x.ndim
    wide[axis] = x.shape[axis]
    y = (x - floats(mean).reshape(wide)) * torch.rsqrt(floats(variance).reshape(wide) + epsilon)
    y = y if scale is None else y * floats(scale).reshape(wide)
    return y if offset is None else y + floats(offset).reshape(wide)


@entry
def image_resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    data_format: Any = "channels_last",
) -> torch.Tensor:
    _last(data_format)
    given = tensor(images)
    x = floats(given)
    x = _first(x if x.ndim == 4 else x[None])
    if interpolation == "nearest":
        y = F.interpolate(x, tuple(size), mode="nearest-exact")
    elif interpolation in ("bilinear", "bicubic"):
        y = F.interpolate(x, tuple(size), mode=interpolation, align_corners=False, antialias=antialias)
    elif interpolation == "area":
        y = F.interpolate(x, tuple(size), mode="area")
    else:
        raise ArgumentError(f'interpolation is "bilinear", "nearest", "bicubic" or "area", not "{interpolation}".')
    y = y.movedim(1, -1)
    y = y if given.ndim == 4 else y[0]
    return y if given.is_floating_point() else y.round().clamp(0, 255).to(given.dtype)


# -- losses ------------------------------------------------------------------------------------------------------------
_EPSILON = 1e-7


@entry
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> torch.Tensor:
    y, p = floats(target), floats(output)
    if from_logits:
        return F.binary_cross_entropy_with_logits(p, y.to(p.dtype), reduction="none")
    return F.binary_cross_entropy(p.clamp(_EPSILON, 1 - _EPSILON), y.to(p.dtype), reduction="none")


@entry
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> torch.Tensor:
    y, p = floats(target), floats(output)
    if from_logits:
        return -(y * torch.log_softmax(p, axis)).sum(axis)
    p = p / p.sum(axis, keepdim=True)
    return -(y * p.clamp(_EPSILON, 1 - _EPSILON).log()).sum(axis)


@entry
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> torch.Tensor:
    y, p = tensor(target).long(), floats(output)
    y = y.squeeze(-1) if y.ndim == p.ndim and y.shape[-1] == 1 else y
    if not from_logits:
        p = p / p.sum(axis, keepdim=True)
    scores = torch.log_softmax(p, axis) if from_logits else p.clamp(_EPSILON, 1 - _EPSILON).log()
    return -torch.take_along_dim(scores, y.unsqueeze(axis), axis).squeeze(axis)


# -- facts and new tensors ---------------------------------------------------------------------------------------------
def _new(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if hasattr(shape, "__index__") else tuple(int(size) for size in shape)


def _dtype_name(x: Any) -> str:
    return str(tensor(x).dtype).removeprefix("torch.")


TABLE |= {
    "shape": lambda x: tuple(tensor(x).shape),
    "ndim": lambda x: tensor(x).ndim,
    "size": lambda x: tensor(x).numel(),
    "dtype": _dtype_name,
    "is_tensor": lambda x: isinstance(x, torch.Tensor),
    "zeros": lambda shape, dtype=None: torch.zeros(_new(shape), dtype=dtype_of(dtype) or torch.float32),
    "empty": lambda shape, dtype=None: torch.zeros(_new(shape), dtype=dtype_of(dtype) or torch.float32),
    "ones": lambda shape, dtype=None: torch.ones(_new(shape), dtype=dtype_of(dtype) or torch.float32),
    "zeros_like": lambda x, dtype=None: torch.zeros_like(tensor(x), dtype=dtype_of(dtype)),
    "ones_like": lambda x, dtype=None: torch.ones_like(tensor(x), dtype=dtype_of(dtype)),
    "full_like": lambda x, fill_value, dtype=None: torch.full_like(tensor(x), fill_value, dtype=dtype_of(dtype)),
    "identity": lambda n, dtype=None: torch.eye(int(n), dtype=dtype_of(dtype) or torch.float32),
    "array": tensor,
    "copy": lambda x: tensor(x).clone(),
    "convert_to_tensor": lambda x, dtype=None, sparse=None: tensor(x, dtype),
    "convert_to_numpy": lambda x: x if isinstance(x, np.ndarray) else tensor(x).detach().cpu().numpy(),
}


@entry
def full(shape: Any, fill_value: Any, dtype: Any = None) -> torch.Tensor:
    return tensor(fill_value, dtype_of(dtype) or torch.float32).expand(_new(shape)).clone()


@entry
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> torch.Tensor:  # noqa: N803  Keras' names
    columns = N if M is None else M
    rows, places = torch.arange(N)[:, None], torch.arange(columns)[None]
    return (places - rows == k).to(dtype_of(dtype) or torch.float32)


@entry
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> torch.Tensor:
    first, last = (0, start) if stop is None else (start, stop)
    kind = torch.float32 if any(isinstance(v, float) for v in (first, last, step)) else torch.int32
    return torch.arange(first, last, 1 if step is None else step, dtype=dtype_of(dtype) or kind)


@entry
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None) -> torch.Tensor:
    return tensor(np.linspace(start, stop, num, endpoint), dtype_of(dtype) or torch.float32)
