"""Facts about tensors, and new ones, of ``striate.ops``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from striate.ops.entries import TABLE, dtype_of, entry, tensor


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
    "convert_to_tensor": lambda x, dtype=None, sparse=None, ragged=None: tensor(x, dtype),
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
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    kind = dtype_of(dtype) or torch.float32
    numbers, step = np.linspace(start, stop, num, endpoint, retstep=True, axis=axis)
    rounded = tensor(numbers if kind.is_floating_point else np.floor(numbers), kind)
    return (rounded, tensor(step, torch.float32)) if retstep else rounded
