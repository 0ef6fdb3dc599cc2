"""The table of what ``striate.ops`` does in torch, and how its functions take tensors, arrays and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from striate.errors import ArgumentError

TABLE: dict[str, Callable[..., Any]] = {}


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter a function into the table, under its name without a last underscore."""
    TABLE[function.__name__.rstrip("_")] = function
    return function


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


def alike(x1: Any, x2: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Two tensors on one device and of the one type that holds the numbers of both."""
    a, b = pair(x1, x2)
    common = torch.promote_types(a.dtype, b.dtype)
    return a.to(common), b.to(common)


def sum_type(x: torch.Tensor) -> torch.dtype | None:
    """The type in which numbers of `x` are added up, as in Keras: int32 for whole numbers below 64 bits; None: their own."""
    return torch.int32 if not x.is_floating_point() and x.dtype != torch.int64 else None
