"""Further functions of ``striate.ops``: counts, diagonals, updates, loops, and normalizations."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from striate.errors import ArgumentError, unknown
from striate.ops.entries import TABLE, alike, dtype_of, entry, floats, pair, sum_type, tensor
from striate.ops.over_axes import axes_of
from striate.ops.windows import _each_axis, _first

_REDUCTIONS = {"add": "sum", "max": "amax", "min": "amin", "mul": "prod"}  # Keras' words, torch's

TABLE |= {
    "logical_xor": lambda x1, x2: torch.logical_xor(*pair(x1, x2)),
    "isinf": lambda x: torch.isinf(tensor(x)),
    "nan_to_num": lambda x, nan=0.0, posinf=None, neginf=None: torch.nan_to_num(tensor(x), nan, posinf, neginf),
    "arctan2": lambda x1, x2: torch.atan2(*(floats(one) for one in pair(x1, x2))),
    "logaddexp": lambda x1, x2: torch.logaddexp(*(floats(one) for one in pair(x1, x2))),
    "tril": lambda x, k=0: torch.tril(tensor(x), k),
    "triu": lambda x, k=0: torch.triu(tensor(x), k),
    "diag": lambda x, k=0: torch.diag(tensor(x), k),
    "diagonal": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(tensor(x), offset, axis1, axis2),
    "trace": lambda x, offset=0, axis1=0, axis2=1: TABLE["sum"](TABLE["diagonal"](x, offset, axis1, axis2), -1),
    "nonzero": lambda x: tuple(one.to(torch.int32) for one in torch.nonzero(tensor(x), as_tuple=True)),
    "hstack": lambda xs: torch.hstack([tensor(one) for one in xs]),
    "vstack": lambda xs: torch.vstack([tensor(one) for one in xs]),
    "vdot": lambda x1, x2: TABLE["sum"](torch.mul(*(one.flatten() for one in alike(x1, x2)))),
    "inner": lambda x1, x2: torch.inner(*alike(x1, x2)),
}


@entry
def append(x1: Any, x2: Any, axis: int | None = None) -> torch.Tensor:
    both = [tensor(x1), tensor(x2)]
    return torch.cat([one.flatten() for one in both] if axis is None else both, axis or 0)


@entry
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> torch.Tensor:
    x = tensor(x)
    return torch.cumprod(x.flatten() if axis is None else x, axis or 0, dtype=dtype_of(dtype) or sum_type(x))


@entry
def average(x: Any, axis: Any = None, weights: Any = None) -> torch.Tensor:
    x = floats(x)
    axes = axes_of(x, axis)
    if weights is None:
        return torch.mean(x, axes)
    w = floats(weights)
    if w.shape != x.shape:
        w = w.reshape([x.shape[i] if i in {a % x.ndim for a in axes} else 1 for i in range(x.ndim)]).expand(x.shape)
    return (x * w).sum(axes) / w.sum(axes)


@entry
def median(x: Any, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return quantile(x, 0.5, axis, "linear", keepdims)


@entry
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> torch.Tensor:
    x = floats(x)
    axes = sorted({a % x.ndim for a in axes_of(x, axis)})
    rest = [i for i in range(x.ndim) if i not in axes]
    rows = x.permute(*rest, *axes).flatten(len(rest)) if axes else x
    y = torch.quantile(rows, floats(q).to(x.device), -1, interpolation=method)
    if keepdims:
        several = list(y.shape[: y.ndim - len(rest)])
        y = y.reshape(*several, *(1 if i in axes else n for i, n in enumerate(x.shape)))
    return y


@entry
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> torch.Tensor:
    x = tensor(x).long()
    many = max(int(minlength or 0), int(x.max()) + 1 if x.numel() else 0)
    ones = torch.ones_like(x, dtype=torch.int32) if weights is None else tensor(weights).to(x.device)
    wide = torch.zeros(*x.shape[:-1], many, dtype=ones.dtype, device=x.device)
    return wide.scatter_add(-1, x, ones.expand(x.shape))


@entry
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> torch.Tensor:
    return torch.searchsorted(*pair(sorted_sequence, values), side=side).to(torch.int32)


@entry
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> torch.Tensor:
    x = tensor(inputs)
    places, new = tensor(indices).long().to(x.device), tensor(updates).to(x.device, x.dtype)
    if reduction is None:
        return x.index_put(tuple(places.movedim(-1, 0)), new)
    if str(reduction).lower() not in _REDUCTIONS:
        raise unknown("scatter_update reduction", str(reduction), _REDUCTIONS)
    cells = torch.arange(x.numel(), device=x.device).reshape(x.shape)[tuple(places.movedim(-1, 0))]
    how = _REDUCTIONS[str(reduction).lower()]
    return x.flatten().scatter_reduce(0, cells.flatten(), new.expand(cells.shape).flatten(), how).reshape(x.shape)


@entry
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> torch.Tensor:
    x, new = tensor(inputs).clone(), tensor(updates)
    x[tuple(slice(int(a), int(a) + n) for a, n in zip(start_indices, new.shape, strict=True))] = new.to(
        x.device, x.dtype
    )
    return x


# -- loops -------------------------------------------------------------------------------------------------------------
def _cells(xs: Any) -> list[Any]:
    return [tuple(row) for row in zip(*xs, strict=True)] if isinstance(xs, list | tuple) else list(tensor(xs))


def _stacked(results: list[Any]) -> Any:
    if results and isinstance(results[0], list | tuple):
        return type(results[0])(torch.stack([tensor(one) for one in each]) for each in zip(*results, strict=True))
    return torch.stack([tensor(one) for one in results])


@entry
def map_(f: Any, xs: Any) -> Any:
    return _stacked([f(one) for one in _cells(xs)])


@entry
def vectorized_map(function: Any, elements: Any) -> Any:
    return map_(function, elements)


@entry
def cond(pred: Any, true_fn: Any, false_fn: Any) -> Any:
    return true_fn() if bool(pred) else false_fn()


@entry
def while_loop(cond: Any, body: Any, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    several = isinstance(loop_vars, list | tuple)
    values, turns = tuple(loop_vars) if several else (loop_vars,), 0
    while bool(cond(*values)) and (maximum_iterations is None or turns < maximum_iterations):
        next_ = body(*values)
        values, turns = tuple(next_) if isinstance(next_, list | tuple) else (next_,), turns + 1
    return values if several else values[0]


@entry
def fori_loop(lower: int, upper: int, body_fun: Any, init_val: Any) -> Any:
    for i in range(int(lower), int(upper)):
        init_val = body_fun(i, init_val)
    return init_val


# -- norms, and a convolution turned round -----------------------------------------------------------------------------
@entry
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> torch.Tensor:
    x = floats(x)
    axes = axes_of(x, axis)
    wide = [n if i in {a % x.ndim for a in axes} else 1 for i, n in enumerate(x.shape)]
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    y = (x - mean) * torch.rsqrt(variance + (1e-7 if epsilon is None else epsilon))
    y = y if gamma is None else y * floats(gamma).reshape(wide)
    return y if beta is None else y + floats(beta).reshape(wide)


@entry
def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> torch.Tensor:
    x = floats(x)
    y = x * torch.rsqrt(x.square().mean(axes_of(x, axis), keepdim=True) + (1e-7 if epsilon is None else epsilon))
    return y if scale is None else y * floats(scale)


@entry
def psnr(x1: Any, x2: Any, max_val: float) -> torch.Tensor:
    a, b = pair(x1, x2)
    if a.shape != b.shape:
        raise ArgumentError(f"psnr takes pictures of one shape, not {tuple(a.shape)} and {tuple(b.shape)}.")
    error = (floats(a) - floats(b)).square().mean()
    return 10 * torch.log10(max_val**2 / error)


@entry
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> torch.Tensor:
    from striate.graph import Window

    x, weights = floats(inputs), floats(kernel)
    rank = x.ndim - 2
    steps, holes = _each_axis(strides, rank), _each_axis(dilation_rate, rank)
    more = () if output_padding is None else _each_axis(output_padding, rank)
    window = Window(tuple(weights.shape[:rank]), steps, padding.lower(), holes, transposed=True, more=more)
    function: Any = (F.conv_transpose1d, F.conv_transpose2d)[rank - 1]
    painted = function(_first(x), weights.movedim((-1, -2), (0, 1)), None, steps, 0, 0, 1, holes)
    for axis, (before, after) in enumerate(window.crop(tuple(x.shape[1:-1]))):
        size = painted.shape[axis + 2]
        extra = max(0, -after)  # cells beyond what was painted hold nothing
        painted = F.pad(painted, [0, 0] * (rank - 1 - axis) + [0, extra]) if extra else painted
        painted = painted.narrow(axis + 2, before, size + extra - before - max(0, after))
    return painted.movedim(1, -1)  # type: ignore[no-any-return]
