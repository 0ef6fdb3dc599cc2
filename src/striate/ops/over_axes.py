"""Functions of ``striate.ops`` that take axes together: sums, means, extremes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from striate.ops.entries import TABLE, dtype_of, entry, floats, sum_type, tensor


def axes_of(x: torch.Tensor, axis: Any) -> list[int]:
    if axis is None:
        return [*range(x.ndim)]
    return [int(one) for one in (axis if isinstance(axis, list | tuple) else (axis,))]


def _over(function: Callable[..., Any], make: Callable[[Any], torch.Tensor] = floats) -> Callable[..., Any]:
    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = make(x)
        return function(x, axes_of(x, axis), keepdim=keepdims)

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
    axes = axes_of(x, axis)
    return torch.sum(x, axes, keepdims, dtype=sum_type(x)) if axes else x


@entry
def max_(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> torch.Tensor:
    y = torch.amax(tensor(x), axes_of(tensor(x), axis), keepdims)
    return y if initial is None else y.clamp_min(initial)


@entry
def min_(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> torch.Tensor:
    y = torch.amin(tensor(x), axes_of(tensor(x), axis), keepdims)
    return y if initial is None else y.clamp_max(initial)


def _one_by_one(function: Callable[..., torch.Tensor], x: torch.Tensor, axis: Any, keepdims: bool) -> torch.Tensor:
    for one in sorted((a % x.ndim for a in axes_of(x, axis)), reverse=True):
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
    x = tensor(x, dtype)
    return _one_by_one(partial(torch.prod, dtype=sum_type(x)), x, axis, keepdims)


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
        squares = x.square().sum(axes_of(x, axis), keepdim=True)
        return x * squares.clamp_min(epsilon**2).rsqrt()
    length = torch.linalg.vector_norm(x, order, axes_of(x, axis), True)
    return x / length.clamp_min(epsilon)


@entry
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    values, places = torch.topk(tensor(x), k, sorted=sorted)
    return values, places.to(torch.int32)


@entry
def in_top_k(targets: Any, predictions: Any, k: int) -> torch.Tensor:
    scores, classes = floats(predictions), tensor(targets)
    there = (classes >= 0) & (classes < scores.shape[-1]) & scores.isfinite().all(-1)
    own = scores.gather(-1, classes.where(there, 0).long().unsqueeze(-1))
    return ((scores > own).sum(-1) < k) & there


@entry
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> torch.Tensor:
    x = tensor(x)
    return torch.cumsum(x.flatten() if axis is None else x, axis or 0, dtype=dtype_of(dtype) or sum_type(x))
