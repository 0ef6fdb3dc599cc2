"""The functions of ``striate.ops`` in torch: on tensors, arrays and numbers, channels-last, the batch being axis 0."""

from __future__ import annotations

from typing import Any

import torch

import striate.ops.arrays  # these fill the table
import striate.ops.creation
import striate.ops.crossentropy
import striate.ops.elementwise
import striate.ops.further
import striate.ops.over_axes
import striate.ops.pictures
import striate.ops.windows  # noqa: F401
from striate.errors import ArgumentError
from striate.ops.entries import TABLE


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
